"""Collector ``time``: zone, hardware clock, and whether anybody keeps the clock right."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import time
from pathlib import Path

import psutil

from agent.collectors.base import Context, number, pairs
from protocol.diagnosis import NamedFact, Output, Status, fact

_KEEPERS = ("chronyd", "ntpd", "ntpd-rs", "openntpd", "systemd-timesyn", "systemd-timesyncd", "ptp4l")
_TIMEX = struct.Struct("@Ilqqqi")
"""The head of ``struct timex`` (adjtimex(2)): modes, offset, freq, maxerror, esterror, status."""
_TIMEX_BYTES = 512
_STA_UNSYNC = 0x0040


def time_(context: Context) -> Output:
    """The kernel's own word on synchronisation, the time daemon's offset, and the clock in the battery."""
    kernel = _kernel()
    keeper = _keeper()
    return Output(
        status=Status.OK if kernel else Status.PARTIAL,
        reason="" if kernel else "kernel-silent",
        facts=(
            fact("zone", _zone(context)),
            fact("utc_offset_s", time.localtime().tm_gmtoff),
            fact("wall_unix_s", round(time.time(), 3)),
            fact("rtc_offset_s", _rtc_offset(context)),
            fact("time_daemon", keeper),
            *kernel,
            *_daemon(context),
        ),
    )


def _zone(context: Context) -> str | None:
    try:
        parts = Path("/etc/localtime").resolve(strict=True).parts
    except OSError:
        parts = ()
    if "zoneinfo" in parts:
        return "/".join(parts[parts.index("zoneinfo") + 1 :])
    return (context.read("/etc/timezone", 200) or "").strip() or os.environ.get("TZ")


def _rtc_offset(context: Context) -> int | None:
    """Seconds by which the hardware clock is ahead; None where there is none."""
    since = number(context.read("/sys/class/rtc/rtc0/since_epoch", 32))
    return None if since is None else since - int(time.time())


def _keeper() -> str | None:
    """A running time daemon."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in _KEEPERS:
            return str(process.info["name"])
    return None


def _kernel() -> tuple[NamedFact, ...]:
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_long) != 8:
        return ()
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    if ctypes.CDLL(None).adjtimex(buffer) < 0:
        return ()
    _, offset, _, most, estimated, status = _TIMEX.unpack_from(buffer.raw)
    nanoseconds = bool(status & 0x2000)
    return (
        fact("synchronised", not status & _STA_UNSYNC),
        fact("kernel_offset_s", offset / (1e9 if nanoseconds else 1e6)),
        fact("maximum_error_s", most / 1e6),
        fact("estimated_error_s", estimated / 1e6),
    )


def _daemon(context: Context) -> tuple[NamedFact, ...]:
    """What a time daemon's own client says, where one runs and answers."""
    tracking = context.run("chronyc", "-n", "-c", "tracking", timeout_s=3)
    if tracking is not None and tracking.rc == 0:
        words = tracking.text.strip().split(",")
        if len(words) >= 14:  # chronyc(1): field 5 is the system time's offset, 14 the leap status
            return (fact("daemon_offset_s", float(words[4])), fact("daemon_says", words[13][:40]))
    if Path("/run/systemd/system").is_dir():
        shown = context.run("timedatectl", "show", timeout_s=3)
        values = pairs(shown.text, "=") if shown is not None and shown.rc == 0 else {}
        return (
            fact(
                "daemon_says",
                "synchronised" if values.get("NTPSynchronized") == "yes" else "not synchronised",
            ),
        )
    return ()
