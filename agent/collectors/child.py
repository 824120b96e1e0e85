"""A collector's own process: from just after the fork to its exit. Nothing here returns to the host."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
import time

import psutil

from agent.collectors.base import Collect, Collector, Context, NotApplicable
from agent.collectors.messages import Settings
from protocol.diagnosis import Output, Status
from protocol.wire import to_msgpack

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MAX_DESCRIPTOR = 65_536
_FILE_BYTES = 64 << 20
_OUTPUT = 3
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def become_subreaper() -> None:
    """Make orphans of this process' descendants its own children (prctl(2)), so that it can end them."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run_and_exit(
    collector: Collector, collect: Collect, settings: Settings, output: int, host: int
) -> None:  # pragma: no cover - ends the process it runs in
    """Confine this process, collect, write the result to ``output`` and exit. Never returns."""
    status = 1
    try:
        os.setsid()
        _keep_only(output)
        _confine(collector, host)
        deadline = time.monotonic() + collector.timeout_s
        _write(to_msgpack(_collected(collect, Context(settings=settings, deadline=deadline))))
        status = 0
    finally:
        os._exit(status)


def _collected(collect: Collect, context: Context) -> Output:
    try:
        found = collect(context)
    except NotApplicable as reason:
        found = Output(status=Status.NOT_APPLICABLE, reason=str(reason)[:400])
    except PermissionError:
        found = Output(status=Status.DENIED, reason="needs-privilege")
    except MemoryError:
        found = Output(status=Status.FAILED, reason="memory-limit")
    except Exception as error:
        # Only the kind of error: its text may hold what redaction would have removed.
        found = Output(status=Status.FAILED, reason=f"error: {type(error).__name__}")
    return Output(
        status=found.status,
        reason=found.reason,
        facts=found.facts,
        tables=found.tables,
        items=(*found.items, *context.items)[:400],
        warnings=(*found.warnings, *context.warnings)[:100],
    )


def _keep_only(output: int) -> None:
    """Descriptors 0 to 2 lead nowhere, 3 is the way out, the rest is closed."""
    null = os.open(os.devnull, os.O_RDWR)
    out = os.dup(output) if output == _OUTPUT else output
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.dup2(out, _OUTPUT, inheritable=False)
    os.closerange(_OUTPUT + 1, _MAX_DESCRIPTOR)


def _confine(collector: Collector, host: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != host:  # it ended before the line above took effect
        os._exit(1)
    for caught in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(caught, signal.SIG_DFL)
    cpu_s = math.ceil(collector.timeout_s) + 1
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_AS, _address_space() + collector.memory_bytes)
    _limit(resource.RLIMIT_FSIZE, _FILE_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    os.nice(10)
    if sys.platform == "linux":
        psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, 7)


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def _address_space() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 30


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_OUTPUT, view) :]
