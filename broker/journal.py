"""Agents' journals on their way into the log: each entry signed, in sequence, chained, exactly once.

The agent wrote each entry before it acted; here it becomes a record whose evidence is the signed
envelope itself, so whoever verifies the log need not believe the broker.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import insert, select, update

from broker.context import Broker
from broker.presence import Link
from broker.store.engine import Tx
from broker.store.session_tables import journal, sessions
from broker.store.tables import agents
from broker.store.ticket_tables import tickets
from broker.tickets.rows import number_of
from protocol.audit import AGENT_ACTIONS, Action, Actor, ActorKind, AuditRecord
from protocol.documents import JournalEntry
from protocol.dsse import open_envelope
from protocol.envelope import Envelope
from protocol.errors import Code, Exit, RelevoError
from protocol.sshkeys import PublicKey
from protocol.times import rfc3339
from protocol.wire import facts, to_json

_AT_ONCE = 4
"""Signatures checked on the event loop; longer batches go to a thread (about 0.2 ms each)."""
_MAX_FACTS = 32

_log = structlog.get_logger("broker.journal")


class Recorded(RelevoError):  # noqa: N818 - a RelevoError like any other, told apart only here
    """A refusal that is in the log already."""


class Entry(NamedTuple):
    """A verified entry, its signed envelope and the hash that the next entry names."""

    entry: JournalEntry
    envelope: bytes
    sha256: str


class Head(NamedTuple):
    """The last entry of an agent that is in the log."""

    sequence: int
    sha256: str


def verify(envelopes: Sequence[Envelope], key: PublicKey, agent: str) -> list[Entry]:
    """The entries of a batch.

    Raises:
        RelevoError: ``signature-invalid`` or ``malformed``; ``identity-mismatch`` for an entry of
            another agent; ``refused`` for an action that agents do not record.
    """
    found = []
    for envelope in envelopes:
        entry = open_envelope(envelope, JournalEntry, [key])
        if entry.agent != agent:
            raise RelevoError(Code.IDENTITY_MISMATCH, "a journal entry of another machine")
        if entry.action not in AGENT_ACTIONS:
            raise RelevoError(Code.REFUSED, f"{entry.action} is not an agent's to record")
        found.append(Entry(entry, to_json(envelope), hashlib.sha256(envelope.payload).hexdigest()))
    return found


def check_next(head: Head, entry: Entry) -> Head:
    """The head after ``entry``, which must be the next link of the chain.

    Raises:
        RelevoError: ``replayed`` for a gap or a broken chain.
    """
    if entry.entry.sequence != head.sequence + 1:
        raise RelevoError(
            Code.REPLAYED, f"entry {entry.entry.sequence} after {head.sequence}: entries are missing"
        )
    if entry.entry.previous != head.sha256:
        raise RelevoError(Code.REPLAYED, f"entry {entry.entry.sequence} does not follow {head.sequence}")
    return Head(entry.entry.sequence, entry.sha256)


async def take_in(broker: Broker, control: Link, envelopes: Sequence[Envelope]) -> int:
    """Append what is new; the last sequence number that is durably in the log.

    Entries that are there already are passed over, so a batch may be sent again.

    Raises:
        RelevoError: ``signature-invalid``, ``identity-mismatch``, ``malformed``, ``replayed`` (gap,
            broken chain, or a second entry under a number: a fork); recorded, and nothing of the
            batch is stored.
    """
    key = PublicKey.from_text(control.key)
    try:
        if len(envelopes) > _AT_ONCE:
            entries = await asyncio.to_thread(verify, envelopes, key, control.agent)
        else:
            entries = verify(envelopes, key, control.agent)
        return await broker.store.write(lambda tx: _append(tx, control, entries, broker.clock()))
    except RelevoError as error:
        if error.exit_status is Exit.VERIFICATION_FAILED or error.code in (Code.MALFORMED, Code.REFUSED):
            await _refused(broker, control, error, envelopes)
            raise Recorded(error.code, error.detail) from error
        raise


def _append(tx: Tx, control: Link, entries: list[Entry], now: datetime) -> int:
    row = tx.conn.execute(
        select(agents.c.journal_sequence, agents.c.journal_sha256).where(agents.c.agent == control.agent)
    ).one()
    head = Head(row.journal_sequence, row.journal_sha256)
    before = head
    for entry in entries:
        if entry.entry.sequence <= head.sequence:
            _require_same(tx, control.agent, entry)
            continue
        head = check_next(head, entry)
        index = tx.audit(_record(tx, control, entry, now))
        tx.conn.execute(
            insert(journal).values(
                agent=control.agent,
                sequence=entry.entry.sequence,
                sha256=entry.sha256,
                log_index=index,
            )
        )
    if head != before:
        tx.conn.execute(
            update(agents)
            .where(agents.c.agent == control.agent)
            .values(journal_sequence=head.sequence, journal_sha256=head.sha256)
        )
    return head.sequence


def _require_same(tx: Tx, agent: str, entry: Entry) -> None:
    """Raises RelevoError: ``replayed`` if another entry stands in the log under this number."""
    stored = tx.conn.execute(
        select(journal.c.sha256).where(journal.c.agent == agent, journal.c.sequence == entry.entry.sequence)
    ).scalar_one_or_none()
    if stored != entry.sha256:
        raise RelevoError(Code.REPLAYED, f"entry {entry.entry.sequence} differs from the one in the log")


def _record(tx: Tx, control: Link, entry: Entry, now: datetime) -> AuditRecord:
    """Filed under a ticket or grant only if that is the machine's own; the evidence says all it claims."""
    said = entry.entry
    stated = facts(sequence=said.sequence, agent_at=rfc3339(said.at))
    return AuditRecord(
        at=now,
        actor=Actor(kind=ActorKind.AGENT, id=control.agent),
        action=said.action,
        customer=control.customer,
        ticket=said.ticket if said.ticket and _owns_ticket(tx, control.agent, said.ticket) else None,
        grant=said.grant if said.grant and _owns_grant(tx, control.agent, said.grant) else None,
        agent=control.agent,
        facts=(*said.facts[: _MAX_FACTS - len(stated)], *stated),
        evidence=(entry.envelope,),
    )


def _owns_ticket(tx: Tx, agent: str, ticket: str) -> bool:
    wanted = select(tickets.c.number).where(tickets.c.number == number_of(ticket), tickets.c.agent == agent)
    return tx.conn.execute(wanted).one_or_none() is not None


def _owns_grant(tx: Tx, agent: str, grant: str) -> bool:
    wanted = select(sessions.c.grant_id).where(sessions.c.grant_id == grant, sessions.c.agent == agent)
    return tx.conn.execute(wanted).one_or_none() is not None


async def _refused(broker: Broker, control: Link, error: RelevoError, envelopes: Sequence[Envelope]) -> None:
    """Keep the first envelope of the batch as evidence of what was sent."""
    record = AuditRecord(
        at=broker.clock(),
        actor=Actor(kind=ActorKind.AGENT, id=control.agent),
        action=Action.JOURNAL_REFUSED,
        customer=control.customer,
        agent=control.agent,
        facts=facts(code=error.code.value, why=error.detail[:200], entries=len(envelopes)),
        evidence=(to_json(envelopes[0]),),
    )
    try:
        await broker.store.write(lambda tx: tx.audit(record))
    except RelevoError as failure:
        _log.error("refusal-not-recorded", agent=control.agent, why=failure.code.value)
