"""Collector ``packages``: is what is installed whole, and does it wait for updates or a restart?"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from agent import processes
from agent.collectors.base import Context, NotApplicable, pairs
from protocol.diagnosis import NamedFact, Output, Status, fact, table

_STATUS = Path("/var/lib/dpkg/status")
_STATUS_BYTES = 64 << 20
_WHOLE = ("installed", "config-files", "not-installed")
_UPGRADE = re.compile(
    r"^Inst (?P<name>\S+) \[(?P<old>[^\]]*)\] \((?P<new>\S+) (?P<source>[^)]*)\)", re.MULTILINE
)
_UPGRADE_S = 20.0


def packages(context: Context) -> Output:
    """dpkg or rpm, whichever this machine has."""
    if _STATUS.is_file():
        return _dpkg(context)
    if processes.find_program("rpm"):
        return _rpm(context)
    raise NotApplicable("no-package-manager")


def _dpkg(context: Context) -> Output:
    installed, held, broken = 0, 0, []
    for name, version, want, error, state in _dpkg_status(context.read(_STATUS, _STATUS_BYTES) or ""):
        installed += state == "installed"
        held += want == "hold"
        if state not in _WHOLE or error != "ok":
            broken.append((name, version, state))
    simulated = context.run(
        "apt-get", "-s", "-o", "Debug::NoLocking=1", "-o", "APT::Get::Show-User-Simulation-Note=0", "upgrade",
        timeout_s=_UPGRADE_S,
    )  # fmt: skip
    known = simulated is not None and simulated.rc == 0
    upgrades = list(_upgrades(simulated.text)) if simulated is not None and known else []
    unmet = simulated is not None and "Unmet dependencies" in simulated.error_text + simulated.text
    return Output(
        status=Status.OK if known else Status.PARTIAL,
        reason="" if known else "upgrades-unknown",
        facts=(
            fact("manager", "dpkg"),
            fact("installed_count", installed),
            fact("held_count", held),
            fact("broken_count", len(broken)),
            fact("interrupted", any(Path("/var/lib/dpkg/updates").glob("[0-9]*"))),
            fact("unmet_dependencies", unmet),
            fact("upgradable_count", len(upgrades) if known else None),
            fact("security_upgradable_count", sum(1 for row in upgrades if row[3]) if known else None),
            fact("lists_age_s", _age(Path("/var/lib/apt/lists"))),
            *_reboot(context),
        ),
        tables=(
            table("broken", ("name", "version", "state"), broken),
            table("upgradable", ("name", "installed", "available", "security"), upgrades),
        ),
    )


def _dpkg_status(text: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, version, and the three words of ``Status`` (dpkg-query(1)) of each package."""
    for block in text.split("\n\n"):
        values = pairs(
            "\n".join(
                line for line in block.splitlines() if line.startswith(("Package", "Version", "Status"))
            )
        )
        words = values.get("Status", "").split()
        if len(words) == 3:
            yield values.get("Package", ""), values.get("Version", ""), words[0], words[1], words[2]


def _upgrades(text: str) -> Iterator[tuple[str, str, str, bool]]:
    for found in _UPGRADE.finditer(text):
        yield found["name"], found["old"], found["new"], "security" in found["source"].lower()


def _rpm(context: Context) -> Output:
    listed = context.run("rpm", "-qa", "--qf", "%{NAME} %{VERSION}\n", timeout_s=8)
    restart = context.run("needs-restarting", "-r", timeout_s=8)
    return Output(
        status=Status.PARTIAL,
        reason="upgrades-unknown",
        facts=(
            fact("manager", "rpm"),
            fact("installed_count", len(listed.text.splitlines()) if listed else None),
            fact("reboot_required", restart.rc == 1 if restart else None),
        ),
    )


def _reboot(context: Context) -> tuple[NamedFact, ...]:
    """Debian's flag file (update-notifier), and whether the running kernel's modules are still there."""
    flag = Path("/run/reboot-required").exists() or Path("/var/run/reboot-required").exists()
    release = (context.read("/proc/sys/kernel/osrelease") or "").strip()
    modules = Path("/lib/modules")
    gone = modules.is_dir() and any(modules.iterdir()) and not (modules / release).exists()
    names = (context.read("/run/reboot-required.pkgs", 64 << 10) or "").split()
    return (
        fact("reboot_required", flag or gone),
        fact("reboot_for", " ".join(dict.fromkeys(names))[:400] or None),
        fact("running_kernel_removed", gone),
    )


def _age(path: Path) -> float | None:
    try:
        return round(max(0.0, time.time() - path.stat().st_mtime))
    except OSError:
        return None
