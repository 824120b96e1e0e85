"""Bells of those who follow tickets, and how many may.

Nobody is handed the news itself: a reader that is woken reads on from its own index in the store. So nothing
waits in memory for a slow reader, and a reader that comes back after any interruption misses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

from protocol.errors import Code, RelevoError

MAX_STREAMS = 2_000
MAX_OF_LOGIN = 8
MAX_OF_PERSON = 32


class News:
    """Bells of readers, by the ticket that they follow or for all."""

    def __init__(self) -> None:
        self._of_ticket: dict[str, set[asyncio.Event]] = {}
        self._of_all: set[asyncio.Event] = set()
        self.over = False
        """True once the broker goes down: streams end."""

    @contextlib.contextmanager
    def follow(self, ticket: str | None) -> Iterator[asyncio.Event]:
        """An event that is set after each commit about ``ticket`` (None: any), and when rights may have
        changed or the broker goes down."""
        bell = asyncio.Event()
        if ticket is None:
            self._of_all.add(bell)
        else:
            self._of_ticket.setdefault(ticket, set()).add(bell)
        try:
            yield bell
        finally:
            self._of_all.discard(bell)
            if ticket is not None:
                self._of_ticket[ticket].discard(bell)
                if not self._of_ticket[ticket]:
                    del self._of_ticket[ticket]

    def ring(self, tickets: frozenset[str]) -> None:
        for ticket in tickets:
            for bell in self._of_ticket.get(ticket, ()):
                bell.set()
        for bell in self._of_all:
            bell.set()

    def ring_all(self) -> None:
        self.ring(frozenset(self._of_ticket))

    def end(self) -> None:
        self.over = True
        self.ring_all()


class Streams:
    """How many streams are open: in all, of each login and of each person."""

    def __init__(self) -> None:
        self._open: Counter[bytes] = Counter()
        self.total = 0

    @contextlib.contextmanager
    def slot(self, login: bytes, person: str) -> Iterator[None]:
        """Raises RelevoError: ``rate-limited`` when there are too many."""
        who = person.encode()
        over = self._open[login] >= MAX_OF_LOGIN or self._open[who] >= MAX_OF_PERSON
        if over or self.total >= MAX_STREAMS:
            raise RelevoError(Code.RATE_LIMITED, f"{self._open[who]} streams of {person}")
        self._open.update((login, who))
        self.total += 1
        try:
            yield
        finally:
            self.total -= 1
            self._open.subtract((login, who))
            self._open += Counter()
