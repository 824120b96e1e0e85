"""The worker's side: verify, then hand to the root helper, which verifies again.

A helper that listens on ``DATA/helper.sock`` is used; where there is none and this process is root, it starts
one for itself on inherited pipes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from agent import framing, processes
from agent.fixes.catalogue import Approved, Source, Trusted
from agent.fixes.challenges import Challenges
from agent.fixes.checks import Challenge, Machine
from agent.fixes.engine import Observer
from agent.fixes.gate import Gate, OwnPapers, Papers
from agent.fixes.runs import Run
from agent.folder import Membership
from agent.helper import messages, pin
from agent.helper.main import SOCKET
from protocol.assist import FixPlan, FixRun, FixUndoPlan, Planned
from protocol.documents import FixRequest
from protocol.drivers.files import socket_address
from protocol.dsse import unsafe_peek
from protocol.errors import Code, RelevoError
from protocol.fixes import params_sha256, validate_params
from protocol.frames import MAX_FRAME
from protocol.layout import FixRef
from protocol.publication import RepositoryFile
from protocol.wording import Language

_CONNECT_S = 10.0
_ANSWER_S = 2 * 3600.0
"""A fix may take an hour a step; the action's own deadline ends it earlier."""
_END_S = 5.0

T = TypeVar("T")


