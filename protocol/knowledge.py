"""The knowledge base: bodies of its HTTP API, and the guards of writing and publishing (4-domain.md, "Knowledge").

Decisions over values; the broker stores and records. What readers see of an article is its *live* text: the
last one that was published. Editing goes on beside it, and nothing that was written is lost.
"""

from __future__ import annotations

import enum
import unicodedata
from datetime import date, datetime, timedelta
from typing import Annotated

from msgspec import Meta

from protocol.assist import Parameter
from protocol.desk import Language
from protocol.errors import Code, RelevoError
from protocol.ids import TicketId
from protocol.knowledge_model import (
    MAX_BODY,
    MAX_SYMPTOMS,
    ORDER,
    PUBLISHER_TIER,
    REVIEWER_TIER,
    RULES,
    ArticleMove,
    ArticleRule,
    ArticleState,
    ArticleText,
    Body,
    Kind,
    Links,
    Right,
    Visibility,
    of_tier,
    rank,
)
from protocol.readers import Reader, reader_at, reader_of, reader_up_to
from protocol.signature_model import Evidence
from protocol.wire import Count, Line, Moment, Name, Wire

__all__ = [
    "MAX_BODY",
    "MAX_HITS",
    "MAX_SYMPTOMS",
    "NEW_ARTICLE",
    "ORDER",
    "PUBLISHER_TIER",
    "REVIEWER_TIER",
    "REVIEW_AFTER",
    "RULES",
    "ArticleDraftFrom",
    "ArticleEdit",
    "ArticleHelped",
    "ArticleId",
    "ArticleMove",
    "ArticleNew",
    "ArticleRow",
    "ArticleRule",
    "ArticleSearch",
    "ArticleState",
    "ArticleStep",
    "ArticleText",
    "ArticleVersion",
    "ArticleVersions",
    "ArticleView",
    "Articles",
    "Basis",
    "Body",
    "Found",
    "Hit",
    "Kind",
    "Links",
    "Reader",
    "Right",
    "Statistics",
    "SuggestedFix",
    "Suggestion",
    "Suggestions",
    "Visibility",
    "check_move",
    "check_text",
    "next_state",
    "of_tier",
    "rank",
    "reader_at",
    "reader_of",
    "reader_up_to",
    "review_date",
]

ArticleId = Annotated[str, Meta(pattern=r"^kb-[1-9][0-9]{0,11}$(?!\n)")]
REVIEW_AFTER = timedelta(days=365)
"""A published article that says nothing else is looked at again after this."""
MAX_HITS = 50
NEW_ARTICLE = "new"
"""``article`` of a resolution: make a draft from the ticket, and name that."""


class ArticleNew(Wire, frozen=True):
    """``POST /v1/articles``."""

    text: ArticleText
    review_by: date | None = None


class ArticleEdit(Wire, frozen=True):
    """``POST /v1/articles/{article}/text``: the whole text anew."""

    text: ArticleText
    version: Count
    """The version that was read: a stale edit is refused with ``stale-version`` and changes nothing."""
    review_by: date | None = None


class ArticleDraftFrom(Wire, frozen=True):
    """``POST /v1/tickets/{ticket}/article``: a draft from what the ticket tells."""

    language: Language | None = None
    """None: the ticket's."""


class ArticleStep(Wire, frozen=True):
    """``POST /v1/articles/{article}/submit|give-back|publish|retire``.

    ``version``: what the person has read; publishing needs it.
    """

    version: Count | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""


class ArticleHelped(Wire, frozen=True):
    """``POST /v1/articles/{article}/helpful``: once per person and ticket."""

    ticket: TicketId | None = None


class Statistics(Wire, frozen=True):
    """How often it was in a list of results, was opened, was what a ticket was resolved by, helped."""

    shown: Count = 0
    opened: Count = 0
    solved: Count = 0
    helpful: Count = 0


class ArticleView(Wire, frozen=True):
    """An article as the reader may see it: with ``live`` alone for those who only read."""

    article: ArticleId
    state: ArticleState
    version: Count
    """Of the article: send it back with a change. It counts edits and moves."""
    text: ArticleText
    text_version: Count
    """The version at which this text was written."""
    live_version: Count | None
    """The text that readers have; None: nothing of it is published."""
    owner: Name
    by: Name
    """Who wrote this text."""
    at: Moment
    created: Moment
    updated: Moment
    review_by: date | None
    published_by: Name | None = None
    reason: str = ""
    """Of the last move that needed one."""
    statistics: Statistics = Statistics()


class ArticleRow(Wire, frozen=True):
    """One line of a list."""

    article: ArticleId
    state: ArticleState
    kind: Kind
    visibility: Visibility
    customer: Name | None
    title: Line
    owner: Name
    updated: Moment
    review_by: date | None
    live_version: Count | None
    statistics: Statistics = Statistics()


class Articles(Wire, frozen=True):
    rows: tuple[ArticleRow, ...]
    next: str | None = None


class ArticleVersion(Wire, frozen=True):
    version: Count
    by: Name
    at: Moment
    visibility: Visibility
    title: Line


class ArticleVersions(Wire, frozen=True):
    """``GET /v1/articles/{article}/versions``, the newest first."""

    rows: tuple[ArticleVersion, ...]


