"""Bodies of the HTTP API about matches of known errors on a ticket."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from protocol.ids import ArtifactId, TicketId
from protocol.known_errors import KnownErrorId
from protocol.scopes import Clearance
from protocol.signature_model import MAX_EVIDENCE, MAX_MISSING, MAX_SETS, Binding, Evidence, Missing, Outcome
from protocol.wire import Count, Moment, Name, Wire

MAX_POSTED = 2_000
Version = Annotated[int, Meta(ge=1, le=999_999)]
Feedback = Literal["confirmed", "wrong"]


class MatchView(Wire, frozen=True):
    """What the newest bundle that says anything says of one known error."""

    ticket: TicketId
    artifact: ArtifactId
    known_error: KnownErrorId
    version: Version
    verdict: Outcome
    clearance: Clearance
    """Of the bundle."""
    at: Moment
    bindings: Annotated[tuple[tuple[Binding, ...], ...], Meta(max_length=MAX_SETS)]
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=MAX_EVIDENCE)]
    missing: Annotated[tuple[Missing, ...], Meta(max_length=MAX_MISSING)]
    by: Name | None = None
    """The technician whose program opened a sealed bundle; None: the broker."""
    feedback: Feedback | None = None
    feedback_by: Name | None = None
    in_review: bool = False


class Matches(Wire, frozen=True):
    rows: tuple[MatchView, ...]


class SignatureView(Wire, frozen=True):
    """A version of a known error: how its signature did on the bundles of customers that the caller sees."""

    known_error: KnownErrorId
    version: Version
    published: bool
    """It is what is published now; else a version before, or a retired known error."""
    in_review: Moment | None = None
    evaluated: Count = 0
    matched: Count = 0
    unknown: Count = 0
    tickets: Count = 0
    """On which it matched."""
    confirmed: Count = 0
    wrong: Count = 0


class Signatures(Wire, frozen=True):
    rows: tuple[SignatureView, ...]
    compared: Count
    """Tickets whose bundles were compared."""
    matched: Count
    """Those of them on which some signature matched."""


class MatchJudged(Wire, frozen=True):
    """``POST …/matches/{known_error}``."""

    feedback: Feedback


class MatchSaid(Wire, frozen=True):
    """A verdict alone: what a sealed bundle holds stays sealed."""

    known_error: KnownErrorId
    version: Version
    verdict: Outcome


class MatchesPosted(Wire, frozen=True):
    """``POST …/matches``: what the technician's program saw in a bundle that the broker cannot read."""

    artifact: ArtifactId
    rows: Annotated[tuple[MatchSaid, ...], Meta(min_length=1, max_length=MAX_POSTED)]
