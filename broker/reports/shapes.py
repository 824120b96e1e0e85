"""Histories by their shape: what happened in which order is worked out once for all tickets that it happened to.

Tickets differ in when things happened; what happened is much the same for most of them. A *look* is everything
of an event but its time, as one text; a *shape* is the looks of a ticket in their order, and which of them came
at one moment. ``derive`` and ``sla.courses`` only ask which time is before which. What they make of a shape, with
numbers of its moments for times, therefore holds for every ticket of that shape when its own moments are put in.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import accumulate
from typing import NamedTuple

from sqlalchemy import ColumnElement, String, func

from broker.reports.attainment import Promised, promise
from broker.reports.cases import Case, Event, Passed, Stay, Ticket, derive
from broker.sla.clocks import mark_of
from broker.store.ticket_tables import ticket_events
from protocol import sla
from protocol.sla import Course
from protocol.tickets import PendingReason

MAX_KNOWN = 20_000
"""Shapes that are kept; what comes after these is worked out each time."""
_SIGN = "|"
"""In none of the words that are put together: those are names of ours, and numbers."""


class Shape(NamedTuple):
    """``places``: the number of each event's moment; None where each has a moment of its own."""

    looks: tuple[str, ...]
    places: tuple[int, ...] | None


def shape(looks: tuple[str, ...], at: Sequence[int]) -> tuple[Shape, Sequence[int]]:
    """The shape of a history and its moments, ascending. A time that lies before the one of the event before
    (a clock was set back) is taken as that one's."""
    times = tuple(accumulate(at, max))
    if len(set(times)) == len(times):
        return Shape(looks, None), times
    number = {moment: place for place, moment in enumerate(dict.fromkeys(times))}
    return Shape(looks, tuple([number[moment] for moment in times])), tuple(number)


def look() -> ColumnElement[str]:
    """Of ``ticket_events``: all that figures and clocks see of an event, but its time."""
    e = ticket_events.c
    # One call that writes it all: joining them two at a time takes SQLite longer than the rest.
    form = _SIGN.join(("%s", "%d", "%s", "%s", "%s", "%d", "%d"))
    columns = (e.kind, e.public, e.to_state, e.party, e.reason, e.tier, e.priority)
    return func.printf(form, *columns, type_=String)


class Shapes:
    """What is known of the shapes that were seen, for one report."""

    def __init__(self, wanted: sla.Targets, *, stays: bool = True) -> None:
        """``wanted``: the clocks are those that have any target here; ``stays``: whether cases have them."""
        self._wanted, self._stays = wanted, stays
        self._cases: dict[Shape, Case] = {}
        self._courses: dict[Shape, list[Course]] = {}
        self._promised: dict[tuple[Shape, Hashable], list[Promised]] = {}

    def case(self, ticket: Ticket, shape: Shape, times: Sequence[int]) -> Case:
        """As ``derive``. ``times``: the moments of the history."""
        known = self._cases.get(shape)
        if known is None:
            known = derive(ticket, _events(shape))
            if len(self._cases) < MAX_KNOWN:
                self._cases[shape] = known
        return Case(
            ticket,
            None if known.acknowledged is None else times[known.acknowledged],
            None if known.resolved is None else times[known.resolved],
            None if known.settled is None else times[known.settled],
            known.rested and tuple([(times[rest], times[again]) for rest, again in known.rested]),
            known.contacts,
            known.waited_for_others,
            known.out_of_reach,
            known.by_monitor,
            known.passed
            and tuple([Passed(times[at], low, high, returned) for at, low, high, returned in known.passed]),
            known.reopened,
            tuple(
                [
                    Stay(times[since], is_open, tier, priority)
                    for since, is_open, tier, priority in known.stays
                ]
            )
            if self._stays
            else (),
        )

    def courses(self, shape: Shape) -> list[Course]:
        """As ``sla.courses``: with numbers of moments for times, and the one after the last for the end."""
        known = self._courses.get(shape)
        if known is None:
            marks = [event.mark for event in _events(shape)]
            known = sla.courses(marks, self._wanted, marks[-1].at + 1)
            if len(self._courses) < MAX_KNOWN:
                self._courses[shape] = known
        return known

    def promised(self, shape: Shape, targets: sla.Targets, terms: Hashable) -> list[Promised]:
        """The courses that have a target in ``targets``. ``terms``: the same for equal targets only."""
        known = self._promised.get((shape, terms))
        if known is None:
            known = [
                promise(course, minutes)
                for course in self.courses(shape)
                if (minutes := targets.minutes(course.name, course.cycle)) is not None
            ]
            if len(self._promised) < MAX_KNOWN:
                self._promised[shape, terms] = known
        return known


def _events(shape: Shape) -> list[Event]:
    """With the numbers of their moments for times."""
    found: list[Event] = []
    pending: PendingReason | None = None
    places = range(len(shape.looks)) if shape.places is None else shape.places
    for place, said in zip(places, shape.looks, strict=True):
        kind, public, to_state, party, reason, tier, priority = said.split(_SIGN)
        mark = mark_of(pending, place, kind, public == "1", to_state, party, reason, int(tier))
        pending = mark.pending
        found.append(Event(mark, kind, party, reason or None, int(priority)))
    return found
