"""Search in log files: every file once, newest lines kept, merged by time."""

from __future__ import annotations

import lzma
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.logs.blocks import NotTextError, TooLargeError, blocks, open_stream
from agent.logs.clean import Cleaner
from agent.logs.lines import FileLines, RawLine
from agent.logs.matcher import Matcher
from agent.logs.newest import Newest, moment
from agent.logs.sources import Found, LogFile, explain, open_log
from agent.logs.window import window

_AFTER_WRITE = timedelta(minutes=1)


@dataclass
class Outcome:
    """What a search did so far."""

    scanned: int = 0
    sources: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Range:
    since: datetime | None
    until: datetime | None

    @property
    def unbounded(self) -> bool:
        return self.since is None and self.until is None

    def holds(self, at: datetime | None) -> bool:
        """Lines of files without times are held: nobody knows better."""
        if at is None:
            return True
        return (self.since is None or at >= self.since) and (self.until is None or at <= self.until)


class FileSearch:
    """Searches files one after the other.

    Args:
        progress: called with the bytes scanned so far, at least once a block.
    """

    def __init__(
        self,
        matcher: Matcher,
        cleaner: Cleaner,
        newest: Newest,
        times: Range,
        progress: Callable[[int], None],
    ) -> None:
        self._matcher = matcher
        self._cleaner = cleaner
        self._newest = newest
        self._times = times
        self._progress = progress
        self.outcome = Outcome()

    def run(self, found: Found) -> Outcome:
        """Search all files of ``found``; what cannot be read is listed, never an error."""
        self.outcome.unreadable += map(self._cleaner.note, found.unreadable)
        for file in found.files:
            if self._times.since and moment(file.modified) + _AFTER_WRITE < self._times.since:
                self.outcome.scanned += file.size
                continue
            self._one(file)
            self._progress(self.outcome.scanned)
        return self.outcome

    def _one(self, file: LogFile) -> None:
        before = self.outcome.scanned
        try:
            descriptor = open_log(file)
        except OSError as error:
            self._refuse(file, explain(error))
            return
        try:
            self.outcome.sources.append(self._cleaner.source(file.name))
            self._read(file, descriptor)
        except NotTextError:
            self.outcome.sources.pop()
        except TooLargeError:
            self._refuse(file, "unpacks to more than the limit; searched up to there")
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            self._refuse(
                file, explain(error) if isinstance(error, OSError) else "damaged; searched up to there"
            )
        finally:
            os.close(descriptor)
        self.outcome.scanned = max(self.outcome.scanned, before)

    def _refuse(self, file: LogFile, why: str) -> None:
        self.outcome.unreadable.append(self._cleaner.note(f"{file.name[:150]}: {why}"))

    def _read(self, file: LogFile, descriptor: int) -> None:
        written = moment(file.modified)
        start, end = 0, file.size
        if not file.name.endswith((".gz", ".xz", ".bz2")):
            start, end = window(descriptor, file.size, written, self._times.since, self._times.until)
        whole = not self._matcher.filters and self._matcher.every and self._times.unbounded
        lines = FileLines(self._matcher, written, self._newest.limit if whole else None)
        for block, taken in blocks(open_stream(descriptor, file.name, start, end)):
            self.outcome.scanned += taken
            for line in lines.add(block):
                self._keep(file, line, written)
            self._progress(self.outcome.scanned)
        for line in lines.rest():
            self._keep(file, line, written)
        self._newest.skip(lines.passed_over)

    def _keep(self, file: LogFile, line: RawLine, written: datetime) -> None:
        """Redact one wanted line and keep it if it still matches and is new enough."""
        if not self._times.holds(line.at):
            return
        order = line.at or written
        if not self._matcher.filters and not self._newest.wants(order):
            self._newest.skip()
            return
        text, secrets = self._cleaner.text(line.raw, in_key=line.in_key, before=line.before)
        if self._matcher.shows(text):
            self._newest.add(order, self._cleaner.line(line.at, file.name, text), secrets)
