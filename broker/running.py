"""The broker as a running whole: made from its data folder, kept going, taken down in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog

from broker import publishing, setup
from broker.clock import SteadyClock
from broker.config import Config
from broker.connectors.keeper import keeping_connectors
from broker.context import Broker
from broker.conversation.news import keeping_news
from broker.keys import load_identity
from broker.knowledge import index
from broker.knowledge.evaluating import keeping_signatures
from broker.metrics import Metrics
from broker.organisation import OrganisationState
from broker.outgoing.keeper import keeping_outgoing
from broker.presence import Links
from broker.refusals import record_left_out
from broker.repository import Repository
from broker.sessions.keeper import keeping
from broker.sla.keeper import keeping_clocks
from broker.store import schema
from broker.store.engine import Store, Tx
from broker.store.log import last_written
from broker.tickets.keeper import keeping_tickets
from broker.trends.keeper import keeping_trends
from protocol import VERSION
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.drivers.files import read_file
from protocol.drivers.locks import locked
from protocol.errors import Code, RelevoError
from protocol.publication import PairRequest
from protocol.wire import facts, from_json

_log = structlog.get_logger("broker")
_LOCK_S = 5.0
_MAX_PAIR = 128 << 20


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def running(
    config: Config, clock: Callable[[], datetime] = utc_now, *, accept_clock: bool = False
) -> AsyncIterator[Broker]:
    """The broker of ``config``, its store verified and its organisation loaded, until the block ends.

    Args:
        accept_clock: the clock is right although the log was written at later times.

    Raises:
        RelevoError: ``conflict`` when another process runs on the same data or the schema is
            not current; ``not-found``, ``malformed`` or a verification code when keys or
            the stored repository are damaged; ``cannot-record`` when the database cannot be read.
    """
    with locked(config.data / "lock", _LOCK_S):
        identity = load_identity(config)
        if schema.version(config.database_url) is None:
            schema.upgrade(config.database_url)
        schema.require_current(config.database_url)
        steady = SteadyClock(clock)
        store = Store(config.database_url, identity.log, steady)
        await store.start()
        broker = Broker(
            config=config,
            identity=identity,
            clock=steady,
            store=store,
            organisation=OrganisationState(),
            repository=Repository(config.repository, identity),
            presence=Links(),
            metrics=Metrics(),
        )
        try:
            await _start(broker, timedelta(0) if accept_clock else await _hold(store, steady))
            async with (
                keeping_news(broker),
                keeping(broker),
                keeping_tickets(broker),
                keeping_clocks(broker),
                keeping_outgoing(broker),
                keeping_connectors(broker),
                keeping_trends(broker),
                keeping_signatures(broker),
            ):
                yield broker
        finally:
            await record_left_out(broker, time.monotonic(), every=True)
            await _record(broker, Action.BROKER_STOPPED)
            await store.close()


async def _hold(store: Store, clock: SteadyClock) -> timedelta:
    """What was over when the log was last written stays over; how far the machine's clock is behind that."""
    last = None if store.degraded else await store.read(last_written)
    return clock.hold(last) if last is not None else timedelta(0)


async def _start(broker: Broker, behind: timedelta) -> None:
    _gauges(broker)
    if broker.store.degraded:
        _log.critical("log-degraded", why=broker.store.degraded)
    if behind:
        _log.critical("clock-behind-log", seconds=behind.total_seconds())
    await _record(broker, Action.BROKER_STARTED, clock_behind_s=round(behind.total_seconds(), 3) or None)
    await publishing.load_organisation(broker)
    await _keep_pairing_secret(broker)
    await _take_incoming(broker)
    await index.refresh(broker)


def _gauges(broker: Broker) -> None:
    store, metrics = broker.store, broker.metrics
    metrics.gauge("relevo_log_entries", "Entries in the audit log", lambda: store.log_size)
    metrics.gauge("relevo_agents_online", "Agents with a control link", broker.presence.count)
    metrics.gauge("relevo_degraded", "1 while every change is refused", lambda: bool(store.degraded))


async def _record(broker: Broker, action: Action, **stated: object) -> None:
    """Starting and stopping are recorded; a broker that cannot record still serves what it can."""
    record = AuditRecord(
        at=broker.clock(),
        actor=Actor(kind=ActorKind.BROKER, id="broker"),
        action=action,
        facts=facts(version=VERSION, **stated),
    )
    try:
        await broker.store.write(lambda tx: tx.audit(record))
    except RelevoError as error:
        _log.error("not-recorded", action=action.value, code=error.code.value, detail=error.detail)


async def _keep_pairing_secret(broker: Broker) -> None:
    """The secret that ``init`` made, by its hash, unless the database has one."""
    if broker.organisation.current is not None or broker.store.degraded:
        return
    try:
        pairing = setup.read_pairing(broker.config)
    except RelevoError as error:
        _log.warning("no-pairing-secret", code=error.code.value)
        return

    def unit(tx: Tx) -> None:
        publishing.set_pairing_secret(tx.conn, pairing.secret)

    try:
        await broker.store.write(unit)
    except RelevoError as error:
        _log.error("pairing-secret-not-kept", code=error.code.value)


async def _take_incoming(broker: Broker) -> None:
    """What ``relevo org connect DIR`` left for us, by the same path as ``POST /v1/org/pair``.

    A file that is refused is set aside under another name, and the broker starts without it.
    """
    path = broker.config.incoming_pair
    if not path.exists():
        return
    try:
        request = from_json(await asyncio.to_thread(read_file, path, _MAX_PAIR), PairRequest)
        await publishing.pair(broker, request)
    except RelevoError as error:
        _log.error("incoming-pairing-refused", code=error.code.value, detail=error.detail)
        if error.code is not Code.CANNOT_RECORD:
            path.replace(path.with_name("pair.json.refused"))
        return
    path.unlink()
