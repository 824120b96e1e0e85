"""Steps of a fix as processes: only the signed bytes run, with no more than the manifest declares.

Verified bytes are copied to a folder that only the executing user can write, read back through one open
descriptor, hashed again, sealed in memory (memfd_create(2), ``F_SEAL_WRITE``), and it is the sealed copy that
runs: whatever happens to the file afterwards changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent import processes
from agent.fixes import leftovers
from agent.fixes.catalogue import Approved
from agent.fixes.launcher import REFUSED
from protocol.assist import Parameter
from protocol.drivers.files import private_folder, write_private
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest, Step, fill_in, step_input

_LAUNCHER = Path(__file__).with_name("launcher.py")
_SEALS = 0x0F if sys.platform == "linux" else 0
"""F_SEAL_SEAL, _SHRINK, _GROW and _WRITE."""


@dataclass(frozen=True)
class StepDone:
    """``rc`` as the step gave it; output is what it printed, head and tail when it was cut."""

    rc: int
    output: str
    errors: str
    timed_out: bool


class Sandbox:
    """Runs steps of approved fixes.

    Args:
        folder: private; holds the copies of payload files.
        host_network: descriptor of the machine's network namespace, where this process has left it.
        language: of what steps print.
    """

    def __init__(
        self, folder: Path, *, host_network: int | None = None, language: Literal["en", "es"] = "en"
    ) -> None:
        self._folder = private_folder(folder)
        self._host_network = host_network
        self._language: Literal["en", "es"] = language

    async def run(
        self,
        approved: Approved,
        step: Step,
        params: tuple[Parameter, ...],
        *,
        run: str,
        state: Path | None,
    ) -> StepDone:
        """Carry out one step. Cancelling kills it and waits for its end.

        Args:
            params: resolved (``agent.fixes.paths.resolve``).
            run: marks the processes, so that none outlives its run.
            state: folder that the run's steps share; None where there is no run yet.

        Raises:
            RelevoError: ``hash-mismatch`` when the bytes are not the signed ones, ``not-applicable`` when
                the machine cannot confine it or lacks a tool.
        """
        work = asyncio.ensure_future(asyncio.to_thread(self._run, approved, step, params, run, state))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():
                leftovers.kill(run)
                await asyncio.wait([work], timeout=0.05)
            raise

    def _run(
        self, approved: Approved, step: Step, params: tuple[Parameter, ...], run: str, state: Path | None
    ) -> StepDone:
        manifest = approved.manifest
        given = step_input(manifest, params, str(state) if state else None, self._language)
        with self._command(approved, step, params) as (words, descriptors):
            done = processes.run(
                (sys.executable, "-I", "-S", str(_LAUNCHER), *words),
                timeout_s=manifest.timeout_s,
                output_limit_bytes=manifest.output_limit_bytes,
                stdin=given,
                env={leftovers.MARK: run} if not step.builtin else None,
                pass_fds=descriptors,
            )
        if not step.builtin:
            leftovers.kill(run)
        if done.rc == REFUSED:
            raise RelevoError(Code.NOT_APPLICABLE, f"cannot be confined: {done.error_text.strip()[:200]}")
        return StepDone(done.rc, _cut_text(done, errors=False), _cut_text(done, errors=True), done.timed_out)

    @contextlib.contextmanager
    def _command(
        self, approved: Approved, step: Step, params: tuple[Parameter, ...]
    ) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
        """What the launcher gets, and the descriptors it needs."""
        if step.builtin:
            # Built-ins are our own code and start services, which must not inherit a fix's limits.
            network, held = self._host()
            program = processes.own_program("agent.fixes.builtins", step.builtin)
            yield (network, "0", *program), held
            return
        network, held = self._network(approved.manifest)
        arguments = fill_in(step.run[1:], params)
        if not step.run[0].endswith(".py"):
            program_path = processes.find_program(step.run[0])
            if program_path is None:
                raise RelevoError(Code.NOT_APPLICABLE, f"this machine has no {step.run[0]}")
            yield (network, "1", program_path, *arguments), held
            return
        script = self._sealed(approved, step.run[0])
        try:
            python = (sys.executable, "-I", "-S", f"/proc/self/fd/{script}")
            yield (network, "1", *python, *arguments), (*held, script)
        finally:
            os.close(script)

    def _network(self, manifest: Manifest) -> tuple[str, tuple[int, ...]]:
        if isinstance(manifest.network, tuple):
            return self._host()
        return manifest.network, ()

    def _host(self) -> tuple[str, tuple[int, ...]]:
        if self._host_network is None:
            return "host", ()
        return f"fd:{self._host_network}", (self._host_network,)

    def _sealed(self, approved: Approved, name: str) -> int:
        """A descriptor of the payload file's signed bytes that nobody can change any more."""
        content = next(file.content for file in approved.payload if file.name == name)
        path = self._folder / approved.ref.sha256 / name
        write_private(path, content)
        content = read_own(path)
        if hashlib.sha256(content).hexdigest() != approved.manifest.file(name).sha256:
            raise RelevoError(Code.HASH_MISMATCH, f"{approved.manifest.id}: {name} was changed on disk")
        return seal(name, content)


def read_own(path: Path) -> bytes:
    """The content of a file that nobody but this user can have written, from one open descriptor.

    Raises:
        RelevoError: ``hash-mismatch`` when it is a link, or others may write it or its folder.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        for status in (os.fstat(descriptor), path.parent.lstat()):
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
                raise RelevoError(Code.HASH_MISMATCH, f"{path} can be written by others")
        return file.read()


def seal(name: str, content: bytes) -> int:
    """An open descriptor of ``content`` in memory, sealed against any change."""
    if sys.platform != "linux":
        raise RelevoError(Code.NOT_APPLICABLE, "fixes run on Linux only so far")
    descriptor = os.memfd_create(name, os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _cut_text(done: processes.Finished, *, errors: bool) -> str:
    """Output as text, with a line in the middle that says what is missing."""
    data, cut = (done.stderr, done.stderr_cut) if errors else (done.stdout, done.stdout_cut)
    if cut is None:
        return data.decode("utf-8", "replace")
    head, tail = data[: cut.head], data[cut.head :]
    gap = f"\n[… {cut.dropped} bytes …]\n"
    return head.decode("utf-8", "replace") + gap + tail.decode("utf-8", "replace")
