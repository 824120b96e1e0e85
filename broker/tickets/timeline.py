"""Everything that happened on a ticket, in the order of the log, in words-neutral form."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from broker.store.tables import audit
from broker.store.ticket_tables import ticket_events
from protocol.api import TicketEvent
from protocol.audit import AuditRecord
from protocol.organisation import covers_clearance
from protocol.scopes import Clearance
from protocol.wire import from_json

MAX_EVENTS = 2_000
"""The newest so many; whoever wants all of a longer history reads the log."""

_ADDRESSES = frozenset({"source"})


def timeline(conn: Connection, ticket: str, clearance: Clearance = Clearance.R3) -> tuple[TicketEvent, ...]:
    """Events and audit records of the ticket, oldest first. Erased records are left out; of an event above
    ``clearance`` only the text is."""
    wanted = (
        select(
            audit.c.idx,
            audit.c.record,
            ticket_events.c.at,
            ticket_events.c.by,
            ticket_events.c.kind,
            ticket_events.c.text,
            ticket_events.c.public,
            ticket_events.c.clearance,
        )
        .outerjoin(ticket_events, ticket_events.c.log_index == audit.c.idx)
        .where(audit.c.ticket == ticket)
        .order_by(audit.c.idx.desc())
        .limit(MAX_EVENTS)
    )
    rows = conn.execute(wanted).all()
    return tuple(line for row in reversed(rows) if (line := _line(row, clearance)) is not None)


def _line(row: Row[Any], clearance: Clearance) -> TicketEvent | None:
    if row.kind is not None:
        needed = Clearance(row.clearance)
        withheld = None if covers_clearance(clearance, needed) or not row.text else needed
        return TicketEvent(
            at=row.at,
            by=row.by,
            kind=row.kind,
            text="" if withheld else row.text,
            public=row.public,
            log_index=row.idx,
            withheld=withheld,
        )
    if row.record is None:
        return None
    record = from_json(row.record, AuditRecord)
    return TicketEvent(
        at=record.at,
        by=record.actor.id or record.actor.kind.value,
        kind=record.action.value,
        text=facts_in_words(record, clearance),
        public=False,
        log_index=row.idx,
    )


def facts_in_words(record: AuditRecord, clearance: Clearance) -> str:
    """The facts of a record for a reader of that clearance: from which address somebody came is a network
    identifier (4-domain.md)."""
    hidden: frozenset[str] = frozenset() if covers_clearance(clearance, Clearance.R2) else _ADDRESSES
    shown = (f"{fact.key}={fact.value}" for fact in record.facts if fact.key not in hidden)
    return "; ".join(shown)[:20_000]
