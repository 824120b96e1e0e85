"""Bulk transfer: stock ``sftp`` through our broker beside stock ``sftp`` through an OpenSSH ProxyJump."""

from __future__ import annotations

import statistics
import subprocess
from dataclasses import replace
from pathlib import Path

from benchmarks.lab import Lab
from benchmarks.measure import PeerMissingError, Row, compared, take_turns

SIZE = 256 << 20
N = 3


def measure(lab: Lab) -> list[Row]:
    session = lab.session
    exchange = session.machine.data / "exchange"
    blob, back, far = lab.memory / "blob", lab.memory / "back", lab.memory / "far"
    _fill(blob)
    exchange.mkdir(exist_ok=True)
    # The exchange folder is on a disk: both ends of both transfers are to be memory.
    (far).mkdir()
    config = lab.folder / "relevo_ssh_config"
    config.write_text(session.person("ssh-config", session.ticket).out)
    ours = ["sftp", "-q", "-b", "-", "-F", str(config), f"relevo-{session.ticket}"]
    works = {
        "ours put": lambda: _sftp(ours, f"put {blob} blob"),
        "ours get": lambda: _sftp(ours, f"get blob {back}"),
    }
    missing = ""
    try:
        peer = ["sftp", "-q", "-b", "-", "-F", str(lab.openssh.config), "target"]
        works["peer put"] = lambda: _sftp(peer, f"put {blob} {far}/blob")
        works["peer get"] = lambda: _sftp(peer, f"get {far}/blob {back}")
    except PeerMissingError as error:
        missing = f"no peer: {error}"
    try:
        found = take_turns(works, n=N, warm=0)
    finally:
        (exchange / "blob").unlink(missing_ok=True)
    return [_row(found, way, missing) for way in ("get", "put")]


def _row(found: dict[str, list[float]], way: str, missing: str) -> Row:
    """Seconds become MiB a second, so more is better."""
    mib = SIZE >> 20
    ours = [mib / seconds for seconds in found[f"ours {way}"]]
    peer = [mib / seconds for seconds in found.get(f"peer {way}", ())] or None
    name = "sftp through ProxyJump, same cipher"
    row = compared(f"bulk {way}", ours, peer, name, unit="MiB/s", at_least=1.0, note=missing)
    return replace(row, ours=statistics.median(ours))


def _fill(path: Path) -> None:
    with path.open("wb") as file, open("/dev/urandom", "rb") as source:
        piece = source.read(8 << 20)
        for _ in range(SIZE // len(piece)):
            file.write(piece)


def _sftp(argv: list[str], command: str) -> None:
    subprocess.run(
        argv, input=command, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
