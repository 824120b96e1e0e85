"""No process of a fix outlives its run: they are found by a mark in their environment and killed.

Ending a process group is not enough: a child may have made its own session, and after the death of a
worker or helper nobody knows the group any more.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

MARK = "RELEVO_FIX_RUN"


def find(run: str) -> list[int]:
    """Process ids that carry the mark of ``run`` (Linux; elsewhere none)."""
    wanted = f"{MARK}={run}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone, or another user's, which is none of ours
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def kill(run: str) -> int:
    """SIGKILL what carries the mark of ``run`` until nothing does; gives how many there were."""
    killed = 0
    for _ in range(8):  # a process may fork while it is being looked for
        pids = [pid for pid in find(run) if pid != os.getpid()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed += len(pids)
        if not pids:
            break
    return killed
