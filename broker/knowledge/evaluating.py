"""Every bundle that the broker can read, compared with every published known error, once.

A publication with new known errors puts the newest bundle of each open ticket back on the queue.

Storing a bundle puts it on a queue in the same transaction; one owned task takes it from there, judges it
in a thread, and writes the results with the deletion from the queue in one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Row, delete, func, insert, literal, select, tuple_, update

from broker.artifact_files import ArtifactFiles
from broker.context import Broker
from broker.knowledge.recording import Said, record
from broker.store.engine import Tx
from broker.store.session_tables import artifacts
from broker.store.signature_tables import signature_queue
from broker.store.ticket_tables import tickets
from protocol.api import ArtifactView
from protocol.diagnosis import BUNDLE_MEDIA_TYPE, MAX_BUNDLE, Bundle
from protocol.drivers.files import read_file
from protocol.errors import Code, RelevoError
from protocol.known_errors import KnownError, judge_all
from protocol.scopes import Clearance
from protocol.tickets import OPEN_STATES
from protocol.wire import from_json

AT_ONCE = 16
"""Bundles taken from the queue at a time; they are judged one after another."""
LOOK_S = 60.0
"""Looks for what is left over, where nobody woke it up."""
JUDGE_S = 5.0
"""Time for all signatures on one bundle; those that are left then are unknown."""

_log = structlog.get_logger("broker.signatures")


def queue(conn: Connection, artifact: ArtifactView, now: datetime) -> bool:
    """Put a stored artifact on the queue, if it is a bundle that the broker can read."""
    if artifact.kind != "bundle" or artifact.sealed or artifact.clearance is not Clearance.R1:
        return False
    if artifact.media_type != BUNDLE_MEDIA_TYPE or artifact.size_bytes > MAX_BUNDLE:
        return False
    conn.execute(insert(signature_queue).values(artifact=artifact.artifact, queued=now))
    return True


def queue_again(conn: Connection, now: datetime) -> None:
    """Put the newest readable bundle of each open ticket on the queue: there are known errors that it was not
    compared with. What was said of it stays (``recording.record``).

    Bundles that wait already count as queued now, so that a look that began before does not take them off.
    """
    a, newest = artifacts.c, func.max(artifacts.c.stored)
    readable = (
        (a.kind == "bundle")
        & a.sealed.is_(False)
        & (a.clearance == Clearance.R1.value)
        & (a.media_type == BUNDLE_MEDIA_TYPE)
        & (a.size_bytes <= MAX_BUNDLE)
    )
    last = (
        select(a.ticket, newest)
        .join(tickets, tickets.c.number == a.ticket)
        .where(readable, tickets.c.state.in_([state.value for state in OPEN_STATES]))
        .group_by(a.ticket)
    )
    queued = select(signature_queue.c.artifact)
    again = select(a.artifact, literal(now, signature_queue.c.queued.type)).where(
        readable, tuple_(a.ticket, a.stored).in_(last), a.artifact.not_in(queued)
    )
    conn.execute(update(signature_queue).values(queued=now))
    conn.execute(insert(signature_queue).from_select(["artifact", "queued"], again))


@asynccontextmanager
async def keeping_signatures(broker: Broker) -> AsyncIterator[None]:
    """Judge bundles as they come until the block ends; what was left over at the last stop comes first."""
    broker.bundles_came.set()
    task = asyncio.create_task(_keep(broker), name="signatures")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep(broker: Broker) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await broker.bundles_came.wait()
        broker.bundles_came.clear()
        try:
            if broker.organisation.current is not None:
                await judge_waiting(broker)
        except RelevoError as error:
            _log.error("bundles-not-judged", code=error.code.value)
        except Exception:
            _log.exception("bug")


async def judge_waiting(broker: Broker) -> int:
    """Judge everything on the queue; how many bundles.

    Raises:
        RelevoError: as ``Store.write``; what is left is taken up at the next look.
    """
    done = 0
    while found := await broker.store.read(_waiting):
        for artifact in found:
            await _judge(broker, artifact)
            done += 1
    return done


def _waiting(conn: Connection) -> Sequence[Row[Any]]:
    wanted = (
        select(artifacts, signature_queue.c.queued)
        .join(signature_queue, signature_queue.c.artifact == artifacts.c.artifact)
        .order_by(artifacts.c.stored.desc())  # what somebody waits for, before what is looked at again
        .limit(AT_ONCE)
    )
    return conn.execute(wanted).all()


async def _judge(broker: Broker, artifact: Row[Any]) -> None:
    known, now = broker.organisation.require().known_errors, broker.clock()
    path = ArtifactFiles(broker.config.artifacts).path(artifact.artifact)
    said: tuple[Said, ...] = ()
    try:
        said = await asyncio.to_thread(_say, path, artifact.sha256, artifact.agent, known, now)
    except RelevoError as error:
        # What no signature can read stays what it is: no result, and nobody waits for one.
        _log.warning("bundle-not-judged", artifact=artifact.artifact, code=error.code.value)
    except Exception:
        # Nor may a bundle that finds a fault of ours keep all the others waiting behind it.
        _log.exception("bug", artifact=artifact.artifact)

    def unit(tx: Tx) -> None:
        mine = delete(signature_queue).where(
            signature_queue.c.artifact == artifact.artifact, signature_queue.c.queued == artifact.queued
        )
        if broker.organisation.require().known_errors is not known:
            return  # published meanwhile: it waits, to be compared with those
        if tx.conn.execute(mine).rowcount and said:
            record(tx, artifact, said, None, now)

    await broker.store.write(unit)


def _say(
    path: Path, sha256: str, agent: str, known: tuple[KnownError, ...], now: datetime
) -> tuple[Said, ...]:
    content = read_file(path, MAX_BUNDLE)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RelevoError(Code.HASH_MISMATCH, path.name)
    bundle = from_json(content, Bundle)
    if bundle.manifest.agent != agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, path.name)
    end = time.monotonic() + JUDGE_S
    judged = judge_all(known, bundle, now, lambda: time.monotonic() < end)
    return tuple(Said(one.known.id, one.known.version, one.verdict) for one in judged)
