"""README's walk, typed into one shell command by command, so that README cannot lie."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.guides import Block, blocks
from tests.support.world import BIN, ROOT, free_port, wait_until

_ENVIRONMENT = ("HOME", "LANG", "TZ", "PYTHONWARNINGS", "DISPLAY", "TERM")


class Shell:
    """One bash that stays: variables and background jobs live on, as they do for a reader."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._output = (folder / "terminal.txt").open("wb")
        answers, theirs = os.pipe()
        env = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            cwd=folder,
            pass_fds=(theirs,),
            env={**env, "PATH": f"{BIN}:{os.environ['PATH']}"},
        )
        os.close(theirs)
        self._told = theirs
        self._answers = os.fdopen(answers)

    def text(self) -> str:
        return (self.folder / "terminal.txt").read_text(errors="replace")

    def run(self, command: str) -> None:
        """Type one command and require status 0 (of a command with ``&``: that it was started)."""
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{command}\necho $? >&{self._told}\n".encode())
        self._bash.stdin.flush()
        status = self._answers.readline().strip()
        assert status == "0", f"{command}\nstatus {status or 'none: bash ended'}\n{self.text()[-4000:]}"

    def close(self) -> None:
        """Stop the background jobs, newest first, and the shell."""
        assert self._bash.stdin is not None
        self._bash.stdin.write(b"for job in $(jobs -p | sort -rn); do kill $job; wait $job; done; exit\n")
        self._bash.stdin.close()
        try:
            self._bash.wait(30)
        finally:
            self._bash.kill()
            self._bash.wait()
            self._answers.close()
            self._output.close()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shutil.copytree(ROOT / "fixes", tmp_path / "fixes")
    shell = Shell(tmp_path)
    try:
        yield shell
    finally:
        shell.close()


def test_the_walk_in_the_readme_works_as_written(shell: Shell) -> None:
    port = free_port()
    lock = Path(f"/tmp/relevo-readme-{os.getpid()}.lock")
    try:
        for block in blocks(ROOT / "README.md"):
            if not block.mark.startswith("walk"):
                continue
            if block.mark == "walk: the answer":
                _answer(shell, block)
                continue
            for command in block.commands:
                here = command.replace("127.0.0.1:8443", f"127.0.0.1:{port}")
                here = here.replace("/tmp/backup.lock", str(lock))
                if block.mark == "walk: the last command waits" and command == block.commands[-1]:
                    here += " & ASKING=$!"
                shell.run(here)
                if command.endswith("&"):
                    _wait_for_start(shell, command)
                if command.startswith("relevo org init"):
                    found = re.search(r"\b[0-9a-f]{64}\b", shell.text().rpartition("Root hash")[2])
                    assert found, "`relevo org init` no longer prints the root hash"
                    shell.run(f"ROOT={found[0]}")
        assert not lock.exists(), "the fix in the README did not repair the fault that the README makes"
    finally:
        lock.unlink(missing_ok=True)


def test_every_shell_block_of_the_readme_is_walked_or_a_make_target() -> None:
    for block in blocks(ROOT / "README.md"):
        if block.kind == "sh" and not block.mark.startswith("walk"):
            assert all(command.startswith(("make ", "git ", "cd ")) for command in block.commands), block


def _answer(shell: Shell, block: Block) -> None:
    """The user's commands, with the id that `requests` shows, and then the technician's goes on."""

    def waiting() -> str | None:
        shell.run("relevo-agent requests --data ./agent --json > requests.json")
        rows = json.loads((shell.folder / "requests.json").read_bytes())
        return str(rows[0]["id"]) if rows else None

    request = wait_until("the request to be shown", waiting)
    for command in block.commands:
        shell.run(re.sub(r"\b3f9a12c4\b", request, command))
    shell.run("wait $ASKING")


def _wait_for_start(shell: Shell, command: str) -> None:
    if command.startswith("relevo-broker"):
        wait_until("the broker to be ready", lambda: "ready https://" in shell.text())
        return

    def online() -> bool:
        shell.run("relevo-agent status --data ./agent --json > status.json || true")
        text = (shell.folder / "status.json").read_text()
        return bool(text) and bool(json.loads(text)["online"])

    wait_until("the agent to be online", online)
