"""Hand-overs in the store. What is decided about them is in ``protocol.escalation``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from broker.store.desk_tables import escalations
from broker.store.engine import Tx
from broker.tickets.rows import id_of, number_of
from protocol.escalation import Escalation, Handover, ReasonCode
from protocol.organisation import covers_clearance
from protocol.scopes import Clearance
from protocol.wire import from_json, to_json

MAX_OF_TICKET = 200


class Asked(NamedTuple):
    """A hand-over as it begins."""

    ticket: str
    from_tier: int
    to_tier: int
    reason_code: ReasonCode
    handover: Handover
    no_diagnostics_reason: str
    skip_reason: str
    by: str
    clearance: Clearance


def add(tx: Tx, log_index: int, asked: Asked, now: datetime) -> None:
    tx.conn.execute(
        insert(escalations).values(
            id=log_index,
            ticket=number_of(asked.ticket),
            from_tier=asked.from_tier,
            to_tier=asked.to_tier,
            reason_code=asked.reason_code.value,
            handover=to_json(asked.handover),
            no_diagnostics_reason=asked.no_diagnostics_reason,
            skip_reason=asked.skip_reason,
            clearance=asked.clearance.value,
            by=asked.by,
            at=now,
        )
    )


def of_ticket(conn: Connection, ticket: str, clearance: Clearance) -> tuple[Escalation, ...]:
    """Hand-overs, oldest first; what is said in them only to readers of their clearance."""
    wanted = (
        select(escalations)
        .where(escalations.c.ticket == number_of(ticket))
        .order_by(escalations.c.id.desc())
        .limit(MAX_OF_TICKET)
    )
    return tuple(_view(row, clearance) for row in reversed(conn.execute(wanted).all()))


def latest(conn: Connection, ticket: str) -> Escalation | None:
    """The newest that was not returned."""
    wanted = (
        select(escalations)
        .where(escalations.c.ticket == number_of(ticket), escalations.c.returned_at.is_(None))
        .order_by(escalations.c.id.desc())
        .limit(1)
    )
    row = conn.execute(wanted).one_or_none()
    return None if row is None else _view(row, Clearance.R3)


def waiting(conn: Connection, ticket: str) -> Escalation | None:
    """The one that nobody accepted yet."""
    found = latest(conn, ticket)
    return found if found is not None and found.accepted_by is None else None


def accepted(tx: Tx, id_: int, by: str, now: datetime) -> None:
    tx.conn.execute(
        update(escalations).where(escalations.c.id == id_).values(accepted_by=by, accepted_at=now)
    )


def returned(tx: Tx, id_: int, by: str, reason: str, now: datetime) -> None:
    tx.conn.execute(
        update(escalations)
        .where(escalations.c.id == id_)
        .values(returned_by=by, returned_at=now, return_reason=reason)
    )


def _view(row: Row[Any], clearance: Clearance) -> Escalation:
    needed = Clearance(row.clearance)
    may_read = covers_clearance(clearance, needed)
    said: Callable[[str], str] = lambda text: text if may_read else ""  # noqa: E731 - one use, one line
    return Escalation(
        id=row.id,
        ticket=id_of(row.ticket),
        from_tier=row.from_tier,
        to_tier=row.to_tier,
        reason_code=ReasonCode(row.reason_code),
        handover=from_json(row.handover, Handover) if may_read else Handover(),
        by=row.by,
        at=row.at,
        no_diagnostics_reason=said(row.no_diagnostics_reason),
        skip_reason=said(row.skip_reason),
        accepted_by=row.accepted_by,
        accepted_at=row.accepted_at,
        returned_by=row.returned_by,
        returned_at=row.returned_at,
        return_reason=row.return_reason,
        withheld=None if may_read else needed,
    )
