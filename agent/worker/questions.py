"""Questions to the user inside a session: the consent for one fix."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from agent import messages
from protocol.errors import Code, RelevoError

ANSWER_WITHIN = timedelta(minutes=5)
_MOST_WAITING = 4


class Questions:
    """Asks through the main process and waits for the answer."""

    def __init__(self, tell: Callable[[messages.FromWorker], None]) -> None:
        self._tell = tell
        self._waiting: dict[str, asyncio.Future[Code | None]] = {}

    async def ask(self, question: str, detail: str) -> None:
        """Return once the user allowed it.

        Raises:
            RelevoError: ``consent-denied``, ``consent-timeout``; ``rate-limited`` when too many wait.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise RelevoError(Code.RATE_LIMITED, "too many questions wait for the user")
        id_ = secrets.token_hex(4)
        answer: asyncio.Future[Code | None] = asyncio.get_running_loop().create_future()
        self._waiting[id_] = answer
        text = f"{question}\n\n{detail}"[:20_000]
        self._tell(messages.Question(id=id_, question=text, answer_by=datetime.now(UTC) + ANSWER_WITHIN))
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds() + 5):
                code = await answer
        except TimeoutError as error:
            raise RelevoError(Code.CONSENT_TIMEOUT, "nobody answered") from error
        finally:
            del self._waiting[id_]
        if code is not None:
            raise RelevoError(code, "the user's answer")

    def answered(self, answer: messages.Answer) -> None:
        future = self._waiting.get(answer.question)
        if future is not None and not future.done():
            future.set_result(None if answer.allowed else answer.code or Code.CONSENT_DENIED)
