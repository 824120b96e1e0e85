"""Known errors on the technician's side: from the verified repository, against bundles that we may open."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from protocol.errors import RelevoError
from protocol.known_errors import Judged
from protocol.signature_api import Matches, MatchesPosted, MatchSaid, Signatures
from technician.catalogue import Catalogue, keep
from technician.login import Api, client


def catalogue(home: Path) -> Catalogue:
    """The published known errors, freshly verified, and kept for the next who asks.

    Raises:
        RelevoError: as ``Repository.refresh``, or what the broker answers.
    """
    api = client(home)
    try:
        repository = api.repository()
        now = datetime.now(UTC)
        repository.refresh(now)
        known = repository.known_errors()
        said = (
            api.get_json("/v1/signatures", Signatures)
            if known
            else Signatures(rows=(), compared=0, matched=0)
        )
    finally:
        api.close()
    review = frozenset((row.known_error, row.version) for row in said.rows if row.in_review is not None)
    found = Catalogue(known, review)
    with contextlib.suppress(RelevoError):  # a full disk costs the next one time, this one nothing
        keep(home, found, repository.snapshot_version, now)
    return found


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
