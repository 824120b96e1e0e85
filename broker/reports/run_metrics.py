"""Figures of what machines did: fix runs, signatures, self-service, early warnings. Pure functions of rows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from broker.reports.figures import Period, count, label, share, split
from protocol.fix_states import RunState
from protocol.reports import Dimension, Figure, Metric, Unit
from protocol.signature_model import Outcome

HOUR_US = 3_600_000_000
DEFLECTED_AFTER = 72 * HOUR_US
"""So long no ticket must follow a self-service that ended as solved."""
SOLVED = "solved"
MATCH, UNKNOWN = Outcome.MATCH.value, Outcome.UNKNOWN.value
CONFIRMED, WRONG = "confirmed", "wrong"
_S = RunState
_APPLIED = frozenset({_S.RUNNING, _S.VERIFYING, _S.SUCCEEDED})
"""A run that was in one of these changed the machine, or was about to."""


class FixHistory(NamedTuple):
    """The states of one run in the order of the log. ``at``: when the first of them arrived."""

    run: str
    at: int
    states: tuple[RunState, ...]

    @property
    def applied(self) -> bool:
        return any(state in _APPLIED for state in self.states)

    @property
    def verified(self) -> bool:
        return _S.VERIFYING in self.states or self.succeeded

    @property
    def succeeded(self) -> bool:
        return _S.SUCCEEDED in self.states

    @property
    def caught(self) -> bool:
        """The verification said that it did not help."""
        return any(
            before is _S.VERIFYING and after in (_S.UNDOING, _S.FAILED)
            for before, after in zip(self.states, self.states[1:], strict=False)
        )

    @property
    def undo(self) -> RunState | None:
        """How the latest attempt to undo it ended; None where there was none that ended."""
        ends = [state for state in self.states if state in (_S.UNDONE, _S.UNDO_FAILED)]
        return ends[-1] if ends else None


class Evaluated(NamedTuple):
    """A signature's result on one bundle (``artifact``) of a ticket."""

    ticket: int
    agent: str
    customer: str
    known_error: str
    verdict: str
    at: int
    feedback: str | None
    version: int = 1
    id: int = 0
    artifact: str = ""


class SelfService(NamedTuple):
    agent: str
    customer: str
    category: str | None
    ended: int
    outcome: str


class Opened(NamedTuple):
    """A ticket as deflection sees it: whoever asked from which machine, and when."""

    agent: str
    category: str | None
    at: int


class Warned(NamedTuple):
    opened: int
    kind: str
    outcome: bool | None
    """What somebody judged; None while nobody did."""


# --- fixes ------------------------------------------------------------------------------------------


def fixes(runs: Sequence[FixHistory], period: Period) -> list[Figure]:
    held = [run for run in runs if period.holds(run.at)]
    applied = [run for run in held if run.applied]
    verified = [run for run in held if run.verified]
    undone = [run.undo for run in held if run.undo is not None]
    return [
        share(Metric.FIX_SUCCESS, sum(run.succeeded for run in applied), len(applied)),
        share(Metric.VERIFY_CAUGHT, sum(run.caught for run in verified), len(verified)),
        share(Metric.UNDO_SUCCESS, sum(end is _S.UNDONE for end in undone), len(undone)),
    ]


# --- signatures -------------------------------------------------------------------------------------


def signatures(results: Sequence[Evaluated], resolved: Sequence[int], period: Period) -> list[Figure]:
    """Coverage of the tickets ``resolved`` (their numbers), precision, share of unknown results.

    Args:
        results: of the period and, for coverage, all of those tickets.
    """
    held = [result for result in results if period.holds(result.at)]
    done = frozenset(resolved)
    evaluated = {result.ticket for result in results if result.ticket in done}
    matched = {result.ticket for result in results if result.ticket in done and is_match(result)}
    return [
        share(Metric.SIGNATURE_COVERAGE, len(matched), len(evaluated)),
        _precision(held),
        *(
            _precision(ones, known_error)
            for known_error, ones in split(held, lambda one: one.known_error).items()
            if any(one.feedback in (CONFIRMED, WRONG) for one in ones)
        ),
        share(Metric.SIGNATURE_UNKNOWN, sum(one.verdict == UNKNOWN for one in held), len(held)),
    ]


def is_match(result: Evaluated) -> bool:
    """It matched, and nobody said that it was wrong."""
    return result.verdict == MATCH and result.feedback != WRONG


def _precision(results: Sequence[Evaluated], known_error: str | None = None) -> Figure:
    confirmed = sum(one.feedback == CONFIRMED for one in results)
    wrong = sum(one.feedback == WRONG for one in results)
    group = () if known_error is None else label(Dimension.SIGNATURE, known_error)
    return share(Metric.SIGNATURE_PRECISION, confirmed, confirmed + wrong, group)


# --- self-service -----------------------------------------------------------------------------------


def self_service(runs: Sequence[SelfService], opened: Sequence[Opened], period: Period) -> list[Figure]:
    """Runs by outcome, and deflection overall and by category.

    Args:
        opened: every ticket that was opened from ``period.since`` until now, cancelled ones too: the user
            did ask.
    """
    held = [run for run in runs if period.holds(run.ended)]
    asked = _asked(opened)
    # Whether a run deflected a ticket is known only when its 72 hours are over.
    known = [run for run in held if run.ended + DEFLECTED_AFTER <= period.now]
    deflected = {i for i, run in enumerate(known) if is_deflected(run, asked)}
    found = [count(Metric.SELF_SERVICE_RUNS, Unit.RUNS, len(held))]
    found += [
        count(Metric.SELF_SERVICE_RUNS, Unit.RUNS, len(ones), label(Dimension.OUTCOME, outcome))
        for outcome, ones in split(held, lambda run: run.outcome).items()
    ]
    found.append(share(Metric.DEFLECTION, len(deflected), len(known)))
    for category, numbers in split(range(len(known)), lambda i: known[i].category or "-").items():
        good = sum(i in deflected for i in numbers)
        found.append(share(Metric.DEFLECTION, good, len(numbers), label(Dimension.CATEGORY, category)))
    return found


Asked = Mapping[str, Sequence[Opened]]
"""By machine, in the order of time."""


def _asked(opened: Sequence[Opened]) -> Asked:
    return {
        agent: sorted(ones, key=lambda one: one.at)
        for agent, ones in split(opened, lambda one: one.agent).items()
    }


def is_deflected(run: SelfService, asked: Asked) -> bool:
    """Solved, and from the same machine came no ticket of the category within 72 hours. Where either has no
    category, it may be the same: it counts against us."""
    if run.outcome != SOLVED:
        return False
    mine = asked.get(run.agent, ())
    first = bisect_left(mine, run.ended, key=lambda one: one.at)
    for ticket in mine[first:]:
        if ticket.at > run.ended + DEFLECTED_AFTER:
            break
        if not run.category or ticket.category in (None, run.category):
            return False
    return True


# --- early warnings ---------------------------------------------------------------------------------


def warnings(warned: Sequence[Warned], period: Period) -> list[Figure]:
    held = [one for one in warned if period.holds(one.opened) and one.outcome is not None]
    found = [share(Metric.WARNING_PRECISION, sum(one.outcome is True for one in held), len(held))]
    for kind, ones in split(held, lambda one: one.kind).items():
        right = sum(one.outcome is True for one in ones)
        found.append(share(Metric.WARNING_PRECISION, right, len(ones), label(Dimension.CATEGORY, kind)))
    return found
