"""What keeps connected systems in step: one task each, started and stopped as the folder says.

A round first takes in what happened there, then tells what happened here, then tries again what was set
aside. Whatever fails as a whole is tried again later, further and further apart, from where it was.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import Connection

from broker.connectors import inward, outward, rows
from broker.connectors.channel import Channel
from broker.connectors.meters import Meters
from broker.connectors.settings import ConnectorSettings, load_readable, make
from broker.context import Broker
from broker.store.engine import Tx
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.errors import Code, RelevoError
from protocol.wire import Fact, facts, to_json

TICK_S = 1.0
BACKOFF_S = 2.0
MAX_BACKOFF_S = 300.0
ROUNDS = 20
"""Looks in a row at a system that has more to say, before it is our turn."""
RETRIES = 20
_log = structlog.get_logger("broker.connectors")


@asynccontextmanager
async def keeping_connectors(broker: Broker) -> AsyncIterator[None]:
    """Look every second which systems are connected, until the block ends."""
    meters = Meters(broker.metrics.registry)
    task = asyncio.create_task(_supervise(broker, meters), name="connectors")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _supervise(broker: Broker, meters: Meters) -> None:
    running: dict[str, tuple[bytes, asyncio.Task[None]]] = {}
    try:
        while True:
            try:
                if broker.organisation.current is not None and not broker.store.degraded:
                    await _match(broker, meters, running)
            except RelevoError as error:
                _log.error("connectors-not-kept", code=error.code.value, detail=error.detail)
            except Exception:
                _log.exception("bug")
            await asyncio.sleep(TICK_S)
    finally:
        for _, task in running.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in running.values()), return_exceptions=True)


async def _match(
    broker: Broker, meters: Meters, running: dict[str, tuple[bytes, asyncio.Task[None]]]
) -> None:
    """Start, restart and stop tasks until they are what the folder says. One whose file is damaged stays as
    it was, and keeps no other from being started or stopped."""
    found, damaged = await asyncio.to_thread(load_readable, broker.config.data)
    for name, error in damaged.items():
        _log.error("connector-unreadable", connector=name, code=error.code.value, detail=error.detail)
    wanted = {one.name: one for one in found}
    kept = {*wanted, *damaged}
    gone = [name for name in running if name not in kept]
    changed = [name for name, one in wanted.items() if name in running and running[name][0] != to_json(one)]
    for name in (*gone, *changed):
        _, task = running.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if set(await broker.store.read(rows.active)) - kept:
        await broker.store.write(lambda tx: _stop_others(broker, tx, kept))
    for name, one in wanted.items():
        if name not in running:
            await broker.store.write(functools.partial(_start, broker, one))
            running[name] = (to_json(one), asyncio.create_task(_keep(broker, meters, one)))


def _start(broker: Broker, settings: ConnectorSettings, tx: Tx) -> None:
    if rows.start(tx.conn, settings.name, hashlib.sha256(to_json(settings)).digest()):
        queues = " ".join(f"{row.queue}={row.customer}" for row in settings.queues)
        stated = facts(
            connector=settings.name,
            system=settings.system,
            url=settings.url,
            queues=queues,
            notes=settings.notes,
        )
        _changed(broker, tx, stated)


def _stop_others(broker: Broker, tx: Tx, wanted: set[str]) -> None:
    for name in rows.active(tx.conn):
        if name not in wanted and rows.stop(tx.conn, name):
            _changed(broker, tx, facts(connector=name, removed=True))


def _changed(broker: Broker, tx: Tx, stated: tuple[Fact, ...]) -> None:
    actor = Actor(kind=ActorKind.BROKER, id="broker")
    tx.audit(AuditRecord(at=broker.clock(), actor=actor, action=Action.CONNECTOR_CHANGED, facts=stated))


# --- one system --------------------------------------------------------------------------------


async def _keep(broker: Broker, meters: Meters, settings: ConnectorSettings) -> None:
    """Rounds, one after the other, for ever; never raises but when cancelled."""
    failures, stumbled = 0, Counter[tuple[str, str]]()
    while True:
        try:
            async with _opened(broker, settings, stumbled) as channel:
                due = 0.0
                while True:
                    due = await round_trip(channel, meters, due)
                    failures = 0
                    await asyncio.sleep(TICK_S)
        except RelevoError as error:
            failed = error
            _log.warning(
                "connector-failed", connector=settings.name, code=error.code.value, detail=error.detail
            )
        except Exception as error:
            failed = RelevoError(Code.INTERNAL, type(error).__name__)
            _log.exception("bug", connector=settings.name)
        failures += 1
        meters.failed(settings.name, failed.code.value)
        await _note_failure(broker, settings.name, failed)
        # Full jitter: several brokers and connectors do not come back at the same moment.
        most = min(MAX_BACKOFF_S, BACKOFF_S * 2 ** min(failures, 10))
        await asyncio.sleep(random.uniform(TICK_S, most))  # noqa: S311


async def _note_failure(broker: Broker, name: str, error: RelevoError) -> None:
    try:
        await broker.store.write(lambda tx: rows.failed(tx.conn, name, error, broker.clock()))
    except RelevoError as also:
        _log.error("connector-failure-not-noted", connector=name, code=also.code.value)


@asynccontextmanager
async def _opened(
    broker: Broker, settings: ConnectorSettings, stumbled: Counter[tuple[str, str]]
) -> AsyncIterator[Channel]:
    """The token is read anew each time, so that a new one is used without a restart."""
    org = broker.organisation.require().roster.org
    remote = await asyncio.to_thread(make, settings, org)
    try:
        secret = await broker.store.read(lambda conn: _secret(conn, settings.name))
        yield Channel(broker, settings, remote, secret, stumbled=stumbled)
    finally:
        await remote.aclose()


def _secret(conn: Connection, name: str) -> bytes:
    row = rows.find(conn, name)
    if row is None:
        raise RelevoError(Code.NOT_FOUND, f"connector {name}")
    found: bytes = row.secret
    return found


async def round_trip(channel: Channel, meters: Meters, due: float) -> float:
    """One look both ways; when the other side is to be looked at again, by the loop's clock.

    Raises:
        RelevoError: of ``contract.HOLD_UP``.
    """
    loop, store, name = asyncio.get_running_loop(), channel.broker.store, channel.name
    now = channel.broker.clock()
    customers = channel.settings.customers

    def look(conn: Connection) -> tuple[int | None, int, bool, bool]:
        row = rows.find(conn, name)
        if row is None:
            raise RelevoError(Code.NOT_FOUND, f"connector {name}")
        waiting = bool(outward.pending(conn, customers, row.sent_cursor, 1))
        return row.heard_cursor, row.sent_cursor, waiting, bool(rows.due(conn, name, now, 1))

    heard, sent, waiting, retry = await store.read(look)
    polled = heard is None or waiting or retry or loop.time() >= due
    if polled:
        await _hear(channel, heard)
        due = loop.time() + channel.settings.poll_s
    while await outward.tell(channel, sent) >= outward.AT_ONCE:
        sent = await store.read(lambda conn: _sent(conn, name))
    if retry:
        await _again(channel)
    if polled:
        await store.write(lambda tx: rows.succeeded(tx.conn, name, now))
        meters.answered(name)
    meters.crossed(name, channel.counted)
    channel.counted.clear()
    return due


def _sent(conn: Connection, name: str) -> int:
    row = rows.find(conn, name)
    return -1 if row is None else int(row.sent_cursor)


async def _hear(channel: Channel, cursor: int | None) -> None:
    name, store = channel.name, channel.broker.store
    if cursor is None:
        # Only what happens from now on: a queue of ten years is not taken in.
        start = await channel.remote.newest()
        await store.write(lambda tx: rows.heard(tx.conn, name, start))
        cursor = start
    for _ in range(ROUNDS):
        changes = await inward.hear(channel, cursor)
        cursor = changes.cursor
        if not changes.more:
            return


async def _again(channel: Channel) -> None:
    """Try what was set aside and is due. The first that holds everything up ends it."""
    store, name = channel.broker.store, channel.name
    now = channel.broker.clock()
    for one in await store.read(lambda conn: rows.due(conn, name, now, RETRIES)):
        if one.direction == rows.OUT:
            await outward.again(channel, int(one.key))
        else:
            await inward.again(channel, one)
