"""SLA clocks as the HTTP API shows them. Durations are seconds of the customer's business time."""

from __future__ import annotations

import msgspec

from protocol.calendars import from_us
from protocol.sla import Clock, ClockName, ClockState, Stretch, Why
from protocol.wire import Count, Moment, Name, Wire

_SECOND = 1_000_000


class SlaView(Wire, frozen=True):
    """One clock of a ticket at the moment of the answer.

    ``cycle``: the number of the user's message (next response), the tier (OLA), else 0. ``remaining_s`` is
    negative once the target is exceeded. ``due``: when the target is or was used up; None while paused.
    """

    clock: ClockName
    cycle: Count
    state: ClockState
    target_s: int
    used_s: int
    remaining_s: int
    started: Moment
    stopped: Moment | None
    due: Moment | None


class SlaStretch(Wire, frozen=True):
    """A part of a clock's life. ``open_s``: business time in it, whether it counted or not."""

    since: Moment
    until: Moment
    why: Why
    counted: bool
    open_s: int


class SlaTrace(SlaView, frozen=True):
    stretches: tuple[SlaStretch, ...]


class SlaExplained(Wire, frozen=True):
    """``GET /v1/tickets/{ticket}/sla``: every clock with how it came about."""

    ticket: str
    customer: Name
    priority: int
    at: Moment
    """When it was computed."""
    calendar: Name
    zone: str
    hours: tuple[str, ...]
    closed: tuple[str, ...]
    """Holidays and exceptions between the creation and the last due time, ``2026-12-25 Navidad``."""
    clocks: tuple[SlaTrace, ...]


def view(clock: Clock) -> SlaView:
    return SlaView(
        clock=clock.name,
        cycle=clock.cycle,
        state=clock.state,
        target_s=clock.target // _SECOND,
        used_s=clock.used // _SECOND,
        remaining_s=clock.remaining // _SECOND,
        started=from_us(clock.started),
        stopped=None if clock.stopped is None else from_us(clock.stopped),
        due=None if clock.due is None else from_us(clock.due),
    )


def trace(clock: Clock) -> SlaTrace:
    short = view(clock)
    return SlaTrace(
        **msgspec.structs.asdict(short),
        stretches=tuple(_stretch(part) for part in clock.stretches),
    )


def _stretch(part: Stretch) -> SlaStretch:
    return SlaStretch(
        since=from_us(part.since),
        until=from_us(part.until),
        why=part.why,
        counted=part.why is Why.COUNTED,
        open_s=part.open_us // _SECOND,
    )
