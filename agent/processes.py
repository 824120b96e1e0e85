"""The one module of the agent that starts processes (house style 5).

Programs are named by a word that is looked up on a fixed path, or by an absolute path; there is no
shell, no inherited environment, no inherited descriptor. A program gets a session of its own, so that
all of it can be ended at once.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from protocol.errors import Code, RelevoError

if TYPE_CHECKING:
    import asyncio

SEARCH_PATH = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where programs are looked for. Not ``/usr/local``: on Debian it is writable by a group."""
ENVIRONMENT: Mapping[str, str] = {
    "PATH": ":".join(SEARCH_PATH),
    "LC_ALL": "C.UTF-8",
    "HOME": "/",
    "TERM": "dumb",
}
_AFTER_EXIT_S = 0.25
"""A daemon that was started keeps its parent's pipes open; this long the last output may still come."""
_READ = 64 << 10
_MAX_ARGUMENTS = 4_096
_KILL_WAIT_S = 5.0


@dataclass(frozen=True)
class Confinement:
    """Limits that a program and its children run under. Unset: no limit.

    They are set by programs of util-linux in front of the real one, because code between fork and
    exec is not safe in a process with threads (Python's documentation of ``preexec_fn``).
    """

    address_space_bytes: int | None = None
    cpu_s: int | None = None
    file_size_bytes: int | None = None
    processes: int | None = None
    low_priority: bool = False
    """``nice`` 10 and, where there is ``ionice``, the idle I/O class."""
    dies_with_parent: bool = False
    """Killed when the thread that started it ends (Linux; elsewhere only the time limit holds)."""


@dataclass(frozen=True)
class Cut:
    """What was kept of an output that was longer than its limit, in bytes."""

    head: int
    tail: int
    dropped: int


@dataclass(frozen=True)
class Finished:
    """How a program ended. ``rc`` is negative for a signal (``-9`` after a time-out).

    ``stdout`` and ``stderr`` are head and tail joined where ``stdout_cut`` or ``stderr_cut`` is set.
    """

    rc: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    stdout_cut: Cut | None = None
    stderr_cut: Cut | None = None

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")

    @property
    def error_text(self) -> str:
        return self.stderr.decode("utf-8", "replace")


class _Kept:
    """Head and tail of a stream within a limit, whatever its length."""

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[max(room, 0) :]
        over = len(self._tail) - self._half
        if over > 0:
            del self._tail[:over]
            self._dropped += over

    def result(self) -> tuple[bytes, Cut | None]:
        cut = Cut(len(self._head), len(self._tail), self._dropped) if self._dropped else None
        return bytes(self._head + self._tail), cut


def find_program(name: str) -> str | None:
    """Absolute path of the program, or None when this machine does not have it.

    Raises:
        RelevoError: ``parameter-invalid`` for a relative path.
    """
    if name.startswith("/"):
        return name if _executable(name) else None
    if "/" in name or not name:
        raise RelevoError(Code.PARAMETER_INVALID, f"program {name[:80]!r}")
    for folder in SEARCH_PATH:
        if _executable(f"{folder}/{name}"):
            return f"{folder}/{name}"
    return None


def own_program(module: str, *arguments: str) -> tuple[str, ...]:
    """argv of one of our own modules under this interpreter, without the user's site packages."""
    return (sys.executable, "-P", "-s", "-m", module, *arguments)


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    output_limit_bytes: int = 1 << 20,
    stdin: bytes = b"",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    confinement: Confinement | None = None,
    pass_fds: Sequence[int] = (),
) -> Finished:
    """Run a program to its end and keep its output, each stream within ``output_limit_bytes``.

    At ``timeout_s`` the whole session is killed and the result says so. A daemon that the program
    left behind lives on; its hold on our pipes is given up shortly after the program's own end.

    Args:
        argv: program and arguments; the program is found as ``find_program`` says.
        env: variables besides ``ENVIRONMENT``; nothing is inherited.
        pass_fds: descriptors that the program gets under the same numbers; no other is inherited.

    Raises:
        RelevoError: ``not-found`` when there is no such program, ``parameter-invalid`` for an
            argument with NUL, ``internal`` when the system cannot start it.
    """
    began = time.monotonic()
    out, err = _Kept(output_limit_bytes), _Kept(output_limit_bytes)
    child = _start(argv, cwd=cwd, env=env, confinement=confinement, pass_fds=pass_fds)
    timed_out = True
    try:
        timed_out = not _drain(child, stdin, out, err, began + timeout_s)
    finally:
        if timed_out:
            kill_session(child.pid)
        _close_pipes(child)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_KILL_WAIT_S)
    stdout, stdout_cut = out.result()
    stderr, stderr_cut = err.result()
    return Finished(
        rc=-int(signal.SIGKILL) if child.returncode is None else child.returncode,
        stdout=stdout,
        stderr=stderr,
        seconds=time.monotonic() - began,
        timed_out=timed_out,
        stdout_cut=stdout_cut,
        stderr_cut=stderr_cut,
    )


