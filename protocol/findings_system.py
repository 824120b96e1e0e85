"""Rules about the machine itself: space, memory, processor, processes, services, packages."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.diagnosis import Cell, CollectorResult
from protocol.findings_model import Finding, Severity, as_figure, figure, found, named, rows

FULL_PERCENT = 95.0
"""Programs begin to fail well before 100: ext4 keeps 5 % for root, and logs and caches write at once."""
FILLING_PERCENT = 90.0
SMALL_BYTES = 1 << 30
"""On a large disk 90 % may leave plenty; only with less than this or over ``FULL_PERCENT`` is it urgent."""
ROOMY_BYTES = 20 << 30
"""So much free space is not a warning, whatever the share."""
HELD_BYTES = 1 << 30
LOW_MEMORY_SHARE = 0.10
NO_MEMORY_SHARE = 0.03
SWAP_PERCENT = 80.0
PRESSURE_PERCENT = 20.0
"""Share of a minute in which some task waited; below, a person notices nothing."""
LOAD_PER_CPU = 2.0
STEAL_PERCENT = 20.0
BUSY_DRIVE_PERCENT = 95.0
SLOW_DRIVE_MS = 100.0
ZOMBIES = 20
STUCK = 3
RUNAWAY_PERCENT = 90.0
RUNAWAY_AGE_S = 600.0
LIMIT_PERCENT = 90.0
OLD_LISTS_S = 14 * 86_400


def disks(result: CollectorResult) -> Iterator[Finding]:
    for row in rows(result, "file_systems"):
        if row["answers"] is False:
            yield found(result, "disk-silent", Severity.CRITICAL, mount_point=row["mount_point"])
        if row["read_only_unexpected"] is True:
            yield found(result, "disk-read-only", Severity.CRITICAL, mount_point=row["mount_point"])
        if row["read_only"] is True:
            continue
        yield from _space(result, row)
        inodes = as_figure(row["inodes_used_percent"])
        if inodes is not None and inodes >= FILLING_PERCENT:
            severity = Severity.CRITICAL if inodes >= FULL_PERCENT else Severity.WARNING
            yield found(result, "inodes-full", severity, mount_point=row["mount_point"], used_percent=inodes)
    for row in rows(result, "missing_mounts"):
        yield found(
            result, "mount-missing", Severity.WARNING, mount_point=row["mount_point"], device=row["device"]
        )


def _space(result: CollectorResult, row: dict[str, Cell]) -> Iterator[Finding]:
    used, free = row["used_percent"], row["available_bytes"]
    if not isinstance(used, int | float) or not isinstance(free, int | float) or used < FILLING_PERCENT:
        return
    if free >= ROOMY_BYTES:
        return
    severity = Severity.CRITICAL if used >= FULL_PERCENT or free < SMALL_BYTES else Severity.WARNING
    yield found(
        result, "disk-full", severity,
        mount_point=row["mount_point"], used_percent=float(used), available_bytes=int(free),
    )  # fmt: skip


def memory(result: CollectorResult) -> Iterator[Finding]:
    total, available = figure(result, "total_bytes"), figure(result, "available_bytes")
    if total and available is not None and available / total < LOW_MEMORY_SHARE:
        severity = Severity.CRITICAL if available / total < NO_MEMORY_SHARE else Severity.WARNING
        yield found(result, "memory-low", severity, available_bytes=int(available), total_bytes=int(total))
    swap, pressure = figure(result, "swap_used_percent"), figure(result, "pressure_some_60s_percent")
    if swap is not None and swap >= SWAP_PERCENT and (pressure or 0) >= PRESSURE_PERCENT:
        yield found(result, "swap-full", Severity.WARNING, used_percent=swap, pressure_percent=pressure)
    kills = figure(result, "oom_kill_count")
    if kills:
        yield found(result, "oom-kills", Severity.WARNING, count=int(kills))
    if figure(result, "hardware_corrupted_bytes"):
        corrupted = int(figure(result, "hardware_corrupted_bytes") or 0)
        yield found(result, "memory-faulty", Severity.CRITICAL, corrupted_bytes=corrupted)


def cpu(result: CollectorResult) -> Iterator[Finding]:
    count, load = figure(result, "logical_count"), figure(result, "load_5m")
    pressure = figure(result, "pressure_some_60s_percent")
    if (
        count
        and load is not None
        and load > LOAD_PER_CPU * count
        and (pressure is None or pressure >= PRESSURE_PERCENT)
    ):
        yield found(result, "load-high", Severity.WARNING, load_5m=load, cpu_count=int(count))
    steal = figure(result, "steal_percent")
    if steal is not None and steal >= STEAL_PERCENT:
        yield found(result, "cpu-stolen", Severity.WARNING, steal_percent=steal)


def disk_io(result: CollectorResult) -> Iterator[Finding]:
    pressure = figure(result, "pressure_full_60s_percent")
    if pressure is not None and pressure >= PRESSURE_PERCENT:
        yield found(result, "storage-slow", Severity.WARNING, pressure_percent=pressure)
        return
    for row in rows(result, "drives"):
        busy, wait = as_figure(row["busy_percent"]), as_figure(row["wait_ms"])
        if busy is not None and wait is not None and busy >= BUSY_DRIVE_PERCENT and wait >= SLOW_DRIVE_MS:
            yield found(
                result, "drive-slow", Severity.WARNING, drive=row["drive"], wait_ms=wait, busy_percent=busy
            )


def processes(result: CollectorResult) -> Iterator[Finding]:
    zombies, stuck = figure(result, "zombie_count"), figure(result, "uninterruptible_count")
    if zombies is not None and zombies >= ZOMBIES:
        parents = list(dict.fromkeys(str(row["parent_name"]) for row in rows(result, "zombies")))
        yield found(result, "zombies", Severity.WARNING, count=int(zombies), parents=named(parents))
    if stuck is not None and stuck >= STUCK:
        names = [str(row["name"]) for row in rows(result, "uninterruptible")]
        yield found(result, "processes-stuck", Severity.WARNING, count=int(stuck), names=named(names))
    for row in rows(result, "top_cpu"):
        use, age = as_figure(row["cpu_percent"]), as_figure(row["age_s"])
        if use is not None and use >= RUNAWAY_PERCENT and (age or 0) >= RUNAWAY_AGE_S:
            yield found(
                result, "process-busy", Severity.NOTICE, name=row["name"], pid=row["pid"], cpu_percent=use
            )
    for row in rows(result, "near_file_limit"):
        used = as_figure(row["used_percent"])
        severity = Severity.CRITICAL if (used or 0) >= 98 else Severity.WARNING
        yield found(result, "files-open", severity, name=row["name"], pid=row["pid"], used_percent=used)
    opened, limit = figure(result, "open_file_count"), figure(result, "open_file_limit")
    if opened is not None and limit and 100 * opened / limit >= LIMIT_PERCENT:
        yield found(result, "files-open-all", Severity.CRITICAL, used_percent=100 * opened / limit)
    held = figure(result, "deleted_held_bytes")
    if held is not None and held >= HELD_BYTES:
        names = list(dict.fromkeys(str(row["name"]) for row in rows(result, "deleted_held")))
        yield found(result, "deleted-held", Severity.WARNING, held_bytes=int(held), names=named(names))


def services(result: CollectorResult) -> Iterator[Finding]:
    failed = [str(row["name"]) for row in rows(result, "services") if row["state"] == "failed"]
    if failed:
        yield found(result, "service-failed", Severity.CRITICAL, count=len(failed), names=named(failed))
    stopped = [
        str(row["name"])
        for row in rows(result, "services")
        if row["state"] == "stopped" and row["enabled"] is True and not _one_shot(row["detail"])
    ]
    if stopped:
        yield found(result, "service-stopped", Severity.WARNING, count=len(stopped), names=named(stopped))


def _one_shot(detail: object) -> bool:
    """systemd: a unit that did its work and ended well is ``dead (success)``, which is no fault."""
    return str(detail) == "dead (success)"


def packages(result: CollectorResult) -> Iterator[Finding]:
    broken = [str(row["name"]) for row in rows(result, "broken")]
    if result.fact("interrupted") is True or broken:
        count = int(figure(result, "broken_count") or 0)
        yield found(result, "packages-broken", Severity.CRITICAL, count=count, names=named(broken) or "-")
    if result.fact("unmet_dependencies") is True:
        yield found(result, "dependencies-unmet", Severity.CRITICAL)
    security = figure(result, "security_upgradable_count")
    if security:
        yield found(result, "updates-security", Severity.WARNING, count=int(security))
    if result.fact("reboot_required") is True:
        yield found(result, "reboot-required", Severity.NOTICE, packages=result.fact("reboot_for") or "-")
    age = figure(result, "lists_age_s")
    if age is not None and age >= OLD_LISTS_S:
        yield found(result, "lists-old", Severity.NOTICE, age_days=age / 86_400)


def accounts(result: CollectorResult) -> Iterator[Finding]:
    if result.fact("logins_closed") is True:
        yield found(result, "logins-closed", Severity.CRITICAL)
    for row in rows(result, "accounts"):
        if row["can_log_in"] is not True:
            continue
        user = row["user"]
        if row["locked"] is True:
            yield found(result, "account-locked", Severity.NOTICE, user=user)
        for key, rule in (
            ("account_days_left", "account-expired"),
            ("password_days_left", "password-expired"),
        ):
            left = as_figure(row[key])
            if left is not None and left < 0:
                yield found(result, rule, Severity.WARNING, user=user, days=-left)
        if row["home_present"] is False:
            yield found(result, "home-missing", Severity.WARNING, user=user)
        elif row["home_owned"] is False:
            yield found(result, "home-foreign", Severity.WARNING, user=user)
        if row["shell_present"] is False:
            yield found(result, "shell-missing", Severity.WARNING, user=user)


def locks(result: CollectorResult) -> Iterator[Finding]:
    for row in rows(result, "locks"):
        if row["stale"] is True:
            yield found(
                result,
                "lock-stale",
                Severity.WARNING,
                path=row["path"],
                pid=row["owner_pid"],
                age_s=row["age_s"],
            )
