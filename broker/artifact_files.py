"""The contents of artifacts: files that are written once, whole or not at all, and never changed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from protocol.drivers.files import private_folder
from protocol.errors import Code, RelevoError

_INCOMING = ".incoming-"
_PIECE = 1 << 20


class Uploads:
    """How many contents are coming in now: each holds a megabyte of memory and room on the disk."""

    def __init__(self, most: int = 64, of_one: int = 4) -> None:
        self._most = most
        self._of_one = of_one
        self._running: Counter[str] = Counter()

    @contextlib.contextmanager
    def slot(self, agent: str) -> Iterator[None]:
        """Raises RelevoError: ``rate-limited`` when the agent, or all together, have too many."""
        if self._running.total() >= self._most or self._running[agent] >= self._of_one:
            raise RelevoError(Code.RATE_LIMITED, f"{self._running[agent]} uploads of {agent}")
        self._running[agent] += 1
        try:
            yield
        finally:
            self._running[agent] -= 1
            if not self._running[agent]:
                del self._running[agent]


class ArtifactFiles:
    """A folder of files named by artifact id, mode 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, artifact: str) -> Path:
        """``artifact`` has the pattern of ``ids.ArtifactId``: it names a file of this folder, no other."""
        return self._folder / artifact

    async def write(
        self, artifact: str, content: AsyncIterator[bytes], size: int, sha256: str, deadline_s: float
    ) -> None:
        """Store ``content``, which must be exactly ``size`` bytes with this hash. Cancelling or failing
        leaves nothing behind.

        Raises:
            RelevoError: ``hash-mismatch`` for other bytes, ``already-exists``, ``timeout``,
                ``cannot-record`` (disk full).
        """
        temporary = self._folder / f"{_INCOMING}{secrets.token_hex(12)}"
        try:
            private_folder(self._folder)
            file = await asyncio.to_thread(_create, temporary)
            try:
                async with asyncio.timeout(deadline_s):
                    await _fill(file, content, size, sha256)
                await asyncio.to_thread(_sync, file)
            finally:
                file.close()
            await asyncio.to_thread(_publish, temporary, self.path(artifact))
        except FileExistsError as error:
            raise RelevoError(Code.ALREADY_EXISTS, artifact) from error
        except OSError as error:
            raise RelevoError(Code.CANNOT_RECORD, f"artifacts: {error.strerror}") from error
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "the content came too slowly") from error
        finally:
            temporary.unlink(missing_ok=True)

    def remove(self, artifact: str) -> None:
        """Take back a file whose record could not be written."""
        self.path(artifact).unlink(missing_ok=True)

    def sweep(self, known: Collection[str]) -> int:
        """Remove what a broker that was killed left behind: unfinished files and files without a record."""
        if not self._folder.is_dir():
            return 0
        left = [path for path in self._folder.iterdir() if path.name not in known]
        for path in left:
            with contextlib.suppress(IsADirectoryError, PermissionError):
                path.unlink(missing_ok=True)
        return len(left)


def _create(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    return os.fdopen(descriptor, "wb", buffering=0)


async def _fill(file: BinaryIO, content: AsyncIterator[bytes], size: int, sha256: str) -> None:
    """Write in pieces of a megabyte; never more than one in memory."""
    digest, total, piece = hashlib.sha256(), 0, bytearray()
    async for chunk in content:
        total += len(chunk)
        if total > size:
            raise RelevoError(Code.HASH_MISMATCH, f"more than the {size} bytes of the manifest")
        piece += chunk
        if len(piece) >= _PIECE:
            await asyncio.to_thread(_write, file, digest, bytes(piece))
            piece.clear()
    await asyncio.to_thread(_write, file, digest, bytes(piece))
    if total != size or digest.hexdigest() != sha256:
        raise RelevoError(Code.HASH_MISMATCH, f"{total} bytes are not the manifest's {size}")


def _write(file: BinaryIO, digest: hashlib._Hash, data: bytes) -> None:
    digest.update(data)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _sync(file: BinaryIO) -> None:
    os.fsync(file.fileno())


def _publish(temporary: Path, final: Path) -> None:
    """Give the file its name; unlike a rename, a link never replaces one that is there."""
    final.hardlink_to(temporary)
    descriptor = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
