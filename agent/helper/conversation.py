"""The helper's side of a conversation: collect, verify everything again, do, answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from agent import framing
from agent.fixes.desk import Desk
from agent.fixes.gate import Credentials, OwnPapers, Papers
from agent.fixes.runs import Run
from agent.helper import messages
from agent.helper.trust import HandedTrust
from protocol.errors import Code, RelevoError
from protocol.fix_states import RunState
from protocol.publication import RepositoryFile

_logger = logging.getLogger(__name__)
_ANSWER_S = 6 * 60.0
"""The worker gives the user five minutes."""
_NEXT_S = 60.0
"""Between the parts of one operation."""
_BEGINNING = frozenset({RunState.RUNNING, RunState.UNDOING})


class Conversation:
    """One connection. Operations come one after the other; the desk is shared with other connections."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, desk: Desk, trust: HandedTrust
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._desk = desk
        self._trust = trust
        self._begun = ""
        """The run that changes the machine, once the worker has that in its journal."""

    async def serve(self) -> None:
        """Until the other side goes away or speaks nonsense. A run that has begun is finished first."""
        try:
            while (first := await framing.receive(self._reader, messages.ToHelper)) is not None:
                if not isinstance(first, messages.Papers | messages.OwnPapers):
                    raise RelevoError(Code.MALFORMED, "an operation starts with its papers")
                await self._operation(_papers(first))
        except RelevoError as error:
            _logger.warning("conversation ended: %s", error)
            self._send(messages.Refused(code=error.code, detail=error.detail[:1_000]))
        finally:
            self._writer.close()

    async def _operation(self, papers: Papers) -> None:
        files, operation = await self._collect()
        try:
            await self._trust.feed(files)
            self._send(await self._do(operation, papers))
        except RelevoError as error:
            self._send(messages.Refused(code=error.code, detail=error.detail[:1_000]))
        await self._writer.drain()

    async def _collect(self) -> tuple[list[RepositoryFile], messages.Operation]:
        files: list[RepositoryFile] = []
        parts = bytearray()
        total = 0
        while True:
            message = await self._receive(_NEXT_S)
            if not isinstance(message, messages.FilePart):
                break
            total += len(message.data)
            if total > messages.MAX_FILES_BYTES or len(files) >= messages.MAX_FILES:
                raise RelevoError(Code.TOO_LARGE, "repository files")
            parts += message.data
            if message.last:
                files.append(RepositoryFile(path=message.path, content=bytes(parts)))
                parts.clear()
        if parts or not isinstance(message, messages.Operation):
            raise RelevoError(Code.MALFORMED, "expected a whole file or an operation")
        return files, message

    async def _do(self, operation: messages.Operation, credentials: Papers) -> messages.FromHelper:
        match operation:
            case messages.DoPlan():
                return messages.IsPlanned(planned=await self._desk.plan(credentials, operation.wanted, self))
            case messages.DoUndoPlan():
                return messages.IsPlanned(
                    planned=await self._desk.plan_undo(credentials, operation.wanted, self)
                )
            case messages.DoRun():
                return messages.Ended(run=await self._desk.run(credentials, operation.wanted, self))
            case messages.DoStates():
                return messages.AreStates(runs=await self._desk.states(credentials, self))

    # --- agent.fixes.engine.Observer -----------------------------------------------------------

    async def entering(self, run: Run) -> None:
        """The worker journals it first. Once a fix has begun, a worker that went away stops nothing: our own
        store has the record until the next worker takes it, and half a change is worse than a whole one."""
        try:
            await self._heard(messages.Entering(run=run))
        except RelevoError as error:
            if run.id != self._begun:
                raise
            _logger.warning("%s of %s is in our own record only: %s", run.state, run.id, error.code)
            self._desk.unheard(run)
            return
        if run.state in _BEGINNING:
            self._begun = run.id
        self._desk.heard(run)

    async def ask(self, run: Run, plan: str) -> None:
        await self._heard(messages.Asking(run=run, plan=plan[:20_000]))

    async def _heard(self, message: messages.FromHelper) -> None:
        self._send(message)
        answer = await self._receive(_ANSWER_S)
        if not isinstance(answer, messages.Heard):
            raise RelevoError(Code.MALFORMED, "expected an answer")
        if answer.code is not None:
            raise RelevoError(answer.code, answer.detail)

    # --- frames --------------------------------------------------------------------------------

    def _send(self, message: messages.FromHelper) -> None:
        framing.send(self._writer, message)

    async def _receive(self, within_s: float) -> Any:
        try:
            async with asyncio.timeout(within_s):
                message = await framing.receive(self._reader, messages.ToHelper)
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "the worker said nothing") from error
        if message is None:
            raise RelevoError(Code.SESSION_LOST, "the worker went away")
        return message


def _papers(message: messages.Papers | messages.OwnPapers) -> Papers:
    if isinstance(message, messages.OwnPapers):
        return OwnPapers(message.order)
    return Credentials(message.grant, message.consent)
