"""SLA and OLA clocks: a pure function of a ticket's events, a calendar, targets and the time.

Nothing is counted up anywhere: a clock is computed anew from all events whenever somebody looks, so a
changed target, calendar or holiday applies to what already happened (4-domain.md, "SLA clock").

| clock | runs | pauses |
|---|---|---|
| first response | New until the first human reply that the user can see | never |
| resolution | New until Resolved; goes on after a reopen | while waiting (``PAUSING``), while Resolved |
| next response | the user's message, once answered before, until the reply; one cycle each | ``PAUSING`` |
| OLA | while the ticket is at that tier, all stays together | ``PAUSING``, at another tier, Resolved |
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from protocol.calendars import MINUTE_US, Hours
from protocol.tickets import PendingReason, State


class ClockName(enum.StrEnum):
    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"
    NEXT_RESPONSE = "next_response"
    OLA = "ola"


class ClockState(enum.StrEnum):
    MET = "met"
    MISSED = "missed"
    PAUSED = "paused"
    RUNNING = "running"
    BREACHED = "breached"
    """Not stopped, and more is used than the target: also while it is paused."""


class Why(enum.StrEnum):
    """What a stretch of a clock was: it counts, or why it does not."""

    COUNTED = "counted"
    AWAITING_USER = "awaiting_user"
    AWAITING_CONSENT = "awaiting_consent"
    SCHEDULED = "scheduled"
    RESOLVED = "resolved"
    OTHER_TIER = "other_tier"


PAUSING: dict[PendingReason, Why] = {
    PendingReason.AWAITING_USER: Why.AWAITING_USER,
    PendingReason.AWAITING_CONSENT: Why.AWAITING_CONSENT,
    PendingReason.SCHEDULED: Why.SCHEDULED,
}
"""Waiting that is not ours. Approvals, vendors and changes are ours to hurry."""
ENDED = frozenset({State.RESOLVED, State.CLOSED, State.CANCELLED})
_INACTIVE = frozenset({Why.RESOLVED, Why.OTHER_TIER})
PERCENTS = (50, 75, 90, 100)
"""Shares of the target at which a notice is due."""


class Mark(NamedTuple):
    """An event of a ticket as the clocks see it; times in microseconds since 1970 UTC."""

    at: int
    state: State
    """From this event on, as are ``pending`` and ``tier``."""
    pending: PendingReason | None = None
    tier: int = 1
    user_said: bool = False
    """A message of the user."""
    answered: bool = False
    """A reply by a technician that the user can see."""


class Targets(NamedTuple):
    """Whole minutes for the ticket's present priority; None: no promise, no clock."""

    first_response: int | None = None
    resolution: int | None = None
    next_response: int | None = None
    ola: Mapping[int, int] = {}
    """By tier."""

    def minutes(self, name: ClockName, cycle: int) -> int | None:
        """The target of one clock."""
        if name is ClockName.OLA:
            return self.ola.get(cycle)
        if name is ClockName.RESOLUTION:
            return self.resolution
        return self.first_response if name is ClockName.FIRST_RESPONSE else self.next_response


class Stretch(NamedTuple):
    """A part of a clock's life. ``open_us``: business time in it, counted or not."""

    since: int
    until: int
    why: Why
    open_us: int = 0


class Clock(NamedTuple):
    """One clock at one moment; times and durations in microseconds.

    ``cycle`` tells clocks of one name apart: the number of the user's message (next response) or the
    tier (OLA); 0 for the others. ``remaining`` is negative once it is breached or missed. ``due`` is when
    the target is or was used up: None while paused, after it was met, and when that is never.
    """

    name: ClockName
    cycle: int
    state: ClockState
    target: int
    used: int
    started: int
    stopped: int | None
    due: int | None
    stretches: tuple[Stretch, ...]

    @property
    def remaining(self) -> int:
        return self.target - self.used

    def reached(self, percent: int) -> bool:
        """Whether so much of the target is used."""
        return self.used * 100 >= self.target * percent


def clocks(marks: Sequence[Mark], hours: Hours, targets: Targets, now: int) -> list[Clock]:
    """Every clock of a ticket that has a target, in the order of ``ClockName``.

    Args:
        marks: the ticket's events in the order of the log, the creation first. A time that lies before
            the one of the event before (a clock was set back) is taken as that one's.
        now: taken as the last event's time if that is later.
    """
    found = []
    for course in courses(marks, targets, now):
        minutes = targets.minutes(course.name, course.cycle)
        if minutes is not None:
            found.append(lay(course, minutes, hours))
    return found


class Course(NamedTuple):
    """What happened to a clock, before a target and a calendar are laid on it."""

    name: ClockName
    cycle: int
    stretches: Sequence[Stretch]
    stopped: int | None

    def at(self, times: Sequence[int]) -> Course:
        """The course of a history whose times were numbers of ``times``, at those times.

        Stretches without any length are left in; they count for nothing.
        """
        stretches = [Stretch(times[since], times[until], why) for since, until, why, _ in self.stretches]
        stopped = None if self.stopped is None else times[self.stopped]
        return Course(self.name, self.cycle, stretches, stopped)


