"""The idle agent is light: what is heavy lives in workers and children (7-dependencies.md)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.world import world_in

HEAVY = (
    "cryptography",
    "asyncssh",
    "tuf",
    "PIL",
    "sqlalchemy",
    "rich",
    "pydantic",
    "urllib3",
    "pyrage",
    "psutil",
)


def test_the_idle_process_imports_nothing_heavy() -> None:
    code = f"import agent.main, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_a_running_connected_agent_has_not_mapped_the_cryptography_library(tmp_path: Path) -> None:
    with world_in(tmp_path) as world:
        world.found(fixes=False)
        machine = world.machine()
        assert machine.running is not None
        maps = Path(f"/proc/{machine.running.process.pid}/maps").read_text()
    assert "_rust" not in maps
    assert "re2" not in maps
    assert "_ssl" in maps
