"""runit, through ``sv`` (smarden.org/runit/sv.8.html)."""

from __future__ import annotations

import re
from pathlib import Path

from agent import processes
from agent.services.model import CHANGE_S, QUERY_S, Outcome, Service, State, checked_name, outcome

FOLDERS = (Path("/etc/service"), Path("/service"), Path("/var/service"))
_LINE = re.compile(
    r"^(?P<word>run|down|finish|fail|warning): (?P<name>\S+?): (?:\(pid (?P<pid>\d+)\) )?(?P<rest>[^;]*)"
)
_STATES = {"run": State.RUNNING, "down": State.STOPPED, "finish": State.CHANGING}


class Runit:
    name = "runit"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def status(self, service: str) -> Service | None:
        path = self._folder / checked_name(service)
        if not path.is_dir():
            return None
        argv = ["sv", "status", str(path)]
        done = processes.run(argv, timeout_s=QUERY_S, output_limit_bytes=64 << 10)
        return parse_status(done.text.strip(), service)

    def start(self, service: str) -> Outcome:
        return self._change("start", service)

    def stop(self, service: str) -> Outcome:
        return self._change("stop", service)

    def list(self) -> tuple[Service, ...]:
        names = sorted(path.name for path in self._folder.iterdir() if (path / "run").exists())
        return tuple(found for name in names if (found := self.status(name)) is not None)

    def _change(self, verb: str, service: str) -> Outcome:
        argv = ["sv", "-w", "30", verb, str(self._folder / checked_name(service))]
        return outcome(processes.run(argv, timeout_s=CHANGE_S, output_limit_bytes=64 << 10))


def parse_status(line: str, service: str) -> Service:
    """One line of ``sv status``; ``normally up`` or ``normally down`` says what the machine wants.

    ``sv`` adds that remark only when it differs from what is, so without it the present state is
    the wanted one.
    """
    found = _LINE.match(line)
    state = _STATES.get(found["word"], State.UNKNOWN) if found else State.UNKNOWN
    enabled: bool | None = None
    if state in (State.RUNNING, State.STOPPED):
        remark = re.search(r"normally (up|down)", line)
        enabled = remark[1] == "up" if remark else state is State.RUNNING
    return Service(
        name=service,
        manager="runit",
        state=state,
        enabled=enabled,
        pid=int(found["pid"]) if found and found["pid"] else None,
        detail=line[:200],
    )
