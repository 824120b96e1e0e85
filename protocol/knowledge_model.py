"""Articles of the knowledge base: what they hold, who they are for, and the table of what may become of them."""

from __future__ import annotations

import enum
from typing import Annotated, NamedTuple

from msgspec import Meta

from protocol.ids import TicketId
from protocol.wire import Line, Name, Wire

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
