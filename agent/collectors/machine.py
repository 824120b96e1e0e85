"""Collectors ``uptime`` and ``system``: what machine this is and since when it runs."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import psutil

from agent.collectors.base import Context, pairs
from protocol.diagnosis import FactClass, Output, fact, table


def uptime(context: Context) -> Output:
    """Seconds since boot and the load; nothing else, so that it is the quickest answer there is."""
    text = context.read("/proc/uptime")
    up = float(text.split()[0]) if text else time.time() - psutil.boot_time()
    one, five, fifteen = os.getloadavg()
    return Output(
        facts=(
            fact("uptime_s", round(up, 2)),
            fact("load_1m", round(one, 2)),
            fact("load_5m", round(five, 2)),
            fact("load_15m", round(fifteen, 2)),
            fact("cpu_count", os.cpu_count()),
        )
    )


def system(context: Context) -> Output:
    """Distribution, kernel, boot, virtualisation, host name and who is logged in."""
    release = {
        key: value.strip("\"'") for key, value in pairs(context.read("/etc/os-release") or "", "=").items()
    }
    uname = platform.uname()
    people = psutil.users()
    return Output(
        facts=(
            fact("os_id", release.get("ID", uname.system.lower())),
            fact("os_name", release.get("PRETTY_NAME", uname.system)),
            fact("os_version", release.get("VERSION_ID", "")),
            fact("kernel", uname.release),
            fact("machine", uname.machine),
            fact("hostname", uname.node, FactClass.NETWORK),
            fact("boot_time_unix_s", round(psutil.boot_time(), 1)),
            fact("virtualisation", _virtualisation(context)),
            fact("init", _init(context)),
            fact("product", (context.read("/sys/class/dmi/id/product_name") or "").strip()[:200] or None),
            fact("logged_in_count", len(people)),
        ),
        tables=(
            table(
                "logins",
                (("user", FactClass.PERSON), "terminal", "since_unix_s"),
                ((person.name, person.terminal or "", person.started) for person in people),
            ),
        ),
    )


def _virtualisation(context: Context) -> str:
    """``systemd-detect-virt``'s word where there is one, else what cpuinfo and known files say."""
    done = context.run("systemd-detect-virt")
    if done is not None and done.text.strip():
        return done.text.strip()[:40]
    if Path("/.dockerenv").exists():
        return "docker"
    return "vm" if "hypervisor" in (context.read("/proc/cpuinfo", 64 << 10) or "") else "none"


def _init(context: Context) -> str:
    if Path("/run/systemd/system").is_dir():
        return "systemd"
    return (context.read("/proc/1/comm") or "unknown").strip()[:40]
