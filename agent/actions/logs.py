"""``logs``: search or follow logs; secrets are removed here, before anything leaves the machine."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process

from agent import framing, processes
from agent.actions.context import Emit, Session
from agent.logs.messages import Lines, Said, Search
from agent.logs.sources import folders_of
from agent.redaction.known import requester_here
from protocol import assist
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.frames import MAX_FRAME
from protocol.scopes import Clearance
from protocol.wire import to_json

_END_WAIT_S = 2.0
_MEDIA_TYPE = "application/x-ndjson"


async def run(request: assist.Logs, session: Session, emit: Emit) -> None:
    """Search and send lines as they come; a search that ended is stored on the ticket, for R1 and
    sealed for the technician's clearance where that is higher. Cancelling ends the search.

    Raises:
        RelevoError: ``parameter-invalid`` (pattern, source), ``not-found``, ``not-applicable`` (no
            journald), ``cannot-record``.
    """
    session.record(
        Action.LOGS_STARTED,
        source=request.source,
        pattern=request.pattern,
        since=request.since,
        until=request.until,
        follow=request.follow,
    )
    work = _Work(request, session, emit)
    try:
        await work.search()
        if not request.follow:
            await work.store()
    finally:
        session.record(Action.LOGS_DONE, **work.outcome())


class _Work:
    def __init__(self, request: assist.Logs, session: Session, emit: Emit) -> None:
        self._request = request
        self._session = session
        self._emit = emit
        self._summary: assist.LogSummary | None = None
        self._lines = 0
        self._r1: list[bytes] = []
        self._full: list[bytes] = []
        self._artifacts: list[str] = []

    def outcome(self) -> dict[str, object]:
        """Facts for the journal: what was sent, whether the request ended well or not."""
        summary = self._summary
        return {
            "sources": ", ".join(summary.sources) if summary else None,
            "pattern": self._request.pattern,
            "since": self._request.since,
            "lines": self._lines,
            "secrets_removed": summary.secrets_removed if summary else None,
            "artifact": " ".join(self._artifacts) or None,
        }

    async def search(self) -> None:
        child = await processes.spawn(processes.own_program("agent.logs"), limit=MAX_FRAME + 4)
        assert child.stdin is not None  # noqa: S101 - pipes, see processes.spawn
        assert child.stdout is not None  # noqa: S101
        try:
            framing.send(child.stdin, self._order())
            await child.stdin.drain()
            while (said := await framing.receive(child.stdout, Said)) is not None:
                await self._take(said)
            if self._summary is None:
                raise RelevoError(Code.INTERNAL, "the program that searches logs ended early")
        finally:
            await _end(child)

    def _order(self) -> Search:
        return Search(
            request=self._request,
            folders=folders_of(self._session.data),
            clearance=self._session.clearance,
            key=self._session.pseudonym_key,
            requester=requester_here(),
        )

    async def _take(self, said: Said) -> None:
        match said:
            case Lines():
                self._lines += len(said.lines)
                if not self._request.follow:
                    self._r1 += [to_json(line) for line in said.r1 or said.lines]
                    self._full += [to_json(line) for line in said.lines if said.r1]
                await self._emit(assist.LogLines(lines=said.lines))
            case assist.Failed():
                raise RelevoError(said.code, said.detail)
            case assist.LogSummary():
                self._summary = said
                await self._emit(said)
            case _:
                await self._emit(said)

    async def store(self) -> None:
        """Put the result on the ticket."""
        if not self._r1:
            return
        await self._store(Clearance.R1, self._r1, seal=False)
        if self._full:
            await self._store(self._session.clearance, self._full, seal=True)

    async def _store(self, clearance: Clearance, lines: list[bytes], *, seal: bool) -> None:
        name = f"logs-{self._session.grant.ticket}-{clearance}.jsonl"
        artifact = await self._session.artifacts.store(
            kind="logs",
            name=name,
            media_type=_MEDIA_TYPE,
            clearance=clearance,
            content=b"\n".join(lines) + b"\n",
            seal=seal,
        )
        self._artifacts.append(artifact)
        await self._emit(assist.Stored(artifact=artifact, name=name))


async def _end(child: Process) -> None:
    """End the child: it ends itself, and what it started, when its stdin closes."""
    assert child.stdin is not None  # noqa: S101
    child.stdin.close()
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), _END_WAIT_S)
    finally:
        if child.returncode is None:
            processes.kill_session(child.pid)
            await child.wait()
