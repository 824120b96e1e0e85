"""A collector host with collectors that misbehave, given to the real host as a table of its own.

Started by the tests as a program; argv[1] is a folder to leave traces in.
"""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from agent.collectors.base import Collector, Context, NotApplicable
from agent.collectors.host import Host
from protocol.diagnosis import Output, Status, fact, table

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("/nonexistent")
_HANG_S = 2.0


def _wait_for(name: str) -> None:
    while not (FOLDER / name).exists():
        time.sleep(0.005)


def _leave(name: str, text: str = "") -> None:
    temporary = FOLDER / f".{name}"
    temporary.write_text(text)
    temporary.rename(FOLDER / name)


def good(_context: Context) -> Output:
    return Output(facts=(fact("answer_count", 42),))


def meets_b(_context: Context) -> Output:
    _leave("a")
    _wait_for("b")
    return Output()


def meets_a(_context: Context) -> Output:
    _leave("b")
    _wait_for("a")
    return Output()


def hangs(_context: Context) -> Output:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


def burns(_context: Context) -> Output:
    while True:
        pass


def crashes(_context: Context) -> Output:
    ctypes.string_at(0)
    return Output()


def raises(_context: Context) -> Output:
    raise ValueError("password=hunter2")


def denied(_context: Context) -> Output:
    raise PermissionError


def absent(_context: Context) -> Output:
    raise NotApplicable("no-printing")


def floods(_context: Context) -> Output:
    return Output(reason="x" * (4 << 20))


def floods_standard(_context: Context) -> Output:
    for _ in range(200):
        os.write(1, b"x" * 65_536)
        os.write(2, b"y" * 65_536)
    return Output()


def lies(_context: Context) -> Output:
    os.write(3, b"\xc1 not msgpack")
    os._exit(0)


def ragged(_context: Context) -> Output:
    return Output(tables=(table("rows", ("one", "two"), [("only one",)]),))


def eats(_context: Context) -> Output:
    bytearray(8 << 30)
    return Output()


def escapes(_context: Context) -> Output:
    """Leaves a grandchild in a session of its own and returns as if nothing were."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 64)
            _leave("escaped", str(os.getpid()))
            time.sleep(600)
        os._exit(0)
    _wait_for("escaped")
    return Output()


def bombs(_context: Context) -> Output:
    """Forks without end, each in a session of its own, until it is killed."""
    for at in range(10_000):
        if os.fork() == 0:
            os.setsid()
            if at < 60:
                _leave(f"bomb{at}", str(os.getpid()))
            while True:
                time.sleep(60)
        if at >= 60:
            time.sleep(60)
    return Output()


def waits(_context: Context) -> Output:
    _leave("waiting", str(os.getpid()))
    time.sleep(600)
    return Output()


def partial(context: Context) -> Output:
    context.warn("slow: nothing")
    return Output(status=Status.PARTIAL, reason="needs-privilege")


FUNCTIONS = {
    "good": good,
    "meets-a": meets_a,
    "meets-b": meets_b,
    "hangs": hangs,
    "burns": burns,
    "crashes": crashes,
    "raises": raises,
    "denied": denied,
    "absent": absent,
    "floods": floods,
    "floods-standard": floods_standard,
    "lies": lies,
    "ragged": ragged,
    "eats": eats,
    "escapes": escapes,
    "bombs": bombs,
    "waits": waits,
    "partial": partial,
}
_SHORT = ("hangs", "burns", "bombs")
COLLECTORS = {
    name: Collector(name, 1, timeout_s=_HANG_S if name in _SHORT else 30.0, memory_bytes=256 << 20)
    for name in FUNCTIONS
} | {"elsewhere": Collector("elsewhere", 1, platforms=("plan9",))}


if __name__ == "__main__":
    Host(COLLECTORS, FUNCTIONS, 0, 1).serve()
