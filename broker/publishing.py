"""Taking in a publication: verify, write, record, switch; the one path for pairing and for updates."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from broker.context import Broker
from broker.knowledge.evaluating import queue_again
from broker.publication import files_of
from broker.repository import Current
from broker.store.engine import Tx
from broker.store.tables import meta
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from protocol.publication import PairRequest, Publication, Published
from protocol.wire import facts

ORG, ROOT, SNAPSHOT = "org", "root-version", "snapshot-version"
PAIRING = "pairing-secret-sha256"
_PAIRING_ACTOR = Actor(kind=ActorKind.BROKER, id="pairing")


async def load_organisation(broker: Broker) -> None:
    """At start: what the database says is published, if anything.

    Raises:
        RelevoError: when the stored repository does not verify.
    """
    state = await broker.store.read(_facts)
    if SNAPSHOT not in state:
        return
    await asyncio.to_thread(broker.repository.load, int(state[ROOT]), int(state[SNAPSHOT]))
    assert broker.repository.current is not None  # noqa: S101 - load() sets it
    broker.organisation.replace(broker.repository.current.accepted.organisation)


async def pair(broker: Broker, request: PairRequest) -> Published:
    """Take in the first publication from whoever holds the pairing secret, once.

    Sent again after a lost answer it changes nothing and gets the same answer.

    Raises:
        RelevoError: ``unauthenticated`` for a wrong secret; ``token-used`` once paired; what
            ``broker.publication.verify`` finds wrong.
    """
    state = await broker.store.read(_facts)
    given = hashlib.sha256(request.secret.encode()).hexdigest()
    if not hmac.compare_digest(given, state.get(PAIRING, "")):
        raise RelevoError(Code.UNAUTHENTICATED, "wrong pairing secret")
    return await _take(broker, request.publication, _PAIRING_ACTOR, first=True)


async def publish(broker: Broker, publication: Publication, actor: Actor) -> Published:
    """Take in an update, offered by an administrator.

    Raises:
        RelevoError: ``not-connected`` before pairing; what ``broker.publication.verify`` finds wrong.
    """
    broker.organisation.require()
    return await _take(broker, publication, actor, first=False)


async def renew_snapshot(broker: Broker) -> None:
    """Sign the same content anew before the snapshot runs out."""
    if not broker.repository.runs_out(broker.clock()):
        return
    async with broker.repository.lock:
        renewed = await asyncio.to_thread(broker.repository.renewed, broker.clock())
        if renewed is not None:
            await broker.store.write(lambda tx: _point_at(tx, renewed))
            broker.repository.switch(renewed)


async def _take(broker: Broker, publication: Publication, actor: Actor, *, first: bool) -> Published:
    async with broker.repository.lock:
        repository, now = broker.repository, broker.clock()
        accepted = await asyncio.to_thread(repository.examine, files_of(publication), now)
        unchanged = repository.current is not None and accepted.held == repository.current.accepted.held
        if first and repository.current is not None and not unchanged:
            raise RelevoError(Code.TOKEN_USED, "the broker is paired already")
        current = await asyncio.to_thread(repository.prepare, accepted, now)
        if not unchanged:
            action = Action.ORG_PAIRED if first else Action.ORG_PUBLISHED
            record = _record(current, action, actor, now)
            fresh = _new_known_errors(broker, accepted.organisation)
            await broker.store.write(lambda tx: _unit(tx, current, record, again=fresh))
            repository.switch(current)
            broker.organisation.replace(accepted.organisation)
            if fresh:
                broker.bundles_came.set()
    return Published(
        org=current.accepted.organisation.roster.org,
        targets_version=current.targets_version,
        snapshot_version=current.snapshot_version,
    )


def _new_known_errors(broker: Broker, organisation: Organisation) -> bool:
    """Whether it has known errors, or versions of them, that bundles were not compared with yet."""
    before = broker.organisation.current
    old = {(known.id, known.version) for known in before.known_errors} if before is not None else set()
    return any((known.id, known.version) not in old for known in organisation.known_errors)


def _unit(tx: Tx, current: Current, record: AuditRecord, *, again: bool) -> None:
    if again:
        queue_again(tx.conn, record.at)
    _point_at(tx, current)
    _set(tx.conn, ORG, current.accepted.organisation.roster.org)
    tx.audit(record)


def _point_at(tx: Tx, current: Current) -> None:
    _set(tx.conn, ROOT, str(current.root_version))
    _set(tx.conn, SNAPSHOT, str(current.snapshot_version))


def _record(current: Current, action: Action, actor: Actor, now: datetime) -> AuditRecord:
    organisation = current.accepted.organisation
    return AuditRecord(
        at=now,
        actor=actor,
        action=action,
        facts=facts(
            org=organisation.roster.org,
            root_version=current.root_version,
            targets_version=current.targets_version,
            snapshot_version=current.snapshot_version,
            snapshot_sha256=hashlib.sha256(current.snapshot).hexdigest(),
            technicians=len(organisation.roster.technicians),
            customers=len(organisation.roster.customers),
        ),
    )


def set_pairing_secret(conn: Connection, secret: str) -> None:
    """Let this secret, and no earlier one, pair the broker; only its hash is kept."""
    _set(conn, PAIRING, hashlib.sha256(secret.encode()).hexdigest())


def _facts(conn: Connection) -> dict[str, str]:
    return {row.key: row.value for row in conn.execute(select(meta.c.key, meta.c.value))}


def _set(conn: Connection, key: str, value: str) -> None:
    conn.execute(delete(meta).where(meta.c.key == key))
    conn.execute(insert(meta).values(key=key, value=value))
