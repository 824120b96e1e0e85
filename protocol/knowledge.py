"""The knowledge base: articles, who may read them, and what may become of them (4-domain.md, "Knowledge").

Decisions over values; the broker stores and records. What readers see of an article is its *live* text: the
last one that was published. Editing goes on beside it, and nothing that was written is lost.
"""

from __future__ import annotations

import enum
import unicodedata
from datetime import date, datetime, timedelta
from typing import Annotated, NamedTuple

from msgspec import Meta

from protocol.assist import Parameter
from protocol.desk import Language
from protocol.errors import Code, RelevoError
from protocol.ids import TicketId
from protocol.organisation import Technician
from protocol.scopes import ANY_CUSTOMER, Role
from protocol.signature_model import Evidence
from protocol.wire import Count, Line, Moment, Name, Wire

ArticleId = Annotated[str, Meta(pattern=r"^kb-[1-9][0-9]{0,11}$(?!\n)")]
REVIEW_AFTER = timedelta(days=365)
"""A published article that says nothing else is looked at again after this."""
MAX_HITS = 50
MAX_SYMPTOMS = 4_000
MAX_BODY = 60_000


class Kind(enum.StrEnum):
    HOWTO = "howto"
    TROUBLESHOOTING = "troubleshooting"
    KNOWN_ERROR = "known_error"
    POLICY = "policy"


class ArticleState(enum.StrEnum):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    RETIRED = "retired"


class Visibility(enum.StrEnum):
    """Who may read it, in rising order; whoever may read one may read those before it."""

    PUBLIC = "public"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"


ORDER = tuple(Visibility)
"""The index here is the *rank*: 0 anybody, else the tier that is needed."""


def rank(visibility: Visibility) -> int:
    return ORDER.index(visibility)


def of_tier(tier: int) -> Visibility:
    """The most that somebody of this tier may read; 0 is anybody."""
    return ORDER[tier]


class ArticleMove(enum.StrEnum):
    EDIT = "edit"
    SUBMIT = "submit"
    GIVE_BACK = "give-back"
    PUBLISH = "publish"
    RETIRE = "retire"


class Right(enum.Enum):
    """Who may make a move, besides having a tier that reads the article."""

    OWNER_OR_REVIEWER = "owner-or-reviewer"
    REVIEWER = "reviewer"
    SECOND_PERSON = "second-person"
    """A reviewer who wrote nothing of what would be published."""


class ArticleRule(NamedTuple):
    sources: frozenset[ArticleState]
    target: ArticleState
    right: Right
    reason_needed: bool = False


_S = ArticleState
RULES: dict[ArticleMove, ArticleRule] = {
    ArticleMove.EDIT: ArticleRule(frozenset(ArticleState), _S.DRAFT, Right.OWNER_OR_REVIEWER),
    ArticleMove.SUBMIT: ArticleRule(frozenset({_S.DRAFT}), _S.IN_REVIEW, Right.OWNER_OR_REVIEWER),
    ArticleMove.GIVE_BACK: ArticleRule(
        frozenset({_S.IN_REVIEW}), _S.DRAFT, Right.OWNER_OR_REVIEWER, reason_needed=True
    ),
    ArticleMove.PUBLISH: ArticleRule(frozenset({_S.IN_REVIEW}), _S.PUBLISHED, Right.SECOND_PERSON),
    ArticleMove.RETIRE: ArticleRule(
        frozenset({_S.DRAFT, _S.IN_REVIEW, _S.PUBLISHED}), _S.RETIRED, Right.REVIEWER, reason_needed=True
    ),
}
"""Every way from state to state. A new article is a draft; anybody with a tier may write one."""
REVIEWER_TIER = 2
PUBLISHER_TIER: dict[Visibility, int] = {
    Visibility.PUBLIC: 2,
    Visibility.L1: 2,
    Visibility.L2: 2,
    Visibility.L3: 3,
}


# --- what is written ---------------------------------------------------------------------------


class Body(Wire, frozen=True):
    """An article in one language. Markdown is text here: whoever shows it escapes it."""

    title: Line
    symptoms: Annotated[str, Meta(max_length=MAX_SYMPTOMS)] = ""
    """In the words of whoever has the problem: what is searched first."""
    body: Annotated[str, Meta(max_length=MAX_BODY)] = ""


class Links(Wire, frozen=True):
    tickets: Annotated[tuple[TicketId, ...], Meta(max_length=200)] = ()
    fixes: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    known_errors: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()


class ArticleText(Wire, frozen=True):
    """One version of an article, whole."""

    kind: Kind = Kind.TROUBLESHOOTING
    visibility: Visibility = Visibility.L2
    customer: Name | None = None
    """Only for people who help this customer; None: for every customer."""
    category: Name | None = None
    en: Body | None = None
    es: Body | None = None
    links: Links = Links()

    def bodies(self) -> dict[str, Body]:
        """Language to body, of the languages that are there."""
        return {lang: body for lang, body in (("en", self.en), ("es", self.es)) if body is not None}

    def best(self, language: str) -> tuple[str, Body]:
        """The body in this language, else in the other."""
        there = self.bodies()
        chosen = language if language in there else next(iter(there))
        return chosen, there[chosen]


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
    """``POST /v1/articles/{article}/submit|give-back|publish|retire``."""

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


# --- who may read ------------------------------------------------------------------------------


class Reader(NamedTuple):
    """The most that somebody may read, by whom an article is for.

    Attributes:
        general: of articles for every customer.
        customers: of those for one customer, by customer.
        others: of those for a customer that is not listed; None: nothing.
    """

    general: Visibility
    customers: tuple[tuple[str, Visibility], ...] = ()
    others: Visibility | None = None

    def of(self, customer: str | None) -> Visibility | None:
        """The ceiling for an article of this customer; None: nothing of it."""
        if customer is None:
            return self.general
        return dict(self.customers).get(customer, self.others)

    def may_read(self, visibility: Visibility, customer: str | None) -> bool:
        ceiling = self.of(customer)
        return ceiling is not None and rank(visibility) <= rank(ceiling)

    def tier(self, customer: str | None) -> int:
        """The tier at which the reader stands towards articles of this customer; 0: anybody."""
        ceiling = self.of(customer)
        return 0 if ceiling is None else rank(ceiling)


def reader_up_to(ceiling: Visibility, customer: str | None) -> Reader:
    """Somebody who is helping, or is, ``customer``, and may read up to ``ceiling`` there."""
    return Reader(ceiling, () if customer is None else ((customer, ceiling),))


def reader_of(person: Technician) -> Reader:
    """What the roster lets this person read when no ticket narrows it.

    Articles for every customer: by the highest tier that the person has anywhere. Auditors read all,
    administrators look at every customer as tier 1 does, whoever has no tier reads what anybody may.
    """
    if Role.AUDITOR in person.roles:
        return Reader(Visibility.L3, (), Visibility.L3)
    tiers = {row.customer: of_tier(row.tier) for row in person.tiers}
    others = tiers.pop(ANY_CUSTOMER, None)
    if Role.ADMIN in person.roles:
        others = others or Visibility.L1
    most = max((*tiers.values(), others or Visibility.PUBLIC), key=rank)
    return Reader(most, tuple(tiers.items()), others)


def reader_at(person: Technician, customer: str) -> Reader:
    """What the person may read while working for this customer: by the tier there."""
    ceiling = reader_of(person).of(customer)
    return reader_up_to(ceiling, customer) if ceiling is not None else Reader(Visibility.PUBLIC)


# --- guards ------------------------------------------------------------------------------------


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
