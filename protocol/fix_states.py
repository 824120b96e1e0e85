"""The life of a fix run: its states and which may follow which, as one table."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from protocol.errors import Code, RelevoError


class RunState(enum.StrEnum):
    PROPOSED = "proposed"
    PRECHECKED = "prechecked"
    """``check`` ran; the fault is there, or may be."""
    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    AWAITING_CONSENT = "awaiting_consent"
    RUNNING = "running"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Did not verify, and nothing could be or had to be undone."""
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"
    NO_OP = "no_op"
    """The fault was not there; nothing was changed."""
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The process that ran it died; looked at with ``check``, never applied again."""


_S = RunState
_STOPS = frozenset({_S.DENIED, _S.EXPIRED, _S.CANCELLED, _S.INTERRUPTED})

NEXT: Mapping[RunState, frozenset[RunState]] = {
    _S.PROPOSED: frozenset({_S.PRECHECKED, _S.NO_OP, _S.FAILED}) | _STOPS,
    _S.PRECHECKED: frozenset({_S.PLANNED, _S.FAILED}) | _STOPS,
    _S.PLANNED: frozenset({_S.AWAITING_APPROVAL, _S.AWAITING_CONSENT, _S.RUNNING}) | _STOPS,
    _S.AWAITING_APPROVAL: frozenset({_S.AWAITING_CONSENT, _S.RUNNING}) | _STOPS,
    _S.AWAITING_CONSENT: frozenset({_S.RUNNING, _S.FAILED}) | _STOPS,
    _S.RUNNING: frozenset({_S.VERIFYING, _S.UNDOING, _S.FAILED, _S.INTERRUPTED}),
    _S.VERIFYING: frozenset({_S.SUCCEEDED, _S.UNDOING, _S.FAILED, _S.INTERRUPTED}),
    _S.SUCCEEDED: frozenset({_S.UNDOING}),
    _S.FAILED: frozenset(),
    _S.UNDOING: frozenset({_S.UNDONE, _S.UNDO_FAILED, _S.INTERRUPTED}),
    _S.UNDONE: frozenset(),
    _S.UNDO_FAILED: frozenset({_S.UNDOING}),
    _S.NO_OP: frozenset(),
    _S.DENIED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.CANCELLED: frozenset(),
    # What was interrupted may have half happened: undoing it is the one thing that may follow.
    _S.INTERRUPTED: frozenset({_S.UNDOING}),
}

SETTLED = frozenset(
    {
        _S.SUCCEEDED,
        _S.FAILED,
        _S.UNDONE,
        _S.UNDO_FAILED,
        _S.NO_OP,
        _S.DENIED,
        _S.EXPIRED,
        _S.CANCELLED,
        _S.INTERRUPTED,
    }
)
"""States in which nothing is going on: no process of the run is alive or about to be."""

UNDOABLE = frozenset(state for state, after in NEXT.items() if _S.UNDOING in after and state in SETTLED)


def require_step(before: RunState, after: RunState) -> None:
    """Raises RelevoError: ``invalid-transition`` unless the table has this step."""
    if after not in NEXT[before]:
        raise RelevoError(Code.INVALID_TRANSITION, f"fix run: {before} to {after}")
