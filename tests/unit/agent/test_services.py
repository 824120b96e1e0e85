"""Service managers: recorded output where they cannot run here, the real thing where they can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import services
from agent.services import State, runit, supervisor, systemd, sysv
from agent.services.model import checked_name
from agent.services.pidfile import Pidfile
from protocol.errors import Code, RelevoError

# systemd 252 (Debian 12), `systemctl show --property=…  -- cron backup getty@tty1 nope`.
_SHOW = """Id=cron.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
MainPID=612
NRestarts=0
Result=success

Id=backup.service
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=static
MainPID=0
NRestarts=5
Result=exit-code

Id=home-share.mount
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=generated
Result=timeout

Id=apt-daily.service
LoadState=loaded
ActiveState=inactive
SubState=dead
UnitFileState=disabled
MainPID=0
NRestarts=0
Result=success

Id=nope.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
MainPID=0
NRestarts=0
Result=success
"""
_UNITS = (
    "cron.service                 loaded    active   running Regular background program processing daemon\n"
    "backup.service               loaded    failed   failed  Nightly backup\n"
)


def test_systemd_units_are_read_and_unknown_ones_left_out() -> None:
    found = {service.name: service for service in systemd.parse_show(_SHOW)}
    assert set(found) == {"cron", "backup", "home-share.mount", "apt-daily"}
    assert (found["cron"].state, found["cron"].enabled, found["cron"].pid) == (State.RUNNING, True, 612)
    assert (found["backup"].state, found["backup"].enabled, found["backup"].restarts) == (
        State.FAILED,
        None,
        5,
    )
    assert (found["apt-daily"].state, found["apt-daily"].enabled) == (State.STOPPED, False)
    assert found["home-share.mount"].detail == "failed (timeout)"


def test_systemd_unit_names_are_the_first_word_of_each_line() -> None:
    assert systemd.parse_units(_UNITS) == ["cron.service", "backup.service"]


@pytest.mark.parametrize(
    ("line", "state", "enabled", "pid"),
    [
        ("run: /etc/service/web: (pid 1234) 57s", State.RUNNING, True, 1234),
        ("run: web: (pid 1234) 57s, normally down; run: log: (pid 1233) 57s", State.RUNNING, False, 1234),
        ("down: web: 3s, normally up", State.STOPPED, True, None),
        ("down: web: 100s", State.STOPPED, False, None),
        ("finish: web: (pid 99) 1s, normally up, want down", State.CHANGING, None, 99),
        ("fail: web: unable to change to service directory: file does not exist", State.UNKNOWN, None, None),
        ("warning: web: unable to open supervise/ok: file does not exist", State.UNKNOWN, None, None),
    ],
)
def test_runit_states_are_read(line: str, state: State, enabled: bool | None, pid: int | None) -> None:
    found = runit.parse_status(line, "web")
    assert (found.state, found.enabled, found.pid) == (state, enabled, pid)


def test_supervisor_states_are_read() -> None:
    text = (
        "web                              RUNNING   pid 77, uptime 0:00:03\n"
        "group:worker_00                  STOPPED   Not started\n"
        "flap                             BACKOFF   Exited too quickly (process log may have details)\n"
        "dead                             FATAL     can't find command '/nope'\n"
        "error: <class 'FileNotFoundError'>, [Errno 2]: file: /usr/lib/python3/…\n"
    )
    found = {service.name: service for service in supervisor.parse_status(text)}
    assert [service.state for service in found.values()] == [
        State.RUNNING,
        State.STOPPED,
        State.FAILED,
        State.FAILED,
    ]
    assert found["web"].pid == 77


@given(st.text(max_size=300))
def test_any_output_is_read_without_an_error(text: str) -> None:
    systemd.parse_show(text)
    systemd.parse_units(text)
    supervisor.parse_status(text)
    runit.parse_status(text, "web")


@pytest.mark.parametrize(
    "name", ["", "-x", "--all", "../cron", "cron;id", "cron cups", "a\0b", "a\nb", "x" * 200, "/cron"]
)
def test_a_name_that_could_be_anything_else_never_reaches_a_command(name: str) -> None:
    with pytest.raises(RelevoError) as refused:
        checked_name(name)
    assert refused.value.code is Code.PARAMETER_INVALID
    with pytest.raises(RelevoError):
        services.start(name)


def test_only_scripts_of_the_multi_user_levels_count_as_daemons(tmp_path: Path) -> None:
    for name, levels in (("web", "2 3 4 5"), ("early", "S"), ("none", "")):
        (tmp_path / name).write_text(
            f"#!/bin/sh\n### BEGIN INIT INFO\n# Default-Start: {levels}\n### END INIT INFO\n"
        )
    assert [name for name in ("web", "early", "none") if sysv._is_daemon(tmp_path / name)] == ["web"]


def test_start_links_say_what_starts_with_the_machine(tmp_path: Path) -> None:
    (tmp_path / "rc2.d").mkdir()
    (tmp_path / "rc2.d" / "S01web").touch()
    (tmp_path / "rc2.d" / "K01mail").touch()
    assert sysv.starts_with_machine("web", tmp_path)
    assert not sysv.starts_with_machine("mail", tmp_path)


def test_a_pid_file_names_a_daemon_that_runs_and_can_be_ended(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        (tmp_path / "web.pid").write_text(f"{child.pid}\n")
        manager = Pidfile(tmp_path)
        found = manager.status("web")
        assert found is not None
        assert (found.state, found.pid) == (State.RUNNING, child.pid)
        assert manager.stop("web").ok
        assert child.wait(timeout=30) == -15
        after = manager.status("web")
        assert after is not None
        assert after.state is State.STOPPED
        assert not manager.stop("web").ok
    finally:
        child.kill()
        child.wait()


def test_a_pid_file_older_than_its_process_does_not_let_us_end_a_stranger(tmp_path: Path) -> None:
    """The number was used again by a process that has nothing to do with the file."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        (tmp_path / "web.pid").write_text(f"{stranger.pid}\n")
        os.utime(tmp_path / "web.pid", (1, 1))
        assert not Pidfile(tmp_path).stop("web").ok
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_pid_file_cannot_start_anything(tmp_path: Path) -> None:
    (tmp_path / "web.pid").write_text("1\n")
    with pytest.raises(RelevoError) as refused:
        Pidfile(tmp_path).start("web")
    assert refused.value.code is Code.NOT_APPLICABLE


@pytest.mark.parametrize("content", ["", "x", "-1", "0", "99999999999", "1 2 3\n"])
def test_a_pid_file_with_anything_in_it_is_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "web.pid").write_text(content)
    assert Pidfile(tmp_path).status("web") is not None


def test_a_service_that_nobody_knows_is_not_found() -> None:
    with pytest.raises(RelevoError) as missing:
        services.status("no-such-service-here")
    assert missing.value.code is Code.NOT_FOUND
