"""Guards of a ticket's transitions: what must be there before it may go on (4-domain.md, "Ticket").

The table of who may go where is ``protocol.tickets.RULES``; each guard here is a function of values, the
time included, that returns nothing or raises.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from protocol.calendars import Hours
from protocol.errors import Code, RelevoError
from protocol.fix_states import RunState
from protocol.tickets import RESUMED_BY, Happening, Party, PendingReason
from protocol.workdays import add_business_days

LONGEST_WAIT = timedelta(days=366)
RATE_WITHIN = timedelta(days=60)
"""After this nobody remembers: an answer to CSAT counts no longer."""
SCORES = range(1, 6)
SATISFIED = 4
"""An answer from here on counts as satisfied."""


def check_pend(reason: PendingReason, resume_at: datetime | None, now: datetime) -> None:
    """A ticket that waits must have something that wakes it.

    Raises:
        RelevoError: ``parameter-invalid`` for a time that is past or over a year away, or none where no
            event ends the waiting.
    """
    if resume_at is None:
        if reason not in RESUMED_BY:
            raise RelevoError(Code.PARAMETER_INVALID, f"{reason} needs a time at which to go on")
    elif not now < resume_at <= now + LONGEST_WAIT:
        raise RelevoError(Code.PARAMETER_INVALID, "the time to go on must be within a year from now")


def resumes(reason: PendingReason | None, happened: Happening) -> bool:
    """Does this event end the waiting?"""
    return reason is not None and RESUMED_BY.get(reason) is happened


class FixRun(NamedTuple):
    """A run on the ticket's machine, as its journal tells it. ``state`` is the last that arrived."""

    run: str
    state: RunState


_UNSETTLED = frozenset({RunState.RUNNING, RunState.VERIFYING, RunState.UNDOING})
"""An interrupted run is not among them: when its machine came back it looked, and said so."""


def unsettled(runs: tuple[FixRun, ...]) -> tuple[str, ...]:
    """Runs that changed something and whose verification, or undoing, is not on the ticket."""
    return tuple(run.run for run in runs if run.state in _UNSETTLED)


def check_resolve(
    *,
    resolution: str,
    party: Party,
    article: str | None,
    no_article_reason: str | None,
    runs: tuple[FixRun, ...],
) -> None:
    """Is everything there that a resolution needs? The user who says it works owes no article.

    Raises:
        RelevoError: ``parameter-invalid`` without words; ``article-missing``; ``verification-missing``.
    """
    if not resolution.strip():
        raise RelevoError(Code.PARAMETER_INVALID, "say how it was resolved")
    if party is Party.TECHNICIAN and not (article or "").strip() and not (no_article_reason or "").strip():
        raise RelevoError(Code.ARTICLE_MISSING)
    left = unsettled(runs)
    if left:
        raise RelevoError(Code.VERIFICATION_MISSING, ", ".join(left[:5]))


def window_end(resolved: datetime, reopen_days: int, hours: Hours | None = None) -> datetime:
    """Until then the ticket may be reopened; then it closes by itself."""
    return add_business_days(resolved, reopen_days, hours)


def check_reopen(
    resolved: datetime | None, reopen_days: int, now: datetime, hours: Hours | None = None
) -> None:
    """Raises RelevoError: ``window-over``."""
    if resolved is None or now > window_end(resolved, reopen_days, hours):
        raise RelevoError(Code.WINDOW_OVER)


def check_close(party: Party, *, is_requester: bool, reason: str) -> None:
    """The user or the timer closes. A technician closes their own request, or says on whose word.

    Raises:
        RelevoError: ``reason-missing``.
    """
    if party is Party.TECHNICIAN and not is_requester and not reason.strip():
        raise RelevoError(Code.REASON_MISSING)


def require_reason(reason: str) -> None:
    """Raises RelevoError: ``reason-missing``."""
    if not reason.strip():
        raise RelevoError(Code.REASON_MISSING)


def check_rating(score: int, asked: datetime | None, answered: datetime | None, now: datetime) -> None:
    """CSAT is asked once, at the first Resolved, and answered once.

    Raises:
        RelevoError: ``parameter-invalid``; ``conflict`` before it was asked; ``already-exists``;
            ``window-over``.
    """
    if score not in SCORES:
        raise RelevoError(Code.PARAMETER_INVALID, f"{score} is not 1 to 5")
    if asked is None:
        raise RelevoError(Code.CONFLICT, "the ticket is not resolved yet")
    if answered is not None:
        raise RelevoError(Code.ALREADY_EXISTS, "the rating")
    if now > asked + RATE_WITHIN:
        raise RelevoError(Code.WINDOW_OVER)
