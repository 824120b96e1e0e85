"""Clocks of stored tickets: their events in one query, then the pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, select, type_coerce

from broker.sla.promises import Promises
from broker.store.sla_tables import sla_notices
from broker.store.ticket_tables import ticket_events
from protocol import sla
from protocol.audit import Action
from protocol.calendars import from_us, to_us
from protocol.sla import Clock, ClockName, Mark
from protocol.tickets import Move, Party, PendingReason, State

_REPLY = Action.TICKET_REPLY.value
_ANSWERS = frozenset({_REPLY, f"ticket.{Move.RESOLVE.value}"})
"""What a technician says in these, the user can read."""
_PEND = f"ticket.{Move.PEND.value}"
_STATES = {state.value: state for state in State}
_REASONS = {reason.value: reason for reason in PendingReason}
_USER, _TECHNICIAN = Party.USER.value, Party.TECHNICIAN.value


class Subject(NamedTuple):
    """A ticket as far as its clocks go."""

    number: int
    customer: str
    priority: int


def load_marks(conn: Connection, numbers: Iterable[int]) -> dict[int, list[Mark]]:
    """The events of these tickets, in the order of the log."""
    wanted_numbers = list(numbers)
    if not wanted_numbers:
        return {}
    e = ticket_events.c
    wanted = (
        select(
            e.ticket, type_coerce(e.at, BigInteger), e.kind, e.public, e.to_state, e.party, e.reason, e.tier
        )
        .where(e.ticket.in_(wanted_numbers), e.kind != Action.TICKET_NOTICE.value)
        .order_by(e.ticket, e.log_index)
    )
    found: dict[int, list[Mark]] = {}
    for ticket, at, kind, public, to_state, party, reason, tier in conn.execute(wanted).all():
        marks = found.setdefault(ticket, [])
        pending = marks[-1].pending if marks else None
        marks.append(mark_of(pending, at, kind, public, to_state, party, reason, tier))
    return found


def mark_of(
    pending: PendingReason | None,
    at: int,
    kind: str,
    public: bool,
    to_state: str,
    party: str,
    reason: str | None,
    tier: int,
) -> Mark:
    """An event's row as the clocks see it. ``pending``: of the mark before; ``at`` in microseconds."""
    state = _STATES[to_state]
    if state is not State.PENDING:
        pending = None
    elif kind == _PEND:
        pending = _REASONS.get(reason or "")
    user_said = party == _USER and kind == _REPLY
    answered = bool(public) and party == _TECHNICIAN and kind in _ANSWERS
    return Mark(at, state, pending, tier, user_said, answered)


def clocks_of(
    conn: Connection, promises: Promises, subjects: Sequence[Subject], now: datetime
) -> dict[int, list[Clock]]:
    """Every clock of each of these tickets; an empty list where nothing is promised."""
    promised = [s for s in subjects if promises.targets(s.customer, s.priority) != sla.Targets()]
    marks = load_marks(conn, (subject.number for subject in promised))
    found: dict[int, list[Clock]] = {subject.number: [] for subject in subjects}
    moment = to_us(now)
    for subject in promised:
        hours = promises.hours(subject.customer)
        if hours is not None:
            targets = promises.targets(subject.customer, subject.priority)
            found[subject.number] = sla.clocks(marks.get(subject.number, ()), hours, targets, moment)
    return found


class Due(NamedTuple):
    """A row of ``sla_due``: what the store can sort and wait by."""

    ticket: int
    due: datetime | None
    breaches: datetime | None
    notice: datetime | None


ToldShares = Mapping[tuple[str, int], frozenset[int]]
"""Which percents of which clock (name, cycle) were told already."""


def load_told(conn: Connection, numbers: Sequence[int]) -> dict[int, dict[tuple[str, int], frozenset[int]]]:
    """By ticket; tickets without any are left out."""
    if not numbers:
        return {}
    c = sla_notices.c
    wanted = select(c.ticket, c.clock, c.cycle, c.percent).where(c.ticket.in_(numbers))
    found: dict[int, dict[tuple[str, int], frozenset[int]]] = {}
    for ticket, clock, cycle, percent in conn.execute(wanted):
        shares = found.setdefault(ticket, {})
        shares[clock, cycle] = shares.get((clock, cycle), frozenset()) | {percent}
    return found


def untold(clock: Clock, percents: Sequence[int], told: ToldShares) -> list[int]:
    """The shares that a clock that still goes has reached and nobody was told of, ascending."""
    if clock.stopped is not None:
        return []
    before = told.get((clock.name.value, clock.cycle), frozenset())
    return [percent for percent in percents if percent not in before and clock.reached(percent)]


def due_of(
    promises: Promises, subject: Subject, clocks: Sequence[Clock], now: datetime, told: ToldShares
) -> Due | None:
    """The earliest of what the ticket's clocks wait for; None when all of them have stopped."""
    hours, moment = promises.hours(subject.customer), to_us(now)
    active = [clock for clock in clocks if clock.stopped is None]
    if hours is None or not active:
        return None
    percents = promises.percents(subject.customer)
    due = min((clock.due for clock in active if clock.due is not None), default=None)
    # More than the target is used from the next open instant on: due at close is not breached that night.
    over = None if due is None else hours.add_us(due, 1)
    notices = [
        moment if untold(clock, percents, told) else sla.next_notice(clock, hours, moment, percents)
        for clock in active
    ]
    notice = min((at for at in notices if at is not None), default=None)
    return Due(subject.number, _moment(due), _moment(over), _moment(notice))


def shown(clocks: Sequence[Clock], tier: int) -> list[Clock]:
    """One of each name: the latest message's, and the present tier's."""
    latest = max((clock.cycle for clock in clocks if clock.name is ClockName.NEXT_RESPONSE), default=0)
    current = {ClockName.NEXT_RESPONSE: latest, ClockName.OLA: tier}
    return [clock for clock in clocks if clock.cycle == current.get(clock.name, 0)]


def _moment(at: int | None) -> datetime | None:
    return None if at is None else from_us(at)
