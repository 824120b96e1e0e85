"""An agent started twice on one folder by mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent import identity, supervisor
from agent.folder import Folder, Membership
from protocol.drivers.files import write_private
from protocol.ids import new_grant_id
from protocol.scopes import Mode
from protocol.wire import to_json

_RUN = [sys.executable, "-c", "from agent.cli import main; main()", "run", "--data"]
_ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "agent")
    folder.remember(
        Membership(
            agent=identity.id_of(identity.load_or_make(folder)),
            org="org-" + "a" * 32,
            org_name="Help",
            customer="acme",
            mode=Mode.ATTENDED,
            url="wss://127.0.0.1:9",  # nobody listens there: the agent keeps trying
            tls_sha256=None,
            root_sha256="0" * 64,
        )
    )
    return folder


def test_the_second_is_refused_and_the_sessions_of_the_first_go_on(folder: Folder) -> None:
    env = {**os.environ, "LC_ALL": "C", "PYTHONUNBUFFERED": "1"}
    first = subprocess.Popen([*_RUN, str(folder.root)], cwd=_ROOT, env=env, stderr=subprocess.PIPE, text=True)
    worker = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        assert first.stderr is not None
        assert "running for Help" in first.stderr.readline()
        mark = supervisor.WorkerMark(pid=worker.pid, started=supervisor.start_time(worker.pid) or 0.0)
        write_private(folder.worker(new_grant_id()), to_json(mark))
        second = subprocess.run(
            [*_RUN, str(folder.root)],
            cwd=_ROOT, env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert second.returncode == 9
        assert "running for" not in second.stderr
        assert worker.poll() is None, "the second agent ended a session of the first"
        assert first.poll() is None
        assert folder.socket.exists()
    finally:
        worker.kill()
        worker.wait()
        first.terminate()
        first.wait(30)
        assert first.stderr is not None
        first.stderr.close()
