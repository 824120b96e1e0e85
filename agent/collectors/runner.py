"""The session worker's side of the collector host: ask for collectors, get results as they end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from agent import processes
from agent.collectors import COLLECTORS
from agent.collectors.base import Collector
from agent.collectors.messages import Ended, Run, Settings
from protocol.diagnosis import CollectorResult, Cost, Output, Status, ragged
from protocol.errors import Code, RelevoError
from protocol.frames import MAX_FRAME, FrameReader, frame
from protocol.wire import from_msgpack, to_msgpack

OnDone = Callable[[CollectorResult], Awaitable[None]]

_SPARE_S = 5.0
"""The host ends collectors by itself; only when it is stuck itself does this come into play."""
_START_S = 20.0
_CLOSE_S = 0.5
_READ = 256 << 10
_HOST = "agent.collectors.host"


class CollectorHost:
    """One host process, started by the first use or by ``start``, restarted when it died.

    One run at a time; a second caller waits for the first.
    """

    def __init__(
        self, collectors: Mapping[str, Collector] = COLLECTORS, argv: Sequence[str] | None = None
    ) -> None:
        """``argv`` is the host's command line; None means our own."""
        self._collectors = collectors
        self._argv = tuple(argv) if argv else processes.own_program(_HOST)
        self._process: asyncio.subprocess.Process | None = None
        self._frames = FrameReader()
        self._turn = asyncio.Lock()
        self._runs = 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._collectors)

    @property
    def pid(self) -> int | None:
        """The host's process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the host now, so that the first run does not wait for it. Idempotent.

        Raises:
            RelevoError: ``internal`` when it cannot be started.
        """
        if self.pid is None:
            self._frames = FrameReader()
            async with asyncio.timeout(_START_S):
                self._process = await processes.spawn(self._argv, limit=MAX_FRAME)

    async def close(self) -> None:
        """End the host and everything it runs, within a second. Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await process.wait()
        except TimeoutError:
            processes.kill_session(process.pid)
            await process.wait()

    async def collect(
        self, names: Sequence[str], settings: Settings, on_done: OnDone | None = None
    ) -> tuple[CollectorResult, ...]:
        """Run these collectors at once; ``on_done`` is awaited with each result as it comes.

        A collector that hangs, crashes, floods or breaks its limits has a result that says so; a host
        that dies gives ``failed`` for what it had not finished. Cancelling ends the host.

        Returns:
            A result for every name, in the order of the table of collectors.

        Raises:
            RelevoError: ``not-found`` for an unknown name, before anything runs; what ``on_done`` raises.
        """
        unknown = [name for name in names if name not in self._collectors]
        if unknown:
            raise RelevoError(Code.NOT_FOUND, f"collector {unknown[0]}")
        wanted = [collector for name, collector in self._collectors.items() if name in set(names)]
        done: dict[str, CollectorResult] = {}

        async def finish(result: CollectorResult) -> None:
            done[result.collector] = result
            if on_done is not None:
                await on_done(result)

        here = [collector for collector in wanted if sys.platform in collector.platforms]
        for collector in wanted:
            if collector not in here:
                await finish(_without_run(collector, Status.NOT_APPLICABLE, f"platform: {sys.platform}"))
        async with self._turn:
            reason = await self._run(here, settings, finish)
        for collector in here:
            if collector.name not in done:
                await finish(_without_run(collector, Status.FAILED, reason))
        return tuple(done[collector.name] for collector in wanted)

    async def _run(self, wanted: Sequence[Collector], settings: Settings, finish: OnDone) -> str:
        """Results of one run to ``finish``; the reason why there is none for the rest."""
        if not wanted:
            return ""
        left = {collector.name for collector in wanted}
        clean = False
        try:
            await self.start()
            self._runs += 1
            request = Run(run=self._runs, names=tuple(c.name for c in wanted), settings=settings)
            async with asyncio.timeout(max(c.timeout_s for c in wanted) + _SPARE_S):
                await self._send(request)
                while left:
                    for ended in await self._receive():
                        if ended.run == self._runs and ended.collector in left:
                            left.discard(ended.collector)
                            await finish(_result(self._collectors[ended.collector], ended))
            clean = True
        except TimeoutError:
            return "host-stuck"
        except (EOFError, ConnectionError):
            return "host-ended"
        finally:
            if not clean:
                await self._kill()
        return ""

    async def _send(self, request: Run) -> None:
        assert self._process is not None  # noqa: S101 - start() came first
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write(frame(to_msgpack(request)))
        await self._process.stdin.drain()

    async def _receive(self) -> list[Ended]:
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        data = await self._process.stdout.read(_READ)
        if not data:
            raise EOFError
        try:
            return [from_msgpack(body, Ended) for body in self._frames.feed(data)]
        except RelevoError as error:
            raise EOFError from error

    async def _kill(self) -> None:
        """The host and, since they die with it, its collectors."""
        process, self._process = self._process, None
        if process is not None:
            processes.kill_session(process.pid)
            await process.wait()


def _result(collector: Collector, ended: Ended) -> CollectorResult:
    output = _output(ended)
    return CollectorResult(
        collector=collector.name,
        version=collector.version,
        started=ended.started,
        ended=ended.ended,
        status=output.status,
        reason=output.reason,
        facts=output.facts,
        tables=output.tables,
        items=output.items,
        privileges=_privileges(),
        cost=Cost(cpu_ms=ended.cpu_ms, rss_peak_bytes=ended.rss_peak_bytes, read_bytes=ended.read_bytes),
        warnings=output.warnings,
    )


def _output(ended: Ended) -> Output:
    if ended.how == "timeout":
        return Output(status=Status.TIMEOUT, reason="time-limit")
    if ended.how == "stopped":
        return Output(status=Status.FAILED, reason="host-ended")
    if ended.how == "overflow":
        return Output(status=Status.FAILED, reason="output-limit")
    if ended.rc != 0 or not ended.output:
        return Output(status=Status.FAILED, reason=f"ended: status {ended.rc}")
    try:
        output: Output = from_msgpack(ended.output, Output)
    except RelevoError:
        return Output(status=Status.FAILED, reason="output-malformed")
    return Output(status=Status.FAILED, reason="output-malformed") if ragged(output) else output


def _without_run(collector: Collector, status: Status, reason: str) -> CollectorResult:
    now = datetime.now(UTC)
    return CollectorResult(
        collector=collector.name,
        version=collector.version,
        started=now,
        ended=now,
        status=status,
        reason=reason,
        privileges=_privileges(),
    )


def _privileges() -> str:
    return "root" if hasattr(os, "geteuid") and os.geteuid() == 0 else "user"
