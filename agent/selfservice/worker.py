"""The worker of one run of self-service: one command after the other, each to its end.

A caller that goes away (Ctrl-C) is noticed between two commands, so a fix that has begun is finished or
undone by the engine, and what became of the run is put on record all the same.
"""

from __future__ import annotations

import asyncio
import logging

from agent import framing
from agent.folder import Folder
from agent.selfservice import messages
from agent.selfservice.run import SelfService
from protocol.errors import Code, RelevoError

_logger = logging.getLogger(__name__)
_GIVEN_UP = messages.Close(outcome="abandoned", category="other")


class Worker:
    """Reads commands, writes answers; the last of each command's is final."""

    def __init__(self, folder: Folder, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._folder = folder
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        """Until the caller ends. Nothing is done before ``Begin``."""
        begin = await framing.receive(self._reader, messages.Command)
        if not isinstance(begin, messages.Begin):
            return
        try:
            service = await SelfService.begin(self._folder, begin, self._say)
        except RelevoError as error:
            self._say(messages.Failed(code=error.code, detail=error.detail[:500]))
            await self._flush()
            return
        try:
            self._say(messages.Begun(run=service.id, words=service.words))
            while (command := await self._next()) is not None:
                self._say(await self._do(service, command))
                await self._flush()
        finally:
            await self._leave(service)

    async def _next(self) -> messages.Command | None:
        try:
            command: messages.Command | None = await framing.receive(self._reader, messages.Command)
        except RelevoError as error:
            _logger.warning("the caller spoke nonsense: %s", error)
            return None
        return command

    async def _do(self, service: SelfService, command: messages.Command) -> messages.Answer:
        try:
            return await self._answer(service, command)
        except RelevoError as error:
            _logger.info("%s: %s", type(command).__name__, error)
            return messages.Failed(code=error.code, detail=error.detail[:500])

    @staticmethod
    async def _answer(  # noqa: PLR0911 - one return per kind of command
        service: SelfService, command: messages.Command
    ) -> messages.Answer:
        match command:
            case messages.Look():
                return await service.look()
            case messages.Check():
                return await service.repairs.check(command.fixes)
            case messages.PlanFix():
                return await service.repairs.plan(command.fix, command.params)
            case messages.PlanUndo():
                return await service.repairs.plan_undo(command.fix)
            case messages.RunFix():
                return await service.repairs.run_planned()
            case messages.Close():
                return service.finish(command)
            case messages.Attach():
                return await service.attach()
            case messages.Begin():
                raise RelevoError(Code.CONFLICT, "this run has begun")

    async def _leave(self, service: SelfService) -> None:
        try:
            if not service.closed:
                service.finish(_GIVEN_UP)
        except RelevoError as error:
            _logger.warning("end of the run not recorded: %s", error)
        await service.close()

    def _say(self, answer: messages.Answer) -> None:
        framing.send(self._writer, answer)

    async def _flush(self) -> None:
        try:
            await self._writer.drain()
        except ConnectionError:
            _logger.info("the caller went away")
