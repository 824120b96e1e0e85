"""Collectors ``disks`` and ``disk-io``: space, inodes, mounts and how hard the drives work."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from agent.collectors.base import Context, NotApplicable
from agent.collectors.load import pressure
from protocol.diagnosis import FactClass, Output, Status, fact, table

_PSEUDO = frozenset(
    [
        "proc",
        "sysfs",
        "cgroup",
        "cgroup2",
        "devpts",
        "devtmpfs",
        "securityfs",
        "pstore",
        "bpf",
        "tracefs",
        "debugfs",
        "configfs",
        "fusectl",
        "mqueue",
        "hugetlbfs",
        "autofs",
        "binfmt_misc",
        "nsfs",
        "rpc_pipefs",
        "ramfs",
        "efivarfs",
        "selinuxfs",
    ]
)
_NETWORK = frozenset(
    ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "glusterfs", "fuse.glusterfs", "afs", "davfs"]
)
_READ_ONLY_BY_NATURE = frozenset(["squashfs", "iso9660", "udf", "erofs", "cramfs"])
_ANSWER_S = 3.0
"""A server that is gone makes statvfs wait for ever; more than this is no answer."""
_SAMPLE_S = 0.5


class Mount(NamedTuple):
    """One line of ``/proc/self/mounts`` (fstab(5))."""

    device: str
    point: str
    kind: str
    options: tuple[str, ...]


def disks(context: Context) -> Output:
    """Space and inodes of every real file system, and what fstab wants that is not so."""
    mounts = _real(_mounts(context.read("/proc/self/mounts") or ""))
    wanted = [mount for mount in _mounts(context.read("/etc/fstab") or "") if mount.point.startswith("/")]
    writable = {mount.point for mount in wanted if "ro" not in mount.options}
    numbers = _statvfs_all(mounts)
    present = {mount.point for mount in mounts}
    silent = [mount.point for mount in mounts if numbers.get(mount.point) is None]
    missing = [
        mount
        for mount in wanted
        if mount.point not in present and "noauto" not in mount.options and mount.kind != "swap"
    ]
    return Output(
        status=Status.PARTIAL if silent else Status.OK,
        reason=f"no-answer: {len(silent)} file systems" if silent else "",
        facts=(
            fact("file_system_count", len(mounts)),
            fact("fullest_percent", max((_percent(n) for n in numbers.values() if n), default=None)),
            fact("not_answering_count", len(silent)),
            fact("missing_mount_count", len(missing)),
        ),
        tables=(
            table(
                "file_systems",
                (
                    ("mount_point", FactClass.PATH),
                    ("device", FactClass.TEXT),
                    "type",
                    "total_bytes",
                    "available_bytes",
                    "used_percent",
                    "inodes_total",
                    "inodes_used_percent",
                    "read_only",
                    "read_only_unexpected",
                    "network",
                    "answers",
                    "options",
                ),
                (_row(mount, numbers.get(mount.point), writable) for mount in mounts),
            ),
            table(
                "missing_mounts",
                (("mount_point", FactClass.PATH), ("device", FactClass.TEXT), "type"),
                ((mount.point, mount.device, mount.kind) for mount in missing),
            ),
        ),
    )


def disk_io(context: Context) -> Output:
    """Bytes, operations and busy time of each drive over half a second, and pressure on storage."""
    before = psutil.disk_io_counters(perdisk=True) or {}
    began = time.monotonic()
    time.sleep(_SAMPLE_S)
    after = psutil.disk_io_counters(perdisk=True) or {}
    seconds = time.monotonic() - began
    names = [name for name in after if name in before and Path(f"/sys/block/{name}").exists()]
    names = [name for name in names if not name.startswith(("loop", "ram")) or after[name].read_count]
    if not names:
        raise NotApplicable("no-drives")
    rows = []
    for name in sorted(names):
        old, new = before[name], after[name]
        operations = new.read_count + new.write_count - old.read_count - old.write_count
        waited = new.read_time + new.write_time - old.read_time - old.write_time
        rows.append(
            (
                name,
                _flag(context, name, "rotational"),
                round((new.read_bytes - old.read_bytes) / seconds),
                round((new.write_bytes - old.write_bytes) / seconds),
                round(operations / seconds, 1),
                _busy(old, new, seconds),
                round(waited / operations, 2) if operations else 0.0,
                _errors(context, name),
            )
        )
    return Output(
        facts=(fact("drive_count", len(rows)), fact("sample_s", round(seconds, 3)), *pressure(context, "io")),
        tables=(
            table(
                "drives",
                (
                    "drive",
                    "rotational",
                    "read_bytes_per_s",
                    "write_bytes_per_s",
                    "operations_per_s",
                    "busy_percent",
                    "wait_ms",
                    "io_error_count",
                ),
                rows,
            ),
        ),
    )


def _mounts(text: str) -> list[Mount]:
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4 and not words[0].startswith("#"):
            found.append(Mount(words[0], _unescaped(words[1]), words[2], tuple(words[3].split(","))))
    return found


def _unescaped(text: str) -> str:
    """Blanks in mount points are written in octal (getmntent(3))."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def _real(mounts: list[Mount]) -> list[Mount]:
    """Without kernel file systems, and each mount point once (the last mount hides the others)."""
    return list({mount.point: mount for mount in mounts if mount.kind not in _PSEUDO}.values())


