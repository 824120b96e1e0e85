"""Services for real: cron by its init script, and a supervisord of our own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import processes, services
from agent.services import State, systemd
from agent.services.supervisor import Supervisor
from agent.services.sysv import Sysv
from tests.support.world import wait_until

needs_sysv = pytest.mark.skipif(
    systemd.booted() or os.geteuid() != 0 or not Path("/etc/init.d/cron").exists(),
    reason="needs root, cron and an init that is not systemd",
)
needs_supervisor = pytest.mark.skipif(
    processes.find_program("supervisord") is None, reason="needs supervisor"
)


@needs_sysv
def test_cron_is_started_and_stopped_by_its_init_script() -> None:
    manager = Sysv()
    before = manager.status("cron")
    assert before is not None
    try:
        # The script returns a moment before cron has written down which process it is, or has gone.
        assert manager.start("cron").ok
        wait_until("cron to run", lambda: services.status("cron").state is State.RUNNING)
        assert manager.stop("cron").ok
        wait_until("cron to be gone", lambda: services.status("cron").state is State.STOPPED)
    finally:
        (manager.start if before.state is State.RUNNING else manager.stop)("cron")


@needs_sysv
def test_the_list_holds_daemons_and_no_boot_scripts() -> None:
    names = {service.name for service in Sysv().list()}
    assert "cron" in names
    assert not names & {"procps", "hwclock.sh", "udev", "x11-common"}


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervisor]:
    """A real supervisord with one good and one broken program."""
    configuration = tmp_path / "supervisord.conf"
    socket = tmp_path / "s.sock"
    configuration.write_text(
        f"[unix_http_server]\nfile={socket}\n"
        f"[supervisord]\nlogfile={tmp_path}/log\npidfile={tmp_path}/pid\nnodaemon=true\nchildlogdir={tmp_path}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[supervisorctl]\nserverurl=unix://{socket}\n"
        f"[program:web]\ncommand={sys.executable} -c 'import time; time.sleep(600)'\nautostart=false\nstartsecs=0\n"
        "[program:broken]\ncommand=/bin/false\nautostart=false\nstartretries=0\n"
    )
    daemon = subprocess.Popen(
        ["/usr/bin/supervisord", "-c", str(configuration)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        made = Supervisor(configuration)
        wait_until("supervisord to answer", lambda: socket.exists() and made.list())
        yield made
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=30)


@needs_supervisor
def test_a_supervised_program_is_started_and_stopped(supervised: Supervisor) -> None:
    before = supervised.status("web")
    assert before is not None
    assert before.state is State.STOPPED
    assert supervised.start("web").ok
    running = supervised.status("web")
    assert running is not None
    assert running.state is State.RUNNING
    assert running.pid
    assert supervised.stop("web").ok
    after = supervised.status("web")
    assert after is not None
    assert after.state is State.STOPPED


@needs_supervisor
def test_a_program_that_cannot_start_is_failed_and_says_so(supervised: Supervisor) -> None:
    assert not supervised.start("broken").ok
    found = supervised.status("broken")
    assert found is not None
    assert found.state is State.FAILED


@needs_supervisor
def test_a_supervisor_that_does_not_run_manages_nothing(tmp_path: Path) -> None:
    configuration = tmp_path / "supervisord.conf"
    configuration.write_text(f"[supervisorctl]\nserverurl=unix://{tmp_path}/none.sock\n")
    assert Supervisor(configuration).list() == ()
