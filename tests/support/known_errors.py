"""Known errors of the starter catalogue, changed where a test wants them otherwise, and bundles to try."""

from __future__ import annotations

from typing import Any

import msgspec

from protocol import layout
from protocol.diagnosis import Bundle, CollectorResult
from protocol.known_errors import KnownError, known_error_json
from protocol.wire import from_json
from technician.org.known_errors import read_directory
from tests.support.world import ROOT

STARTERS = ROOT / "fixes" / "known-errors"


def known_error(id_: str = "stale-lock", **changes: Any) -> KnownError:
    return msgspec.structs.replace(read_directory(STARTERS / id_)[0], **changes)


def targets(*known: KnownError) -> dict[str, bytes]:
    """The documents at their target paths."""
    return {layout.known_error_path(one.id): known_error_json(one) for one in known}


def real_bundle(name: str = "stale-lock/positive-backup.json", **changes: Any) -> Bundle:
    """A bundle of the catalogue with another manifest: ``agent``, ``ticket``, ``clearance``, …"""
    bundle = from_json((STARTERS / name).read_bytes(), Bundle)
    return msgspec.structs.replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, **changes))


def fresh(bundle: Bundle, **changes: Any) -> Bundle:
    """The same bundle with its results changed or taken at another time."""
    results: tuple[CollectorResult, ...] = tuple(
        msgspec.structs.replace(one, **changes) for one in bundle.results
    )
    return msgspec.structs.replace(bundle, results=results)