@dataclass(frozen=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class HelperDesk:
    """``agent.fixes.services.FixDesk`` for fixes that run as root."""

    def __init__(
        self,
        data: Path,
        membership: Membership,
        trusted: Trusted,
        machine: Machine,
        now: Callable[[], datetime],
        *,
        language: Language = "en",
    ) -> None:
        self._data = data
        self._membership = membership
        self._trusted = trusted
        self._gate = Gate("root", trusted, machine, now)
        self._now = now
        self._language = language
        self._challenges = Challenges()
        self._line: _Line | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._busy = asyncio.Lock()

    async def plan(self, credentials: Papers, wanted: FixPlan, observer: Observer) -> Planned:
        """See ``Desk.plan``; besides ``not-applicable`` when there is no helper."""
        admitted = await self._gate.admit(credentials)
        approved = await self._gate.fix_for(admitted, wanted.fix, wanted.fix_version)
        params = params_sha256(validate_params(approved.manifest, wanted.params))
        exact = FixPlan(fix=wanted.fix, fix_version=approved.manifest.version, params=wanted.params)
        planned = await self._planned(credentials, approved.ref, messages.DoPlan(wanted=exact), observer)
        self._remember(admitted.allowed.session, planned, approved, params, undo=False)
        return planned

    async def plan_undo(self, credentials: Papers, wanted: FixUndoPlan, observer: Observer) -> Planned:
        """See ``Desk.plan_undo``."""
        admitted = await self._gate.admit(credentials)
        newest = await self._gate.fix_for(admitted, wanted.fix, None)
        planned = await self._planned(credentials, newest.ref, messages.DoUndoPlan(wanted=wanted), observer)
        approved = await self._gate.fix_for(admitted, wanted.fix, planned.fix_version)
        self._remember(admitted.allowed.session, planned, approved, planned.params_sha256, undo=True)
        return planned

    async def run(self, credentials: Papers, wanted: FixRun, observer: Observer) -> Run:
        """See ``Desk.run``; ``interrupted`` when the helper died in the middle."""
        admitted = await self._gate.admit(credentials)
        challenge = self._challenges.get(unsafe_peek(wanted.request, FixRequest).challenge)
        approved = await self._gate.planned_fix(admitted, challenge)
        params = challenge.params_sha256
        if challenge.mode == "apply":
            params = params_sha256(validate_params(approved.manifest, wanted.params))
        self._gate.request(wanted.request, admitted, challenge, approved, params)
        self._challenges.use(challenge.nonce)
        answer = await self._do(credentials, (approved.ref,), messages.DoRun(wanted=wanted), observer)
        if not isinstance(answer, messages.Ended):
            raise RelevoError(Code.MALFORMED, "the helper's answer to a run")
        return answer.run

    async def states(self, credentials: Papers, observer: Observer) -> tuple[Run, ...]:
        """See ``Desk.states``. No helper is started to say that it never ran anything."""
        if self._line is None and os.geteuid() == 0 and not self._has_history():
            return ()
        answer = await self._do(credentials, (), messages.DoStates(), observer)
        if not isinstance(answer, messages.AreStates):
            raise RelevoError(Code.MALFORMED, "the helper's answer to states")
        return answer.runs

    async def close(self) -> None:
        """Let go of the helper; one of our own finishes what it is doing and ends."""
        line, process, self._line, self._process = self._line, self._process, None, None
        if line is not None:
            line.writer.close()
        if process is not None:
            try:
                async with asyncio.timeout(_END_S):
                    await process.wait()
            except TimeoutError:
                processes.kill_session(process.pid)
                await process.wait()

    # --- plans ---------------------------------------------------------------------------------

    async def _planned(
        self, credentials: Papers, ref: FixRef, operation: messages.Operation, observer: Observer
    ) -> Planned:
        answer = await self._do(credentials, (ref,), operation, observer)
        if not isinstance(answer, messages.IsPlanned):
            raise RelevoError(Code.MALFORMED, "the helper's answer to a plan")
        return answer.planned

    def _remember(self, grant: str, planned: Planned, approved: Approved, params: str, *, undo: bool) -> None:
        named = (planned.fix, planned.fix_version, planned.fix_sha256, planned.params_sha256)
        if named != (approved.ref.id, approved.ref.version, approved.ref.sha256, params):
            raise RelevoError(Code.HASH_MISMATCH, "the helper planned another fix")
        self._challenges.add(
            Challenge(
                nonce=planned.challenge,
                sequence=planned.sequence,
                grant=grant,
                fix=planned.fix,
                fix_version=planned.fix_version,
                fix_sha256=planned.fix_sha256,
                params_sha256=planned.params_sha256,
                plan_sha256=planned.plan_sha256,
                mode="undo" if undo else "apply",
                subject="",
                made=self._now(),
            )
        )

    # --- one operation -------------------------------------------------------------------------

    async def _do(
        self,
        credentials: Papers,
        fixes: tuple[FixRef, ...],
        operation: messages.Operation,
        observer: Observer,
    ) -> messages.FromHelper:
        """Hand over papers and repository, then serve the helper's questions until it is done."""

        def handed(source: Source) -> tuple[RepositoryFile, ...]:
            return source.snapshot_files(fixes)

        files = await self._trusted.with_repository(handed)
        async with self._busy, self._connected() as line:
            framing.send(line.writer, _papers(credentials))
            for file in files:
                await self._send_file(line, file)
            framing.send(line.writer, operation)
            while True:
                answer = await self._receive(line)
                match answer:
                    case messages.Entering():
                        await self._tell(line, observer.entering(answer.run))
                    case messages.Asking():
                        await self._tell(line, observer.ask(answer.run, answer.plan))
                    case messages.Refused():
                        raise RelevoError(answer.code, answer.detail)
                    case _:
                        return answer

    @staticmethod
    async def _send_file(line: _Line, file: RepositoryFile) -> None:
        pieces = range(0, max(1, len(file.content)), messages.PART)
        for at in pieces:
            framing.send(
                line.writer,
                messages.FilePart(
                    path=file.path,
                    data=file.content[at : at + messages.PART],
                    last=at + messages.PART >= len(file.content),
                ),
            )
            try:
                await line.writer.drain()
            except ConnectionError as error:
                raise RelevoError(Code.INTERRUPTED, "the root helper went away") from error

    @staticmethod
    async def _tell(line: _Line, recorded: Awaitable[None]) -> None:
        """Say whether it was recorded or allowed; the helper then decides what follows."""
        try:
            await recorded
        except RelevoError as error:
            framing.send(line.writer, messages.Heard(code=error.code, detail=error.detail[:500]))
        else:
            framing.send(line.writer, messages.Heard(code=None))

    @staticmethod
    async def _receive(line: _Line) -> messages.FromHelper:
        async with asyncio.timeout(_ANSWER_S):
            message = await framing.receive(line.reader, messages.FromHelper)
        if message is None:
            raise RelevoError(Code.INTERRUPTED, "the root helper went away")
        answer: messages.FromHelper = message
        return answer

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[_Line]:
        """The line to the helper; given up after anything that leaves a conversation half done."""
        if self._line is None:
            self._line = await self._connect()
        try:
            yield self._line
        except RelevoError as error:
            if error.code in (Code.INTERRUPTED, Code.MALFORMED, Code.TOO_LARGE):
                await self.close()
            raise
        except BaseException:
            await self.close()
            raise

    def _has_history(self) -> bool:
        return (self._data / SOCKET).exists() or (pin.helper_folder(self._data) / "runs.db").exists()

    async def _connect(self) -> _Line:
        path = self._data / SOCKET
        if path.exists():
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(_CONNECT_S):
                    with socket_address(path) as address:
                        return _Line(*await asyncio.open_unix_connection(address, limit=MAX_FRAME + 4))
        if os.geteuid() != 0:
            raise RelevoError(Code.NOT_APPLICABLE, "this machine has no root helper running")
        return await self._start()

    async def _start(self) -> _Line:
        """A helper of our own. We are root already; it still starts from its own pin and verifies itself."""
        try:
            pin.read_pin(self._data)
        except RelevoError as error:
            if error.code is not Code.NOT_CONNECTED:
                raise
            pin.write_pin(self._data, self._membership)
        command = processes.own_program(
            "agent.helper", "--data", str(self._data), "--inherited", "--language", self._language
        )
        log = pin.helper_folder(self._data) / "helper.log"
        descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "ab") as errors:
            process = await processes.spawn(command, stderr=errors, limit=MAX_FRAME + 4)
        self._process = process
        if process.stdout is None or process.stdin is None:
            raise RelevoError(Code.INTERNAL, "the helper has no pipes")
        return _Line(process.stdout, process.stdin)


def _papers(papers: Papers) -> messages.Papers | messages.OwnPapers:
    if isinstance(papers, OwnPapers):
        return messages.OwnPapers(order=papers.order)
    return messages.Papers(grant=papers.grant, consent=papers.consent)
