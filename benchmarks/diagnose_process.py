"""``relevo diagnose TICKET --only uptime`` as a whole process, beside a cold ``ssh -J jump host uptime``."""

from __future__ import annotations

import subprocess

from benchmarks.lab import Lab
from benchmarks.measure import PeerMissingError, Row, compared, take_turns
from tests.support.world import BIN

N = 21


def measure(lab: Lab) -> list[Row]:
    session = lab.session
    env = session.world.environment({"RELEVO_HOME": str(session.person.home)})

    def ours() -> None:
        _run([str(BIN / "relevo"), "diagnose", session.ticket, "--only", "uptime"], env)

    works = {"ours": ours, "version": lambda: _run([str(BIN / "relevo"), "--version"], env)}
    missing = ""
    try:
        cold = lab.openssh.ssh("target", "uptime")
        works["openssh"] = lambda: _run(cold)
    except PeerMissingError as error:
        missing = f"no peer: {error}"
    works["python"] = lambda: _run([str(BIN / "python"), "-c", "pass"])
    found = take_turns(works, n=N, warm=2)
    peer = "ssh through ProxyJump, cold"
    note = (
        missing or "the answer is verified, journalled on the machine and stored on the ticket before it ends"
    )
    return [
        compared("diagnose process", found["ours"], found.get("openssh"), peer, unit="ms", scale=1e3,
                 at_most=0.5, note=note),
        compared("relevo --version", found["version"], found["python"], "python -c pass", unit="ms",
                 scale=1e3),
    ]  # fmt: skip


def _run(argv: list[str], env: dict[str, str] | None = None) -> None:
    subprocess.run(
        argv,
        env=env,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
