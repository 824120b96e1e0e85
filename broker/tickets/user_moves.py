"""What a user says becomes of their own ticket, and how it went: signed by their machine."""

from __future__ import annotations

from broker.context import Broker
from broker.presence import Link
from broker.store.engine import Tx
from broker.tickets import ratings, steps
from broker.tickets.from_agent import known_message, own_ticket, remember_message, user_of
from protocol.documents import UserMove, UserRating
from protocol.dsse import open_envelope
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.sshkeys import PublicKey
from protocol.tickets import SELF_SERVICE_TIER, CauseCode, Move
from protocol.wire import to_json


async def move_ticket(broker: Broker, control: Link, envelope: Envelope) -> None:
    """Resolve, reopen, close or cancel one of the machine's tickets; the same message again does nothing.

    Raises:
        RelevoError: ``signature-invalid``, ``identity-mismatch``, ``not-found``, ``ticket-closed``, and
            what the guard of the move says.
    """
    said = open_envelope(envelope, UserMove, [PublicKey.from_text(control.key)])
    if said.agent != control.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "a message of another machine")

    def unit(tx: Tx) -> None:
        if known_message(tx.conn, control.agent, said.nonce) is not None:
            return
        ticket = own_ticket(tx.conn, control.agent, said.ticket)
        remember_message(tx.conn, control.agent, said.nonce, ticket.ticket)
        doer, now, proof = user_of(tx.conn, control), broker.clock(), (to_json(envelope),)
        match Move(said.move):
            case Move.RESOLVE:
                steps.resolve(
                    broker,
                    tx,
                    ticket,
                    resolution=said.text or ticket.title,
                    cause=CauseCode.UNKNOWN,
                    tier=SELF_SERVICE_TIER,
                    doer=doer,
                    now=now,
                    evidence_bytes=proof,
                )
            case Move.REOPEN:
                steps.reopen(broker, tx, ticket, said.text, doer, now, proof)
            case Move.CLOSE:
                steps.close(broker, tx, ticket, said.text, doer, now, proof)
            case _:
                steps.cancel(broker, tx, ticket, said.text, doer, now, proof)

    await broker.store.write(unit)


async def rate_ticket(broker: Broker, control: Link, envelope: Envelope) -> None:
    """The answer to CSAT, once.

    Raises:
        RelevoError: ``signature-invalid``, ``identity-mismatch``, ``not-found``; as
            ``protocol.lifecycle.check_rating``.
    """
    said = open_envelope(envelope, UserRating, [PublicKey.from_text(control.key)])
    if said.agent != control.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "a rating of another machine")

    def unit(tx: Tx) -> None:
        if known_message(tx.conn, control.agent, said.nonce) is not None:
            return
        ticket = own_ticket(tx.conn, control.agent, said.ticket, open_only=False)
        remember_message(tx.conn, control.agent, said.nonce, ticket.ticket)
        doer, proof = user_of(tx.conn, control), to_json(envelope)
        ratings.answer(tx, ticket, said.score, said.text, doer, broker.clock(), proof)

    await broker.store.write(unit)
