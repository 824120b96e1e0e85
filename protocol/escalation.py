"""Passing a ticket on between tiers: the hand-over record, its guards, and what L3 gives back.

Decisions over values (4-domain.md, "Tiers and escalation"). The broker stores and records.
"""

from __future__ import annotations

import enum
from typing import Annotated, NamedTuple

from msgspec import Meta

from protocol.errors import Code, RelevoError
from protocol.ids import ArtifactId, TicketId
from protocol.scopes import Clearance, Tier
from protocol.tickets import TOP_TIER
from protocol.wire import Count, Line, Moment, Name, Wire

Words = Annotated[str, Meta(max_length=4_000)]
Said = Annotated[str, Meta(max_length=500)]


class ReasonCode(enum.StrEnum):
    """Why a ticket goes to another tier."""

    NO_KB_MATCH = "no_kb_match"
    KB_FAILED = "kb_failed"
    NEEDS_CONFIDENTIAL_DATA = "needs_confidential_data"
    FIX_ABOVE_TIER = "fix_above_tier"
    TIME_BOX = "time_box"
    USER_REQUEST = "user_request"
    RECURRING = "recurring"
    SECURITY = "security"


class Handover(Wire, frozen=True):
    """What the next tier must know, so that nobody asks the user the same things again."""

    symptom: Words = ""
    impact: Words = ""
    steps_tried: Annotated[tuple[Said, ...], Meta(max_length=100)] = ()
    diagnostics: Annotated[tuple[ArtifactId, ...], Meta(max_length=200)] = ()
    kb_tried: Annotated[tuple[Said, ...], Meta(max_length=100)] = ()
    hypothesis: Words = ""
    question: Words = ""
    """What the next tier is asked for."""


class Escalation(Wire, frozen=True):
    """One hand-over, from the asking to its end. ``withheld``: the reader's clearance is too low for it."""

    id: Count
    ticket: TicketId
    from_tier: Tier
    to_tier: Tier
    reason_code: ReasonCode
    handover: Handover
    by: Name
    at: Moment
    no_diagnostics_reason: Said = ""
    skip_reason: Said = ""
    accepted_by: Name | None = None
    accepted_at: Moment | None = None
    returned_by: Name | None = None
    returned_at: Moment | None = None
    return_reason: Said | None = None
    withheld: Clearance | None = None

    @property
    def open(self) -> bool:
        """Whether it can still be returned."""
        return self.returned_at is None


class Evidence(NamedTuple):
    """What was done on the ticket before it is passed on."""

    diagnostic_runs: int
    knowledge_searches: int


def check_escalation(
    *,
    from_tier: int,
    to_tier: int,
    priority: int,
    handover: Handover,
    no_diagnostics_reason: str,
    skip_reason: str,
    done: Evidence,
) -> None:
    """May the ticket go up?

    Raises:
        RelevoError: ``parameter-invalid`` for a tier that is not above, or an empty hand-over;
            ``diagnosis-missing``; ``knowledge-not-searched``; ``tier-skipped``.
    """
    if not from_tier < to_tier <= TOP_TIER:
        raise RelevoError(Code.PARAMETER_INVALID, f"from tier {from_tier} to tier {to_tier}")
    for name, text in (("symptom", handover.symptom), ("question", handover.question)):
        if not text.strip():
            raise RelevoError(Code.PARAMETER_INVALID, f"the hand-over says no {name}")
    if done.diagnostic_runs == 0 and not no_diagnostics_reason.strip():
        raise RelevoError(Code.DIAGNOSIS_MISSING)
    if done.knowledge_searches == 0:
        raise RelevoError(Code.KNOWLEDGE_NOT_SEARCHED)
    if to_tier - from_tier > 1 and priority != 1 and not skip_reason.strip():
        raise RelevoError(Code.TIER_SKIPPED, f"P{priority} from tier {from_tier} to tier {to_tier}")


class HandBackKind(enum.StrEnum):
    """How what L3 found comes back to L1 and L2."""

    KNOWN_ERROR = "known_error"
    ARTICLE_AND_FIX = "article_and_fix"
    NOT_REPEATABLE = "not_repeatable"


class HandBack(Wire, frozen=True):
    kind: HandBackKind
    known_error: Name | None = None
    article: Name | None = None
    fix: Name | None = None
    """The fix that is proposed: an id in the catalogue, or the name of the draft."""
    for_l1: Words = ""
    """What L1 may know and do, in words that give away nothing above R1."""


def check_hand_back(resolved_by_tier: int, hand_back: HandBack | None) -> None:
    """What L3 resolves comes back to the other tiers, or says why it cannot.

    Raises:
        RelevoError: ``hand-back-missing`` where it is absent or lacks what its kind needs.
    """
    if resolved_by_tier < TOP_TIER and hand_back is None:
        return
    if hand_back is None:
        raise RelevoError(Code.HAND_BACK_MISSING, "resolved at tier 3")
    lacking = [name for name, value in _needed(hand_back).items() if not (value or "").strip()]
    if lacking:
        raise RelevoError(Code.HAND_BACK_MISSING, f"{hand_back.kind} without {', '.join(lacking)}")


def _needed(back: HandBack) -> dict[str, str | None]:
    match back.kind:
        case HandBackKind.KNOWN_ERROR:
            return {"known_error": back.known_error, "for_l1": back.for_l1}
        case HandBackKind.ARTICLE_AND_FIX:
            return {"article": back.article, "fix": back.fix, "for_l1": back.for_l1}
        case HandBackKind.NOT_REPEATABLE:
            return {}


def title_of(handover: Handover) -> Line:
    """The question as one line, for the timeline."""
    return " ".join((handover.question or handover.symptom).split())[:200] or "-"
