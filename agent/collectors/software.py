"""Collector ``packages``: is what is installed whole, and does it wait for updates or a restart?"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from agent import processes
from agent.collectors.base import Context, NotApplicable, pairs
from agent.processes import Finished
from protocol.diagnosis import NamedFact, Output, Status, fact, table

_STATUS = Path("/var/lib/dpkg/status")
_STATUS_BYTES = 64 << 20
_WHOLE = ("installed", "config-files", "not-installed")
_UPGRADE = re.compile(
    r"^(?P<name>[^\s/]+)/(?P<suites>\S*) (?P<new>\S+) \S+ \[upgradable from: (?P<old>[^\]]*)\]", re.MULTILINE
)
"""A line of ``apt list --upgradable`` in the C locale; apt-private/private-output.cc, ListSingleVersion."""
_APT_S = 20.0
_NO_LOCK = ("-o", "Debug::NoLocking=1")
_NO_SOURCES = ("-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null")
"""What is installed depends on nothing but what is installed: without the lists of what could be, which apt
reads anew each time where its cache is not kept, the same answer takes a thirtieth of the time."""


def packages(context: Context) -> Output:
    """dpkg or rpm, whichever this machine has."""
    if _STATUS.is_file():
        return _dpkg(context)
    if processes.find_program("rpm"):
        return _rpm(context)
    raise NotApplicable("no-package-manager")


def _dpkg(context: Context) -> Output:
    installed, held, broken = 0, set[str](), []
    for name, version, want, error, state in _dpkg_status(context.read(_STATUS, _STATUS_BYTES) or ""):
        installed += state == "installed"
        if want == "hold":
            held.add(name)
        if state not in _WHOLE or error != "ok":
            broken.append((name, version, state))
    listed, checked = _apt(context)
    known = listed is not None and listed.rc == 0
    upgrades = [row for row in _upgrades(listed.text) if row[0] not in held] if listed and known else []
    unmet = checked is not None and "Unmet dependencies" in checked.error_text + checked.text
    return Output(
        status=Status.OK if known else Status.PARTIAL,
        reason="" if known else "upgrades-unknown",
        facts=(
            fact("manager", "dpkg"),
            fact("installed_count", installed),
            fact("held_count", len(held)),
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


def _apt(context: Context) -> tuple[Finished | None, Finished | None]:
    """What could be upgraded, and whether all dependencies are met. (Simulating the upgrade says both at
    once and takes several times as long.)"""
    listed = context.run("apt", "-qq", "list", "--upgradable", timeout_s=_APT_S)
    return listed, context.run("apt-get", "-qq", "-s", *_NO_LOCK, *_NO_SOURCES, "check", timeout_s=_APT_S)


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
        yield found["name"], found["old"], found["new"], "security" in found["suites"].lower()


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
