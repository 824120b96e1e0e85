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
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.scopes import Clearance
from protocol.tickets import Move, Party, State, next_state
from protocol.wire import Fact, facts


@dataclass(frozen=True)
class Doer:
    """Who does it: for the log (``actor``), for people (``name``), for the transition table."""

    actor: Actor
    name: str
    party: Party


_BROKER = Actor(kind=ActorKind.BROKER, id="broker")
RULES = Doer(_BROKER, "rules", Party.RULE)
TIMER = Doer(_BROKER, "timer", Party.TIMER)


@dataclass(frozen=True)
class Event:
    """One line of a ticket's history, before it has its place in the log."""

    action: Action
    kind: str
    text: str = ""
    public: bool = False
    facts: tuple[Fact, ...] = ()
    evidence: tuple[bytes, ...] = ()
    reason: str | None = None
    """The pending reason, reason code or cause: what clocks and figures go by."""
    clearance: Clearance = Clearance.R1
    """Who may read ``text``."""


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
            party=doer.party.value,
            reason=event.reason,
            tier=ticket.tier,
            priority=ticket.priority,
            assignee=ticket.assignee,
            queue=ticket.queue,
            clearance=event.clearance.value,
        )
    )
    return index


@dataclass(frozen=True)
class Told:
    """What goes with a transition, for people and for the record."""

    text: str = ""
    public: bool = True
    reason: str | None = None
    clearance: Clearance = Clearance.R1
    facts: tuple[Fact, ...] = ()
    evidence: tuple[bytes, ...] = ()


def move(
    tx: Tx,
    before: TicketView,
    how: Move,
    doer: Doer,
    now: datetime,
    *,
    changes: Changes | None = None,
    text: str = "",
    told: Told | None = None,
) -> TicketView:
    """Take the ticket through one transition, as far as the table goes; guards are the caller's.

    Raises:
        RelevoError: ``invalid-transition``, ``refused`` for this party, ``stale-version``.
    """
    return moved(tx, before, how, doer, now, changes=changes, told=told or Told(text))[0]


def moved(
    tx: Tx, before: TicketView, how: Move, doer: Doer, now: datetime, *, changes: Changes | None, told: Told
) -> tuple[TicketView, int]:
    """``move``, and the index of its record in the log."""
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
        article=after.article if changes and changes.article else None,
        reason=told.reason,
    )
    event = Event(
        Action.TICKET_CHANGED,
        f"ticket.{how.value}",
        told.text,
        told.public,
        (*stated, *told.facts),
        told.evidence,
        told.reason,
        told.clearance,
    )
    return after, write(tx, after, before.state, event, doer, now)
