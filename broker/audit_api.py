"""Reading the audit log: checkpoint, tiles (C2SP tlog-tiles) and the entries themselves.

Hashes are for every member of the roster: they prove and reveal nothing. Entries are for auditors and
administrators, and for technicians where they belong to tickets of their customers.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, select
from starlette.responses import Response

from broker.agents import visible
from broker.calls import Call
from broker.context import Broker
from broker.store.log import latest_checkpoint
from broker.store.tables import audit, checkpoints
from protocol import tiles
from protocol.api import AuditCheckpoints, AuditEntries, AuditEntryView
from protocol.audit import Action, AuditRecord
from protocol.errors import Code, RelevoError
from protocol.wire import facts

MAX_ENTRIES = 1_000
MAX_BYTES = 4 << 20
"""Records in one answer; at least one entry is always given."""
MAX_CHECKPOINTS = 1_000
MAX_INDEX = 1 << 53


async def checkpoint(broker: Broker, call: Call) -> Response:
    """``GET /v1/audit/checkpoint``: the newest signed checkpoint.

    Raises:
        RelevoError: ``not-found`` while the log is empty.
    """
    last = await broker.store.read(latest_checkpoint)
    if last is None:
        raise RelevoError(Code.NOT_FOUND, "the log is empty")
    return Response(last.note, media_type="text/plain")


async def checkpoint_history(broker: Broker, call: Call) -> AuditCheckpoints:
    """``GET /v1/audit/checkpoints?after=SIZE``: signed checkpoints, oldest first."""
    after = call.query_int("after", 0, 0, MAX_INDEX)
    count = call.query_int("count", MAX_CHECKPOINTS, 1, MAX_CHECKPOINTS)
    wanted = (
        select(checkpoints.c.note).where(checkpoints.c.size > after).order_by(checkpoints.c.size).limit(count)
    )
    notes = await broker.store.read(lambda conn: conn.execute(wanted).scalars().all())
    return AuditCheckpoints(notes=tuple(notes))


async def tile(broker: Broker, call: Call) -> Response:
    """``GET /v1/audit/tile/{level}/{number}[.p/{width}]``: hashes of the tree.

    Raises:
        RelevoError: ``not-found`` for what is no tile or is not in the tree yet.
    """
    try:
        wanted = tiles.parse_path(f"tile/{call.param('path')}")
    except RelevoError as error:
        raise RelevoError(Code.NOT_FOUND, "not a tile") from error
    if wanted.level is None:
        raise RelevoError(Code.NOT_FOUND, "entries are served by /v1/audit/entries")
    data = await broker.store.tile(wanted)
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(data, media_type="application/octet-stream", headers=headers)


async def entries(broker: Broker, call: Call) -> AuditEntries:
    """``GET /v1/audit/entries?start=&count=`` or ``?ticket=``; reading is itself recorded, first."""
    start = call.query_int("start", 0, 0, MAX_INDEX)
    count = call.query_int("count", 100, 1, MAX_ENTRIES)
    ticket = call.query("ticket")
    await _record_reading(broker, call, ticket, start, count)
    wanted = _wanted(call, ticket, start, count)

    def query(conn: Connection) -> AuditEntries:
        last = latest_checkpoint(conn)
        found: list[AuditEntryView] = []
        held = 0
        for row in conn.execute(wanted):
            record = None if row.record is None else _as_stored(row.record)
            held += len(record or b"")
            if found and held > MAX_BYTES:
                break
            salt, leaf = _as_stored(row.salt), _as_stored(row.leaf)
            found.append(AuditEntryView(index=row.idx, salt=salt, record=record, leaf=leaf))
        return AuditEntries(entries=tuple(found), size=last.size if last else 0)

    return await broker.store.read(query)


def _as_stored(value: object) -> bytes:
    """What is in the file, also where a tamperer left another type there: the auditor must see it."""
    return value if isinstance(value, bytes) else str(value).encode()


def _wanted(call: Call, ticket: str | None, start: int, count: int) -> Select[Any]:
    wanted = select(audit.c.idx, audit.c.salt, audit.c.record, audit.c.leaf).where(audit.c.idx >= start)
    if ticket is not None:
        wanted = wanted.where(audit.c.ticket == ticket)
    if not call.who.sees_all:
        wanted = wanted.where(audit.c.ticket.is_not(None), visible(call.who, audit.c.customer))
    return wanted.order_by(audit.c.idx).limit(count)


async def _record_reading(broker: Broker, call: Call, ticket: str | None, start: int, count: int) -> None:
    if broker.store.degraded:
        # Nothing can be recorded, and the auditor who looks for the bad entry must still be able to.
        return
    record = AuditRecord(
        at=broker.clock(),
        actor=call.who.actor,
        action=Action.AUDIT_READ,
        facts=facts(start=start, count=count, filter=ticket),
    )
    await broker.store.write(lambda tx: tx.audit(record))
