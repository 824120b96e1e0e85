"""A request in an open session: through the holder's socket, the relay and back, beside OpenSSH and the limit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.asyncssh_limit import LimitClient
from benchmarks.lab import Lab
from benchmarks.measure import PeerMissingError, Row, compared, quantile, take_turns
from protocol import assist
from technician.assist import exchange

N = 400
BLOCK = 20


def measure(lab: Lab) -> list[Row]:
    held = lab.session.held

    def ours() -> None:
        for _ in exchange(held, assist.About(), timeout_s=10):
            pass

    works = {"ours": ours}
    missing = ""
    try:
        master = lab.master
        works["openssh"] = lambda: master.run("true")
    except PeerMissingError as error:
        missing = f"no peer: {error}"
    with _limit() as limit:
        works["limit"] = limit.request
        found = take_turns(works, n=N, warm=2, block=BLOCK)
    return _rows(found, missing)


def _rows(found: dict[str, list[float]], missing: str) -> list[Row]:
    ours, ssh, limit = found["ours"], found.get("openssh"), found["limit"]
    peer = "OpenSSH, ControlMaster through ProxyJump: exec true"
    bare = "asyncssh end to end, no relay (the limit)"
    first = compared("request p50", ours, ssh, peer, unit="ms", scale=1e3, note=missing)
    second = compared("request p50, limit", ours, limit, bare, unit="ms", scale=1e3, at_most=1.5)
    rows = [first, second]
    for row, other in ((first, ssh), (second, limit)):
        p99 = quantile(other, 0.99) * 1e3 if other else None
        ours99 = quantile(ours, 0.99) * 1e3
        met = ours99 <= 1.5 * p99 if row is second and p99 else None
        rows.append(replace(row, name=row.name.replace("p50", "p99"), ours=ours99, peer=p99, met=met))
    return rows


@contextmanager
def _limit() -> Iterator[LimitClient]:
    """A server process that answers on loopback, and a client in this one."""
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.asyncssh_limit"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert server.stdout is not None
    try:
        port, key = server.stdout.readline().decode().split(" ", 1)
        with asyncio.Runner() as runner:
            client = LimitClient(runner, int(port), key.strip())
            try:
                yield client
            finally:
                client.close()
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()
