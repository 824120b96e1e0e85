"""What each message of an agent does. One handler a type, in a literal table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy import select

from broker import journal
from broker.context import Broker
from broker.conversation import from_agent as talk
from broker.policy import AgentFacts
from broker.presence import Link
from broker.selfservice import articles as own_articles
from broker.selfservice import records as own_records
from broker.sessions import lifecycle, rows
from broker.sessions.rows import Session
from broker.store.engine import Tx
from broker.store.session_tables import sessions
from broker.store.tables import agents
from broker.tickets import from_agent, steps, user_moves
from broker.tickets import rows as ticket_rows
from broker.trends import intake
from protocol import link
from protocol.audit import Action, Actor, ActorKind
from protocol.documents import Refusal
from protocol.dsse import open_envelope
from protocol.envelope import Envelope
from protocol.errors import Code, Exit, RelevoError
from protocol.link import EndReason
from protocol.scopes import Mode
from protocol.sshkeys import PublicKey
from protocol.tickets import Happening
from protocol.wire import from_json, to_json

_log = structlog.get_logger("broker.link")
_FATAL = frozenset({Code.MALFORMED, Code.TOO_LARGE})

_HONEST = frozenset({Code.DOCUMENT_EXPIRED, Code.PARAMETER_INVALID, Code.REPLAYED})
"""What is wrong with a consent of an agent that is merely late or sends it twice."""

Handler = Callable[[Broker, Link, Any], Awaitable[None]]


async def reconcile(broker: Broker, control: Link, held: tuple[str, ...]) -> None:
    """After Welcome: both sides agree on which sessions live.

    What the agent holds and the broker does not know is ended; what the broker asked for and the agent
    never got is offered again; what the agent lost (its worker is gone) is over.
    """

    def unit(tx: Tx) -> tuple[list[link.End], list[link.Offer]]:
        ends, offers = [], []
        live = {session.grant: session for session in rows.live(tx.conn, sessions.c.agent == control.agent)}
        for grant in held:
            if grant not in live:
                known = rows.find(tx.conn, grant)
                mine = known is not None and known.agent == control.agent
                why = known.why_ended if known is not None and mine else None
                ends.append(link.End(grant=grant, why=why or EndReason.REFUSED))
        for session in live.values():
            if session.grant in held:
                continue
            if session.state == rows.REQUESTED:
                offers.append(_offer(tx, session))
            else:
                actor = Actor(kind=ActorKind.AGENT, id=control.agent)
                lifecycle.end(broker, tx, session, EndReason.AGENT_FAILED, actor, tell_agent=False)
        return ends, offers

    if not held and not broker.sessions.any_of(control.agent):
        return
    ends, offers = await broker.store.write(unit)
    for end in ends:
        control.post(end)
    for offer in offers:
        control.post(offer)


def _offer(tx: Tx, session: Session) -> link.Offer:
    ticket = ticket_rows.load(tx.conn, session.ticket)
    return link.Offer(
        grant=from_json(session.envelope, Envelope),
        ticket_title=ticket.title,
        invitation=from_json(session.invitation, Envelope) if session.invitation else None,
    )


async def _journal(broker: Broker, control: Link, message: link.Journal) -> None:
    control.post(link.JournalAck(sequence=await journal.take_in(broker, control, message.entries)))


async def _shown(broker: Broker, control: Link, message: link.OfferShown) -> None:
    await broker.store.write(lambda tx: lifecycle.shown(broker, tx, message.grant, control.agent))


async def _refused(broker: Broker, control: Link, message: link.OfferRefused) -> None:
    """The user, the machine's floor or a check said no.

    Raises:
        RelevoError: ``signature-invalid`` or ``identity-mismatch`` for a refusal that is not this
            agent's to this grant: the link ends, the session does not.
    """

    def unit(tx: Tx) -> None:
        session = _own(rows.find(tx.conn, message.grant), control)
        if session is None or session.state == rows.ENDED:
            return
        evidence = _check_refusal(message, session, control)
        actor = Actor(kind=ActorKind.USER if evidence else ActorKind.AGENT, id=control.agent)
        lifecycle.end(
            broker,
            tx,
            session,
            _REASONS.get(message.code, EndReason.REFUSED),
            actor,
            code=message.code,
            action=Action.SESSION_DENIED,
            evidence=evidence,
            tell_agent=False,
        )

    await broker.store.write(unit)


_REASONS: dict[Code, EndReason] = {
    Code.CONSENT_DENIED: EndReason.DENIED,
    Code.CONSENT_WITHDRAWN: EndReason.USER_STOP,
    Code.CONSENT_TIMEOUT: EndReason.NO_ANSWER,
}


def _check_refusal(message: link.OfferRefused, session: Session, control: Link) -> tuple[bytes, ...]:
    if message.refusal is None:
        return ()
    refusal = open_envelope(message.refusal, Refusal, [PublicKey.from_text(control.key)])
    digest = from_json(session.envelope, Envelope).digest
    if (refusal.grant, refusal.agent, refusal.grant_sha256, refusal.code) != (
        session.grant,
        control.agent,
        digest,
        message.code.value,
    ):
        raise RelevoError(Code.IDENTITY_MISMATCH, "a refusal of something else")
    return (to_json(message.refusal),)


async def _consented(broker: Broker, control: Link, message: link.ConsentGiven) -> None:
    """Verified consent opens the session; a wrong one ends it, recorded with what was sent.

    Raises:
        RelevoError: whatever is wrong with it, if that is a matter of identity or signature.
    """

    def take(tx: Tx) -> None:
        session = _own(rows.find(tx.conn, message.grant), control)
        if session is None:
            raise RelevoError(Code.IDENTITY_MISMATCH, "consent to a grant for another machine")
        lifecycle.consent(broker, tx, session, message.consent, _facts_of(tx, control))
        ticket = ticket_rows.load(tx.conn, session.ticket)
        steps.happened(broker, tx, ticket, Happening.CONSENT, broker.clock())

    try:
        await broker.store.write(take)
        return
    except RelevoError as error:
        if error.exit_status not in (Exit.REFUSED, Exit.VERIFICATION_FAILED, Exit.USAGE):
            _log.info("consent-too-late", agent=control.agent, code=error.code.value)
            control.post(link.End(grant=message.grant, why=EndReason.REFUSED))
            return
        refusal = error

    def refuse(tx: Tx) -> None:
        session = _own(rows.find(tx.conn, message.grant), control)
        actor = Actor(kind=ActorKind.AGENT, id=control.agent)
        if session is not None:
            lifecycle.end(
                broker,
                tx,
                session,
                EndReason.REFUSED,
                actor,
                code=refusal.code,
                action=Action.SESSION_REFUSED,
                evidence=(to_json(message.consent),),
            )

    await broker.store.write(refuse)
    if refusal.code not in _HONEST:
        raise refusal


def _facts_of(tx: Tx, control: Link) -> AgentFacts:
    row = tx.conn.execute(select(agents).where(agents.c.agent == control.agent)).one()
    return AgentFacts(agent=row.agent, customer=row.customer, mode=Mode(row.mode), key=row.key)


def _own(session: Session | None, control: Link) -> Session | None:
    """An agent speaks for its own sessions only."""
    return session if session is not None and session.agent == control.agent else None


async def _ended(broker: Broker, control: Link, message: link.SessionEnded) -> None:
    def unit(tx: Tx) -> None:
        session = _own(rows.find(tx.conn, message.grant), control)
        if session is not None and session.state != rows.ENDED:
            user = message.why in (EndReason.USER_STOP, EndReason.DENIED)
            actor = Actor(kind=ActorKind.USER if user else ActorKind.AGENT, id=control.agent)
            lifecycle.end(broker, tx, session, message.why, actor, tell_agent=False)

    await broker.store.write(unit)


async def _ask(broker: Broker, control: Link, message: link.Ask) -> None:
    async def work() -> link.FromBroker:
        ticket, similar = await from_agent.ask(broker, control, message.request, message.contact)
        return link.TicketMade(ref=message.ref, ticket=ticket, similar=similar)

    await _answer(control, message.ref, work)


async def _reply(broker: Broker, control: Link, message: link.Reply) -> None:
    async def work() -> link.FromBroker:
        await from_agent.reply(broker, control, message.reply)
        return link.Done(ref=message.ref)

    await _answer(control, message.ref, work)


async def _move(broker: Broker, control: Link, message: link.Move) -> None:
    async def work() -> link.FromBroker:
        await user_moves.move_ticket(broker, control, message.move)
        return link.Done(ref=message.ref)

    await _answer(control, message.ref, work)


async def _rate(broker: Broker, control: Link, message: link.Rate) -> None:
    async def work() -> link.FromBroker:
        await user_moves.rate_ticket(broker, control, message.rating)
        return link.Done(ref=message.ref)

    await _answer(control, message.ref, work)


async def _tickets(broker: Broker, control: Link, message: link.TicketsQuery) -> None:
    async def work() -> link.FromBroker:
        return link.Tickets(ref=message.ref, rows=await from_agent.tickets_of(broker, control.agent))

    await _answer(control, message.ref, work)


async def _conversation(broker: Broker, control: Link, message: link.ConversationQuery) -> None:
    async def work() -> link.FromBroker:
        return await talk.conversation(broker, control, message)

    await _answer(control, message.ref, work)


async def _seen(broker: Broker, control: Link, message: link.Seen) -> None:
    async def work() -> link.FromBroker:
        await talk.seen(broker, control, message)
        return link.Done(ref=message.ref)

    await _answer(control, message.ref, work)


async def _articles(broker: Broker, control: Link, message: link.ArticlesQuery) -> None:
    async def work() -> link.FromBroker:
        return link.ArticlesFound(ref=message.ref, rows=await own_articles.find(broker, control, message))

    await _answer(control, message.ref, work)


async def _self_served(broker: Broker, control: Link, message: link.SelfServed) -> None:
    async def work() -> link.FromBroker:
        await own_records.take_in(broker, control, message.record)
        return link.Done(ref=message.ref)

    await _answer(control, message.ref, work)


async def _answer(control: Link, ref: int, work: Callable[[], Awaitable[link.FromBroker]]) -> None:
    """A question gets its answer or a Failure with its ref; forgery and nonsense end the link."""
    try:
        control.post(await work())
    except RelevoError as error:
        if error.exit_status is Exit.VERIFICATION_FAILED or error.code in _FATAL:
            raise
        _log.info("agent-refused", agent=control.agent, code=error.code.value, detail=error.detail)
        control.post(link.Failure(ref=ref, code=error.code))


async def _trends(broker: Broker, control: Link, message: link.Trends) -> None:
    control.post(link.TrendsAck(sequence=await intake.take_in(broker, control, message.samples)))


async def _ping(broker: Broker, control: Link, message: link.Ping) -> None:
    control.post(link.Pong(at=broker.clock()))


HANDLERS: dict[type, Handler] = {
    link.Ping: _ping,
    link.Journal: _journal,
    link.OfferShown: _shown,
    link.OfferRefused: _refused,
    link.ConsentGiven: _consented,
    link.SessionEnded: _ended,
    link.Ask: _ask,
    link.Reply: _reply,
    link.Move: _move,
    link.Rate: _rate,
    link.TicketsQuery: _tickets,
    link.ConversationQuery: _conversation,
    link.Seen: _seen,
    link.ArticlesQuery: _articles,
    link.SelfServed: _self_served,
    link.Trends: _trends,
}
