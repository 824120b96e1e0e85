"""The starter fix start-service with a real daemon under a real System V script, through the root helper."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.fixing import ROOT
from tests.support.helping import HelperWorld

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("service") is None or Path("/run/systemd/system").is_dir(),
    reason="needs root and System V scripts",
)

SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: {name}
# Default-Start: 2 3 4 5
### END INIT INFO
case "$1" in
  start) setsid {daemon} </dev/null >/dev/null 2>&1 & echo $! > {pid} ;;
  stop) kill "$(cat {pid})"; rm -f {pid} ;;
  status) [ -f {pid} ] && grep -q . "/proc/$(cat {pid})/cmdline" 2>/dev/null || exit 3 ;;
esac
"""


@dataclass
class Service:
    name: str
    pid_file: Path

    @property
    def pid(self) -> int | None:
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            pid = int(self.pid_file.read_text())
            os.kill(pid, 0)
            return pid
        return None


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A stopped service of this machine, taken away again afterwards."""
    name = f"relevo-test-{secrets.token_hex(4)}"
    script = Path("/etc/init.d") / name
    made = Service(name, tmp_path / "daemon.pid")
    script.write_text(SCRIPT.format(name=name, daemon="sleep 300", pid=made.pid_file))
    script.chmod(0o755)
    yield made
    if made.pid is not None:
        os.kill(made.pid, signal.SIGKILL)
    script.unlink()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[HelperWorld]:
    made = HelperWorld(tmp_path)
    made.publish(ROOT / "fixes" / "start-service")
    desk = made.connect()
    yield made
    await desk.close()


async def test_a_stopped_service_is_started_and_an_undo_stops_it(
    world: HelperWorld, service: Service
) -> None:
    planned = await world.plan("start-service", service=service.name)
    assert planned.check == "present"
    assert planned.plan == f"Start the service {service.name} through sysv. Undoing stops it again.\n"
    assert service.pid is None
    run = await world.run("start-service", service=service.name)
    assert run.state == "succeeded"
    assert "is stopped" in run.settings
    assert service.pid is not None
    assert (await world.run("start-service", service=service.name)).state == "no_op"
    assert (await world.undo("start-service")).state == "undone"
    assert service.pid is None


async def test_a_started_service_lives_on_in_the_machines_network_without_limits(
    world: HelperWorld, service: Service
) -> None:
    """The helper has no network and its steps have limits: a service must inherit neither."""
    assert (await world.run("start-service", service=service.name)).state == "succeeded"
    await world.desk.close()  # type: ignore[attr-defined]
    pid = service.pid
    assert pid is not None
    assert os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t0" in status
    own = Path("/proc/self/limits").read_text().splitlines()
    theirs = Path(f"/proc/{pid}/limits").read_text().splitlines()
    for name in ("Max address space", "Max file size"):
        assert [line for line in theirs if line.startswith(name)] == [
            line for line in own if line.startswith(name)
        ]


async def test_a_service_that_does_not_stay_up_is_not_called_repaired(
    world: HelperWorld, service: Service, tmp_path: Path
) -> None:
    script = Path("/etc/init.d") / service.name
    dies = SCRIPT.format(name=service.name, daemon="false", pid=service.pid_file)
    script.write_text(dies.replace(" ;;\n  stop)", "; wait ;;\n  stop)"))  # it is gone before anybody looks
    toml = (ROOT / "fixes" / "start-service" / "manifest.toml").read_text()
    quick = tmp_path / "quick"
    quick.mkdir()
    quick.joinpath("manifest.toml").write_text(
        toml.replace("retries = 10", "retries = 1")
        .replace("settle_s = 1", "settle_s = 0.2")
        .replace("version = 1", "version = 2")
    )
    world.publish(quick)
    world.trust.refresh()
    run = await world.run("start-service", service=service.name)
    assert run.state in ("undone", "undo_failed")
    assert "verify: present" in run.message or "undo" in run.message
    assert service.pid is None


async def test_a_service_that_nobody_knows_cannot_be_planned(world: HelperWorld) -> None:
    from protocol.errors import Code
    from tests.support.fixing import code_of

    assert await code_of(world.plan("start-service", service="no-such-daemon")) is Code.NOT_APPLICABLE
