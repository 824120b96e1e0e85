"""Following log files while they grow, are rotated and are truncated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime

from agent.logs.blocks import LINE_WINDOW
from agent.logs.lines import FileLines, RawLine
from agent.logs.matcher import Matcher
from agent.logs.sources import Found, LogFile, is_rotated, open_log
from protocol.redaction.pem import MAX_BLOCK

MAX_FOLLOWED = 200
_READ = 1 << 20


class FollowedFile:
    """One file from a position on. Whole lines only: half a line may hide half a secret."""

    def __init__(self, file: LogFile, matcher: Matcher, *, from_start: bool) -> None:
        self.file = file
        self._matcher = matcher
        self._descriptor: int | None = None
        self._identity = (file.device, file.inode)
        self._position = 0 if from_start else file.size
        self._carry = b""
        self._at_end = False
        self._before = b""

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def poll(self, now: datetime) -> Iterator[RawLine]:
        """Wanted lines that were written since the last call, at most about a megabyte of them.

        Raises:
            OSError: the file cannot be read (any more); a later call tries again.
        """
        if self._descriptor is None:
            self._open()
        yield from self._new_lines(now)
        if self._at_end and self._was_replaced():
            yield from self._new_lines(now)
            self.close()
            self._position, self._carry, self._before = 0, b"", b""

    def _open(self) -> None:
        self._descriptor = open_log(self.file)
        status = os.fstat(self._descriptor)
        if (status.st_dev, status.st_ino) != self._identity:
            self._identity = (status.st_dev, status.st_ino)
            self._position, self._carry = 0, b""

    def _new_lines(self, now: datetime) -> Iterator[RawLine]:
        assert self._descriptor is not None  # noqa: S101 - opened by poll
        size = os.fstat(self._descriptor).st_size
        if size < self._position:
            self._position, self._carry, self._before = 0, b"", b""
        data = os.pread(self._descriptor, _READ, self._position)
        self._position += len(data)
        self._at_end = len(data) < _READ
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._carry = (self._carry + data)[:LINE_WINDOW]
            return
        if len(self._carry) >= LINE_WINDOW:
            data = data[data.find(b"\n") :]
            cut = data.rfind(b"\n") + 1
        block = self._carry + data[:cut]
        self._carry = data[cut:][:LINE_WINDOW]
        lines = FileLines(self._matcher, now)
        lines.after(self._before)
        self._before = (self._before + block)[-MAX_BLOCK:]
        yield from lines.add(block)

    def _was_replaced(self) -> bool:
        try:
            other = open_log(self.file)
        except OSError:
            return False
        try:
            status = os.fstat(other)
            return (status.st_dev, status.st_ino) != self._identity
        finally:
            os.close(other)


class FollowedFiles:
    """All files of a source, new ones included as they appear."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._files: dict[tuple[str, str], FollowedFile] = {}

    def update(self, found: Found, *, first: bool = False) -> None:
        """Follow the unrotated text files of ``found``; those that were not there before, from their
        start. Compressed and rotated files do not grow."""
        for file in found.files:
            key = (file.folder, file.name)
            if key in self._files or is_rotated(file.name) or len(self._files) >= MAX_FOLLOWED:
                continue
            self._files[key] = FollowedFile(file, self._matcher, from_start=not first)

    def poll(self, now: datetime) -> Iterator[tuple[str, RawLine]]:
        """File name and line, file by file. A file that cannot be read now is tried again later."""
        for followed in list(self._files.values()):
            try:
                for line in followed.poll(now):
                    yield followed.file.name, line
            except OSError:
                followed.close()

    @property
    def names(self) -> list[str]:
        return [followed.file.name for followed in self._files.values()]

    def close(self) -> None:
        for followed in self._files.values():
            followed.close()
