"""python-tuf's client workflow with three things it leaves out: the time as a value, our sources, our errors.

Verification itself is python-tuf's (``tuf.ngclient``), untouched. Two private names of tuf 7 are used, here
and nowhere else: ``Updater._trusted_set`` (its reference time, and reading what was verified) and
``Updater._load_targets`` (a delegated role as a whole instead of one target of it).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tuf.api import exceptions
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from protocol import layout
from protocol.drivers.sources import Fetch
from protocol.errors import Code, RelevoError

_logger = logging.getLogger(__name__)
_BASE = "metadata/"


class _Fetcher(FetcherInterface):
    """Our source behind python-tuf's interface. python-tuf checks each exact length on top."""

    def __init__(self, fetch: Fetch) -> None:
        self._source = fetch

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            return iter([self._source(url, layout.MAX_TARGETS_METADATA)])
        except RelevoError as error:
            if error.code is Code.NOT_FOUND:
                raise exceptions.DownloadHTTPError(f"{url} not found", 404) from error
            raise


class Client(Updater):
    """One run of the workflow in ``folder``, judging expiry at ``moment``."""

    def __init__(self, folder: Path, fetch: Fetch, bootstrap: bytes, moment: datetime) -> None:
        config = UpdaterConfig(
            root_max_length=layout.MAX_ROOT,
            timestamp_max_length=layout.MAX_TIMESTAMP,
            snapshot_max_length=layout.MAX_SNAPSHOT,
            targets_max_length=layout.MAX_TARGETS_METADATA,
        )
        super().__init__(str(folder), _BASE, fetcher=_Fetcher(fetch), config=config, bootstrap=bootstrap)
        self._trusted_set.reference_time = moment

    @property
    def root(self) -> Root:
        return self._trusted_set.root

    @property
    def timestamp(self) -> Timestamp:
        return self._trusted_set.timestamp

    @property
    def snapshot(self) -> Snapshot:
        return self._trusted_set.snapshot

    @property
    def targets(self) -> Targets:
        return self._trusted_set.targets

    def delegated(self, role: str) -> Targets:
        """The verified metadata of a role that the top-level targets role delegates to."""
        return self._load_targets(role, Targets.type)

    def holds(self, role: str) -> bool:
        """Whether this run verified ``role``."""
        return role in self._trusted_set


@contextlib.contextmanager
def tuf_errors() -> Iterator[None]:
    """Turn python-tuf's exceptions into ours."""
    try:
        yield
    except (exceptions.RepositoryError, exceptions.DownloadError, DeserializationError) as error:
        raise translated(error) from error
    except (ValueError, KeyError, TypeError) as error:
        # tuf raises these for metadata that parses but makes no sense, such as a role nobody delegated.
        raise RelevoError(Code.SIGNATURE_INVALID, f"metadata: {error}") from error
    except OSError as error:
        raise RelevoError(Code.CANNOT_RECORD, f"metadata folder: {error.strerror}") from error


_KINDS: tuple[tuple[type[Exception], Code], ...] = (
    (exceptions.ExpiredMetadataError, Code.DOCUMENT_EXPIRED),
    (exceptions.BadVersionNumberError, Code.ROLLBACK),
    (exceptions.LengthOrHashMismatchError, Code.HASH_MISMATCH),
    (exceptions.DownloadLengthMismatchError, Code.HASH_MISMATCH),
    (exceptions.UnsignedMetadataError, Code.SIGNATURE_INVALID),
    (exceptions.DownloadHTTPError, Code.NOT_FOUND),
)


def translated(error: Exception) -> RelevoError:
    """``error`` of python-tuf as one of ours; the source's own error is kept where it was the cause."""
    for kind, code in _KINDS:
        if isinstance(error, kind):
            return RelevoError(code, str(error))
    cause = error.__cause__
    if isinstance(cause, RelevoError):
        if cause.code is Code.TOO_LARGE:
            return RelevoError(Code.HASH_MISMATCH, f"longer than any metadata may be: {cause.detail}")
        return cause
    if isinstance(error, exceptions.DownloadError):
        return RelevoError(Code.UNREACHABLE, str(error))
    if "missing info" in str(error):  # a role that vanished from the snapshot; tuf has no class for it
        return RelevoError(Code.ROLLBACK, str(error))
    return RelevoError(Code.SIGNATURE_INVALID, str(error))
