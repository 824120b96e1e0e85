"""Starting the bare server that limits are measured against."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.openssh import wait_port
from tests.support.world import ROOT, free_port


@dataclass(frozen=True)
class Bare:
    port: int
    pid: int


@contextlib.contextmanager
def bare_server(folder: Path) -> Iterator[Bare]:
    """``benchmarks.bare_server`` with a certificate of its own, until the end of the block."""
    folder.mkdir(exist_ok=True)
    certificate, key = certificate_in(folder)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_server", str(port), str(certificate), str(key)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_port(port)
        yield Bare(port, server.pid)
    finally:
        server.terminate()
        server.wait(10)


def certificate_in(folder: Path) -> tuple[Path, Path]:
    """A self-signed ECDSA certificate, as ``relevo-broker init`` makes, and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    if not certificate.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )  # fmt: skip
    return certificate, key
