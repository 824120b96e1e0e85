"""The published known errors as they were last verified, kept so that a quick command need not verify anew.

Light to import: nothing of TLS, TUF or signatures is loaded for reading an empty or a fresh copy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.wire import Moment, Wire, from_json, to_json

if TYPE_CHECKING:
    from protocol.diagnosis import Bundle
    from protocol.known_errors import Judged, KnownError

FRESH = timedelta(minutes=5)
"""As old as revocation data may be before anything is refused for it (8-promises.md)."""
JUDGE_S = 10.0
"""Time for all signatures on one bundle."""
_FILE = "known-errors.json"
_MAX = 16 << 20


class Catalogue(NamedTuple):
    """What is published, and which versions are under review: those are not suggested."""

    known: tuple[KnownError, ...]
    in_review: frozenset[tuple[str, int]]

    def suggested(self) -> tuple[KnownError, ...]:
        return tuple(one for one in self.known if (one.id, one.version) not in self.in_review)

    def get(self, id_: str, version: int) -> KnownError | None:
        """This very version, if it is published; what the broker says of another is not shown as its words."""
        return next((one for one in self.known if (one.id, one.version) == (id_, version)), None)


class _Kept(Wire, frozen=True):
    """``HOME/known-errors.json``."""

    verified: Moment
    snapshot_version: int
    """It goes up with every publication."""
    known: tuple[msgspec.Raw, ...]
    in_review: tuple[tuple[str, int], ...]


def keep(home: Path, catalogue: Catalogue, snapshot_version: int, now: datetime) -> None:
    """Remember what was verified at ``now``. Raises RelevoError: ``refused`` and others of ``write_private``."""
    known = tuple(msgspec.Raw(to_json(one)) for one in catalogue.known)
    review = tuple(sorted(catalogue.in_review))
    kept = _Kept(verified=now, snapshot_version=snapshot_version, known=known, in_review=review)
    write_private(home / _FILE, to_json(kept))


def kept(home: Path, now: datetime, published: Callable[[], int | None]) -> Catalogue | None:
    """What was verified within the last ``FRESH``, if it is what is still published.

    Args:
        published: asks for the version of the snapshot that the broker serves now; None: not known.
            A broker that lies about it hides a publication for ``FRESH``: no longer than it could anyway.
    """
    try:
        found = from_json(read_file(home / _FILE, _MAX), _Kept)
        current = timedelta(0) <= now - found.verified <= FRESH and published() == found.snapshot_version
        return Catalogue(_decoded(found.known), frozenset(found.in_review)) if current else None
    except RelevoError:  # none was kept, another version kept it, or nobody can be asked
        return None


def _decoded(known: Sequence[msgspec.Raw]) -> tuple[KnownError, ...]:
    if not known:
        return ()
    from protocol.known_errors import KnownError

    return tuple(from_json(bytes(one), KnownError) for one in known)


def forget(home: Path) -> None:
    """Verify and ask anew next time. Raises RelevoError: ``cannot-record`` while the copy cannot be removed."""
    path = home / _FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise RelevoError(Code.CANNOT_RECORD, f"{path}: {error.strerror}") from error


def judge(bundle: Bundle, known: Sequence[KnownError], now: datetime) -> tuple[Judged, ...]:
    """What each signature says of a bundle whose seal held; unknown for those that time leaves over."""
    if not known:
        return ()
    from protocol.known_errors import judge_all

    end = time.monotonic() + JUDGE_S
    return judge_all(known, bundle, now, lambda: time.monotonic() < end)
