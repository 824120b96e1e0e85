"""Whether warnings were right: said outright, or by the cause with which the ticket was resolved.

Events of tickets are followed by their place in the log; how far stands in the store.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from broker.context import Broker
from broker.store.engine import Tx
from broker.store.tables import meta
from broker.store.ticket_tables import ticket_events
from broker.store.trend_tables import trend_warnings
from broker.tickets import rows
from broker.tickets.events import RULES
from protocol.audit import Action, Actor, AuditRecord
from protocol.tickets import CauseCode, Move, Party
from protocol.wire import facts

READ = "trends.read"
"""Fact in ``meta``: the last ticket event that was read."""
AT_ONCE = 500
_RESOLVED = f"ticket.{Move.RESOLVE.value}"


class Judge(NamedTuple):
    """Who said so: for the log, and for people."""

    actor: Actor
    name: str


def of_ticket(conn: Connection, ticket: str) -> Any:
    """The row of the warning that opened this ticket, or None."""
    wanted = select(trend_warnings).where(trend_warnings.c.ticket == rows.number_of(ticket))
    return conn.execute(wanted.order_by(trend_warnings.c.id.desc()).limit(1)).one_or_none()


def judge(tx: Tx, warning: Any, right: bool, by: Judge, now: datetime, cause: str | None = None) -> None:
    """Note the verdict, with its audit record. A later one replaces it."""
    outcome = "true" if right else "false"
    tx.audit(
        AuditRecord(
            at=now,
            actor=by.actor,
            action=Action.WARNING_JUDGED,
            customer=warning.customer,
            ticket=rows.id_of(warning.ticket),
            agent=warning.agent,
            facts=facts(
                warning=warning.kind, subject=warning.subject, right=outcome, by=by.name, cause=cause
            ),
        )
    )
    tx.conn.execute(
        update(trend_warnings)
        .where(trend_warnings.c.id == warning.id)
        .values(outcome=outcome, judged_by=by.name[:200], judged_at=now)
    )


def verdict(party: str, cause: str | None) -> bool | None:
    """What a resolution says about the warning: a technician's cause, unless it is ``unknown``."""
    if party != Party.TECHNICIAN.value or cause in (None, CauseCode.UNKNOWN.value):
        return None
    return cause != CauseCode.FALSE_ALARM.value


async def read(broker: Broker) -> int:
    """Take verdicts from resolutions that were not looked at yet; how many there were.

    Raises:
        RelevoError: as ``Store.write``.
    """
    judged = 0
    while await broker.store.read(_behind):
        judged += await broker.store.write(lambda tx: _read_some(broker, tx))
    return judged


def _behind(conn: Connection) -> bool:
    position = _position(conn)
    return position is None or bool(_after(conn, position, 1))


def _read_some(broker: Broker, tx: Tx) -> int:
    position = _position(tx.conn)
    if position is None:
        # Before the first look there were no warnings.
        newest = tx.conn.execute(select(func.max(ticket_events.c.log_index))).scalar_one()
        _remember(tx.conn, -1 if newest is None else newest)
        return 0
    judged, events = 0, _after(tx.conn, position, AT_ONCE)
    for event in events:
        right = verdict(event.party, event.reason) if event.kind == _RESOLVED else None
        warning = of_ticket(tx.conn, rows.id_of(event.ticket)) if right is not None else None
        # What somebody said outright since then stands.
        if right is not None and warning is not None and not _judged_since(warning, event.at):
            judge(tx, warning, right, Judge(RULES.actor, event.by), broker.clock(), event.reason)
            judged += 1
    if events:
        _remember(tx.conn, events[-1].log_index)
    return judged


def _judged_since(warning: Any, at: datetime) -> bool:
    return warning.judged_at is not None and warning.judged_at >= at


def _after(conn: Connection, index: int, limit: int) -> list[Any]:
    c = ticket_events.c
    wanted = select(c.log_index, c.ticket, c.kind, c.party, c.reason, c.by, c.at).where(c.log_index > index)
    return list(conn.execute(wanted.order_by(c.log_index).limit(limit)).all())


def _position(conn: Connection) -> int | None:
    found = conn.execute(select(meta.c.value).where(meta.c.key == READ)).scalar_one_or_none()
    return None if found is None else int(found)


def _remember(conn: Connection, index: int) -> None:
    conn.execute(delete(meta).where(meta.c.key == READ))
    conn.execute(insert(meta).values(key=READ, value=str(index)))