def courses(marks: Sequence[Mark], targets: Targets, now: int) -> list[Course]:
    """Of every clock that has a target. Arguments as for ``clocks``."""
    if not marks:
        return []
    ordered = _in_order(marks)
    now = max(now, ordered[-1].at)
    found = []
    if targets.first_response is not None:
        found.append(Course(ClockName.FIRST_RESPONSE, 0, *_first_response(ordered, now)))
    if targets.resolution is not None:
        found.append(Course(ClockName.RESOLUTION, 0, *_life(ordered, now, _waiting)))
    if targets.next_response is not None:
        for cycle, life in enumerate(_next_responses(ordered, now), 1):
            found.append(Course(ClockName.NEXT_RESPONSE, cycle, *life))
    if targets.ola:
        tiers = sorted({mark.tier for mark in ordered} & targets.ola.keys())
        found += [Course(ClockName.OLA, tier, *_stay(ordered, now, tier)) for tier in tiers]
    return found


def next_notice(clock: Clock, hours: Hours, now: int, percents: Sequence[int] = PERCENTS) -> int | None:
    """When the next of ``percents`` is reached if nothing happens before; None if none will be."""
    if clock.state not in (ClockState.RUNNING, ClockState.BREACHED):
        return None
    if clock.stretches and clock.stretches[-1].why is not Why.COUNTED:
        return None
    for percent in percents:
        if not clock.reached(percent):
            return hours.add_us(now, -(-clock.target * percent // 100) - clock.used)
    return None


# --- the life of each clock ------------------------------------------------------------------------


_Reason = Callable[[Mark], Why]


class _Life(NamedTuple):
    """What happened to a clock, before a calendar is laid on it."""

    stretches: list[Stretch]
    stopped: int | None


def _in_order(marks: Sequence[Mark]) -> Sequence[Mark]:
    latest = marks[0].at
    for mark in marks:
        if mark.at < latest:
            break
        latest = mark.at
    else:
        return marks
    ordered = [marks[0]]
    for mark in marks[1:]:
        ordered.append(mark._replace(at=max(mark.at, ordered[-1].at)))
    return ordered


def _waiting(mark: Mark) -> Why:
    if mark.state in ENDED:
        return Why.RESOLVED
    if mark.state is State.PENDING and mark.pending is not None:
        return PAUSING.get(mark.pending, Why.COUNTED)
    return Why.COUNTED


def _never_waiting(mark: Mark) -> Why:
    return Why.RESOLVED if mark.state in ENDED else Why.COUNTED


def _life(marks: Sequence[Mark], end: int, why: _Reason) -> _Life:
    """Stretches from the first mark to ``end``; what is not active at the end has stopped."""
    found: list[Stretch] = []
    last = len(marks) - 1
    for i, mark in enumerate(marks):
        reason = why(mark)
        until = end if i == last else marks[i + 1].at
        if found and found[-1].why is reason:
            found[-1] = Stretch(found[-1].since, until, reason)
        elif until > mark.at or i == last:
            found.append(Stretch(mark.at, until, reason))
    stopped = None
    while found and found[-1].why in _INACTIVE:
        stopped = found.pop().since
    return _Life(found, stopped)


def _first_response(marks: Sequence[Mark], now: int) -> _Life:
    for i, mark in enumerate(marks):
        if mark.answered:
            life = _life(marks[:i] or marks[:1], mark.at, _never_waiting)
            return _Life(life.stretches, mark.at)
    return _life(marks, now, _never_waiting)


def _next_responses(marks: Sequence[Mark], now: int) -> list[_Life]:
    """One life per message that waited for an answer; the first reply is the first response's affair."""
    lives: list[_Life] = []
    heard, begun = False, None
    for i, mark in enumerate(marks):
        if begun is not None and (mark.answered or mark.state in ENDED):
            lives.append(_Life(_life(marks[begun:i], mark.at, _waiting).stretches, mark.at))
            begun = None
        heard = heard or mark.answered
        if heard and begun is None and mark.user_said and mark.state not in ENDED:
            begun = i
    if begun is not None:
        lives.append(_life(marks[begun:], now, _waiting))
    return lives


def _stay(marks: Sequence[Mark], now: int, tier: int) -> _Life:
    first = next(i for i, mark in enumerate(marks) if mark.tier == tier)

    def why(mark: Mark) -> Why:
        reason = _waiting(mark)
        return reason if mark.tier == tier or reason is Why.RESOLVED else Why.OTHER_TIER

    return _life(marks[first:], now, why)


# --- laid on a calendar ----------------------------------------------------------------------------


def lay(course: Course, minutes: int, hours: Hours) -> Clock:
    """The clock of a course with a target of so many business minutes."""
    target, spent, crossed = minutes * MINUTE_US, 0, None
    laid = []
    for since, until, why, _ in course.stretches:
        open_us = hours.open_us(since, until)
        laid.append(Stretch(since, until, why, open_us))
        if why is Why.COUNTED:
            if crossed is None and spent + open_us >= target:
                crossed = hours.add_us(since, target - spent)
            spent += open_us
    state = _state(course, spent, target)
    due = crossed
    if state in (ClockState.MET, ClockState.PAUSED):
        due = None
    elif crossed is None and state is ClockState.RUNNING:
        due = hours.add_us(laid[-1].until, target - spent)
    started = laid[0].since if laid else course.stopped or 0
    return Clock(course.name, course.cycle, state, target, spent, started, course.stopped, due, tuple(laid))


def _state(course: Course, spent: int, target: int) -> ClockState:
    if course.stopped is not None:
        return ClockState.MET if spent <= target else ClockState.MISSED
    if spent > target:
        return ClockState.BREACHED
    counting = course.stretches[-1].why is Why.COUNTED
    return ClockState.RUNNING if counting else ClockState.PAUSED
