"""Counting in a process that ends (docs/adr/0020): in the broker itself other requests would wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import structlog

from broker.reports.counting import Counted, Order
from protocol.errors import Code, RelevoError
from protocol.wire import from_json, to_json

COMMAND = (sys.executable, "-P", "-m", "broker.reports.child")
LENGTH_BYTES = 8
"""Before the order, big-endian. What follows the order is the end: the process goes when its broker has gone."""
MAX_ANSWER = 256 << 20
_PIECE = 1 << 20
_log = structlog.get_logger("broker.reports")


def environment() -> dict[str, str]:
    """Ours, with the folder of our packages on the path: a checkout works like an installation."""
    packages = str(Path(__file__).resolve().parents[2])
    rest = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": packages + (os.pathsep + rest if rest else "")}


def framed(order: Order) -> bytes:
    said = to_json(order)
    return len(said).to_bytes(LENGTH_BYTES, "big") + said


async def counted_apart(order: Order, seconds: float) -> Counted:
    """What a process of its own counts; when this returns, raises or is cancelled, the process has ended.

    Raises:
        RelevoError: ``timeout`` after ``seconds``; ``internal`` if the process fails, which says why on stderr.
    """
    try:
        async with asyncio.timeout(seconds):
            return from_json(await _answer(await asyncio.to_thread(framed, order)), Counted)
    except TimeoutError as error:
        raise RelevoError(
            Code.TIMEOUT, "the report takes too long: a shorter period, or one customer"
        ) from error


async def _answer(order: bytes) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment(),
            limit=MAX_ANSWER,  # never paused, so that the end of a killed process is seen
        )
    except OSError as error:
        raise RelevoError(Code.INTERNAL, f"cannot start a process: {error.strerror}") from error
    try:
        said = await _talk(process, order)
        status = await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if status != 0:
        _log.error("report-process-failed", status=status)
        raise RelevoError(Code.INTERNAL, f"the report's process ended with {status}")
    return said


async def _talk(process: asyncio.subprocess.Process, order: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise RelevoError(Code.INTERNAL, "the report's process has no pipes")
    # A broken pipe: it died, and its status says more.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(order)
        await process.stdin.drain()
    said = bytearray()
    while piece := await process.stdout.read(_PIECE):
        said += piece
        if len(said) > MAX_ANSWER:
            raise RelevoError(Code.TOO_LARGE, "too much for one report: a shorter period, or one customer")
    return bytes(said)
