"""How `relevo ticket` shows SLA clocks: two columns of a list, and the account of each clock."""

from __future__ import annotations

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from protocol.api import TicketView
from protocol.drivers.shown import folded, local_time
from protocol.drivers.terminal import printable, say, words
from protocol.sla import ClockName, ClockState
from protocol.sla_views import SlaExplained, SlaTrace, SlaView
from protocol.times import in_zone
from protocol.wording import Words

COLUMNS = ("due", "clock")
_MINUTE = 60
_HOUR = 3_600


def duration(seconds: int) -> str:
    """``45 min``, ``2 h 05 min``: business time, so there are no days. Seconds are left out."""
    minutes = abs(seconds) // _MINUTE
    hours, rest = divmod(minutes, _HOUR // _MINUTE)
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"


def most_urgent(view: TicketView) -> SlaView | None:
    """The clock that a list names: the late one, else the first that is due, else a paused one."""
    going = [clock for clock in view.sla if clock.stopped is None]
    timed = [clock for clock in going if clock.due is not None]
    if timed:
        return min(timed, key=lambda clock: (clock.state is not ClockState.BREACHED, clock.due))
    return going[0] if going else None


def cells(view: TicketView) -> tuple[str, str]:
    """Due time and clock, empty where nothing is running."""
    clock, w = most_urgent(view), words()
    if clock is None:
        return "-", ""
    name = _name(clock, w)
    if clock.state is ClockState.PAUSED:
        return "-", w("sla.cell.paused", clock=name)
    if clock.state is ClockState.BREACHED:
        return local_time(clock.due), w("sla.cell.late", clock=name, by=duration(clock.remaining_s))
    return local_time(clock.due), w("sla.cell.left", clock=name, left=duration(clock.remaining_s))


def show_explained(told: SlaExplained) -> None:
    """Every clock in words, with what counted and what did not; times in the calendar's zone."""
    w = words()
    if not told.clocks:
        say(w("sla.none", customer=told.customer, priority=told.priority))
        return
    zone = _zone(told.zone)
    hours = ", ".join(told.hours)
    line = w("sla.hours", customer=told.customer, hours=hours, zone=told.zone, calendar=told.calendar)
    say(folded(f"{told.ticket}  P{told.priority}  {printable(line)}"))
    for clock in told.clocks:
        say()
        say(_headline(clock, zone, w))
        for part in clock.stretches:
            spent = duration(part.open_s)
            when = f"  {_at(part.since, zone)}  {_at(part.until, zone)}  {spent:>12}  "
            say(folded(f"{when}{w(f'sla.why.{part.why}')}", " " * len(when)))
    if told.closed:
        say()
        say(folded(printable(w("sla.closed", days="; ".join(told.closed)))))


def _headline(clock: SlaTrace, zone: tzinfo | None, w: Words) -> str:
    return w(
        f"sla.line.{clock.state}",
        clock=_name(clock, w),
        used=duration(clock.used_s),
        target=duration(clock.target_s),
        left=duration(clock.remaining_s),
        due=w("sla.never") if clock.due is None else _at(clock.due, zone),
    )


def _name(clock: SlaView, w: Words) -> str:
    name = w(f"sla.clock.{clock.clock}")
    if clock.clock is ClockName.OLA:
        return f"{name} {clock.cycle}"
    return f"{name} {clock.cycle}" if clock.clock is ClockName.NEXT_RESPONSE else name


def clock_name(text: str, w: Words) -> str:
    """The clock of a notice, ``next_response#2``, in words."""
    name, _, cycle = text.partition("#")
    key = f"sla.clock.{name}"
    said = w(key) if w.has(key) else name
    return f"{said} {cycle}" if cycle else said


def _at(moment: datetime, zone: tzinfo | None) -> str:
    return f"{in_zone(moment, zone):%Y-%m-%d %H:%M}"


def _zone(name: str) -> tzinfo | None:
    """None, this machine's own, where its database lacks the zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return None
