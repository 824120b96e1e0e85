"""``relevo screenshot`` of 1920 x 1080 to a PNG on the technician's disk, beside ImageMagick's local ``import``."""

from __future__ import annotations

import os
import shutil
import subprocess

from benchmarks.lab import Lab
from benchmarks.measure import PeerMissingError, Row, compared, take_turns
from tests.support.world import BIN

N = 9


def measure(lab: Lab) -> list[Row]:
    if shutil.which("Xvfb") is None:
        raise PeerMissingError("Xvfb")
    session = lab.session
    env = session.world.environment({"RELEVO_HOME": str(session.person.home)})
    picture, other = lab.memory / "ours.png", lab.memory / "peer.png"

    def ours() -> None:
        _run([str(BIN / "relevo"), "screenshot", session.ticket, "-o", str(picture)], env)
        picture.unlink()

    works = {"ours": ours}
    if shutil.which("import"):
        local = {**os.environ, "DISPLAY": lab.display}
        works["import"] = lambda: _run(["import", "-window", "root", str(other)], local)
    found = take_turns(works, n=N, warm=1)
    return [
        compared(
            "screenshot",
            found["ours"],
            found.get("import"),
            "import -window root, locally",
            unit="ms",
            scale=1e3,
            at_most=1.5,
        )
    ]


def _run(argv: list[str], env: dict[str, str]) -> None:
    subprocess.run(
        argv,
        env=env,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
