"""The ticket life cycle as one transition table with a right per transition (4-domain.md)."""

from __future__ import annotations

import enum
from typing import NamedTuple

from protocol.errors import Code, RelevoError


class State(enum.StrEnum):
    NEW = "new"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in-progress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Party(enum.StrEnum):
    """Who may cause a transition."""

    USER = "user"
    TECHNICIAN = "technician"
    RULE = "rule"
    """A routing rule, or an event elsewhere that the ticket waited for."""
    TIMER = "timer"
    MONITOR = "monitor"
    """A check that found something by itself; it opens tickets and does nothing else."""
    CONNECTOR = "connector"
    """What was decided in an outside ticket system. It never takes, assigns, escalates or closes."""


class Move(enum.StrEnum):
    """Transitions by name."""

    CREATE = "create"
    ASSIGN = "assign"
    TAKE = "take"
    START = "start"
    ACCEPT = "accept"
    PEND = "pend"
    RESUME = "resume"
    ESCALATE = "escalate"
    RETURN = "return"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    CLOSE = "close"
    CANCEL = "cancel"


class PendingReason(enum.StrEnum):
    AWAITING_USER = "awaiting_user"
    AWAITING_CONSENT = "awaiting_consent"
    AWAITING_APPROVAL = "awaiting_approval"
    AWAITING_VENDOR = "awaiting_vendor"
    AWAITING_CHANGE = "awaiting_change"
    SCHEDULED = "scheduled"


class Happening(enum.StrEnum):
    """What a pending ticket may wait for besides a time."""

    USER_REPLY = "user-reply"
    CONSENT = "consent"
    APPROVAL = "approval"


RESUMED_BY: dict[PendingReason, Happening] = {
    PendingReason.AWAITING_USER: Happening.USER_REPLY,
    PendingReason.AWAITING_CONSENT: Happening.CONSENT,
    PendingReason.AWAITING_APPROVAL: Happening.APPROVAL,
}
"""A reason that is not listed needs ``resume_at``."""


class CauseCode(enum.StrEnum):
    """Why the problem happened, as the closer sees it; feeds the reports."""

    SOFTWARE = "software"
    CONFIGURATION = "configuration"
    HARDWARE = "hardware"
    NETWORK = "network"
    CAPACITY = "capacity"
    ACCESS = "access"
    USER_QUESTION = "user_question"
    EXTERNAL = "external"
    FALSE_ALARM = "false_alarm"
    """There was no problem; of an early warning: it was wrong."""
    UNKNOWN = "unknown"


OPEN_STATES = frozenset({State.NEW, State.ASSIGNED, State.IN_PROGRESS, State.PENDING})
SESSION_STATES = frozenset({State.ASSIGNED, State.IN_PROGRESS, State.PENDING})
"""States in which a session may be asked for: somebody is responsible."""
FINAL_STATES = frozenset({State.CLOSED, State.CANCELLED})
"""Nothing changes any more; a later complaint is a new ticket with ``follow_up_of``."""
CREATORS = frozenset({Party.USER, Party.TECHNICIAN, Party.MONITOR, Party.CONNECTOR})
SELF_SERVICE_TIER = 0
"""``resolved_by_tier`` of what the user solved without a technician."""
TOP_TIER = 3


class Rule(NamedTuple):
    sources: frozenset[State]
    target: State
    parties: frozenset[Party]


_PEOPLE = frozenset({Party.USER, Party.TECHNICIAN})
_TECHNICIAN = frozenset({Party.TECHNICIAN})
_OUTSIDE = frozenset({Party.CONNECTOR})

_UNFINISHED = frozenset({State.NEW, State.ASSIGNED, State.IN_PROGRESS})

RULES: dict[Move, Rule] = {
    Move.ASSIGN: Rule(_UNFINISHED, State.ASSIGNED, frozenset({Party.TECHNICIAN, Party.RULE})),
    Move.TAKE: Rule(_UNFINISHED, State.ASSIGNED, _TECHNICIAN),
    Move.START: Rule(frozenset({State.ASSIGNED}), State.IN_PROGRESS, _TECHNICIAN),
    Move.ACCEPT: Rule(frozenset({State.ASSIGNED}), State.IN_PROGRESS, _TECHNICIAN),
    Move.PEND: Rule(frozenset({State.IN_PROGRESS}), State.PENDING, _TECHNICIAN | _OUTSIDE),
    Move.RESUME: Rule(
        frozenset({State.PENDING}),
        State.IN_PROGRESS,
        frozenset({Party.USER, Party.TECHNICIAN, Party.RULE, Party.TIMER, Party.CONNECTOR}),
    ),
    Move.ESCALATE: Rule(frozenset({State.IN_PROGRESS, State.ASSIGNED}), State.ASSIGNED, _TECHNICIAN),
    Move.RETURN: Rule(frozenset({State.IN_PROGRESS, State.ASSIGNED}), State.ASSIGNED, _TECHNICIAN),
    Move.RESOLVE: Rule(frozenset({State.IN_PROGRESS, State.PENDING}), State.RESOLVED, _PEOPLE | _OUTSIDE),
    Move.REOPEN: Rule(frozenset({State.RESOLVED}), State.IN_PROGRESS, _PEOPLE | _OUTSIDE),
    Move.CLOSE: Rule(
        frozenset({State.RESOLVED}), State.CLOSED, frozenset({Party.USER, Party.TIMER, Party.TECHNICIAN})
    ),
    Move.CANCEL: Rule(OPEN_STATES, State.CANCELLED, _PEOPLE | _OUTSIDE),
}


def next_state(state: State, move: Move, party: Party) -> State:
    """The state after ``move``.

    Raises:
        RelevoError: ``invalid-transition`` from this state, ``refused`` for this party.
    """
    rule = RULES.get(move)
    if rule is None or state not in rule.sources:
        raise RelevoError(Code.INVALID_TRANSITION, f"{move} from {state}")
    if party not in rule.parties:
        raise RelevoError(Code.REFUSED, f"{party} may not {move}")
    return rule.target


def priority(impact: int, urgency: int) -> int:
    """P1 critical .. P5 planning, from impact and urgency (each 1 high .. 3 low).

    The customer's own matrix is ``protocol.desk.CustomerDesk.priority_of``; this is the one by default.

    Raises:
        RelevoError: ``usage`` for a level that is none.
    """
    if impact not in (1, 2, 3) or urgency not in (1, 2, 3):
        raise RelevoError(Code.USAGE, f"impact {impact}, urgency {urgency}")
    return impact + urgency - 1
