"""Two economies of quick programs: freed buffers that stay, and an end that is not taken apart."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
    )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_buffers_are_kept_where_the_library_is_glibc() -> None:
    assert (
        python("from protocol.drivers.memory import keep_buffers; print(keep_buffers())").stdout == "True\n"
    )


def test_a_program_that_leaves_has_written_everything_and_run_its_exit_functions() -> None:
    code = (
        "import atexit, sys; from protocol.drivers.terminal import leave\n"
        "atexit.register(lambda: print('last', flush=True))\n"
        "sys.stdout.write('x' * 100_000 + '\\n'); sys.stderr.write('note\\n')\n"
        "leave(5)\n"
        "print('never')\n"
    )
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (5, "x" * 100_000 + "\nlast\n", "note\n")


def test_a_program_whose_threads_still_work_waits_for_them() -> None:
    code = (
        "import threading; from protocol.drivers.terminal import leave\n"
        "go = threading.Event()\n"
        "threading.Thread(target=lambda: (go.wait(20), print('worked', flush=True))).start()\n"
        "threading.Timer(0.05, go.set).start()\n"
        "leave(3)\n"
    )
    done = python(code)
    assert (done.returncode, done.stdout) == (3, "worked\n")


def test_a_reader_of_the_output_that_went_away_is_no_traceback() -> None:
    code = "import sys; from protocol.drivers.terminal import leave; sys.stdout.write('x'); leave(0)"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
            cwd=ROOT,
            env=env,
            timeout=60,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