def local_file_systems(context: Context) -> list[Mount]:
    """Real file systems that can fill up here: not those of other machines, nor what never changes."""
    mounts = _real(_mounts(context.read("/proc/self/mounts") or ""))
    return [mount for mount in mounts if mount.kind not in (_NETWORK | _READ_ONLY_BY_NATURE)]


def _statvfs_all(mounts: list[Mount]) -> dict[str, os.statvfs_result | None]:
    """Numbers by mount point; network file systems in threads, since they may never answer."""
    found: dict[str, os.statvfs_result | None] = {}
    waiting = []
    for mount in mounts:
        if mount.kind in _NETWORK:
            thread = threading.Thread(target=_statvfs, args=(mount.point, found), daemon=True)
            thread.start()
            waiting.append(thread)
        else:
            _statvfs(mount.point, found)
    deadline = time.monotonic() + _ANSWER_S
    for thread in waiting:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(found)


def _statvfs(point: str, found: dict[str, os.statvfs_result | None]) -> None:
    try:
        found[point] = os.statvfs(point)
    except OSError:
        found[point] = None


def _percent(numbers: os.statvfs_result) -> float:
    """As df counts: what a user has used of what a user may use, root's reserve left out."""
    used = numbers.f_blocks - numbers.f_bfree
    usable = used + numbers.f_bavail
    return round(100.0 * used / usable, 1) if usable else 0.0


def _row(
    mount: Mount, numbers: os.statvfs_result | None, writable: set[str]
) -> tuple[str | int | float | bool | None, ...]:
    read_only = "ro" in mount.options
    unexpected = read_only and mount.point in writable and mount.kind not in _READ_ONLY_BY_NATURE
    inodes = numbers.f_files if numbers else 0
    return (
        mount.point[:500],
        mount.device[:500],
        mount.kind,
        numbers.f_blocks * numbers.f_frsize if numbers else None,
        numbers.f_bavail * numbers.f_frsize if numbers else None,
        _percent(numbers) if numbers else None,
        inodes or None,  # file systems without a fixed number say 0
        round(100.0 * (inodes - numbers.f_ffree) / inodes, 1) if numbers and inodes else None,
        read_only,
        unexpected,
        mount.kind in _NETWORK,
        numbers is not None,
        ",".join(option for option in mount.options if "=" not in option)[:200],
    )


def _busy(old: object, new: object, seconds: float) -> float:
    """Share of the time in which the drive had work, percent (Linux counts milliseconds)."""
    busy_ms = getattr(new, "busy_time", 0) - getattr(old, "busy_time", 0)
    return round(min(100.0, busy_ms / (seconds * 10)), 1)


def _flag(context: Context, drive: str, name: str) -> bool | None:
    text = context.read(f"/sys/block/{drive}/queue/{name}", 16)
    return None if text is None else text.strip() == "1"


def _errors(context: Context, drive: str) -> int | None:
    """Failed operations as the SCSI layer counts them (hexadecimal); None for other drives."""
    text = context.read(f"/sys/block/{drive}/device/ioerr_cnt", 32)
    return int(text, 16) if text else None
