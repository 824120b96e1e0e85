"""supervisord, through ``supervisorctl`` (its exit statuses follow LSB since 4.0)."""

from __future__ import annotations

import re
from pathlib import Path

from agent import processes
from agent.services.model import CHANGE_S, QUERY_S, Outcome, Service, State, checked_name, outcome

CONFIGURATIONS = (Path("/etc/supervisor/supervisord.conf"), Path("/etc/supervisord.conf"))
_UNREACHABLE = 4
_STATES = {
    "RUNNING": State.RUNNING,
    "STOPPED": State.STOPPED,
    "EXITED": State.STOPPED,
    "STARTING": State.CHANGING,
    "STOPPING": State.CHANGING,
    "BACKOFF": State.FAILED,
    "FATAL": State.FAILED,
}
_LINE = re.compile(r"^(?P<name>\S+)\s+(?P<state>[A-Z]+)(?:\s+(?P<detail>.*))?$")
_PID = re.compile(r"pid (\d+)")


class Supervisor:
    name = "supervisor"

    def __init__(self, configuration: Path) -> None:
        self._configuration = configuration

    def status(self, service: str) -> Service | None:
        name = checked_name(service)
        return next((found for found in self.list() if found.name == name), None)

    def start(self, service: str) -> Outcome:
        return outcome(self._control("start", checked_name(service), timeout_s=CHANGE_S))

    def stop(self, service: str) -> Outcome:
        return outcome(self._control("stop", checked_name(service), timeout_s=CHANGE_S))

    def list(self) -> tuple[Service, ...]:
        """Empty when supervisord does not run: then it manages nothing."""
        done = self._control("status", timeout_s=QUERY_S)
        return () if done.rc == _UNREACHABLE else parse_status(done.text)

    def _control(self, *arguments: str, timeout_s: float) -> processes.Finished:
        argv = ["supervisorctl", "-c", str(self._configuration), *arguments]
        return processes.run(argv, timeout_s=timeout_s, output_limit_bytes=1 << 20)


def parse_status(text: str) -> tuple[Service, ...]:
    """Services of ``supervisorctl status``: name, state in capitals, then words."""
    services = []
    for line in text.splitlines():
        found = _LINE.match(line)
        if not found or found["state"] not in (*_STATES, "UNKNOWN"):
            continue
        detail = found["detail"] or ""
        pid = _PID.search(detail)
        services.append(
            Service(
                name=found["name"],
                manager="supervisor",
                state=_STATES.get(found["state"], State.UNKNOWN),
                pid=int(pid[1]) if pid else None,
                detail=f"{found['state']} {detail}".strip()[:200],
            )
        )
    return tuple(services)
