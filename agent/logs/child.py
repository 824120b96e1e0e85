"""The child's work: search or follow, redact, send."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime

from agent import framing
from agent.logs import journal
from agent.logs.clean import Cleaner
from agent.logs.follow import FollowedFiles
from agent.logs.matcher import Matcher
from agent.logs.messages import BATCH_BYTES, BATCH_LINES, Lines, Said, Search
from agent.logs.newest import Newest
from agent.logs.search import FileSearch, Outcome, Range
from agent.logs.sources import JOURNAL, Found, find_files, parse_source
from agent.redaction import Redactor
from protocol.assist import Failed, LogLine, LogSummary, Progress
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance

_PROGRESS_S = 0.3
_POLL_S = 0.3
_RESCAN_POLLS = 10
_MAX_NAMES = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Child:
    """Does one ``Search`` and writes what it found; a full pipe makes it wait."""

    def __init__(self, search: Search, writer: asyncio.StreamWriter) -> None:
        self._search = search
        self._request = search.request
        self._writer = writer
        self._sending = asyncio.Lock()
        self._told = 0.0
        redactor = Redactor(search.clearance, search.key, requester=search.requester)
        for_ticket = Redactor(Clearance.R1, search.key) if search.clearance is not Clearance.R1 else None
        self._cleaner = Cleaner(redactor, for_ticket)

    async def run(self) -> None:
        """Search, or follow until the process is ended. Errors go to the worker as ``Failed``."""
        try:
            self._wanted = parse_source(self._request.source)
            self._matcher = Matcher(self._request.pattern)
            found = find_files(self._search.folders, self._wanted)
            if self._wanted.name and not found.files and not found.unreadable:
                raise RelevoError(Code.NOT_FOUND, f"log {self._wanted.name[:100]}")
            if self._request.follow:
                await self._follow(found)
            else:
                await self._once(found)
        except RelevoError as error:
            await self._say(Failed(code=error.code, detail=error.detail[:1_000]))

    # --- search --------------------------------------------------------------------------------

    async def _once(self, found: Found) -> None:
        newest = Newest(self._request.limit)
        outcome = await self._search_files(found, newest)
        if self._wanted.journal:
            await self._search_journal(newest, outcome)
        await self._send(newest.lines())
        await self._say(self._summary(newest, outcome))

    async def _search_files(self, found: Found, newest: Newest) -> Outcome:
        loop = asyncio.get_running_loop()
        total = sum(file.size for file in found.files)

        def progress(done: int) -> None:
            if time.monotonic() - self._told >= _PROGRESS_S:
                self._told = time.monotonic()
                said = Progress(step="logs", done=min(done, total), total=total, unit="bytes")
                loop.call_soon_threadsafe(framing.send, self._writer, said)

        times = Range(self._request.since, self._request.until)
        search = FileSearch(self._matcher, self._cleaner, newest, times, progress)
        return await asyncio.to_thread(search.run, found)

    async def _search_journal(self, newest: Newest, outcome: Outcome) -> None:
        argv = self._journal_command(None)
        if argv is None:
            return
        sources: set[str] = set()
        try:
            async with aclosing(journal.entries(argv)) as entries:
                async for entry, size in entries:
                    outcome.scanned += size
                    kept = self._entry(entry, newest.wants(entry.at or _EPOCH))
                    if kept is not None:
                        sources.add(kept[0].source)
                        newest.add(entry.at or _EPOCH, *kept)
        except OSError as error:
            outcome.unreadable.append(f"{JOURNAL}: {error}")
        outcome.sources += sorted(sources)

    def _journal_command(self, follow: int | None) -> list[str] | None:
        """Raises RelevoError: ``not-applicable`` when the journal was asked for and there is none."""
        request = self._request
        argv = journal.command(
            self._search.journal_folder, self._wanted.unit, request.since, request.until, follow
        )
        if argv is None and not self._wanted.files:
            raise RelevoError(Code.NOT_APPLICABLE, "this machine has no journald")
        return argv

    def _entry(self, entry: journal.Entry, wanted: bool) -> tuple[LogLine, int] | None:
        if not wanted and not self._matcher.filters:
            return self._cleaner.line(entry.at, entry.source, ""), 0
        if self._matcher.find(entry.raw, 0) < 0:
            return None
        text, secrets = self._cleaner.text(entry.raw)
        return (
            (self._cleaner.line(entry.at, entry.source, text), secrets) if self._matcher.shows(text) else None
        )

    # --- follow --------------------------------------------------------------------------------

    async def _follow(self, found: Found) -> None:
        newest = Newest(self._request.limit)
        outcome = Outcome(unreadable=[self._cleaner.note(text) for text in found.unreadable])
        if self._request.since is not None:
            outcome = await self._search_files(found, newest)
            await self._send(newest.lines())
        files = FollowedFiles(self._matcher)
        files.update(found, first=True)
        outcome.sources = [self._cleaner.source(name) for name in files.names]
        argv = None
        if self._wanted.journal:
            argv = self._journal_command(self._request.limit if self._request.since else 0)
            outcome.sources += [JOURNAL] if argv else []
        await self._say(self._summary(newest, outcome))
        try:
            async with asyncio.TaskGroup() as tasks:
                if argv is not None:
                    tasks.create_task(self._follow_journal(argv))
                if self._wanted.files:
                    tasks.create_task(self._follow_files(files))
        finally:
            files.close()

    async def _follow_journal(self, argv: list[str]) -> None:
        try:
            async with aclosing(journal.entries(argv)) as entries:
                async for entry, _size in entries:
                    kept = self._entry(entry, True)
                    if kept is not None:
                        await self._send([kept[0]])
        except OSError as error:
            # Files are followed all the same; a technician who asked for the journal alone hears it.
            if not self._wanted.files:
                await self._say(Failed(code=Code.NOT_APPLICABLE, detail=f"journal: {error}"))

    async def _follow_files(self, files: FollowedFiles) -> None:
        polls = 0
        while True:
            polls += 1
            if polls % _RESCAN_POLLS == 0:
                files.update(find_files(self._search.folders, self._wanted))
            lines: list[LogLine] = []
            for name, raw in files.poll(datetime.now(UTC)):
                text, _secrets = self._cleaner.text(raw.raw, in_key=raw.in_key, before=raw.before)
                if self._matcher.shows(text):
                    lines.append(self._cleaner.line(raw.at, name, text))
                if len(lines) >= BATCH_LINES:
                    await self._send(lines)
                    lines = []
            await self._send(lines)
            if not lines:
                await asyncio.sleep(_POLL_S)

    # --- out -----------------------------------------------------------------------------------

    def _summary(self, newest: Newest, outcome: Outcome) -> LogSummary:
        lines = newest.lines()
        return LogSummary(
            matched=newest.added,
            sent=len(lines),
            scanned_bytes=outcome.scanned,
            truncated=newest.truncated,
            secrets_removed=newest.secrets,
            sources=tuple(dict.fromkeys(outcome.sources))[:_MAX_NAMES],
            unreadable=tuple(outcome.unreadable)[:_MAX_NAMES],
        )

    async def _send(self, lines: list[LogLine]) -> None:
        batch: list[LogLine] = []
        size = 0
        for line in lines:
            batch.append(line)
            size += 4 * len(line.text) + len(line.source)
            if size >= BATCH_BYTES or len(batch) >= BATCH_LINES:
                await self._send_batch(batch)
                batch, size = [], 0
        if batch:
            await self._send_batch(batch)

    async def _send_batch(self, batch: list[LogLine]) -> None:
        checked = self._cleaner.checked(batch)
        await self._say(Lines(lines=checked, r1=self._cleaner.r1(checked)))

    async def _say(self, said: Said) -> None:
        async with self._sending:
            framing.send(self._writer, said)
            await self._writer.drain()
