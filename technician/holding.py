"""Starting a holder: the one door through which the technician's programs start a process."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from protocol.drivers.files import private_folder
from protocol.errors import Code, RelevoError
from protocol.wire import from_json, to_json
from technician.held import Held, HeldSession, HolderParameters, NotHeld, Report, run_folder

START_S = 180.0
"""For the holder to open the leg and log in; the agent may still be on its way (leg give-up: 120 s)."""
_MAX_REPORT = 64 << 10


def start_holder(parameters: HolderParameters, *, grant: str, timeout_s: float = START_S) -> HeldSession:
    """Start a detached holder and wait until it holds the session.

    When this raises or is interrupted, the holder is gone or goes at once: it ends when it cannot report.

    Args:
        grant: the grant's id, for the log's name.
        timeout_s: seconds to wait for the report.

    Raises:
        RelevoError: the holder's own failure; ``timeout``; ``internal`` if it died without a word.
    """
    folder = private_folder(run_folder(Path(parameters.home)))
    log = os.open(folder / f"{grant}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "technician.holder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env=_environment(),
            start_new_session=True,
            close_fds=True,
        )
    finally:
        os.close(log)
    try:
        report = _report(process, to_json(parameters), timeout_s)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if isinstance(report, NotHeld):
        process.wait()
        raise RelevoError(report.code, report.detail)
    # The holder outlives us; init reaps it. Popen would warn about a child still running.
    process.returncode = 0
    return HeldSession(folder, report.record)


def _environment() -> dict[str, str]:
    """Ours, with the folder of our packages on the path: a checkout works like an installation."""
    packages = str(Path(__file__).resolve().parent.parent)
    rest = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": packages + (os.pathsep + rest if rest else "")}


def _report(process: subprocess.Popen[bytes], parameters: bytes, timeout_s: float) -> Report:
    if process.stdin is None or process.stdout is None:
        raise RelevoError(Code.INTERNAL, "the holder has no pipes")
    deadline = time.monotonic() + timeout_s
    line = b""
    with process.stdout as answers:
        # A broken pipe: it died; what it left on stdout or its exit status says more.
        with contextlib.suppress(BrokenPipeError), process.stdin as questions:
            questions.write(parameters)
        while not line.endswith(b"\n") and len(line) < _MAX_REPORT:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([answers], [], [], left)[0]:
                raise RelevoError(Code.TIMEOUT, "the session did not open in time")
            piece = os.read(answers.fileno(), _MAX_REPORT)
            if not piece:
                raise RelevoError(Code.INTERNAL, "the session's holder died; its log says more")
            line += piece
    return from_json(line, Report)  # type: ignore[arg-type]


__all__ = ["Held", "start_holder"]
