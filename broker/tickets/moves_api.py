"""What technicians do with a ticket over HTTP, but for passing it on between tiers (``escalation_api``)."""

from __future__ import annotations

from datetime import datetime

from broker.calls import Call
from broker.context import Broker
from broker.conversation import said
from broker.guests import clearance_at, is_invited
from broker.knowledge import ticket_api as knowledge
from broker.policy import Act, may_act, require_assignable, require_takeable, require_visible
from broker.store.engine import Tx
from broker.tickets import creation, escalations, rows, steps
from broker.tickets.doing import change, doer_of
from broker.tickets.events import Event, Told, move, write
from broker.tickets.rows import UNSET, Changes
from protocol.api import TicketMove, TicketResolve, TicketText, TicketView
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.lifecycle import require_reason
from protocol.organisation import Organisation, covers_clearance
from protocol.scopes import Clearance
from protocol.ticket_api import TicketAssign, TicketMerge, TicketPend, TicketTriage
from protocol.tickets import Move, State
from protocol.wire import facts


async def take_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/take``: mine, at my tier, and in progress. Taking from a colleague needs the version that
    showed the colleague, and ends the colleague's sessions: grants never pass on. What was passed on to
    the tier and waits there is accepted.

    Raises:
        RelevoError: ``tier-too-low``, ``stale-version``, ``invalid-transition``, ``not-found``.
    """
    body, who = call.take(TicketMove), call.who

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        require_takeable(who.person, ticket, body.version)
        if ticket.assignee == who.person.id and ticket.state is State.IN_PROGRESS:
            return ticket
        doer = doer_of(who)
        mine = Changes(tier=may_act(who.person, ticket, Act.TAKE), assignee=who.person.id)
        handed = escalations.waiting(tx.conn, ticket.ticket)
        if handed is not None and ticket.state is State.ASSIGNED:
            taken = move(tx, ticket, Move.ACCEPT, doer, now, changes=mine, text=body.reason)
            escalations.accepted(tx, handed.id, who.person.id, now)
        else:
            taken = move(tx, ticket, Move.TAKE, doer, now, changes=mine, text=body.reason)
            taken = move(tx, taken, Move.START, doer, now)
        steps.change_hands(broker, tx, ticket, taken, who.actor)
        return taken

    return await change(broker, call, Act.TAKE, body.version, apply)


async def start_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/start`` by the assignee."""
    body, doer = call.take(TicketMove), doer_of(call.who)
    return await change(
        broker,
        call,
        Act.START,
        body.version,
        lambda tx, ticket, now: move(tx, ticket, Move.START, doer, now, text=body.reason),
    )


async def assign_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/assign``: to a person, to a queue, or by the rules where neither is named.

    Raises:
        RelevoError: ``not-in-roster``, ``not-found`` (queue), ``tier-too-low``; ``conflict`` upwards: that
            is an escalation; ``usage`` for both.
    """
    body, who = call.take(TicketAssign), call.who
    org = broker.organisation.require()
    if body.assignee is not None and body.queue is not None:
        raise RelevoError(Code.USAGE, "a person or a queue, not both")

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        if body.assignee is None and body.queue is None:
            after = _by_rules(tx, org, ticket, now)
        else:
            changes = _given_to(org, body, ticket, may_act(who.person, ticket, Act.ASSIGN))
            told = Told(body.reason, public=False, facts=facts(queue=changes.queue))
            after = move(tx, ticket, Move.ASSIGN, doer_of(who), now, changes=changes, told=told)
        steps.change_hands(broker, tx, ticket, after, who.actor)
        return after

    return await change(broker, call, Act.ASSIGN, body.version, apply)


def _by_rules(tx: Tx, org: Organisation, ticket: TicketView, now: datetime) -> TicketView:
    found = creation.route_of(tx.conn, org, ticket)
    if found.tier > ticket.tier and ticket.state is not State.NEW:
        raise RelevoError(Code.CONFLICT, f"queue {found.queue} is of tier {found.tier}: escalate")
    return creation.assign_by(tx, ticket, found, now)


def _given_to(org: Organisation, body: TicketAssign, ticket: TicketView, tier: int) -> Changes:
    """What changes when somebody of ``tier`` gives the ticket to the person or queue of ``body``."""
    if body.assignee is not None:
        require_assignable(org.roster.technician(body.assignee), tier, ticket)
        return Changes(assignee=body.assignee)
    queue = org.desk.queue(body.queue or "")
    if queue.id != body.queue:
        raise RelevoError(Code.NOT_FOUND, f"queue {body.queue}")
    if queue.tier > ticket.tier:
        raise RelevoError(Code.CONFLICT, f"queue {queue.id} is of tier {queue.tier}: escalate")
    return Changes(queue=queue.id, tier=queue.tier, assignee=UNSET)


async def triage_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/triage``: impact, urgency, category, language; a priority against the matrix by reason.

    Raises:
        RelevoError: ``reason-missing``; ``not-found`` for a category; ``ticket-closed``.
    """
    body, doer = call.take(TicketTriage), doer_of(call.who)
    org = broker.organisation.require()
    org.desk.require_category(body.category)
    if body.priority is not None:
        require_reason(body.reason)

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        steps.require_open(ticket)
        impact, urgency = body.impact or ticket.impact, body.urgency or ticket.urgency
        changes = Changes(impact=impact, urgency=urgency, category=body.category, language=body.language)
        if body.priority is not None:
            changes = changes._replace(priority=body.priority, priority_reason=body.reason)
        elif ticket.priority_reason is None or body.by_matrix:
            matrix = org.desk.of_customer(ticket.customer).priority_of(impact, urgency)
            changes = changes._replace(priority=matrix, priority_reason=UNSET)
        after = rows.change(tx.conn, ticket, ticket.state, changes, now)
        stated = facts(
            impact=impact,
            urgency=urgency,
            priority_before=ticket.priority,
            priority=after.priority,
            category=after.category,
            language=after.language,
            overridden=body.priority is not None,
        )
        event = Event(Action.TICKET_CHANGED, "ticket.triage", body.reason, False, stated)
        write(tx, after, ticket.state, event, doer, now)
        return creation.by_rule(tx, org, after, now) if after.state is State.NEW else after

    return await change(broker, call, Act.TRIAGE, body.version, apply)


