"""What keeps ``sla_due`` in step with events, calendars and targets, and gives notices when they are due.

Nothing here is remembered in the process: how far the events were read, under which desk the clocks were
computed and which notices were given stands in the store, written in the transaction that did it. A broker
that is killed anywhere goes on where it was, and gives each notice once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, delete, func, insert, select

from broker.context import Broker
from broker.sla import notices
from broker.sla.clocks import Subject, clocks_of, due_of, load_told
from broker.sla.promises import Promises
from broker.store.engine import Tx
from broker.store.sla_tables import sla_due
from broker.store.tables import meta
from broker.store.ticket_tables import ticket_events, tickets
from broker.tickets import rows
from protocol.audit import Action
from protocol.errors import RelevoError
from protocol.tickets import OPEN_STATES

TICK_S = 1.0
AT_ONCE = 100
"""Tickets in one transaction: about 12 ms of the writer's time, so that others hardly wait for it."""
READ, DESK, DONE = "sla.read", "sla.desk", "sla.done"
"""Facts in ``meta``: the last event that was read; the desk the clocks are computed under; while they are
computed anew for another desk, the last ticket that was done."""
_OPEN = [state.value for state in OPEN_STATES]
_log = structlog.get_logger("broker.sla")


@asynccontextmanager
async def keeping_clocks(broker: Broker) -> AsyncIterator[None]:
    """Look every second until the block ends."""
    task = asyncio.create_task(_tick(broker), name="clocks")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tick(broker: Broker) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        try:
            await look(broker)
        except RelevoError as error:
            _log.error("clocks-not-kept", code=error.code.value)
        except Exception:
            _log.exception("bug")


async def look(broker: Broker) -> int:
    """Bring everything up to date and give what notices are due; how many were given.

    Raises:
        RelevoError: as ``Store.write``; what was done until then stays done.
    """
    if broker.organisation.current is None or broker.store.degraded:
        return 0
    await settle(broker)
    given = 0
    while found := await _fire_some(broker):
        given += found.given
        if found.tickets < AT_ONCE:
            break
    return given


async def settle(broker: Broker) -> int:
    """Compute anew the due times of every ticket that something happened to, or of all of them after the
    desk changed; how many tickets that was.

    Raises:
        RelevoError: as ``Store.write``.
    """
    return await _settle(broker, _stale)


async def catch_up(broker: Broker) -> int:
    """``settle``, as far as events go: what everybody may wait for, also right after the desk changed.

    Raises:
        RelevoError: as ``Store.write``.
    """
    return await _settle(broker, _behind)


async def _settle(broker: Broker, wanted: Callable[[Connection, Promises], bool]) -> int:
    current = broker.organisation.current
    if current is None or broker.store.degraded:
        return 0
    promises = broker.promises.of(current.desk)
    done = 0
    while await broker.store.read(lambda conn: wanted(conn, promises)):
        done += await broker.store.write(lambda tx: _settle_some(broker, tx, promises))
    return done


def _stale(conn: Connection, promises: Promises) -> bool:
    return _facts(conn).get(DESK) != promises.digest or _behind(conn, promises)


def _behind(conn: Connection, promises: Promises) -> bool:
    known = _facts(conn)
    return READ not in known or bool(_unread(conn, int(known[READ]), 1))


def _settle_some(broker: Broker, tx: Tx, promises: Promises) -> int:
    """One transaction's worth: first what happened, then the next tickets under a changed desk."""
    known = _facts(tx.conn)
    if READ not in known:
        # Never looked before: whatever happened, all open tickets are computed below.
        newest = tx.conn.execute(select(func.max(ticket_events.c.log_index))).scalar_one()
        known[READ] = str(-1 if newest is None else newest)
        _set(tx.conn, READ, known[READ])
    unread = _unread(tx.conn, int(known[READ]), 4 * AT_ONCE)
    numbers = list(dict.fromkeys(number for _, number in unread))
    refresh(tx.conn, promises, _subjects(tx.conn, numbers), numbers, broker)
    if unread:
        _set(tx.conn, READ, str(unread[-1][0]))
    if unread or known.get(DESK) == promises.digest:
        return len(numbers)
    return _next_under_desk(broker, tx, promises, known)


