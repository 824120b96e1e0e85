"""Files that hold data or keys: written whole or not at all, readable by their owner only."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from protocol.errors import Code, RelevoError

_SOCKET_PATH_MAX = 100
"""``sun_path`` holds 108 bytes on Linux and 104 elsewhere, the final NUL included."""


def private_folder(folder: Path) -> Path:
    """``folder``, made with mode 0700 if it was not there; so are the folders above it that are missing.

    Raises:
        RelevoError: ``cannot-record`` when it cannot be made.
    """
    try:
        for missing in reversed([above for above in folder.parents if not above.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise RelevoError(Code.CANNOT_RECORD, f"{folder}: {error.strerror}") from error
    return folder


def write_private(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` (mode 0600), durably: after a crash it is the old or the new.

    Raises:
        RelevoError: ``cannot-record``; the old file is unchanged.
    """
    private_folder(path.parent)
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise RelevoError(Code.CANNOT_RECORD, f"{path}: {error.strerror}") from error


def read_file(path: Path, limit: int = 64 << 20) -> bytes:
    """The whole of a file that we wrote ourselves.

    Raises:
        RelevoError: ``not-found``, ``refused`` (not readable) or ``too-large``.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise RelevoError(Code.NOT_FOUND, str(path)) from error
    except OSError as error:
        raise RelevoError(Code.REFUSED, f"{path}: {error.strerror}") from error
    if len(content) > limit:
        raise RelevoError(Code.TOO_LARGE, str(path))
    return content


def read_regular(path: Path, limit: int) -> bytes:
    """The whole of a file that somebody names: no pipe or device, which might never end.

    Raises:
        RelevoError: ``not-found``; ``usage`` for what is no file, is empty or cannot be read; ``too-large``.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise RelevoError(Code.NOT_FOUND, str(path)) from error
    except (OSError, ValueError) as error:
        raise RelevoError(Code.USAGE, f"{path}: cannot be opened") from error
    try:
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RelevoError(Code.USAGE, f"{path}: not a file")
            content = file.read(limit + 1) or b""  # None: a file of /proc that would have us wait
    except OSError as error:
        raise RelevoError(Code.USAGE, f"{path}: cannot be read") from error
    if len(content) > limit:
        raise RelevoError(Code.TOO_LARGE, f"{path}: over {limit} bytes")
    if not content:
        raise RelevoError(Code.USAGE, f"{path}: empty")
    return content


def write_new(path: Path, content: bytes) -> None:
    """A new file of somebody's at exactly this path (mode 0600): never over another, never through a link.

    Raises:
        RelevoError: ``already-exists``; ``usage`` where it cannot be made; ``cannot-record`` (disk full).
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError as error:
        raise RelevoError(Code.ALREADY_EXISTS, str(path)) from error
    except (OSError, ValueError) as error:
        raise RelevoError(Code.USAGE, f"{path}: cannot be written") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RelevoError(Code.CANNOT_RECORD, f"{path}: {error.strerror}") from error


@contextlib.contextmanager
def given(name: object) -> Iterator[None]:
    """Faults of something that somebody gave us on the command line are wrong input, and are named.

    Raises:
        RelevoError: ``usage`` where the block raises ``malformed``, ``refused`` or ``too-large``.
    """
    try:
        yield
    except RelevoError as error:
        if error.code not in (Code.MALFORMED, Code.REFUSED, Code.TOO_LARGE):
            raise
        detail = error.detail if str(name) in error.detail else f"{name}: {error.detail}"
        raise RelevoError(Code.USAGE, detail) from error


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """An address for a Unix socket at ``path``, also where the path is longer than the kernel takes.

    Linux resolves ``/proc/self/fd/N/name`` through the open folder; the address is good while the
    context is open, a bound or connected socket stays good afterwards.
    """
    text = str(path)
    if len(os.fsencode(text)) <= _SOCKET_PATH_MAX:
        yield text
        return
    descriptor = os.open(path.parent, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
