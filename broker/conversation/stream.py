"""Server-sent events (WHATWG HTML, "Server-sent events"): tickets as they change, for whoever may see them.

A stream holds an index and a bell, and no queue. Woken by a commit it reads one page on from its index, in
the same transaction that asks again who is calling and what they may see; so what somebody may not see any
more is not sent, and a stream whose rights are gone ends. A reader that takes nothing for ``SEND_S`` is cut
off, and resumes with ``Last-Event-ID``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from sqlalchemy import Connection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from broker.auth import caller_of
from broker.calls import Call, Caller
from broker.context import Broker
from broker.conversation import marks, rows
from broker.guests import clearance_at, require_ticket_visible, visible_tickets
from broker.tickets import rows as ticket_rows
from protocol.conversation import HEARTBEAT_S, Begun, Marks, Over
from protocol.errors import Code, RelevoError
from protocol.wire import Wire, to_json

LOOK_S = 3.0
"""Rights that end by the clock, or in the store alone, are found out after so long at the latest."""
SEND_S = 20.0
LIST_PAUSE_S = 0.25
"""A list is brought up to date at most four times a second, however much happens."""
_LAST = "last-event-id"
_MAX_INDEX = 1 << 53
_log = structlog.get_logger("broker.conversation")


@dataclass(frozen=True)
class Event:
    """One event of a stream; ``index``: where the reader goes on after it."""

    name: str
    data: Wire
    index: int | None = None

    def encoded(self) -> bytes:
        place = b"" if self.index is None else b"id: %d\n" % self.index
        return place + b"event: %s\ndata: %s\n\n" % (self.name.encode(), to_json(self.data))


class Read(NamedTuple):
    """What one look gave. ``upto``: where the next one begins; ``more``: it can be at once."""

    events: tuple[Event, ...]
    upto: int
    more: bool


Look = Callable[[Connection, Caller, int], Read]
"""Reads on from an index for a caller. Raises RelevoError: they may not any more."""


async def ticket_stream(broker: Broker, call: Call) -> Response:
    """``GET /v1/tickets/{ticket}/stream``: its conversation and all that happens to it, from the beginning or
    after ``after``, as it happens: ``said`` with an id, ``marks`` when the user got or read something.

    Raises:
        RelevoError: ``not-found``, also for what one may not see; ``rate-limited``; ``usage``.
    """
    ticket, told = call.param("ticket"), _Told()

    def look(conn: Connection, who: Caller, index: int) -> Read:
        found = ticket_rows.load(conn, ticket)
        number = ticket_rows.number_of(ticket)
        require_ticket_visible(conn, who.person, found.customer, number, broker.clock())
        page = rows.after(
            conn, ticket, index, clearance_at(broker.organisation.require(), who.person, found.customer)
        )
        said = [Event("said", row, row.index) for row in page.rows]
        if not told.begun:
            said.insert(
                0,
                Event(
                    "begun", Begun(index=max(0, index), ticket=ticket, title=found.title, state=found.state)
                ),
            )
        marked = marks.find(conn, ticket)
        if not page.more and marked != told.marks:
            said.append(Event("marks", marked))
        return Read(tuple(said), page.upto, page.more)

    def sent(events: Sequence[Event]) -> None:
        told.begun = True
        told.marks = next((e.data for e in events if isinstance(e.data, Marks)), told.marks)

    begin = _begin(call)
    first = await broker.store.read(lambda conn: look(conn, call.who, -1 if begin is None else begin))
    return EventStream(broker, call.who, look, sent, first, ticket=ticket)


async def all_tickets_stream(broker: Broker, call: Call) -> Response:
    """``GET /v1/stream``: what happens on every ticket that the caller may see, from now on or after
    ``after``: ``happened`` with an id.

    Raises:
        RelevoError: ``rate-limited``; ``usage``.
    """

    def look(conn: Connection, who: Caller, index: int) -> Read:
        found = rows.happened(conn, visible_tickets(who, broker.clock()), index)
        events = tuple(Event("happened", row, row.index) for row in found)
        more = len(found) == rows.PAGE
        return Read(events, found[-1].index if more else max(index, rows.newest(conn)), more)

    begin = _begin(call)
    index = await broker.store.read(rows.newest) if begin is None else begin
    first = Read((Event("begun", Begun(index=max(0, index)), max(0, index)),), index, True)
    return EventStream(broker, call.who, look, lambda _events: None, first, pause_s=LIST_PAUSE_S)


class _Told:
    """What a reader was told besides what stands in the log."""

    begun = False
    marks: Marks | None = None


def _begin(call: Call) -> int | None:
    """The index to go on after; a browser's own word for it comes first."""
    stated = call.request.headers.get(_LAST)
    if stated is None:
        return call.query_int("after", 0, 0, _MAX_INDEX) if call.query("after") is not None else None
    known = stated.isascii() and stated.isdecimal() and len(stated) <= len(str(_MAX_INDEX))
    if not known or int(stated) > _MAX_INDEX:
        raise RelevoError(Code.USAGE, f"{_LAST} must be an index of the log")
    return int(stated)


