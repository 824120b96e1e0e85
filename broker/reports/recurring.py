"""Problems that come again: which known errors, how often, where. Pure functions of signature results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from broker.reports.figures import Period, count, share, split
from broker.reports.run_metrics import CONFIRMED, WRONG, Evaluated, is_match
from protocol.calendars import from_us
from protocol.reports import Figure, Metric, RecurringProblem, Unit

DAY_US = 86_400_000_000
AGAIN_WITHIN = 30 * DAY_US
WINDOW = 7 * DAY_US
CANDIDATE = 3
"""So many tickets, or machines, in ``WINDOW`` make a problem candidate."""


class Known(NamedTuple):
    """A ticket and a known error that it was found to be: by a match, or by the article that resolved it."""

    ticket: int
    customer: str
    created: int
    known_error: str


def recurrence(resolved: Collection[int], known: Iterable[Known]) -> Figure:
    """Tickets resolved in the period that the customer had had before: an earlier ticket with the same known
    error was opened at most 30 days before this one.

    Args:
        resolved: numbers of the tickets resolved in the period.
        known: of these tickets, and of all of their customers' that were opened in the 30 days before.
    """
    by_problem: dict[tuple[str, str], list[tuple[int, int]]] = {}
    of_ticket: dict[int, set[str]] = {}
    for one in set(known):
        by_problem.setdefault((one.customer, one.known_error), []).append((one.created, one.ticket))
        of_ticket.setdefault(one.ticket, set()).add(one.known_error)
    before: dict[tuple[int, str], int] = {}
    for (_, known_error), opened in by_problem.items():
        opened.sort()
        for i in range(1, len(opened)):
            before[opened[i][1], known_error] = opened[i][0] - opened[i - 1][0]
    again = sum(
        any(
            before.get((ticket, known_error), AGAIN_WITHIN + 1) <= AGAIN_WITHIN
            for known_error in of_ticket.get(ticket, ())
        )
        for ticket in resolved
    )
    return share(Metric.RECURRENCE, again, len(resolved))


def most_in_window(events: Iterable[tuple[int, str]], length: int = WINDOW) -> int:
    """The most different names that lie in any half-open stretch of ``length``."""
    ordered = sorted(events)
    held: dict[str, int] = {}
    most = first = 0
    for at, name in ordered:
        held[name] = held.get(name, 0) + 1
        while ordered[first][0] <= at - length:
            gone = ordered[first][1]
            held[gone] -= 1
            if not held[gone]:
                del held[gone]
            first += 1
        most = max(most, len(held))
    return most


def problems(results: Sequence[Evaluated], period: Period) -> list[RecurringProblem]:
    """One a known error that matched in the period, candidates first, then by tickets.

    What somebody called wrong is no match; it is counted as ``wrong``.
    """
    found = []
    held = [result for result in results if period.holds(result.at)]
    for known_error, ones in split(held, lambda one: one.known_error).items():
        matches = [one for one in ones if is_match(one)]
        if not matches:
            continue
        tickets = [(one.at, str(one.ticket)) for one in matches]
        machines = [(one.at, one.agent) for one in matches]
        tickets_7d, machines_7d = most_in_window(tickets), most_in_window(machines)
        found.append(
            RecurringProblem(
                known_error=known_error,
                versions=tuple(sorted({one.version for one in matches})),
                tickets=len({ticket for _, ticket in tickets}),
                machines=len({machine for _, machine in machines}),
                customers=len({one.customer for one in matches}),
                first=from_us(min(one.at for one in matches)),
                last=from_us(max(one.at for one in matches)),
                candidate=tickets_7d >= CANDIDATE or machines_7d >= CANDIDATE,
                tickets_7d=tickets_7d,
                machines_7d=machines_7d,
                confirmed=sum(one.feedback == CONFIRMED for one in ones),
                wrong=sum(one.feedback == WRONG for one in ones),
            )
        )
    return sorted(found, key=lambda p: (not p.candidate, -p.tickets, -p.machines, p.known_error))


def candidates(found: Sequence[RecurringProblem]) -> Figure:
    return count(Metric.PROBLEM_CANDIDATES, Unit.SIGNATURES, sum(problem.candidate for problem in found))
