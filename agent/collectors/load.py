"""Collectors ``cpu`` and ``memory``: how busy the machine is, and whether work waits for it."""

from __future__ import annotations

import os
import platform

import psutil

from agent.collectors.base import Context, first_word, number, pairs
from protocol.diagnosis import NamedFact, Output, fact

_SAMPLE_S = 0.25
_KIB = 1024


def cpu(context: Context) -> Output:
    """Use over a quarter of a second, load, and pressure (``/proc/pressure``: time that tasks waited)."""
    times = psutil.cpu_times_percent(interval=_SAMPLE_S)
    # Collectors run at low priority, all at the same time: what is "nice" is mostly their own work.
    nice, iowait = getattr(times, "nice", 0.0), getattr(times, "iowait", 0.0)
    one, five, fifteen = os.getloadavg()
    frequency = psutil.cpu_freq()
    info = (context.read("/proc/cpuinfo", 256 << 10) or "").splitlines()
    model = (first_word(info, "model name") or platform.processor()).lstrip(": ")
    return Output(
        facts=(
            fact("logical_count", psutil.cpu_count(logical=True)),
            fact("physical_count", psutil.cpu_count(logical=False)),
            fact("model", model[:200]),
            fact("frequency_mhz", round(frequency.current, 1) if frequency else None),
            fact("used_percent", round(max(0.0, 100.0 - times.idle - iowait - nice), 1)),
            fact("nice_percent", nice),
            fact("user_percent", times.user),
            fact("system_percent", times.system),
            fact("iowait_percent", iowait),
            fact("steal_percent", getattr(times, "steal", None)),
            fact("load_1m", round(one, 2)),
            fact("load_5m", round(five, 2)),
            fact("load_15m", round(fifteen, 2)),
            fact("quota_cpus", _quota(context)),
            *pressure(context, "cpu"),
        )
    )


def memory(context: Context) -> Output:
    """Memory and swap, what the kernel promised, pressure, and kills for want of memory."""
    virtual, swap = psutil.virtual_memory(), psutil.swap_memory()
    info = pairs(context.read("/proc/meminfo") or "")
    vmstat = dict(
        line.split(" ", 1) for line in (context.read("/proc/vmstat") or "").splitlines() if " " in line
    )
    limit = _cgroup_limit(context)
    return Output(
        facts=(
            fact("total_bytes", virtual.total),
            fact("available_bytes", virtual.available),
            fact("used_percent", virtual.percent),
            fact("limit_bytes", limit),
            fact("swap_total_bytes", swap.total),
            fact("swap_used_bytes", swap.used),
            fact("swap_used_percent", swap.percent),
            fact("swapped_in_bytes", swap.sin),
            fact("swapped_out_bytes", swap.sout),
            fact("committed_bytes", _kib(info.get("Committed_AS"))),
            fact("commit_limit_bytes", _kib(info.get("CommitLimit"))),
            fact("dirty_bytes", _kib(info.get("Dirty"))),
            fact("slab_unreclaimable_bytes", _kib(info.get("SUnreclaim"))),
            fact("shared_bytes", _kib(info.get("Shmem"))),
            fact("hardware_corrupted_bytes", _kib(info.get("HardwareCorrupted"))),
            fact("oom_kill_count", number(vmstat.get("oom_kill"))),
            fact("major_fault_count", number(vmstat.get("pgmajfault"))),
            *pressure(context, "memory"),
        )
    )


def pressure(context: Context, what: str) -> tuple[NamedFact, ...]:
    """Pressure-stall information (kernel documentation, ``accounting/psi``), empty where there is none.

    ``pressure_some_10s_percent`` is the share of time in which some task waited, ``full`` all of them.
    """
    made = []
    for line in (context.read(f"/proc/pressure/{what}") or "").splitlines():
        kind, *values = line.split()
        for name, seconds in (("avg10", 10), ("avg60", 60), ("avg300", 300)):
            text = first_word(values, f"{name}=")
            if kind in ("some", "full") and text:
                made.append(fact(f"pressure_{kind}_{seconds}s_percent", float(text)))
    return tuple(made)


def _kib(text: str | None) -> int | None:
    value = number(text)
    return None if value is None else value * _KIB


def _quota(context: Context) -> float | None:
    """CPUs that this control group may use (cgroup v2 ``cpu.max``), None without a limit."""
    words = (context.read("/sys/fs/cgroup/cpu.max") or "").split()
    if len(words) == 2 and words[0].isdecimal() and int(words[1]):
        return round(int(words[0]) / int(words[1]), 2)
    return None


def _cgroup_limit(context: Context) -> int | None:
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        value = number(context.read(path))
        if value is not None and value < 1 << 60:  # version 1 writes "no limit" as a huge number
            return value
    return None
