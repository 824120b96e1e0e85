"""System V init scripts, through ``service NAME status`` and its LSB exit status.

LSB 5.0, "Init Script Actions": status 0 running, 1 and 2 dead and something was left behind,
3 not running, 4 unknown.
"""

from __future__ import annotations

import re
from pathlib import Path

from agent import processes
from agent.services.model import CHANGE_S, QUERY_S, Outcome, Service, State, checked_name, outcome

SCRIPTS = Path("/etc/init.d")
_STATES = {0: State.RUNNING, 1: State.STOPPED, 2: State.STOPPED, 3: State.STOPPED}
_DEAD_LEFT_BEHIND = (1, 2)
_DEFAULT_START = re.compile(r"^# Default-Start:[ \t]*([0-9S \t]*)$", re.MULTILINE)
_HEADER_BYTES = 4_096


class Sysv:
    name = "sysv"

    def __init__(self, scripts: Path = SCRIPTS) -> None:
        self._scripts = scripts

    def status(self, service: str) -> Service | None:
        script = self._scripts / checked_name(service)
        if not script.is_file():
            return None
        done = processes.run(["service", service, "status"], timeout_s=QUERY_S, output_limit_bytes=64 << 10)
        state = _STATES.get(done.rc, State.UNKNOWN)
        if done.rc in _DEAD_LEFT_BEHIND and (Path("/run") / f"{service}.pid").exists():
            # Some scripts say 1 for any stopped daemon; a pid file shows that it did not end in order.
            state = State.FAILED
        lines = (done.text or done.error_text).strip().splitlines()
        return Service(
            name=service,
            manager=self.name,
            state=state,
            enabled=starts_with_machine(service),
            detail=lines[0][:200] if lines else "",
        )

    def start(self, service: str) -> Outcome:
        return self._change(service, "start")

    def stop(self, service: str) -> Outcome:
        return self._change(service, "stop")

    def list(self) -> tuple[Service, ...]:
        """The daemons among the scripts: those that belong to a runlevel from 2 to 5."""
        names = sorted(path.name for path in self._scripts.iterdir() if _is_daemon(path))
        return tuple(found for name in names if (found := self.status(name)) is not None)

    def _change(self, service: str, verb: str) -> Outcome:
        argv = ["service", checked_name(service), verb]
        return outcome(processes.run(argv, timeout_s=CHANGE_S, output_limit_bytes=64 << 10))


def starts_with_machine(service: str, root: Path = Path("/etc")) -> bool:
    """Whether a start link ``S??NAME`` exists in one of the multi-user runlevels."""
    return any(True for level in "2345" for _ in (root / f"rc{level}.d").glob(f"S[0-9][0-9]{service}"))


def _is_daemon(script: Path) -> bool:
    try:
        with script.open("rb") as file:
            header = file.read(_HEADER_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    found = _DEFAULT_START.search(header)
    return bool(found and re.search(r"[2-5]", found[1]))
