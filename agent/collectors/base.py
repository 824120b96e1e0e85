"""What a collector is, and what it is handed inside its own process."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent import processes
from agent.collectors.messages import Settings
from protocol.diagnosis import Cut, Item, Output
from protocol.errors import Code, RelevoError

_MAX_ITEMS = 400
_MAX_WARNINGS = 100
_COMMAND_CPU_S = 20


@dataclass(frozen=True)
class Collector:
    """The declared side of a collector: what may be known without importing its code."""

    name: str
    version: int
    timeout_s: float = 10.0
    memory_bytes: int = 512 << 20
    """Address space it may add to what the host already has."""
    output_limit_bytes: int = 1 << 20
    platforms: tuple[str, ...] = ("linux",)
    """Values of ``sys.platform``; elsewhere it answers ``not_applicable``."""


@dataclass
class Context:
    """The machine as a collector sees it: every file and program it used is put on record."""

    settings: Settings
    deadline: float
    """``time.monotonic()`` at which its process is killed."""
    items: list[Item] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def read(self, path: str | Path, limit: int = 1 << 20) -> str | None:
        """A file's text (its first ``limit`` bytes), or None when it is not there or not readable.

        Files that may not be read leave the warning ``unreadable: PATH``.
        """
        try:
            with Path(path).open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.warn(f"unreadable: {path} ({error.strerror})")
            return None
        cut = Cut(head=limit, tail=0, dropped_bytes=len(data) - limit) if len(data) > limit else None
        data = data[:limit]
        self._record("file", str(path), data, None, cut)
        return data.decode("utf-8", "replace")

    def run(self, *argv: str, timeout_s: float = 5.0, limit: int = 2 << 20) -> processes.Finished | None:
        """A program's result, or None when this machine does not have it.

        It never outlives the collector. A time-out leaves the warning ``slow: PROGRAM``.
        """
        left = max(0.1, self.deadline - time.monotonic() - 0.2)
        try:
            done = processes.run(
                argv,
                timeout_s=min(timeout_s, left),
                output_limit_bytes=limit,
                confinement=processes.Confinement(cpu_s=_COMMAND_CPU_S, dies_with_parent=True),
            )
        except RelevoError as error:
            if error.code is Code.NOT_FOUND:
                return None
            raise
        if done.timed_out:
            self.warn(f"slow: {argv[0]}")
        kept = done.stdout_cut
        cut = Cut(head=kept.head, tail=kept.tail, dropped_bytes=kept.dropped) if kept else None
        self._record("command", " ".join(argv), done.stdout, done.rc, cut)
        return done

    def warn(self, note: str) -> None:
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings.append(note[:400])

    def _record(self, kind: str, source: str, data: bytes, rc: int | None, cut: Cut | None) -> None:
        if len(self.items) < _MAX_ITEMS:
            digest = hashlib.sha256(data).hexdigest()
            self.items.append(
                Item(
                    kind=kind, source=source[:500], rc=rc, read_bytes=len(data), sha256=digest, truncated=cut
                )
            )


class NotApplicable(Exception):  # noqa: N818 - an answer, not an error
    """This machine has no such thing. The text is the reason, a code of ``wording.diagnosis``."""


Collect = Callable[[Context], Output]
"""Reads the machine and gives what it found. May raise ``NotApplicable``, ``PermissionError``
(becomes ``denied``) or anything else (becomes ``failed``): it runs in a process of its own."""


def number(text: str | None) -> int | None:
    """A decimal number with optional unit behind it (``123 kB``), or None."""
    word = (text or "").split()
    return int(word[0]) if word and word[0].lstrip("-").isdecimal() else None


def pairs(text: str, separator: str = ":") -> dict[str, str]:
    """``key: value`` lines."""
    found = {}
    for line in text.splitlines():
        key, mark, value = line.partition(separator)
        if mark:
            found[key.strip()] = value.strip()
    return found


def first_word(lines: Sequence[str], key: str) -> str | None:
    """The rest of the first line that starts with ``key``."""
    return next((line[len(key) :].strip() for line in lines if line.startswith(key)), None)
