"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from protocol.drivers.files import private_folder
from protocol.errors import Code, RelevoError

_POLL_S = 0.02


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def locked(path: Path, deadline_s: float) -> Iterator[None]:
    """Hold the lock file ``path``; the operating system lets go of it when the process dies.

    Raises:
        RelevoError: ``conflict`` when another holder keeps it for ``deadline_s``; ``cannot-record``.
    """
    private_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise RelevoError(Code.CANNOT_RECORD, f"{path}: {error.strerror}") from error
    try:
        ends = time.monotonic() + deadline_s
        while not _try_lock(descriptor):
            if time.monotonic() > ends:
                raise RelevoError(Code.CONFLICT, f"another process works in {path.parent}")
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)