# --- searching ---------------------------------------------------------------------------------


class ArticleSearch(Wire, frozen=True):
    """``POST /v1/articles/search`` and ``POST /v1/tickets/{ticket}/kb-searches``."""

    query: Annotated[str, Meta(min_length=1, max_length=500)]
    language: Language | None = None
    """None: the ticket's, else English."""
    limit: Annotated[int, Meta(ge=1, le=MAX_HITS)] = 10


class Hit(Wire, frozen=True):
    """An article that was found, best first. It carries no score: that would count what one may not see."""

    article: ArticleId
    kind: Kind
    visibility: Visibility
    language: Language
    """Of ``title`` and ``snippet``."""
    title: Line
    snippet: str
    words: tuple[str, ...]
    """Which of the words that were looked for it has."""
    statistics: Statistics = Statistics()


class Found(Wire, frozen=True):
    hits: tuple[Hit, ...]


class Basis(enum.StrEnum):
    """Why something is suggested, the strongest first."""

    SIGNATURE = "signature"
    WORDS = "words"
    RESOLUTIONS = "resolutions"


class SuggestedFix(Wire, frozen=True):
    """A fix of a known error with what its signature bound."""

    fix: Name
    params: tuple[Parameter, ...] = ()
    missing: tuple[str, ...] = ()
    """Parameters that somebody has to give."""


class Suggestion(Wire, frozen=True):
    """Something that may help on a ticket, and why: ``evidence``, ``words`` or ``tickets``, by ``basis``."""

    basis: Basis
    title: str
    article: ArticleId | None = None
    known_error: Name | None = None
    """Of a signature: ``confirm`` and ``wrong`` are said of it."""
    version: Count | None = None
    words: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[SuggestedFix, ...] = ()
    tickets: Count = 0
    """How many of this customer's tickets it resolved lately."""
    feedback: str | None = None


class Suggestions(Wire, frozen=True):
    ticket: TicketId
    rows: tuple[Suggestion, ...]


# --- guards ---------------------------------------------------------------------------------------


def next_state(state: ArticleState, move: ArticleMove) -> ArticleState:
    """Raises RelevoError: ``invalid-transition``."""
    rule = RULES[move]
    if state not in rule.sources:
        raise RelevoError(Code.INVALID_TRANSITION, f"{move} from {state}")
    return rule.target


def check_move(
    move: ArticleMove,
    *,
    person: str,
    tier: int,
    owner: str,
    writers: frozenset[str],
    visibility: Visibility,
    reason: str = "",
) -> None:
    """May this person, who can read the article, make this move?

    Args:
        tier: of the person towards this article (``Reader.tier``).
        writers: who wrote what would be published.
        visibility: of the text that the move is about.

    Raises:
        RelevoError: ``tier-too-low``; ``refused`` to whoever would publish their own words;
            ``reason-missing``.
    """
    rule = RULES[move]
    if rule.reason_needed and not reason.strip():
        raise RelevoError(Code.REASON_MISSING)
    if rule.right is Right.OWNER_OR_REVIEWER and person == owner and tier >= 1:
        return
    if tier < REVIEWER_TIER:
        raise RelevoError(Code.TIER_TOO_LOW, f"{move} needs tier {REVIEWER_TIER}")
    if rule.right is Right.SECOND_PERSON:
        if person in writers:
            raise RelevoError(Code.REFUSED, "a second person publishes what one wrote")
        if tier < PUBLISHER_TIER[visibility]:
            raise RelevoError(Code.TIER_TOO_LOW, f"publishing for {visibility}")


def check_text(text: ArticleText, reader: Reader) -> None:
    """May a person with these rights write this?

    Raises:
        RelevoError: ``parameter-invalid`` without a language, with a blank title or with control
            characters; ``tier-too-low`` for a visibility above one's own; ``not-found`` for a customer
            that is none of theirs.
    """
    bodies = text.bodies()
    if not bodies:
        raise RelevoError(Code.PARAMETER_INVALID, "an article needs a text in en or es")
    for language, body in bodies.items():
        if not body.title.strip() or "\n" in body.title:
            raise RelevoError(Code.PARAMETER_INVALID, f"{language}: a title of one line is needed")
        for name, value in (("title", body.title), ("symptoms", body.symptoms), ("body", body.body)):
            _require_plain(f"{language}.{name}", value)
    if reader.of(text.customer) is None:
        raise RelevoError(Code.NOT_FOUND, f"customer {text.customer}")
    if reader.tier(text.customer) < 1:
        raise RelevoError(Code.TIER_TOO_LOW, "writing needs a tier")
    if not reader.may_read(text.visibility, text.customer):
        raise RelevoError(Code.TIER_TOO_LOW, f"an article for {text.visibility}")


def _require_plain(where: str, value: str) -> None:
    for at, char in enumerate(value):
        if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cs"):
            raise RelevoError(Code.PARAMETER_INVALID, f"{where}: control character {ord(char):#04x} at {at}")


def review_date(asked: date | None, now: datetime) -> date:
    """When a text that is published now is looked at again."""
    today = now.date()
    return asked if asked is not None and asked > today else today + REVIEW_AFTER
