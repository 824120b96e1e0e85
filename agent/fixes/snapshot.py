"""Files as they were before a fix: saved with mode, owner and times, put back whole.

Extended attributes and ACLs are not kept: a fix that needs them changed must say so in its own undo.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from agent.fixes.paths import parent_of
from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.wire import Sha256, Size, Wire

MAX_FILE = 64 << 20


class Saved(Wire, frozen=True):
    """One file before the fix. ``sha256`` None: it did not exist."""

    path: str
    sha256: Sha256 | None = None
    size_bytes: Size = 0
    mode: Annotated[int, Meta(ge=0, le=0o7777)] = 0
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0


class After(Wire, frozen=True):
    """The same file right after the fix; None: gone."""

    path: str
    sha256: Sha256 | None


def save(paths: Iterable[str], folder: Path) -> tuple[Saved, ...]:
    """Copy each file into ``folder`` (named by its hash), durably.

    Raises:
        RelevoError: ``cannot-record``, ``too-large``; ``parameter-invalid`` for a link or no plain file.
    """
    return tuple(_save(path, folder) for path in paths)


def look(paths: Iterable[str]) -> tuple[After, ...]:
    """What the files hold now."""
    done = []
    for path in paths:
        found = _read(path)
        done.append(After(path=path, sha256=hashlib.sha256(found[0]).hexdigest() if found else None))
    return tuple(done)


def restore(saved: Iterable[Saved], folder: Path) -> None:
    """Put every file back: content, mode, owner and modification time, each in one step.

    Raises:
        RelevoError: ``undo-failed`` naming the first file that could not be put back.
    """
    for file in saved:
        try:
            _restore(file, folder)
        except (OSError, RelevoError) as error:
            raise RelevoError(Code.UNDO_FAILED, f"{file.path}: {error}") from error


def is_restored(saved: Iterable[Saved]) -> bool:
    """Whether every file is byte for byte what it was."""
    saved = tuple(saved)
    now = look(file.path for file in saved)
    return all(file.sha256 == after.sha256 for file, after in zip(saved, now, strict=True))


def _read(path: str) -> tuple[bytes, os.stat_result] | None:
    """Content and status through no link, or None when there is no such file."""
    try:
        with parent_of(path) as (folder, name):
            descriptor = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
            )
    except FileNotFoundError:
        return None
    except RelevoError as error:
        if error.code is Code.NOT_FOUND:
            return None
        raise
    except OSError as error:
        raise RelevoError(Code.PARAMETER_INVALID, f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise RelevoError(Code.PARAMETER_INVALID, f"{path} is not a plain file")
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise RelevoError(Code.TOO_LARGE, path)
    return content, status


def _save(path: str, folder: Path) -> Saved:
    found = _read(path)
    if found is None:
        return Saved(path=path)
    content, status = found
    digest = hashlib.sha256(content).hexdigest()
    write_private(folder / digest, content)
    return Saved(
        path=path,
        sha256=digest,
        size_bytes=len(content),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime_ns=status.st_mtime_ns,
    )


def _restore(file: Saved, folder: Path) -> None:
    with parent_of(file.path) as (parent, name):
        if file.sha256 is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parent)
            return
        content = read_file(folder / file.sha256, MAX_FILE)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise RelevoError(Code.HASH_MISMATCH, "the saved copy is damaged")
        temporary = f".{name[:200]}.{secrets.token_hex(4)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600, dir_fd=parent)
        try:
            _fill(descriptor, file, content)
            _replace(temporary, name, parent, file, content)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)
            raise
        _sync(parent)


def _sync(folder: int) -> None:
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)  # O_PATH cannot be synced
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill(descriptor: int, file: Saved, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        status = os.fstat(descriptor)
        if (status.st_uid, status.st_gid) != (file.uid, file.gid):
            os.fchown(descriptor, file.uid, file.gid)
        os.fchmod(descriptor, file.mode)
        os.utime(descriptor, ns=(file.mtime_ns, file.mtime_ns))
        os.fsync(descriptor)


def _replace(temporary: str, name: str, parent: int, file: Saved, content: bytes) -> None:
    try:
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError as error:
        # A file that is a mount point (/etc/hosts in a container) cannot be replaced, only rewritten.
        if error.errno != errno.EBUSY:
            raise
        _fill(os.open(name, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, dir_fd=parent), file, content)
        os.unlink(temporary, dir_fd=parent)
