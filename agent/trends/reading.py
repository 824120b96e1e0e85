"""One look at the machine: the readings of ``protocol.trends``, and nothing that names people or files.

Runs in a child that ends (``agent.trends.__main__``), never in the idle process.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

import psutil

from agent import services
from agent.collectors.base import Context
from agent.collectors.certificates import service_certificates
from agent.collectors.storage import local_file_systems
from protocol.errors import RelevoError
from protocol.trends import MAX_READINGS, SHOWN_MOUNTS, Kind, Reading, sane

_VOLATILE = ("/run/", "/dev/", "/proc/", "/sys/", "/snap/", "/var/lib/docker/", "/var/lib/containers/")
_POWER = Path("/sys/class/power_supply")
_MOST = {Kind.DISK: 12, Kind.CERTIFICATE: 16, Kind.CRASH: 12, Kind.BATTERY: 3}
_LEAST_BYTES = 16 << 20
"""Smaller file systems are the system's own and full by design."""
_SOON_S = 45 * 86_400
_LONG_AGO_S = 30 * 86_400
_SILENT = "sysv"
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:+-]{0,39}(@[^.]{0,100})?")
"""A service's name, with its instance; units of other types have their type behind a dot."""

Count = Callable[[list[services.Service]], dict[str, int]]
"""Restarts by service, from how the services stand now (``agent.trends.restarts``)."""


def read(context: Context, key: bytes, count: Count, at: datetime) -> tuple[Reading, ...]:
    """Every reading there is. A part that cannot be read is left out; the rest is told.

    Args:
        key: for the pseudonyms; never leaves the machine.
    """
    parts: tuple[Callable[[], Iterable[Reading]], ...] = (
        lambda: _disks(context, key),
        _memory,
        lambda: _batteries(_POWER),
        lambda: _crashes(key, count),
        lambda: _certificates(context, key, at.timestamp()),
    )
    found: list[Reading] = []
    for part in parts:
        try:
            found += [reading for reading in part() if sane(reading)]
        except (OSError, RelevoError, psutil.Error) as error:
            context.warn(f"not-read: {error}")
    return tuple(found[:MAX_READINGS])


def pseudonym(key: bytes, prefix: str, what: bytes) -> str:
    """The same for the same thing on this machine; nobody without its key can tell what it stands for."""
    return f"{prefix}-{hmac.digest(key, what, hashlib.sha256).hex()[:12]}"


def _disks(context: Context, key: bytes) -> Iterable[Reading]:
    """As df counts: what is used of what users may use. Each device once, at its shortest mount point."""
    seen: set[int] = set()
    found = []
    for mount in sorted(local_file_systems(context), key=lambda mount: (len(mount.point), mount.point)):
        if f"{mount.point}/".startswith(_VOLATILE) and mount.point not in SHOWN_MOUNTS:
            continue
        try:
            device, numbers = Path(mount.point).stat(), os.statvfs(mount.point)
        except OSError:
            continue
        if device.st_dev in seen or not Path(mount.point).is_dir():
            continue
        seen.add(device.st_dev)
        used = (numbers.f_blocks - numbers.f_bfree) * numbers.f_frsize
        usable = used + numbers.f_bavail * numbers.f_frsize
        if usable < _LEAST_BYTES:
            continue
        shown = mount.point in SHOWN_MOUNTS
        name = mount.point if shown else pseudonym(key, "mount", mount.point.encode())
        found.append(Reading(kind=Kind.DISK, subject=name, value=float(used), limit=float(usable)))
    return found[: _MOST[Kind.DISK]]


def _memory() -> Iterable[Reading]:
    memory = psutil.virtual_memory()
    used = float(memory.total - memory.available)
    return [Reading(kind=Kind.MEMORY, subject="memory", value=used, limit=float(memory.total))]


def _batteries(folder: Path) -> Iterator[Reading]:
    """What a full charge holds of what it was made for. Batteries of mice and the like are left out.

    Source: Documentation/ABI/testing/sysfs-class-power of the Linux kernel.
    """
    for battery in sorted(folder.glob("*"))[: _MOST[Kind.BATTERY]]:
        if _text(battery / "type") != "Battery" or _text(battery / "scope") == "Device":
            continue
        for unit in ("energy", "charge"):
            full, design = _text(battery / f"{unit}_full"), _text(battery / f"{unit}_full_design")
            if full.isdecimal() and design.isdecimal() and int(design):
                percent = round(100.0 * int(full) / int(design), 1)
                yield Reading(kind=Kind.BATTERY, subject=battery.name[:20], value=percent, limit=100.0)
                break


def _crashes(key: bytes, count: Count) -> Iterable[Reading]:
    """Services that were started again since the machine was; the worst first."""
    counts = count([service for service in _watched() if _UNIT.fullmatch(service.name)])
    worst = sorted(((-n, name) for name, n in counts.items() if n > 0))[: _MOST[Kind.CRASH]]
    return [
        Reading(kind=Kind.CRASH, subject=_unit(name, key), value=float(-negative)) for negative, name in worst
    ]


def _watched() -> list[services.Service]:
    """Services whose manager says which process they are. System V scripts do not, and each would have to be
    run to learn nothing."""
    found: dict[str, services.Service] = {}
    for manager in services.managers():
        if manager.name == _SILENT:
            continue
        try:
            for service in manager.list():
                found.setdefault(service.name, service)
        except (OSError, RelevoError):
            continue  # a manager that does not answer hides its own services only
    return list(found.values())


def _unit(name: str, key: bytes) -> str:
    """Instances are often users, hosts or paths (``user@1000``)."""
    unit, at, instance = name.partition("@")
    return f"{unit}@{pseudonym(key, 'i', instance.encode())}" if at and instance else unit


def _certificates(context: Context, key: bytes, now: float) -> Iterable[Reading]:
    """Those that end soon or ended not long ago, by a pseudonym of their fingerprint."""
    from cryptography.hazmat.primitives.hashes import SHA256

    found = []
    for _path, certificate in service_certificates(context):
        end = certificate.not_valid_after_utc.timestamp()
        if now - _LONG_AGO_S < end < now + _SOON_S:
            name = pseudonym(key, "cert", certificate.fingerprint(SHA256()))
            found.append(Reading(kind=Kind.CERTIFICATE, subject=name, value=end))
    unique = {reading.subject: reading for reading in found}
    return sorted(unique.values(), key=lambda reading: reading.value)[: _MOST[Kind.CERTIFICATE]]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")[:40].strip()
    except OSError:
        return ""
