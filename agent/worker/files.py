"""Scope ``files``: SFTP confined to the one folder that is meant for exchange.

asyncssh's own server is the base. What it leaves open and is shut here: links, other files than plain
ones, owners and modes, reads of any size, answers nobody fetches, a disk filled to the brim, and
``copy-data`` of a file onto its own end, which would hold the event loop for as long as there is space.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh

from agent.actions.context import Session
from protocol.audit import Action
from protocol.drivers.files import private_folder
from protocol.drivers.ssh import SftpFactory
from protocol.errors import Code

_WRITING = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC
_MAX_READ = 4 << 20
"""What asyncssh announces as its limit, but does not keep to."""
_MAX_UNFETCHED = 8 << 20
"""Answers that wait for a technician who does not read; requests wait then."""
_POLL_S = 0.02
_SPARE_BYTES = 256 << 20
"""Free space that is left to the machine (and to our own journal)."""


class ExchangeServer(asyncssh.SFTPServer):
    """Reads and writes plain files below the exchange folder; links are neither made nor followed.

    Every act is journalled before it happens, and so is the refusal of a path that leads elsewhere.
    """

    def __init__(self, channel: Any, folder: Path, session: Session) -> None:
        self._root = private_folder(folder).resolve()
        super().__init__(channel, chroot=os.fsencode(self._root))
        self._session = session

    def map_path(self, path: bytes) -> bytes:
        """The real path below the folder. Raises SFTPPermissionDenied for anything that leaves it."""
        mapped = super().map_path(path)
        path_here = Path(os.fsdecode(mapped))
        inside = path_here == self._root or path_here.parent.resolve().is_relative_to(self._root)
        if not inside or path_here.is_symlink():
            self._session.record(Action.AGENT_REFUSED, code=Code.REFUSED, path=_shown(path))
            raise asyncssh.SFTPPermissionDenied("outside the exchange folder")
        return mapped

    # --- files -----------------------------------------------------------------------------------

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        writing = bool(pflags & _WRITING)
        there = self._is_plain(path)
        if not there and not pflags & asyncssh.FXF_CREAT:
            raise asyncssh.SFTPNoSuchFile("No such file")
        self._session.record(Action.FILE_WRITTEN if writing else Action.FILE_READ, path=_shown(path))
        return super().open(path, pflags, asyncssh.SFTPAttrs(permissions=0o600))

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Of SFTP 5 and 6, which are not spoken (``protocol.drivers.ssh.SFTP_VERSION``)."""
        raise asyncssh.SFTPOpUnsupported("SFTP 3 only")

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        while self.channel.get_write_buffer_size() > _MAX_UNFETCHED:
            self._require_open()
            await asyncio.sleep(_POLL_S)
        data: bytes = super().read(file_obj, offset, min(size, _MAX_READ))  # type: ignore[assignment]
        return data

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        await asyncio.sleep(0)  # copy-data calls this in a loop that lets nobody else run
        self._require_open()
        space = os.fstatvfs(file_obj.fileno())  # type: ignore[attr-defined]
        if space.f_bavail * space.f_frsize < _SPARE_BYTES + len(data):
            raise asyncssh.SFTPNoSpaceOnFilesystem("the disk is almost full")
        written: int = super().write(file_obj, offset, data)  # type: ignore[assignment]
        return written

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        kept = _kept(attrs)
        os.lstat(self.map_path(path))
        self._change(path, "attributes")
        super().setstat(path, kept)

    def lsetstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self.setstat(path, attrs)  # no path here is a link

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """The file was journalled when it was opened; one opened for reading cannot be cut."""
        super().fsetstat(file_obj, _kept(attrs))

    # --- names -----------------------------------------------------------------------------------

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for name in super().scandir(path):
            while self.channel.get_write_buffer_size() > _MAX_UNFETCHED:
                self._require_open()
                await asyncio.sleep(_POLL_S)
            yield name

    def remove(self, path: bytes) -> None:
        self._change(path, "removed")
        super().remove(path)

    def rmdir(self, path: bytes) -> None:
        self._change(path, "removed")
        super().rmdir(path)

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._change(path, "folder")
        super().mkdir(path, asyncssh.SFTPAttrs(permissions=0o700))

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._change(oldpath, "renamed", newpath)
        super().rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._change(oldpath, "renamed", newpath)
        super().posix_rename(oldpath, newpath)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no links")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no links")

    # --- parts -----------------------------------------------------------------------------------

    def _change(self, path: bytes, how: str, to: bytes | None = None) -> None:
        """Journal a change, once it is sure that it stays inside and does not touch the folder itself."""
        for name in (path, to):
            if name is not None and Path(os.fsdecode(self.map_path(name))) == self._root:
                raise asyncssh.SFTPPermissionDenied("the exchange folder itself stays")
        self._session.record(
            Action.FILE_WRITTEN, path=_shown(path), state=how, to=None if to is None else _shown(to)
        )

    def _is_plain(self, path: bytes) -> bool:
        """Whether there is a plain file; False for nothing. A pipe that is opened would never return.

        Raises:
            asyncssh.SFTPPermissionDenied: there is something else.
        """
        try:
            mode = os.lstat(self.map_path(path)).st_mode
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(mode):
            raise asyncssh.SFTPPermissionDenied("not a plain file")
        return True

    def _require_open(self) -> None:
        if self.channel.is_closing():
            raise asyncssh.SFTPConnectionLost("the channel was closed")


def exchange_server(folder: Path, session: Session) -> SftpFactory:
    """What serves the ``sftp`` subsystem of a session with scope ``files``."""

    def make(channel: Any) -> asyncssh.SFTPServer:
        session.record(Action.FILES_OPENED)
        return ExchangeServer(channel, folder, session)

    return make


def _kept(attrs: asyncssh.SFTPAttrs) -> asyncssh.SFTPAttrs:
    """Length and times; modes stay ours (no set-user-id programs), and owners are nobody's to give away.

    Raises:
        asyncssh.SFTPPermissionDenied: for an owner or a group.
    """
    if any(value is not None for value in (attrs.uid, attrs.gid, attrs.owner, attrs.group)):
        raise asyncssh.SFTPPermissionDenied("owners cannot be changed")
    return asyncssh.SFTPAttrs(size=attrs.size, atime=attrs.atime, mtime=attrs.mtime)


def _shown(path: bytes) -> str:
    """The path as the technician may mean it, below the folder, for the journal."""
    return posixpath.normpath(b"/" + path.lstrip(b"/")).decode("utf-8", "backslashreplace")
