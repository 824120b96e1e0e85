"""What an administrator asks a running broker to do with its queue: files in ``outgoing/requests``.

The database has one writer, which is the broker. So a command leaves a request, whole or not at all, and
the broker takes it in the transaction that does it. A request that was done but whose file outlived a
crash does nothing the second time. A broker that is not running does it when it starts.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Annotated

import structlog
from msgspec import Meta

from broker.context import Broker
from broker.outgoing import queue
from broker.store.engine import Tx
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce
from protocol.wire import Count, Wire, facts, from_json, to_json

MAX_WAITING = 100
_MAX_FILE = 1 << 20
_POLL_S = 0.05
_log = structlog.get_logger("broker.outgoing")


class Retry(Wire, frozen=True):
    """Try these again that were given up; None: all of them."""

    ids: Annotated[tuple[Count, ...], Meta(max_length=1_000)] | None = None


def folder_of(data: Path) -> Path:
    return data / "outgoing" / "requests"


def leave(data: Path, request: Retry) -> Path:
    """Ask for it. Raises RelevoError: ``conflict`` when too much waits already; ``cannot-record``."""
    folder = folder_of(data)
    if folder.exists() and len(list(folder.iterdir())) >= MAX_WAITING:
        raise RelevoError(Code.CONFLICT, f"{MAX_WAITING} requests wait: is the broker running?")
    path = folder / f"{new_nonce()[:32]}.json"
    write_private(path, to_json(request))
    return path


def is_taken(path: Path, deadline_s: float) -> bool:
    """Wait until a running broker has done it; False when none did in time."""
    ends = time.monotonic() + deadline_s
    while path.exists():
        if time.monotonic() > ends:
            return False
        time.sleep(_POLL_S)
    return True


async def take(broker: Broker) -> int:
    """Do what waits; how many deliveries are tried again.

    Raises:
        RelevoError: as ``Store.write``; what is left is done at the next call.
    """
    folder = folder_of(broker.config.data)
    if not folder.exists():
        return 0
    done = 0
    for path in sorted(folder.glob("*.json"))[:MAX_WAITING]:
        try:
            request = from_json(read_file(path, _MAX_FILE), Retry)
        except RelevoError as error:
            _log.error("request-unreadable", code=error.code.value)
        else:
            done += await broker.store.write(functools.partial(_retry, broker, request))
        path.unlink(missing_ok=True)
    return done


def _retry(broker: Broker, request: Retry, tx: Tx) -> int:
    now = broker.clock()
    count = queue.retry(tx.conn, request.ids, now)
    if count:
        tx.audit(
            AuditRecord(
                at=now,
                actor=Actor(kind=ActorKind.BROKER, id="broker"),
                action=Action.OUTGOING_RETRIED,
                facts=facts(deliveries=count),
            )
        )
    return count