class EventStream(Response):
    """The answer that goes on until the reader leaves, rights end or the broker goes down."""

    media_type = "text/event-stream"

    def __init__(
        self,
        broker: Broker,
        who: Caller,
        look: Look,
        sent: Callable[[Sequence[Event]], None],
        first: Read,
        *,
        ticket: str | None = None,
        pause_s: float = 0.0,
    ) -> None:
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._broker, self._who, self._look, self._sent = broker, who, look, sent
        self._next, self._ticket, self._pause_s = first, ticket, pause_s
        # Taken before the answer begins: one stream too many is refused, not begun.
        self._held = contextlib.ExitStack()
        self._held.enter_context(broker.streams.slot(who.login, who.person.id))
        self._bell = self._held.enter_context(broker.news.follow(ticket))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            if scope["method"] != "HEAD":
                gone = asyncio.create_task(_gone(receive))
                try:
                    await self._serve(send, gone)
                except TimeoutError:
                    # Without its last piece the answer is broken off, which no reader takes for its end.
                    _log.info("stream-cut-off", technician=self._who.person.id, ticket=self._ticket)
                    return
                finally:
                    gone.cancel()
                    await asyncio.gather(gone, return_exceptions=True)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _serve(self, send: Send, gone: asyncio.Task[None]) -> None:
        """Raises TimeoutError: the reader takes nothing."""
        loop, quiet_since = asyncio.get_running_loop(), 0.0
        while not gone.done():
            read = self._next
            if read.events:
                await _write(send, b"".join(event.encoded() for event in read.events))
                self._sent(read.events)
                quiet_since = loop.time()
            elif loop.time() - quiet_since >= HEARTBEAT_S:
                await _write(send, b": here\n\n")
                quiet_since = loop.time()
            if self._broker.news.over:
                await _write(send, Event("over", Over()).encoded())
                return
            if not read.more:
                await self._until_rung(gone)
            try:
                self._next = await self._read(read.upto)
            except RelevoError as error:
                await _write(send, Event("over", Over(code=error.code)).encoded())
                return

    async def _read(self, index: int) -> Read:
        self._bell.clear()
        return await self._broker.store.read(
            lambda conn: self._look(conn, caller_of(self._broker, conn, self._who.login), index)
        )

    async def _until_rung(self, gone: asyncio.Task[None]) -> None:
        rung = asyncio.create_task(self._bell.wait())
        try:
            await asyncio.wait([rung, gone], timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            if rung.done() and self._pause_s and not self._broker.news.over:
                await asyncio.wait([gone], timeout=self._pause_s)
        finally:
            rung.cancel()


async def _write(send: Send, data: bytes) -> None:
    async with asyncio.timeout(SEND_S):
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Returns when the reader has hung up."""
    while (await receive())["type"] != "http.disconnect":
        continue
