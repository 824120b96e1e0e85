"""The standard bundle (every collector, redacted, signed, shown, stored) beside ``sos report``."""

from __future__ import annotations

import shutil
import subprocess

from benchmarks.lab import Lab
from benchmarks.measure import Row, compared, take_turns, timed
from tests.support.world import BIN

N = 3


def measure(lab: Lab) -> list[Row]:
    session = lab.session
    env = session.world.environment({"RELEVO_HOME": str(session.person.home)})

    def ours() -> None:
        subprocess.run(
            [str(BIN / "relevo"), "diagnose", session.ticket],
            env=env,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    found = take_turns({"ours": ours}, n=N, warm=1)
    peer, note = None, "sos is not installed here (Debian: sosreport)"
    if shutil.which("sos"):
        folder = lab.memory / "sos"
        folder.mkdir()
        argv = ["sos", "report", "--batch", "--quiet", "--tmp-dir", str(folder)]
        peer = [
            timed(
                lambda: subprocess.run(
                    argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=90
                )
            )
        ]
        note = "sos report --batch with its default plugins, once"
    return [compared("bundle", found["ours"], peer, "sos report", unit="s", at_most=0.1, note=note)]
