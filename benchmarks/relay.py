"""The relay alone: bytes a second and CPU time a GB of the process in the middle.

Beside ``socat`` (TLS on both sides, as ours) and ``ssh -W`` through sshd (SSH on one side, plain TCP on the
other). The ends are threads that send prepared bytes and throw away what comes, so the middle is what is seen.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.bare import certificate_in
from benchmarks.lab import Lab
from benchmarks.measure import PeerMissingError, Row, spread
from benchmarks.openssh import wait_port
from tests.support.world import ROOT, free_port

SIZE = 512 << 20
PIECE = 256 << 10
N = 3


@dataclass(frozen=True)
class Pass:
    """One run: MiB a second, CPU seconds of the middle for each GiB."""

    mib_s: float
    cpu_s_gib: float


def measure(lab: Lab) -> list[Row]:
    folder = lab.folder / "relay"
    folder.mkdir()
    certificate, key = certificate_in(folder)
    with contextlib.ExitStack() as stack:
        runs: dict[str, Callable[[], Pass]] = {}
        runs["ours"] = stack.enter_context(_ours(certificate, key))
        missing = []
        for name, start in (("socat", lambda: _socat(certificate, key)), ("ssh -W", lambda: _ssh(lab))):
            try:
                runs[name] = stack.enter_context(start())
            except PeerMissingError as error:
                missing.append(f"no {error}")
        found: dict[str, list[Pass]] = {name: [] for name in runs}
        for _ in range(N):
            for name, run in runs.items():
                found[name].append(run())
    return [row for name in found if name != "ours" for row in _rows(found["ours"], found[name], name)]


def _rows(ours: list[Pass], peer: list[Pass], name: str) -> list[Row]:
    beside = {"socat": "socat, TLS on both sides", "ssh -W": "sshd for ssh -W, SSH on one side only"}[name]
    speeds, costs = [run.mib_s for run in ours], [run.cpu_s_gib for run in ours]
    speed, cost = statistics.median(speeds), statistics.median(costs)
    peer_speed = statistics.median(run.mib_s for run in peer)
    peer_cost = statistics.median(run.cpu_s_gib for run in peer)
    return [
        Row(f"relay speed, {name}", speed, peer_speed, beside, "MiB/s", N, spread(speeds), ">= 1x", speed >= peer_speed),
        Row(f"relay CPU, {name}", cost, peer_cost, beside, "s/GiB", N, spread(costs), "<= 1x", cost <= peer_cost),
    ]  # fmt: skip


def _timed(
    pids: Callable[[], list[int]], sender: socket.socket, receiver: socket.socket, piece: bytes
) -> Pass:
    """``SIZE`` bytes from ``sender`` to ``receiver``."""

    def send() -> None:
        for _ in range(SIZE // PIECE):
            sender.sendall(piece)

    before, began = _cpu(pids()), time.perf_counter()
    thread = threading.Thread(target=send)
    thread.start()
    left = SIZE
    buffer = bytearray(1 << 20)
    while left > 0:
        got = receiver.recv_into(buffer)
        if not got:
            raise ConnectionError("cut")
        left -= got
    seconds = time.perf_counter() - began
    thread.join()
    return Pass((SIZE >> 20) / seconds, (_cpu(pids()) - before) / (SIZE / (1 << 30)))


def _cpu(pids: list[int]) -> float:
    total = 0.0
    for pid in pids:
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system
    return total


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _tls(port: int) -> ssl.SSLSocket:
    return _context().wrap_socket(socket.create_connection(("127.0.0.1", port)))


# --- ours ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _ours(certificate: Path, key: Path) -> Iterator[Callable[[], Pass]]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.relay_server", str(port), str(certificate), str(key)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_port(port)
        ends = _websocket(port, "agent"), _websocket(port, "technician")
        piece = _masked(os.urandom(PIECE))
        yield lambda: _timed(lambda: [server.pid], *ends, piece)
        for end in ends:
            end.close()
    finally:
        server.terminate()
        server.wait(10)


def _websocket(port: int, side: str) -> ssl.SSLSocket:
    end = _tls(port)
    key = base64.b64encode(os.urandom(16)).decode()
    end.sendall(
        f"GET /{side} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += end.recv(1)
    return end


def _masked(data: bytes) -> bytes:
    """One binary frame as a client sends it (RFC 6455, 5.2)."""
    mask = os.urandom(4)
    repeated = int.from_bytes(mask * (len(data) // 4), "little")
    body = (int.from_bytes(data, "little") ^ repeated).to_bytes(len(data), "little")
    return struct.pack(">BBQ", 0x82, 0x80 | 127, len(data)) + mask + body


# --- peers ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _sink() -> Iterator[tuple[socket.socket, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener, listener.getsockname()[1]


@contextlib.contextmanager
def _socat(certificate: Path, key: Path) -> Iterator[Callable[[], Pass]]:
    if shutil.which("socat") is None:
        raise PeerMissingError("socat")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _sink() as (listener, far):
        port = free_port()
        process = subprocess.Popen(
            ["socat", "-b", str(PIECE), f"OPENSSL-LISTEN:{port},reuseaddr,cert={certificate},key={key},verify=0",
             f"OPENSSL:127.0.0.1:{far},verify=0"],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            time.sleep(0.3)  # it takes one connection only, so it cannot be probed
            connecting = threading.Thread(target=lambda: ends.append(_tls(port)))
            ends: list[socket.socket] = []
            connecting.start()
            plain, _ = listener.accept()
            receiver = context.wrap_socket(plain, server_side=True)
            connecting.join()
            piece = os.urandom(PIECE)
            yield lambda: _timed(lambda: [process.pid], ends[0], receiver, piece)
            ends[0].close()
            receiver.close()
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def _ssh(lab: Lab) -> Iterator[Callable[[], Pass]]:
    """``ssh -W`` is the sender's own program; what is counted is the sshd in the middle."""
    pair = lab.openssh
    daemon = int((pair.folder / "jump.pid").read_text())
    with _sink() as (listener, far):
        near, inside = socket.socketpair()
        client = subprocess.Popen(pair.ssh("-W", f"127.0.0.1:{far}", "jump"), stdin=inside, stdout=inside)
        inside.close()
        try:
            receiver, _ = listener.accept()
            middle = [child.pid for child in psutil.Process(daemon).children(recursive=True)]
            piece = os.urandom(PIECE)
            yield lambda: _timed(lambda: middle, near, receiver, piece)
            receiver.close()
        finally:
            near.close()
            client.terminate()
            client.wait(10)
