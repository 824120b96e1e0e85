"""What this client remembers of the log, below HOME/audit: files of mode 0600, written whole.

``checkpoint`` is the last note that verified, ``leaves`` the Merkle leaf hashes below it (32 bytes
each, append-only) so that the first changed entry can be named, ``known.json`` the keys of rosters
seen so far, ``organisation.json`` the roster at the last verification.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from protocol import note as notes
from protocol.checkpoint import Checkpoint, parse
from protocol.drivers.files import private_folder, read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.merkle import HASH_SIZE, root_of
from protocol.organisation import Organisation
from protocol.wire import from_json, to_json
from technician.audit.keys import KnownKeys

_MAX_LEAVES = 4 << 30


class Remembered(NamedTuple):
    checkpoint: Checkpoint | None
    leaves: bytes
    """Leaf hashes, 32 bytes each; empty when there are none that fit the checkpoint."""
    damaged: bool
    """The leaves on disk do not give the remembered root: they are of no use."""


class Memory:
    """The folder HOME/audit."""

    def __init__(self, home: Path) -> None:
        folder = home / "audit"
        self._checkpoint = folder / "checkpoint"
        self._leaves = folder / "leaves"
        self._known = folder / "known.json"
        self._organisation = folder / "organisation.json"

    def load(self) -> Remembered:
        """The last verified checkpoint and its leaves.

        Raises:
            RelevoError: ``malformed`` when the remembered checkpoint is unreadable: it must not be
                forgotten by accident, because it is what a rewritten log is measured against.
        """
        found = self._read(self._checkpoint)
        if found is None:
            return Remembered(None, b"", False)
        try:
            checkpoint = parse(notes.parse(found.decode()).text)
        except UnicodeDecodeError as error:
            raise RelevoError(Code.MALFORMED, str(self._checkpoint)) from error
        leaves = (self._read(self._leaves) or b"")[: checkpoint.size * HASH_SIZE]
        if len(leaves) == checkpoint.size * HASH_SIZE and root_of(split(leaves)) == checkpoint.root:
            return Remembered(checkpoint, leaves, False)
        return Remembered(checkpoint, b"", True)

    def save(self, note: str, leaves: bytes, kept: int) -> None:
        """Remember a verified note and its leaves; the first ``kept`` bytes are on disk already.

        The leaves go first: a crash in between leaves more leaves than the old note needs, which
        ``load`` cuts off.

        Raises:
            RelevoError: ``cannot-record``.
        """
        private_folder(self._leaves.parent)
        try:
            descriptor = os.open(self._leaves, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.truncate(kept)
                file.seek(kept)
                file.write(memoryview(leaves)[kept:])
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RelevoError(Code.CANNOT_RECORD, f"{self._leaves}: {error.strerror}") from error
        write_private(self._checkpoint, note.encode())

    def known(self) -> KnownKeys | None:
        found = self._read(self._known)
        return from_json(found, KnownKeys) if found is not None else None

    def save_known(self, known: KnownKeys) -> None:
        write_private(self._known, to_json(known))

    def organisation(self) -> Organisation | None:
        """What the verified repository said at the last verification: enough to judge the past
        where the repository itself is out of reach and its copy too old to act upon."""
        found = self._read(self._organisation)
        return from_json(found, Organisation) if found is not None else None

    def save_organisation(self, organisation: Organisation) -> None:
        write_private(self._organisation, to_json(organisation))

    def note(self) -> str | None:
        found = self._read(self._checkpoint)
        return found.decode() if found is not None else None

    def _read(self, path: Path) -> bytes | None:
        try:
            return read_file(path, _MAX_LEAVES)
        except RelevoError as error:
            if error.code is Code.NOT_FOUND:
                return None
            raise


def split(leaves: bytes | bytearray) -> list[bytes]:
    """Concatenated hashes as a list."""
    view = bytes(leaves)
    return [view[at : at + HASH_SIZE] for at in range(0, len(view), HASH_SIZE)]