async def spawn(
    argv: Sequence[str],
    *,
    stderr: IO[bytes] | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    limit: int = 1 << 20,
    pass_fds: Sequence[int] = (),
) -> asyncio.subprocess.Process:
    """Start a long-lived child with pipes on stdin and stdout, in a session of its own.

    The caller owns it: ends it by closing its stdin or with ``kill_session``, and waits for it.

    Args:
        stderr: an open file; None throws it away.
        limit: the most bytes buffered of its stdout.

    Raises:
        RelevoError: as ``run``.
    """
    import asyncio

    try:
        return await asyncio.create_subprocess_exec(
            *_command(argv, None),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr if stderr is not None else asyncio.subprocess.DEVNULL,
            cwd=cwd or "/",
            env=_environment(argv, env),
            start_new_session=True,
            pass_fds=tuple(pass_fds),
            limit=limit,
        )
    except OSError as error:
        raise RelevoError(Code.INTERNAL, f"cannot start {argv[0]}: {error.strerror}") from error


def kill_session(pid: int) -> None:
    """Kill the process group that a process of this module leads. Nothing happens if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _start(
    argv: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    confinement: Confinement | None,
    pass_fds: Sequence[int],
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            _command(argv, confinement),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd or "/",
            env=_environment(argv, env),
            start_new_session=True,
            pass_fds=tuple(pass_fds),
            bufsize=0,
        )
    except OSError as error:
        raise RelevoError(Code.INTERNAL, f"cannot start {argv[0]}: {error.strerror}") from error


def _command(argv: Sequence[str], confinement: Confinement | None) -> list[str]:
    if not argv or len(argv) > _MAX_ARGUMENTS or any("\0" in word for word in argv):
        raise RelevoError(Code.PARAMETER_INVALID, "arguments of a program")
    program = find_program(argv[0])
    if program is None:
        raise RelevoError(Code.NOT_FOUND, f"program {argv[0][:200]}")
    return [*_prefix(confinement or Confinement()), program, *argv[1:]]


def _prefix(confinement: Confinement) -> list[str]:
    """The util-linux and coreutils programs that set the limits and then become the program.

    Raises:
        RelevoError: ``not-found`` when a limit was asked for and cannot be set: it is not dropped.
    """
    limits = {
        "--as": confinement.address_space_bytes,
        "--cpu": confinement.cpu_s,
        "--fsize": confinement.file_size_bytes,
        "--nproc": confinement.processes,
    }
    words: list[str] = []
    if confinement.dies_with_parent and sys.platform == "linux":
        words += [_required("setpriv"), "--pdeathsig", "KILL", "--"]
    asked = [f"{name}={value}" for name, value in limits.items() if value is not None]
    if asked:
        words += [_required("prlimit"), "--core=0", *asked, "--"]
    if confinement.low_priority:
        ionice = find_program("ionice")
        words += [ionice, "-t", "-c", "3"] if ionice else []
        words += [_required("nice"), "-n", "10"]
    return words


def _required(name: str) -> str:
    path = find_program(name)
    if path is None:
        raise RelevoError(Code.NOT_FOUND, f"program {name}")
    return path


def _environment(argv: Sequence[str], extra: Mapping[str, str] | None) -> dict[str, str]:
    env = {**ENVIRONMENT, **(extra or {})}
    if argv[0] == sys.executable:
        env["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
        env["PYTHONUTF8"] = "1"
    return env


def _executable(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode) and os.access(path, os.X_OK)
    except (OSError, ValueError):
        return False


def _drain(child: subprocess.Popen[bytes], stdin: bytes, out: _Kept, err: _Kept, deadline: float) -> bool:
    """Move bytes until the program ended and its pipes are empty. False when the time was over."""
    assert child.stdin is not None  # noqa: S101 - all three are pipes, see _start
    assert child.stdout is not None  # noqa: S101
    assert child.stderr is not None  # noqa: S101
    pending = memoryview(stdin)
    with selectors.DefaultSelector() as selector, _exit_of(child.pid) as ended:
        for pipe, kept in ((child.stdout, out), (child.stderr, err)):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, kept)
        os.set_blocking(child.stdin.fileno(), False)
        selector.register(child.stdin, selectors.EVENT_WRITE)
        if ended is not None:
            selector.register(ended, selectors.EVENT_READ)
        open_reads = 2
        exited = False
        while not (exited and not open_reads):
            wait = deadline - time.monotonic()
            if wait <= 0:
                return exited
            for key, _ in selector.select(wait if ended is not None else min(wait, 0.02)):
                if key.fileobj is child.stdin:
                    pending = _feed(child.stdin, pending)
                    if not pending:
                        selector.unregister(child.stdin)
                        child.stdin.close()
                elif isinstance(key.data, _Kept):
                    if not _take(key.fd, key.data):
                        selector.unregister(key.fileobj)
                        open_reads -= 1
                else:
                    selector.unregister(key.fileobj)
            if not exited and child.poll() is not None:
                exited = True
                deadline = min(deadline, time.monotonic() + _AFTER_EXIT_S)
        return True


@contextlib.contextmanager
def _exit_of(pid: int) -> Iterator[int | None]:
    """A descriptor that is readable once the process ended; None where the system has none."""
    descriptor: int | None = None
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _feed(pipe: IO[bytes], pending: memoryview) -> memoryview:
    try:
        return pending[os.write(pipe.fileno(), pending[:_READ]) :]
    except BlockingIOError:
        return pending
    except OSError:
        return pending[len(pending) :]


def _take(descriptor: int, kept: _Kept) -> bool:
    try:
        data = os.read(descriptor, _READ)
    except BlockingIOError:
        return True
    kept.add(data)
    return bool(data)


def _close_pipes(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
