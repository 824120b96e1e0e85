"""What happens to a ticket: an append-only event, its audit record and the new state, all or nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert

from broker.store.engine import Tx
from broker.store.ticket_tables import ticket_events
from broker.tickets.rows import Changes, change, number_of
from protocol.api import TicketView
from protocol.audit import Action, Actor, AuditRecord
from protocol.tickets import Move, Party, State, next_state
from protocol.wire import Fact, facts


@dataclass(frozen=True)
class Doer:
    """Who does it: for the log (``actor``), for people (``name``), for the transition table."""

    actor: Actor
    name: str
    party: Party


@dataclass(frozen=True)
class Event:
    """One line of a ticket's history, before it has its place in the log."""

    action: Action
    kind: str
    text: str = ""
    public: bool = False
    facts: tuple[Fact, ...] = ()
    evidence: tuple[bytes, ...] = ()


def write(
    tx: Tx, ticket: TicketView, came_from: State | None, event: Event, doer: Doer, now: datetime
) -> int:
    """Append the event and its audit record; its index in the log.

    The text stays out of the log; its hash there proves that it was not changed afterwards.
    """
    stated = event.facts
    if event.text:
        stated = (*stated, *facts(text_sha256=hashlib.sha256(event.text.encode()).hexdigest()))
    index = tx.audit(
        AuditRecord(
            at=now,
            actor=doer.actor,
            action=event.action,
            customer=ticket.customer,
            ticket=ticket.ticket,
            agent=ticket.agent,
            facts=stated,
            evidence=event.evidence,
        )
    )
    tx.conn.execute(
        insert(ticket_events).values(
            log_index=index,
            ticket=number_of(ticket.ticket),
            at=now,
            by=doer.name[:200],
            kind=event.kind,
            text=event.text,
            public=event.public,
            from_state=came_from.value if came_from else None,
            to_state=ticket.state.value,
        )
    )
    return index


def move(
    tx: Tx,
    before: TicketView,
    how: Move,
    doer: Doer,
    now: datetime,
    *,
    changes: Changes | None = None,
    text: str = "",
    public: bool = True,
) -> TicketView:
    """Take the ticket through one transition.

    Raises:
        RelevoError: ``invalid-transition``, ``refused`` for this party, ``stale-version``.
    """
    state = next_state(before.state, how, doer.party)
    after = change(tx.conn, before, state, changes or Changes(), now)
    stated = facts(
        move=how.value,
        from_state=before.state.value,
        to_state=state.value,
        tier=after.tier,
        assignee=after.assignee,
        version=after.version,
        cause=changes.cause if changes else None,
        article=changes.article if changes else None,
    )
    event = Event(Action.TICKET_CHANGED, f"ticket.{how.value}", text, public, stated)
    write(tx, after, before.state, event, doer, now)
    return after
