"""Records of self-service on their way to the broker: files, written before the user is told it is done.

They wait here for as long as there is no link. Light to import: the idle agent sends them.
"""

from __future__ import annotations

import logging
from pathlib import Path

from agent.folder import Folder
from protocol.drivers.files import private_folder, read_file, write_private
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.wire import from_json, to_json

_logger = logging.getLogger(__name__)
MOST = 500
"""Records kept; beyond it the oldest is given up. The journal, which loses nothing, has them all."""
_MAX_RECORD = 64 << 10


def put(folder: Folder, nonce: str, record: Envelope) -> None:
    """Raises RelevoError: ``cannot-record``."""
    for old in waiting(folder)[: -MOST + 1]:
        done(old)
    write_private(private_folder(folder.root / "outbox") / f"{nonce}.json", to_json(record))


def waiting(folder: Folder) -> list[Path]:
    """Files of records, oldest first."""
    place = folder.root / "outbox"
    try:
        return sorted(place.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    except OSError as error:
        _logger.warning("outbox not read: %s", error)
        return []


def read(path: Path) -> Envelope | None:
    """The record; None for a file that is none, which is taken out of the way."""
    try:
        return from_json(read_file(path, _MAX_RECORD), Envelope)
    except RelevoError as error:
        if error.code is not Code.CANNOT_RECORD:
            _logger.warning("%s is no record: %s", path.name, error)
            done(path)
        return None


def done(path: Path) -> None:
    path.unlink(missing_ok=True)
