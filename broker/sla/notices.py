"""Telling people that a target's time runs out: once for each share of it, in the hours of who is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert

from broker.sla.clocks import load_told, untold
from broker.sla.promises import Promises
from broker.store.desk_tables import notices
from broker.store.engine import Tx
from broker.store.sla_tables import sla_notices
from broker.tickets.events import TIMER, Event, write
from broker.tickets.rows import number_of
from protocol.api import TicketView
from protocol.audit import Action
from protocol.desk import FALLBACK_QUEUE, Receiver
from protocol.errors import RelevoError
from protocol.organisation import Organisation, Technician, tier_for
from protocol.scopes import Role
from protocol.sla import Clock
from protocol.times import rfc3339
from protocol.wire import facts

MAX_RECEIVERS = 50


class Told(NamedTuple):
    """One person and the moment from which they are told."""

    technician: str
    at: datetime


class Notice(NamedTuple):
    """One share of one clock of a ticket that is used up."""

    ticket: TicketView
    clock: Clock
    percent: int
    log_index: int
    to: tuple[Told, ...]


NoticeHook = Callable[[Tx, Notice], None]
"""Called in the transaction that records the notice, so that what it stores is stored with it or not at all."""


def clock_key(clock: Clock) -> str:
    """``resolution``, ``next_response#2`` (the second message), ``ola#1`` (tier 1)."""
    return f"{clock.name}#{clock.cycle}" if clock.cycle else clock.name.value


def fire(
    tx: Tx,
    org: Organisation,
    promises: Promises,
    ticket: TicketView,
    clocks: Sequence[Clock],
    now: datetime,
    hooks: Iterable[NoticeHook] = (),
) -> list[Notice]:
    """Record and pass on what is newly reached; of several shares of one clock only the largest is told.

    Safe to call as often as one likes: what was told is not told again.
    """
    number, percents = number_of(ticket.ticket), promises.percents(ticket.customer)
    told = load_told(tx.conn, [number]).get(number, {})
    given = []
    for clock in clocks:
        reached = untold(clock, percents, told)
        largest_before = max(told.get((clock.name.value, clock.cycle), ()), default=0)
        for percent in reached:
            index = None
            if percent == reached[-1] and percent > largest_before:
                notice = _give(tx, org, promises, ticket, clock, percent, now)
                index = notice.log_index
                for hook in hooks:
                    hook(tx, notice)
                given.append(notice)
            values = {"ticket": number, "clock": clock.name.value, "cycle": clock.cycle, "percent": percent}
            tx.conn.execute(insert(sla_notices).values(**values, at=now, log_index=index))
    return given


def _give(
    tx: Tx,
    org: Organisation,
    promises: Promises,
    ticket: TicketView,
    clock: Clock,
    percent: int,
    now: datetime,
) -> Notice:
    receivers: tuple[Receiver, ...] = ()
    for step in promises.steps(ticket.customer):
        if step.percent == percent:
            receivers = (*receivers, *step.to)
    to = tuple(_when(promises, person, now) for person in people(org, ticket, receivers))
    stated = facts(
        clock=clock.name,
        cycle=clock.cycle,
        percent=percent,
        state=clock.state,
        target_minutes=clock.target // 60_000_000,
        used_minutes=clock.used // 60_000_000,
        to=" ".join(f"{told.technician}@{rfc3339(told.at)}" for told in to) or None,
    )
    text = f"{clock_key(clock)} {percent} %"
    event = Event(Action.TICKET_NOTICE, Action.TICKET_NOTICE.value, text, False, stated)
    index = write(tx, ticket, ticket.state, event, TIMER, now)
    if to:
        row = {
            "id": index,
            "ticket": number_of(ticket.ticket),
            "clock": clock_key(clock),
            "percent": percent,
        }
        tx.conn.execute(insert(notices), [{**row, "receiver": told.technician, "at": told.at} for told in to])
    return Notice(ticket, clock, percent, index, to)


def _when(promises: Promises, technician: str, now: datetime) -> Told:
    """At once inside their hours, else at the next opening; at once too where there is none."""
    return Told(technician, promises.staff_hours(technician).next_open(now) or now)


def people(org: Organisation, ticket: TicketView, receivers: Iterable[Receiver]) -> list[str]:
    """Who is meant, each once, in the order of the step; only people who may see the ticket."""
    found: dict[str, None] = {}
    for receiver in receivers:
        for person in org.roster.technicians:
            if _tier(person, ticket.customer) is not None and _meant(org, person, ticket, receiver):
                found[person.id] = None
    return list(found)[:MAX_RECEIVERS]


def _meant(org: Organisation, person: Technician, ticket: TicketView, receiver: Receiver) -> bool:
    tier = _tier(person, ticket.customer)
    match receiver:
        case Receiver.ASSIGNEE:
            return person.id == ticket.assignee
        case Receiver.QUEUE:
            queue = org.desk.queue(ticket.queue)
            # The fallback queue is everybody's: telling all of a tier each time would be noise.
            by_tier = queue.id != FALLBACK_QUEUE and tier == queue.tier
            return person.id in queue.members if queue.members else by_tier
        case Receiver.TIER_1 | Receiver.TIER_2 | Receiver.TIER_3:
            return Role.TECHNICIAN in person.roles and f"tier-{tier}" == receiver.value
        case Receiver.ADMINS:
            return Role.ADMIN in person.roles


def _tier(person: Technician, customer: str) -> int | None:
    """0 for administrators without a tier: they see every customer's tickets."""
    try:
        return tier_for(person, customer)
    except RelevoError:
        return 0 if Role.ADMIN in person.roles else None
