"""systemd, through ``systemctl show`` (its documented machine-readable output)."""

from __future__ import annotations

from pathlib import Path

from agent import processes
from agent.services.model import (
    CHANGE_S,
    OUTPUT_BYTES,
    QUERY_S,
    Outcome,
    Service,
    State,
    checked_name,
    outcome,
)

_PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts,Result"
_STATES = {
    "active": State.RUNNING,
    "reloading": State.RUNNING,
    "inactive": State.STOPPED,
    "failed": State.FAILED,
    "activating": State.CHANGING,
    "deactivating": State.CHANGING,
}


def booted() -> bool:
    """sd_booted(3): systemd is the running init exactly when this folder exists."""
    return Path("/run/systemd/system").is_dir()


class Systemd:
    name = "systemd"

    def status(self, service: str) -> Service | None:
        found = _show([_unit(service)])
        return found[0] if found else None

    def start(self, service: str) -> Outcome:
        return _change("start", service)

    def stop(self, service: str) -> Outcome:
        return _change("stop", service)

    def list(self) -> tuple[Service, ...]:
        """Loaded services, and every unit of another type that failed."""
        listed = _systemctl("list-units", "--type=service", "--all", "--plain", "--no-legend")
        failed = _systemctl("list-units", "--state=failed", "--all", "--plain", "--no-legend")
        names = sorted({*parse_units(listed.text), *parse_units(failed.text)})
        return _show(names)


def _unit(service: str) -> str:
    name = checked_name(service)
    return name if "." in name else f"{name}.service"


def _systemctl(*arguments: str, timeout_s: float = QUERY_S) -> processes.Finished:
    return processes.run(
        ["systemctl", "--no-pager", "--no-ask-password", *arguments],
        timeout_s=timeout_s,
        output_limit_bytes=4 * OUTPUT_BYTES,
    )


def _change(verb: str, service: str) -> Outcome:
    return outcome(_systemctl(verb, "--", _unit(service), timeout_s=CHANGE_S))


def _show(names: list[str]) -> tuple[Service, ...]:
    if not names:
        return ()
    done = _systemctl("show", f"--property={_PROPERTIES}", "--", *names)
    return parse_show(done.text)


def parse_units(text: str) -> list[str]:
    """Unit names of ``systemctl list-units --plain --no-legend``: the first word of each line."""
    return [line.split()[0] for line in text.splitlines() if line.strip()]


def parse_show(text: str) -> tuple[Service, ...]:
    """Services of ``systemctl show``: blocks of ``Key=value`` between blank lines.

    A unit that was never installed has ``LoadState=not-found`` and is left out.
    """
    services = []
    for block in text.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if not values.get("Id") or values.get("LoadState") in (None, "not-found", "masked"):
            continue
        enabled = values.get("UnitFileState", "")
        services.append(
            Service(
                name=values["Id"].removesuffix(".service"),
                manager="systemd",
                state=_STATES.get(values.get("ActiveState", ""), State.UNKNOWN),
                enabled={"enabled": True, "disabled": False}.get(enabled),
                pid=_number(values.get("MainPID")) or None,
                restarts=_number(values.get("NRestarts")),
                detail=f"{values.get('SubState', '')} ({values.get('Result', '')})",
            )
        )
    return tuple(services)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
