"""Scope ``files``: SFTP confined to the one folder that is meant for exchange."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import asyncssh

from agent.actions.context import Session
from protocol.audit import Action
from protocol.drivers.files import private_folder
from protocol.drivers.ssh import SftpFactory

_WRITING = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


_ACE4_WRITE_DATA = 0x2
"""SFTP 5 and 6 access mask (draft-ietf-secsh-filexfer-13, 8.1.1.3)."""


class ExchangeServer(asyncssh.SFTPServer):
    """Reads and writes plain files below the exchange folder; links are neither made nor followed.

    Every open is journalled before it happens.
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
            raise asyncssh.SFTPPermissionDenied("outside the exchange folder")
        return mapped

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        writing = bool(pflags & _WRITING)
        self._journal(path, writing=writing)
        return super().open(path, pflags, attrs)

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self._journal(path, writing=bool(desired_access & _ACE4_WRITE_DATA))
        return super().open56(path, desired_access, flags, attrs)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no links")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no links")

    def _journal(self, path: bytes, *, writing: bool) -> None:
        name = path.decode("utf-8", "backslashreplace")
        self._session.record(Action.FILE_WRITTEN if writing else Action.FILE_READ, name=name)


def exchange_server(folder: Path, session: Session) -> SftpFactory:
    """What serves the ``sftp`` subsystem of a session with scope ``files``."""

    def make(channel: Any) -> asyncssh.SFTPServer:
        session.record(Action.FILES_OPENED)
        return ExchangeServer(channel, folder, session)

    return make