async def merge_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/merge``: this one repeats another. Raises RelevoError: as ``creation.merge``."""
    body, who = call.take(TicketMerge), call.who

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        require_visible(who.person, rows.load(tx.conn, body.into).customer, f"ticket {body.into}")
        after = creation.merge(tx, ticket, body.into, doer_of(who), now, body.reason)
        steps.end_grants(broker, tx, after, who.actor)
        return after

    return await change(broker, call, Act.MERGE, body.version, apply)


async def add_note(broker: Broker, call: Call) -> TicketView:
    """``POST …/notes``: internal, the user does not see it; colleagues from ``clearance`` on do.

    Raises:
        RelevoError: ``ticket-closed``; ``tier-too-low`` for a clearance above the writer's own.
    """
    body, who, org = call.take(TicketText), call.who, broker.organisation.require()
    wanted = call.param("ticket")

    def unit(tx: Tx) -> TicketView:
        ticket, now = rows.load(tx.conn, wanted), broker.clock()
        call.about.ticket, call.about.customer = ticket.ticket, ticket.customer
        if not is_invited(tx.conn, who.person, rows.number_of(wanted), now):
            may_act(who.person, ticket, Act.NOTE)
        own = clearance_at(org, who.person, ticket.customer)
        clearance = body.clearance or own
        if not covers_clearance(own, clearance):
            raise RelevoError(Code.TIER_TOO_LOW, f"a note at {clearance}")
        event = Event(Action.TICKET_NOTE, Action.TICKET_NOTE.value, body.text, clearance=clearance)
        return _say(tx, call, ticket, event, now)

    return await broker.store.write(unit)


async def add_reply(broker: Broker, call: Call) -> TicketView:
    """``POST …/replies``: the user sees it on their machine. Raises RelevoError: ``ticket-closed``."""
    body = call.take(TicketText)
    if body.clearance not in (None, Clearance.R1):
        raise RelevoError(Code.USAGE, "a reply is for the user: it has no clearance")
    event = Event(Action.TICKET_REPLY, Action.TICKET_REPLY.value, body.text, public=True)
    return await change(
        broker, call, Act.REPLY, None, lambda tx, ticket, now: _say(tx, call, ticket, event, now)
    )


def _say(tx: Tx, call: Call, ticket: TicketView, event: Event, now: datetime) -> TicketView:
    nonce = call.take(TicketText).nonce
    if not said.first_time(tx, call.who.person.id, nonce, ticket.ticket, event.kind, event.text):
        return ticket
    steps.require_open(ticket)
    after = rows.touch(tx.conn, ticket, now)
    write(tx, after, ticket.state, event, doer_of(call.who), now)
    return after


async def pend_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/pend`` by the assignee: wait for something that is sure to come."""
    body, doer = call.take(TicketPend), doer_of(call.who)
    return await change(
        broker,
        call,
        Act.PEND,
        body.version,
        lambda tx, ticket, now: steps.pend(tx, ticket, body.reason, body.resume_at, body.text, doer, now),
    )


async def resume_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/resume``: what it waited for came by another way."""
    body, doer = call.take(TicketMove), doer_of(call.who)
    return await change(
        broker,
        call,
        Act.RESUME,
        body.version,
        lambda tx, ticket, now: steps.resume(broker, tx, ticket, doer, now, Told(body.reason)),
    )


async def resolve_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/resolve`` by the assignee, from In Progress or Pending.

    ``article`` is one that is there, or ``new`` for a draft from the ticket.

    Raises:
        RelevoError: ``not-found`` for an article that the caller may not see; as ``steps.resolve``.
    """
    body, who = call.take(TicketResolve), call.who
    draft = await knowledge.prepared(broker, call, body)

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        article, hand_back = knowledge.resolved_by(broker, tx, who, ticket, body, draft)
        return steps.resolve(
            broker,
            tx,
            ticket,
            resolution=body.resolution,
            cause=body.cause,
            tier=may_act(who.person, ticket, Act.RESOLVE),
            doer=doer_of(who),
            now=now,
            article=article,
            no_article_reason=body.no_article_reason,
            hand_back=hand_back,
        )

    return await change(broker, call, Act.RESOLVE, body.version, apply)


async def reopen_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/reopen`` a resolved ticket, within its window."""
    body, doer = call.take(TicketMove), doer_of(call.who)
    return await change(
        broker,
        call,
        Act.REOPEN,
        body.version,
        lambda tx, ticket, now: steps.reopen(broker, tx, ticket, body.reason, doer, now),
    )


async def close_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/close`` a resolved ticket on the user's word: every session on it ends at once."""
    body, doer = call.take(TicketMove), doer_of(call.who)
    return await change(
        broker,
        call,
        Act.CLOSE,
        body.version,
        lambda tx, ticket, now: steps.close(broker, tx, ticket, body.reason, doer, now),
    )


async def cancel_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/cancel`` an open ticket, with a reason: every session on it ends at once."""
    body, doer = call.take(TicketMove), doer_of(call.who)
    require_reason(body.reason)
    return await change(
        broker,
        call,
        Act.CANCEL,
        body.version,
        lambda tx, ticket, now: steps.cancel(broker, tx, ticket, body.reason, doer, now),
    )
