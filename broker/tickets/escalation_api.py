"""Passing a ticket on between tiers over HTTP: draft, escalate, accept, return."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from broker import artifact_rows
from broker.calls import Call
from broker.context import Broker
from broker.guests import clearance_at
from broker.policy import Act, may_act, require_visible
from broker.store.engine import Tx
from broker.tickets import escalations, evidence, handover, rows, steps
from broker.tickets.doing import change, doer_of
from broker.tickets.escalations import Asked
from broker.tickets.events import Told, move, moved
from broker.tickets.rows import UNSET, Changes
from broker.tickets.timeline import timeline
from protocol.api import TicketMove, TicketView
from protocol.errors import Code, RelevoError
from protocol.escalation import Escalation, Handover, check_escalation, title_of
from protocol.organisation import Organisation
from protocol.routing import can_hold, queue_for_tier
from protocol.ticket_api import TicketEscalate, TicketReturn
from protocol.tickets import Move, Party, next_state
from protocol.wire import facts


async def draft_handover(broker: Broker, call: Call) -> Handover:
    """``GET …/handover``: a draft from the timeline. Raises RelevoError: ``not-found``."""
    who, wanted, org = call.who, call.param("ticket"), broker.organisation.require()

    def query(conn: Connection) -> Handover:
        ticket = rows.load(conn, wanted)
        require_visible(who.person, ticket.customer, f"ticket {wanted}")
        seen = timeline(conn, ticket.ticket, clearance_at(org, who.person, ticket.customer))
        return handover.draft(ticket, seen, artifact_rows.of_ticket(conn, ticket.ticket))

    return await broker.store.read(query)


async def escalate_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/escalate`` by the assignee: to a higher tier, with what it must know. The assignee's
    sessions on it end.

    Raises:
        RelevoError: as ``protocol.escalation.check_escalation``; nothing is changed then.
    """
    body, who, org = call.take(TicketEscalate), call.who, broker.organisation.require()

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        next_state(ticket.state, Move.ESCALATE, Party.TECHNICIAN)
        check_escalation(
            from_tier=ticket.tier,
            to_tier=body.to,
            priority=ticket.priority,
            handover=body.handover,
            no_diagnostics_reason=body.no_diagnostics_reason,
            skip_reason=body.skip_reason,
            done=evidence.done(tx.conn, ticket.ticket),
        )
        _require_own_artifacts(tx.conn, ticket, body.handover)
        queue = queue_for_tier(org.desk, body.to, ticket.customer, org.roster.technicians)
        clearance = clearance_at(org, who.person, ticket.customer)
        told = Told(
            title_of(body.handover),
            public=False,
            reason=body.reason_code.value,
            clearance=clearance,
            facts=facts(from_tier=ticket.tier, to_tier=body.to, queue=queue, skip=body.skip_reason or None),
        )
        changes = Changes(tier=body.to, assignee=UNSET, queue=queue)
        after, index = moved(tx, ticket, Move.ESCALATE, doer_of(who), now, changes=changes, told=told)
        asked = Asked(
            ticket=ticket.ticket,
            from_tier=ticket.tier,
            to_tier=body.to,
            reason_code=body.reason_code,
            handover=body.handover,
            no_diagnostics_reason=body.no_diagnostics_reason,
            skip_reason=body.skip_reason,
            by=who.person.id,
            clearance=clearance,
        )
        escalations.add(tx, index, asked, now)
        steps.change_hands(broker, tx, ticket, after, who.actor)
        return after

    return await change(broker, call, Act.ESCALATE, body.version, apply)


def _require_own_artifacts(conn: Connection, ticket: TicketView, said: Handover) -> None:
    """A hand-over names results of its own ticket only."""
    known = {row.artifact for row in artifact_rows.of_ticket(conn, ticket.ticket)}
    foreign = [artifact for artifact in said.diagnostics if artifact not in known]
    if foreign:
        raise RelevoError(Code.NOT_FOUND, foreign[0])


async def accept_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/accept`` what was passed on: mine, at my tier, in progress.

    Raises:
        RelevoError: ``conflict`` where nothing waits; ``tier-too-low``.
    """
    body, who = call.take(TicketMove), call.who

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        handed = escalations.waiting(tx.conn, ticket.ticket)
        if handed is None:
            raise RelevoError(Code.CONFLICT, f"nothing waits to be accepted on {ticket.ticket}")
        mine = Changes(tier=may_act(who.person, ticket, Act.ACCEPT), assignee=who.person.id)
        after = move(tx, ticket, Move.ACCEPT, doer_of(who), now, changes=mine, text=body.reason)
        escalations.accepted(tx, handed.id, who.person.id, now)
        steps.change_hands(broker, tx, ticket, after, who.actor)
        return after

    return await change(broker, call, Act.ACCEPT, body.version, apply)


async def return_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/return``: back to the tier and, if still possible, the person it came from, with a reason.

    Raises:
        RelevoError: ``conflict`` where nothing was passed on, or a colleague has it.
    """
    body, who, org = call.take(TicketReturn), call.who, broker.organisation.require()

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        handed = escalations.latest(tx.conn, ticket.ticket)
        if handed is None or ticket.tier < handed.to_tier:
            raise RelevoError(Code.CONFLICT, f"{ticket.ticket} was not passed on")
        if ticket.assignee not in (None, who.person.id):
            raise RelevoError(Code.CONFLICT, f"{ticket.ticket} is with {ticket.assignee}")
        told = Told(
            body.reason,
            public=False,
            reason=handed.reason_code.value,
            facts=facts(from_tier=ticket.tier, to_tier=handed.from_tier),
        )
        changes = _back_to(org, handed, ticket.customer)
        after = move(tx, ticket, Move.RETURN, doer_of(who), now, changes=changes, told=told)
        escalations.returned(tx, handed.id, who.person.id, body.reason, now)
        steps.change_hands(broker, tx, ticket, after, who.actor)
        return after

    return await change(broker, call, Act.RETURN, body.version, apply)


def _back_to(org: Organisation, handed: Escalation, customer: str) -> Changes:
    people = org.roster.technicians
    able = any(p.id == handed.by and can_hold(p, customer, handed.from_tier) for p in people)
    return Changes(
        tier=handed.from_tier,
        assignee=handed.by if able else UNSET,
        queue=queue_for_tier(org.desk, handed.from_tier, customer, people),
    )
