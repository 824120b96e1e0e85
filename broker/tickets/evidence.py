"""What was done on a ticket, as its log tells it: the input of guards and of a hand-over's draft."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from broker.store.engine import Tx
from broker.store.session_tables import artifacts
from broker.store.tables import audit
from broker.store.ticket_tables import ticket_events
from broker.tickets.events import Doer, Event, write
from broker.tickets.rows import number_of
from protocol.api import TicketView
from protocol.audit import Action, AuditRecord
from protocol.escalation import Evidence
from protocol.fix_states import RunState
from protocol.lifecycle import FixRun
from protocol.scopes import Clearance
from protocol.wire import facts, from_json

KB_SEARCHED = "ticket.kb-searched"
"""``ticket_events.kind`` of a knowledge search made for a ticket; its text is the query."""
_STATES = {state.value: state for state in RunState}


def record_search(
    tx: Tx,
    ticket: TicketView,
    query: str,
    found: tuple[str, ...],
    doer: Doer,
    now: datetime,
    clearance: Clearance = Clearance.R1,
) -> None:
    """Note that the knowledge base was searched for this ticket. Whatever searches it calls this."""
    stated = facts(found=" ".join(found)[:2_000] or None, hits=len(found))
    event = Event(Action.TICKET_CHANGED, KB_SEARCHED, query, False, stated, clearance=clearance)
    write(tx, ticket, ticket.state, event, doer, now)


def done(conn: Connection, ticket: str) -> Evidence:
    """How often it was diagnosed and the knowledge base searched."""
    number = number_of(ticket)
    runs = (
        select(func.count(func.distinct(artifacts.c.grant_id)))
        .select_from(artifacts)
        .where(artifacts.c.ticket == number, artifacts.c.kind == "bundle")
    )
    searches = (
        select(func.count())
        .select_from(ticket_events)
        .where(ticket_events.c.ticket == number, ticket_events.c.kind == KB_SEARCHED)
    )
    return Evidence(conn.execute(runs).scalar_one(), conn.execute(searches).scalar_one())


def fix_runs(conn: Connection, ticket: str) -> tuple[FixRun, ...]:
    """Every fix run of the ticket with the last state that its machine's journal brought."""
    wanted = (
        select(audit.c.record)
        .where(audit.c.ticket == ticket, audit.c.action.like("fix.%"), audit.c.record.is_not(None))
        .order_by(audit.c.idx)
    )
    last: dict[str, RunState] = {}
    for row in conn.execute(wanted):
        stated = {fact.key: fact.value for fact in from_json(row.record, AuditRecord).facts}
        state = _STATES.get(stated.get("state", ""))
        if state is not None and "run" in stated:
            last[stated["run"]] = state
    return tuple(FixRun(run, state) for run, state in last.items())
