"""The sessions that have not ended, in memory: deadlines, and who waits for the user's answer.

The store is what counts; this is changed only by hooks that run after a commit, in commit order.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import NamedTuple

from protocol.errors import Code, RelevoError

MAX_WAITERS = 8
"""Callers that wait on one session at a time."""


class Deadline(NamedTuple):
    """Due when the broker's clock says so, or when as much time has passed although the clock was set back."""

    clock: datetime
    loop: float

    @classmethod
    def at(cls, moment: datetime, now: datetime) -> Deadline:
        loop = asyncio.get_running_loop().time()
        return cls(moment, loop + (moment - now).total_seconds())

    def due(self, now: datetime, loop: float) -> bool:
        return now >= self.clock or loop >= self.loop


class Live(NamedTuple):
    """What must be known of a live session without asking the store."""

    grant: str
    agent: str
    technician: str
    answer_by: Deadline | None
    """None once the user agreed."""
    ends: Deadline


class LiveSessions:
    """All live sessions of this broker by grant."""

    def __init__(self) -> None:
        self._live: dict[str, Live] = {}
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}

    def is_live(self, grant: str) -> bool:
        return grant in self._live

    def get(self, grant: str) -> Live | None:
        return self._live.get(grant)

    def count(self) -> int:
        return len(self._live)

    def any_of(self, agent: str) -> bool:
        return any(live.agent == agent for live in self._live.values())

    def put(self, live: Live) -> None:
        """A session that is new, or has new deadlines; whoever waits for it looks again."""
        self._live[live.grant] = live
        self.changed(live.grant)

    def remove(self, grant: str) -> None:
        self._live.pop(grant, None)
        self.changed(grant)

    def changed(self, grant: str) -> None:
        """Wake whoever waits for the session."""
        for waiter in self._waiters.get(grant, ()):
            if not waiter.done():
                waiter.set_result(None)

    def wake_all(self) -> None:
        """The broker is going down: nobody waits any longer."""
        for grant in tuple(self._waiters):
            self.changed(grant)

    def due(self, now: datetime) -> list[Live]:
        """Sessions whose answer or end is overdue."""
        loop = asyncio.get_running_loop().time()
        return [
            live
            for live in self._live.values()
            if live.ends.due(now, loop) or (live.answer_by is not None and live.answer_by.due(now, loop))
        ]

    def waiter(self, grant: str) -> asyncio.Future[None]:
        """A future that is done at the session's next change. Give it back with ``done_waiting``.

        Raises:
            RelevoError: ``rate-limited`` when too many wait already.
        """
        waiters = self._waiters.setdefault(grant, set())
        if len(waiters) >= MAX_WAITERS:
            raise RelevoError(Code.RATE_LIMITED, f"{len(waiters)} callers wait for {grant}")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters.add(waiter)
        return waiter

    def done_waiting(self, grant: str, waiter: asyncio.Future[None]) -> None:
        waiters = self._waiters.get(grant)
        if waiters is None:
            return
        waiters.discard(waiter)
        if not waiters:
            del self._waiters[grant]