def _next_under_desk(broker: Broker, tx: Tx, promises: Promises, known: dict[str, str]) -> int:
    digest, _, number = known.get(DONE, "").partition(":")
    after = int(number) if digest == promises.digest else 0
    wanted = (
        select(tickets.c.number)
        .where(tickets.c.number > after, tickets.c.state.in_(_OPEN))
        .order_by(tickets.c.number)
        .limit(AT_ONCE)
    )
    numbers = list(tx.conn.execute(wanted).scalars())
    refresh(tx.conn, promises, _subjects(tx.conn, numbers), numbers, broker)
    if len(numbers) < AT_ONCE:
        _set(tx.conn, DESK, promises.digest)
    else:
        _set(tx.conn, DONE, f"{promises.digest}:{numbers[-1]}")
    return len(numbers)


def refresh(
    conn: Connection,
    promises: Promises,
    subjects: Sequence[Subject],
    numbers: Sequence[int],
    broker: Broker,
) -> None:
    """Replace the rows of ``numbers`` by what the clocks of ``subjects``, the open ones of them, say."""
    now = broker.clock()
    clocks = clocks_of(conn, promises, subjects, now)
    told = load_told(conn, [subject.number for subject in subjects])
    found = [
        due_of(promises, subject, clocks[subject.number], now, told.get(subject.number, {}))
        for subject in subjects
    ]
    if numbers:
        conn.execute(delete(sla_due).where(sla_due.c.ticket.in_(numbers)))
    made = [row._asdict() for row in found if row is not None]
    if made:
        conn.execute(insert(sla_due), made)


def _subjects(conn: Connection, numbers: Sequence[int]) -> list[Subject]:
    c = tickets.c
    wanted = select(c.number, c.customer, c.priority).where(c.number.in_(numbers), c.state.in_(_OPEN))
    return [Subject(*row) for row in conn.execute(wanted)] if numbers else []


def _unread(conn: Connection, after: int, limit: int) -> list[tuple[int, int]]:
    """Index and ticket of events that were not looked at, oldest first. Notices change no clock."""
    e = ticket_events.c
    wanted = select(e.log_index, e.ticket).where(e.log_index > after, e.kind != Action.TICKET_NOTICE.value)
    return [(index, number) for index, number in conn.execute(wanted.order_by(e.log_index).limit(limit))]


class _Fired(NamedTuple):
    tickets: int
    given: int


async def _fire_some(broker: Broker) -> _Fired | None:
    """Notices of the tickets that are due for one, up to ``AT_ONCE``; None when there are none."""
    now = broker.clock()
    wanted = select(sla_due.c.ticket).where(sla_due.c.notice <= now).order_by(sla_due.c.notice).limit(AT_ONCE)
    if not await broker.store.read(lambda conn: conn.execute(wanted).first()):
        return None

    def unit(tx: Tx) -> _Fired:
        org = broker.organisation.require()
        promises = broker.promises.of(org.desk)
        numbers = list(tx.conn.execute(wanted).scalars())
        subjects = _subjects(tx.conn, numbers)
        clocks = clocks_of(tx.conn, promises, subjects, now)
        given = 0
        for subject in subjects:
            ticket = rows.load(tx.conn, rows.id_of(subject.number))
            found = clocks[subject.number]
            given += len(notices.fire(tx, org, promises, ticket, found, now, broker.on_notice))
        refresh(tx.conn, promises, subjects, numbers, broker)
        return _Fired(len(numbers), given)

    return await broker.store.write(unit)


def _facts(conn: Connection) -> dict[str, str]:
    wanted = select(meta.c.key, meta.c.value).where(meta.c.key.in_([READ, DESK, DONE]))
    return {row.key: row.value for row in conn.execute(wanted)}


def _set(conn: Connection, key: str, value: str) -> None:
    conn.execute(delete(meta).where(meta.c.key == key))
    conn.execute(insert(meta).values(key=key, value=value))
