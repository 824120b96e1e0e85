"""The collector host: a single-threaded process with every collector loaded, that forks one process
for each collector it is asked to run, all at once, and ends each at its own deadline.

Started once per session (``python -m agent.collectors.host``). Requests come on stdin, results go to
stdout. Single-threaded, because only then is a fork without exec safe.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from agent.collectors import child
from agent.collectors.base import Collect, Collector
from agent.collectors.messages import Ended, Run, Settings
from protocol.frames import FrameReader, frame
from protocol.wire import from_msgpack, to_msgpack

_READ = 256 << 10
_SWEEP_S = 0.05
_POLL_S = 0.02


@dataclass
class _Running:
    run: int
    collector: Collector
    pid: int
    pipe: int
    exit_of: int | None
    deadline: float
    started: datetime
    output: bytearray = field(default_factory=bytearray)
    how: str = "exit"


class Host:
    """Owns the collectors' processes; every one of them is gone when ``serve`` returns."""

    def __init__(
        self,
        collectors: Mapping[str, Collector],
        functions: Mapping[str, Collect],
        requests: int,
        results: int,
    ) -> None:
        """``requests`` and ``results`` are descriptors; the tables are the caller's, literally."""
        self._collectors = collectors
        self._functions = functions
        self._requests = requests
        self._results = results
        self._selector = selectors.DefaultSelector()
        self._running: dict[int, _Running] = {}
        self._frames = FrameReader()
        self._strangers = False

    def serve(self) -> None:
        """Work until ``requests`` is closed or says something that is no request."""
        child.become_subreaper()
        gc.collect()
        gc.freeze()  # so that the children's collections do not copy our pages
        self._selector.register(self._requests, selectors.EVENT_READ)
        try:
            while self._turn():
                pass
        finally:
            for running in list(self._running.values()):
                self._end(running, "stopped")
            self._sweep()
            self._selector.close()

    def _turn(self) -> bool:
        for key, _ in self._selector.select(self._wait_s()):
            if key.fd == self._requests:
                data = os.read(self._requests, _READ)
                if not data:
                    return False
                for body in self._frames.feed(data):
                    self._start(from_msgpack(body, Run))
            elif isinstance(key.data, _Running) and key.data.pid in self._running:
                self._read(key.data)
        now = time.monotonic()
        for running in list(self._running.values()):
            if self._exited(running):
                self._read(running)
                self._end(running, running.how)
            elif running.how == "overflow" or now >= running.deadline:
                self._end(running, "overflow" if running.how == "overflow" else "timeout")
        if self._strangers:
            self._sweep()
        return True

    def _wait_s(self) -> float | None:
        waits = [max(0.0, running.deadline - time.monotonic()) for running in self._running.values()]
        if self._strangers:
            waits.append(_SWEEP_S)
        if any(running.exit_of is None for running in self._running.values()):
            waits.append(_POLL_S)
        return min(waits) if waits else None

    def _start(self, run: Run) -> None:
        for name in run.names:
            self._fork(run.run, self._collectors[name], run.settings)

    def _fork(self, run: int, collector: Collector, settings: Settings) -> None:
        host = os.getpid()
        read_end, write_end = os.pipe()
        started = datetime.now(UTC)
        pid = os.fork()
        if pid == 0:
            child.run_and_exit(collector, self._functions[collector.name], settings, write_end, host)
        os.close(write_end)
        os.set_blocking(read_end, False)
        running = _Running(
            run=run,
            collector=collector,
            pid=pid,
            pipe=read_end,
            exit_of=_exit_of(pid),
            deadline=time.monotonic() + collector.timeout_s,
            started=started,
        )
        self._running[pid] = running
        self._selector.register(read_end, selectors.EVENT_READ, running)
        if running.exit_of is not None:
            self._selector.register(running.exit_of, selectors.EVENT_READ, running)

    def _read(self, running: _Running) -> None:
        """Take what its pipe holds, never more than a read beyond its limit."""
        while len(running.output) <= running.collector.output_limit_bytes:
            try:
                data = os.read(running.pipe, _READ)
            except BlockingIOError:
                return
            if not data:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(running.pipe)
                return
            running.output += data
        running.how = "overflow"

    @staticmethod
    def _exited(running: _Running) -> bool:
        """Whether it ended; it is not reaped yet, so its id cannot be anybody else's."""
        return os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _end(self, running: _Running, how: str) -> None:
        """Kill what is left of it, reap it and report."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL)  # where it had not come to its setsid yet
        _, status, usage = os.wait4(running.pid, 0)
        del self._running[running.pid]
        for descriptor in (running.pipe, running.exit_of):
            if descriptor is not None:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(descriptor)
                os.close(descriptor)
        self._strangers = True
        self._report(
            Ended(
                run=running.run,
                collector=running.collector.name,
                how=how,
                rc=os.waitstatus_to_exitcode(status),
                output=bytes(running.output) if how == "exit" else b"",
                started=running.started,
                ended=max(datetime.now(UTC), running.started),
                cpu_ms=int((usage.ru_utime + usage.ru_stime) * 1_000),
                rss_peak_bytes=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
                read_bytes=usage.ru_inblock * 512,
            )
        )

    def _report(self, ended: Ended) -> None:
        view = memoryview(frame(to_msgpack(ended)))
        try:
            while view:
                view = view[os.write(self._results, view) :]
        except BrokenPipeError:
            # The worker is gone; its end of our stdin is closed too, which ends ``serve``.
            return

    def _sweep(self) -> None:
        """End processes that a collector left behind, also in sessions of their own: they are ours now."""
        strangers = [pid for pid in _children() if pid not in self._running]
        for pid in strangers:
            with contextlib.suppress(ProcessLookupError, PermissionError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        self._strangers = bool(strangers)


def _exit_of(pid: int) -> int | None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(pid)
    return None


def _children() -> list[int]:
    """Direct children of this process (proc(5), ``task/TID/children``), else by asking everyone."""
    try:
        return [int(word) for word in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        import psutil

        return [process.pid for process in psutil.Process().children()]


def main() -> None:
    """Serve the agent's own collectors on stdin and stdout."""
    from agent.collectors import COLLECTORS
    from agent.collectors.functions import FUNCTIONS

    requests, results = os.dup(0), os.dup(1)
    with open(os.devnull, "r+b") as null:
        os.dup2(null.fileno(), 0)
        os.dup2(null.fileno(), 1)
    Host(COLLECTORS, FUNCTIONS, requests, results).serve()


if __name__ == "__main__":
    main()
