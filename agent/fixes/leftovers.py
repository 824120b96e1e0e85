"""No process of a fix outlives its run: they are found by a mark in their environment and killed.

Ending a process group is not enough: a child may have made its own session, and after the death of a
worker or helper nobody knows the group any more.

Standard library only, so that it can also run by path as a process of its own: the root helper has given up
the capabilities that looking into a root process with capabilities takes (ptrace(2), "Ptrace access mode
checking"); a process that it starts has them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

MARK = "RELEVO_FIX_RUN"
_ROUNDS = 8
_SWEEP_S = 10.0


def find(run: str) -> list[int]:
    """Process ids that carry the mark of ``run`` (Linux; elsewhere none)."""
    wanted = f"{MARK}={run}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone, or another user's, which is none of ours
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def kill(run: str) -> None:
    """SIGKILL what carries the mark of ``run``. Blocks for some milliseconds."""
    if os.geteuid() == 0 and not _may_look():
        from agent import processes

        processes.run((sys.executable, "-I", "-S", __file__, run), timeout_s=_SWEEP_S)
    else:
        kill_here(run)


def kill_here(run: str) -> None:
    for _ in range(_ROUNDS):  # a process may fork while it is being looked for
        pids = [pid for pid in find(run) if pid != os.getpid()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not pids:
            return


def _may_look() -> bool:
    """Whether this process has all the capabilities that a process it starts as root gets back."""
    sets = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("CapEff", "CapBnd"):
                sets[name] = value.strip()
    return sets.get("CapEff") == sets.get("CapBnd")


if __name__ == "__main__":
    kill_here(sys.argv[1])
