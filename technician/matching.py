"""Known errors on the technician's side: from the verified repository, against bundles that we may open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from protocol.diagnosis import Bundle
from protocol.known_errors import Judged, KnownError, judge_all
from protocol.signature_api import Matches, MatchesPosted, MatchSaid, Signatures
from technician.login import Api, client

JUDGE_S = 10.0
"""Time for all signatures on one bundle."""


class Catalogue(NamedTuple):
    """What is published, and which versions are under review: those are not suggested."""

    known: tuple[KnownError, ...]
    in_review: frozenset[tuple[str, int]]

    def suggested(self, known: KnownError) -> bool:
        return (known.id, known.version) not in self.in_review

    def get(self, id_: str, version: int) -> KnownError | None:
        """This very version, if it is published; what the broker says of another is not shown as its words."""
        return next((one for one in self.known if (one.id, one.version) == (id_, version)), None)


def catalogue(home: Path) -> Catalogue:
    """The published known errors, freshly verified.

    Raises:
        RelevoError: as ``Repository.refresh``, or what the broker answers.
    """
    api = client(home)
    try:
        repository = api.repository()
        repository.refresh(datetime.now(UTC))
        known = repository.known_errors()
        said = (
            api.get_json("/v1/signatures", Signatures)
            if known
            else Signatures(rows=(), compared=0, matched=0)
        )
    finally:
        api.close()
    review = frozenset((row.known_error, row.version) for row in said.rows if row.in_review is not None)
    return Catalogue(known, review)


def judge(bundle: Bundle, known: Sequence[KnownError], now: datetime) -> tuple[Judged, ...]:
    """What each signature says of a bundle whose seal held; unknown for those that time leaves over."""
    end = time.monotonic() + JUDGE_S
    return judge_all(known, bundle, now, lambda: time.monotonic() < end)


def post(api: Api, ticket: str, artifact: str, judged: Sequence[Judged]) -> None:
    """Tell the broker the verdicts about a bundle that it cannot read, and nothing else of it.

    Raises:
        RelevoError: what the broker answers.
    """
    rows = tuple(
        MatchSaid(known_error=one.known.id, version=one.known.version, verdict=one.verdict.outcome)
        for one in judged
    )
    api.post_json(f"/v1/tickets/{ticket}/matches", MatchesPosted(artifact=artifact, rows=rows), Matches)
