"""What ends sessions and links without anybody asking: time, and what the organisation takes back.

Run once a broker, beside the server: it resumes the live sessions of the store, then looks every second.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from broker import artifacts, policy
from broker.context import Broker
from broker.expiring import expire
from broker.presence import CLOSE_GOING_DOWN, CLOSE_REFUSED
from broker.refusals import record_left_out
from broker.sessions import lifecycle, rows
from broker.sessions.live import Deadline, Live
from broker.sessions.rows import Session
from broker.store.engine import Tx
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.link import EndReason, RepositoryChanged
from protocol.organisation import Organisation
from protocol.wire import from_json

TICK_S = 1.0
SILENCE_CHECK_TICKS = 15

_log = structlog.get_logger("broker.sessions")


@asynccontextmanager
async def keeping(broker: Broker) -> AsyncIterator[None]:
    """Resume, then keep time until the block ends.

    Raises:
        RelevoError: ``cannot-record`` if the store cannot be read.
    """
    changed = asyncio.Event()

    def organisation_changed(organisation: Organisation) -> None:
        changed.set()

    def going_down() -> None:
        broker.sessions.wake_all()
        broker.presence.drop_all(CLOSE_GOING_DOWN)
        broker.relay.close(CLOSE_GOING_DOWN)

    await artifacts.sweep(broker)
    await resume(broker)
    broker.organisation.listeners.append(organisation_changed)
    broker.drain.listeners.append(going_down)
    metrics = broker.metrics
    metrics.gauge("relevo_sessions_live", "Sessions that have not ended", broker.sessions.count)
    metrics.gauge("relevo_relay_legs", "Relay legs with an end attached", broker.relay.attached)
    metrics.gauge("relevo_relay_bytes", "Bytes passed on since the start", lambda: broker.relay.total.passed)
    metrics.gauge("relevo_relay_held_bytes", "Bytes that wait for a reader", broker.relay.held_bytes)
    # Not a TaskGroup: it would wrap what the block raises, and these two never fail.
    running = [
        asyncio.create_task(_tick(broker), name="sessions"),
        asyncio.create_task(_watch(broker, changed), name="revocations"),
    ]
    try:
        yield
    finally:
        broker.organisation.listeners.remove(organisation_changed)
        broker.drain.listeners.remove(going_down)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def resume(broker: Broker) -> None:
    """Every session of the store that has not ended is live again: consent and tokens still hold."""
    now = broker.clock()
    for session in await broker.store.read(rows.live):
        answered = session.state in rows.AGREED
        answer_by = None if answered else Deadline.at(session.establish_by, now)
        ends = Deadline.at(session.ends, now)
        broker.sessions.put(Live(session.grant, session.agent, session.technician, answer_by, ends))


async def _tick(broker: Broker) -> None:
    loop, ticks = asyncio.get_running_loop(), 0
    while True:
        await asyncio.sleep(TICK_S)
        ticks += 1
        try:
            await end_overdue(broker)
            await expire(broker)
            await record_left_out(broker, time.monotonic())
        except RelevoError as error:
            # A full disk must not keep a session alive: sockets go now, the record follows.
            _log.error("overdue-not-recorded", code=error.code.value)
            for live in broker.sessions.due(broker.clock()):
                broker.relay.end(live.grant)
        except Exception:
            _log.exception("bug")
        if ticks % SILENCE_CHECK_TICKS == 0:
            broker.presence.drop_silent(loop.time())


async def end_overdue(broker: Broker) -> None:
    """End the sessions whose time is up or whose user did not answer in time.

    Raises:
        RelevoError: as ``Store.write``.
    """
    due = broker.sessions.due(broker.clock())
    if not due:
        return

    def unit(tx: Tx) -> None:
        for live in due:
            session = rows.find(tx.conn, live.grant)
            if session is None or session.state == rows.ENDED:
                tx.after_commit(functools.partial(broker.sessions.remove, live.grant))
            elif session.state in rows.ASKED:
                _end(broker, tx, session, EndReason.NO_ANSWER)
            elif live.answer_by is None:
                _end(broker, tx, session, EndReason.TIME_UP)

    await broker.store.write(unit)


def _end(broker: Broker, tx: Tx, session: Session, why: EndReason) -> None:
    lifecycle.end(broker, tx, session, why, lifecycle.BROKER_ACTOR)


async def _watch(broker: Broker, changed: asyncio.Event) -> None:
    """After each change of the organisation, end what it no longer allows and tell the agents."""
    while True:
        await changed.wait()
        changed.clear()
        try:
            await apply_organisation(broker)
        except RelevoError as error:
            _log.error("revocation-not-recorded", code=error.code.value)
            await asyncio.sleep(TICK_S)
            changed.set()
        except Exception:
            _log.exception("bug")


async def apply_organisation(broker: Broker) -> None:
    """Sessions and links that the organisation no longer allows are over; agents hear of the change.

    Raises:
        RelevoError: as ``Store.write``; the sockets of what must end are closed all the same.
    """
    org = broker.organisation.require()
    for agent in org.revoked.agents:
        broker.presence.drop(agent, CLOSE_REFUSED)
    broker.presence.broadcast(RepositoryChanged())
    forbidden = [s for s in await broker.store.read(rows.live) if not _allowed(org, s, broker.clock())]
    for session in forbidden:
        broker.relay.end(session.grant)
    await broker.store.write(lambda tx: _end_forbidden(broker, tx))


def _end_forbidden(broker: Broker, tx: Tx) -> None:
    """Looked up anew: a session may have been granted while the organisation changed."""
    org = broker.organisation.require()
    for session in rows.live(tx.conn):
        if not _allowed(org, session, broker.clock()):
            lifecycle.end(broker, tx, session, EndReason.REVOKED, lifecycle.BROKER_ACTOR, code=Code.REVOKED)


def _allowed(org: Organisation, session: Session, now: datetime) -> bool:
    return policy.still_allowed(
        org=org,
        technician=session.technician,
        key=session.technician_key,
        customer=session.customer,
        scopes=session.scopes,
        grant=session.grant,
        agent=session.agent,
        invitation=from_json(session.invitation, Envelope) if session.invitation else None,
        now=now,
    )
