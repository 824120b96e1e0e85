"""The transitions with their guards and effects, whoever causes them: people, machines, timers, rules.

``events.move`` is the only place that changes state; here stands what each move needs and brings with it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from broker.context import Broker
from broker.sessions import lifecycle as session_lifecycle
from broker.store.desk_tables import invitations
from broker.store.engine import Tx
from broker.store.session_tables import sessions
from broker.tickets import creation, evidence, ratings
from broker.tickets.events import RULES, TIMER, Doer, Told, move
from broker.tickets.rows import UNSET, Changes, number_of
from broker.tickets.timers import Timer, clear_timer, set_timer
from protocol.api import TicketView
from protocol.audit import Actor
from protocol.errors import Code, RelevoError
from protocol.escalation import HandBack, check_hand_back
from protocol.lifecycle import check_close, check_pend, check_reopen, check_resolve, resumes, window_end
from protocol.link import EndReason
from protocol.routing import can_hold
from protocol.tickets import CauseCode, Happening, Move, PendingReason, State, next_state
from protocol.wire import facts

_AWAKE = Changes(pending_reason=UNSET, resume_at=UNSET)


def pend(
    tx: Tx,
    ticket: TicketView,
    reason: PendingReason,
    resume_at: datetime | None,
    text: str,
    doer: Doer,
    now: datetime,
) -> TicketView:
    """Wait, for something that is sure to come. Raises RelevoError: as ``check_pend`` and ``move``."""
    next_state(ticket.state, Move.PEND, doer.party)
    check_pend(reason, resume_at, now)
    changes = Changes(pending_reason=reason.value, resume_at=resume_at or UNSET)
    told = Told(text, reason=reason.value, facts=facts(resume_at=resume_at))
    after = move(tx, ticket, Move.PEND, doer, now, changes=changes, told=told)
    if resume_at is not None:
        set_timer(tx, ticket.ticket, Timer.RESUME, resume_at)
    return after


def resume(
    broker: Broker, tx: Tx, ticket: TicketView, doer: Doer, now: datetime, told: Told | None = None
) -> TicketView:
    """Go on. A ticket whose assignee is gone by then is routed anew."""
    after = move(tx, ticket, Move.RESUME, doer, now, changes=_AWAKE, told=told)
    clear_timer(tx, ticket.ticket, Timer.RESUME)
    return keep_owned(broker, tx, after, now)


def happened(
    broker: Broker, tx: Tx, ticket: TicketView, what: Happening, now: datetime, doer: Doer = RULES
) -> TicketView:
    """Something came that a pending ticket may wait for; it goes on if it waited for that."""
    if ticket.state is not State.PENDING or not resumes(ticket.pending_reason, what):
        return ticket
    return resume(broker, tx, ticket, doer, now, Told(facts=facts(event=what.value)))


def resolve(
    broker: Broker,
    tx: Tx,
    ticket: TicketView,
    *,
    resolution: str,
    cause: CauseCode,
    tier: int,
    doer: Doer,
    now: datetime,
    article: str | None = None,
    no_article_reason: str | None = None,
    hand_back: HandBack | None = None,
    evidence_bytes: tuple[bytes, ...] = (),
) -> TicketView:
    """It is solved, with all that the guard asks for; CSAT is asked, and the window to reopen begins.

    Args:
        tier: of whoever solved it; 0 for the user.

    Raises:
        RelevoError: as ``check_resolve``, ``check_hand_back`` and ``move``.
    """
    next_state(ticket.state, Move.RESOLVE, doer.party)
    org = broker.organisation.require()
    gone = ticket.agent in org.revoked.agents
    check_resolve(
        resolution=resolution,
        party=doer.party,
        article=article,
        no_article_reason=no_article_reason,
        runs=() if gone else evidence.fix_runs(tx.conn, ticket.ticket),
    )
    check_hand_back(tier, hand_back)
    changes = Changes(
        pending_reason=UNSET,
        resume_at=UNSET,
        resolution=resolution,
        cause=cause.value,
        resolved_by_tier=tier,
        resolved=now,
        article=article or UNSET,
        no_article_reason=no_article_reason or UNSET,
        hand_back=hand_back or UNSET,
    )
    stated = facts(resolved_by_tier=tier, hand_back=hand_back.kind.value if hand_back else None)
    told = Told(resolution, reason=cause.value, facts=stated, evidence=evidence_bytes)
    after = move(tx, ticket, Move.RESOLVE, doer, now, changes=changes, told=told)
    clear_timer(tx, ticket.ticket, Timer.RESUME)
    days = org.desk.of_customer(ticket.customer).reopen_days
    hours = broker.promises.of(org.desk).workdays(ticket.customer)
    set_timer(tx, ticket.ticket, Timer.CLOSE, window_end(now, days, hours))
    ratings.ask(tx, after, now)
    return after


def reopen(
    broker: Broker,
    tx: Tx,
    ticket: TicketView,
    text: str,
    doer: Doer,
    now: datetime,
    evidence_bytes: tuple[bytes, ...] = (),
) -> TicketView:
    """Within the window it goes on as the same ticket. Raises RelevoError: ``window-over``, as ``move``."""
    if ticket.state is State.RESOLVED:
        desk = broker.organisation.require().desk
        hours = broker.promises.of(desk).workdays(ticket.customer)
        check_reopen(ticket.resolved, desk.of_customer(ticket.customer).reopen_days, now, hours)
    changes = Changes(reopened=True, resolved=UNSET)
    told = Told(text, evidence=evidence_bytes)
    after = move(tx, ticket, Move.REOPEN, doer, now, changes=changes, told=told)
    clear_timer(tx, ticket.ticket, Timer.CLOSE)
    return keep_owned(broker, tx, after, now)


def close(
    broker: Broker,
    tx: Tx,
    ticket: TicketView,
    reason: str,
    doer: Doer,
    now: datetime,
    evidence_bytes: tuple[bytes, ...] = (),
) -> TicketView:
    """For good: nothing of it changes any more, and every grant on it dies.

    Raises:
        RelevoError: ``reason-missing`` from a technician who is not the requester; as ``move``.
    """
    told = Told(reason, evidence=evidence_bytes)
    after = move(tx, ticket, Move.CLOSE, doer, now, changes=Changes(closed=now), told=told)
    own = ticket.agent is None and ticket.requester == doer.name
    check_close(doer.party, is_requester=own, reason=reason)
    clear_timer(tx, ticket.ticket, Timer.CLOSE)
    end_grants(broker, tx, after, doer.actor)
    return after


def cancel(
    broker: Broker,
    tx: Tx,
    ticket: TicketView,
    reason: str,
    doer: Doer,
    now: datetime,
    evidence_bytes: tuple[bytes, ...] = (),
) -> TicketView:
    """It was nothing, or is no longer wanted: every grant on it dies. Raises RelevoError: as ``move``."""
    told = Told(reason, evidence=evidence_bytes)
    after = move(tx, ticket, Move.CANCEL, doer, now, changes=_AWAKE, told=told)
    clear_timer(tx, ticket.ticket, Timer.RESUME)
    end_grants(broker, tx, after, doer.actor)
    return after


# --- whose it is -------------------------------------------------------------------------------


def end_grants(broker: Broker, tx: Tx, ticket: TicketView, actor: Actor) -> None:
    """The ticket is over: sessions and invitations on it end."""
    number = number_of(ticket.ticket)
    session_lifecycle.end_matching(broker, tx, sessions.c.ticket == number, EndReason.TICKET_CLOSED, actor)
    tx.conn.execute(
        update(invitations)
        .where(invitations.c.ticket == number, invitations.c.ended.is_(None))
        .values(ended=broker.clock())
    )


def change_hands(broker: Broker, tx: Tx, before: TicketView, after: TicketView, actor: Actor) -> None:
    """Grants never pass on: whoever does not have the ticket any more has no session on it either, and
    whom they invited is not invited by the next one. The user is asked anew, by name."""
    if before.assignee == after.assignee:
        return
    number = number_of(before.ticket)
    others = (sessions.c.ticket == number) & (sessions.c.technician != (after.assignee or ""))
    session_lifecycle.end_matching(broker, tx, others, EndReason.REVOKED, actor)
    tx.conn.execute(
        update(invitations)
        .where(
            invitations.c.ticket == number,
            invitations.c.ended.is_(None),
            invitations.c.by != (after.assignee or ""),
        )
        .values(ended=broker.clock())
    )


def keep_owned(broker: Broker, tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
    """The ticket as it is, or routed anew if whoever had it may not have it any more."""
    org = broker.organisation.require()
    known = {person.id: person for person in org.roster.technicians}
    owner = known.get(ticket.assignee or "")
    if owner is not None and can_hold(owner, ticket.customer, 1):
        return ticket
    if ticket.assignee is None and ticket.state is State.ASSIGNED:
        return ticket
    after = creation.assign_by(tx, ticket, creation.route_of(tx.conn, org, ticket), now)
    change_hands(broker, tx, ticket, after, TIMER.actor)
    return after


# --- by the clock ------------------------------------------------------------------------------


def fire(broker: Broker, tx: Tx, ticket: TicketView, kind: Timer, now: datetime) -> None:
    """What a timer does. A ticket that went on by other means is left alone."""
    if kind is Timer.RESUME and ticket.state is State.PENDING:
        resume(broker, tx, ticket, TIMER, now, Told(facts=facts(event="resume_at")))
    elif kind is Timer.CLOSE and ticket.state is State.RESOLVED:
        close(broker, tx, ticket, "", TIMER, now)


def require_open(ticket: TicketView) -> None:
    """Raises RelevoError: ``ticket-closed``: nothing is said on a ticket that is over."""
    if ticket.state in (State.CLOSED, State.CANCELLED):
        raise RelevoError(Code.TICKET_CLOSED, ticket.ticket)
