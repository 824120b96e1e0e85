"""The part of the role matrix that is about matches of known errors."""

from __future__ import annotations

from broker.calls import MEMBER, TECHNICIAN, Http, Row
from broker.knowledge import matches_api
from protocol import signature_api as wire

_MATCHES = "/v1/tickets/{ticket}/matches"

SIGNATURE_ROUTES: tuple[Row, ...] = (
    Http("GET", "/v1/signatures", matches_api.list_signatures, MEMBER, gives=wire.Signatures),
    Http("GET", _MATCHES, matches_api.list_matches, MEMBER, gives=wire.Matches),
    Http(
        "POST", _MATCHES, matches_api.post_matches, TECHNICIAN, takes=wire.MatchesPosted, gives=wire.Matches
    ),
    Http(
        "POST",
        f"{_MATCHES}/{{known_error}}",
        matches_api.judge_match,
        TECHNICIAN,
        takes=wire.MatchJudged,
        gives=wire.MatchView,
    ),
)
