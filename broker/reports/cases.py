"""What a ticket's events say of it, as far as figures go: one frozen ``Case`` a ticket.

A pure function of rows. Times are microseconds since 1970 UTC; a time that lies before the one of the event
before (a clock was set back) is taken as that one's, as the SLA clocks do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from protocol.sla import Mark
from protocol.tickets import OPEN_STATES, SELF_SERVICE_TIER, CauseCode, Move, Party, PendingReason, State

ACKNOWLEDGING = frozenset(
    {
        "ticket.reply",
        *(
            f"ticket.{m}"
            for m in (Move.TAKE, Move.START, Move.ACCEPT, Move.PEND, Move.ESCALATE, Move.RESOLVE)
        ),
    }
)
"""By these a technician takes a ticket up. Sorting it, passing it to a queue and notes are not among them."""
OTHERS_TO_ACT = frozenset(
    {
        PendingReason.AWAITING_VENDOR,
        PendingReason.AWAITING_CHANGE,
        PendingReason.AWAITING_APPROVAL,
        PendingReason.SCHEDULED,
    }
)
"""Waiting that no first contact can avoid: somebody else has to act, or a date to come."""
OUT_OF_REACH = frozenset({CauseCode.HARDWARE, CauseCode.EXTERNAL})
"""Causes that no first contact can remove."""
_ESCALATE, _RETURN = f"ticket.{Move.ESCALATE}", f"ticket.{Move.RETURN}"
_REOPEN, _RESOLVE, _PEND = f"ticket.{Move.REOPEN}", f"ticket.{Move.RESOLVE}", f"ticket.{Move.PEND}"
_TECHNICIAN, _MONITOR = Party.TECHNICIAN.value, Party.MONITOR.value
_REMOTE = frozenset(cause.value for cause in OUT_OF_REACH)


class Ticket(NamedTuple):
    """The row as it is now."""

    number: int
    customer: str
    category: str | None
    agent: str | None
    state: State
    tier: int
    priority: int
    created: int
    resolved_by_tier: int | None
    article: str | None


class Event(NamedTuple):
    """One event; ``mark`` is what the SLA clocks see of it."""

    mark: Mark
    kind: str
    party: str
    reason: str | None
    priority: int


class Passed(NamedTuple):
    """A functional escalation. ``returned``: sent back later."""

    at: int
    from_tier: int
    to_tier: int
    returned: bool


class Stay(NamedTuple):
    """From ``since`` until the next stay begins the ticket was like this."""

    since: int
    open: bool
    tier: int
    priority: int


class Case(NamedTuple):
    """A ticket's history in the terms of the metrics.

    ``contacts``: rounds in which the user had to speak before the first resolution, the opening being one.
    ``resolved``: the first resolution; ``settled``: the latest, None while the ticket is open (again).
    ``rested``: between a resolution and the reopening after it.
    """

    ticket: Ticket
    acknowledged: int | None
    resolved: int | None
    settled: int | None
    rested: tuple[tuple[int, int], ...]
    contacts: int
    waited_for_others: bool
    out_of_reach: bool
    by_monitor: bool
    passed: tuple[Passed, ...]
    reopened: int
    stays: tuple[Stay, ...]

    @property
    def resolvable_at_first(self) -> bool:
        """Whether a first contact could have resolved it: see the definition of FCR."""
        return not (
            self.waited_for_others
            or self.out_of_reach
            or self.by_monitor
            or self.ticket.resolved_by_tier == SELF_SERVICE_TIER
        )


def derive(ticket: Ticket, events: Iterable[Event]) -> Case:
    """Args:
    events: of this ticket, in the order of the log, the creation first.
    """
    told = _in_order(events)
    resolutions = [event.mark.at for event in told if event.kind == _RESOLVE]
    first = resolutions[0] if resolutions else None
    reopenings = [event.mark.at for event in told if event.kind == _REOPEN]
    over = bool(told) and told[-1].mark.state in (State.RESOLVED, State.CLOSED)
    cause = next((event.reason for event in reversed(told) if event.kind == _RESOLVE), None)
    return Case(
        ticket=ticket,
        acknowledged=_acknowledged(told),
        resolved=first,
        settled=resolutions[-1] if over and resolutions else None,
        rested=tuple(zip(resolutions, reopenings, strict=False)),
        contacts=_contacts(told),
        waited_for_others=_waited_for_others(told),
        out_of_reach=cause in _REMOTE,
        by_monitor=bool(told) and told[0].party == _MONITOR,
        passed=_passed(told),
        reopened=len(reopenings),
        stays=_stays(told),
    )


def _in_order(events: Iterable[Event]) -> list[Event]:
    found: list[Event] = []
    latest = 0
    for event in events:
        if found and event.mark.at < latest:
            event = event._replace(mark=event.mark._replace(at=latest))  # noqa: PLW2901 - the same event
        latest = event.mark.at
        found.append(event)
    return found


def _acknowledged(told: Sequence[Event]) -> int | None:
    for event in told[1:]:
        if event.party == _TECHNICIAN and event.kind in ACKNOWLEDGING:
            return event.mark.at
    return None


def _waited_for_others(told: Sequence[Event]) -> bool:
    for event in told:
        if event.kind == _RESOLVE:
            return False
        if event.kind == _PEND and event.mark.pending in OTHERS_TO_ACT:
            return True
    return False


def _contacts(told: Sequence[Event]) -> int:
    """What the user adds before anybody answered belongs to the same contact."""
    contacts, answered = 1, False
    for event in told:
        if event.kind == _RESOLVE:
            break
        if event.mark.answered:
            answered = True
        elif event.mark.user_said and answered:
            contacts, answered = contacts + 1, False
    return contacts


def _passed(told: Sequence[Event]) -> tuple[Passed, ...]:
    found: list[Passed] = []
    tier = told[0].mark.tier if told else 0
    for event in told:
        if event.kind == _ESCALATE:
            found.append(Passed(event.mark.at, tier, event.mark.tier, False))
        elif event.kind == _RETURN:
            # What goes back is the latest that has not gone back yet (broker.tickets.escalations.latest).
            for i in range(len(found) - 1, -1, -1):
                if not found[i].returned:
                    found[i] = found[i]._replace(returned=True)
                    break
        tier = event.mark.tier
    return tuple(found)


def _stays(told: Sequence[Event]) -> tuple[Stay, ...]:
    found: list[Stay] = []
    for event in told:
        mark = event.mark
        stay = Stay(mark.at, mark.state in OPEN_STATES, mark.tier, event.priority)
        if found and found[-1][1:] == stay[1:]:
            continue
        if found and found[-1].since == stay.since:
            found.pop()
        found.append(stay)
    return tuple(found)


def at(case: Case, moment: int) -> Stay | None:
    """How the ticket was at ``moment``; None before it was there."""
    found = None
    for stay in case.stays:
        if stay.since > moment:
            break
        found = stay
    return found
