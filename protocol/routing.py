"""Which queue, tier and person a ticket goes to. A pure function of rules, roster and load.

No ticket is orphaned: a queue whose people are gone passes it to its fallback, and the last fallback
always exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from protocol.desk import FALLBACK_QUEUE, AssignmentRule, Desk, Queue
from protocol.errors import RelevoError
from protocol.organisation import Technician, tier_for
from protocol.scopes import ANY_CUSTOMER, Role


class Subject(NamedTuple):
    """What rules look at."""

    customer: str
    category: str | None
    language: str
    priority: int


class Route(NamedTuple):
    """Where the ticket goes. ``assignee`` None: to the queue; ``rule`` None: no rule matched."""

    queue: str
    tier: int
    assignee: str | None
    rule: int | None
    """Number of the rule from 1, for the record."""


def route(subject: Subject, desk: Desk, people: Sequence[Technician], loads: Mapping[str, int]) -> Route:
    """Where a new ticket goes.

    Args:
        people: the roster.
        loads: open tickets per technician id; absent means none.
    """
    for number, rule in enumerate(desk.rules, 1):
        if _holds(rule, subject):
            queue = staffed(desk, rule.queue, subject.customer, people)
            person = _least_loaded(rule, queue, subject, desk, people, loads) if rule.to_person else None
            return Route(queue.id, queue.tier, person, number)
    return Route(FALLBACK_QUEUE, 1, None, None)


def staffed(desk: Desk, queue_id: str, customer: str, people: Sequence[Technician]) -> Queue:
    """The queue itself, or the first of its fallbacks that somebody serves at this customer."""
    seen: set[str] = set()
    queue = desk.queue(queue_id)
    while queue.id != FALLBACK_QUEUE and queue.id not in seen:
        seen.add(queue.id)
        if members(queue, customer, people):
            return queue
        queue = desk.queue(queue.fallback)
    return desk.queue(FALLBACK_QUEUE)


def members(queue: Queue, customer: str, people: Sequence[Technician]) -> tuple[str, ...]:
    """Technicians of the queue whose tier at this customer reaches it, in the roster's order."""
    return tuple(
        person.id
        for person in people
        if (not queue.members or person.id in queue.members) and can_hold(person, customer, queue.tier)
    )


def can_hold(person: Technician, customer: str, tier: int) -> bool:
    """May this person have tickets of the tier at the customer?"""
    try:
        return Role.TECHNICIAN in person.roles and tier_for(person, customer) >= tier
    except RelevoError:
        return False


def queue_for_tier(desk: Desk, tier: int, customer: str, people: Sequence[Technician]) -> str:
    """Where a ticket goes that is passed on to a tier: its first staffed queue, else the fallback."""
    for queue in desk.queues:
        if queue.tier == tier and members(queue, customer, people):
            return queue.id
    return FALLBACK_QUEUE


def _holds(rule: AssignmentRule, subject: Subject) -> bool:
    return (
        rule.customer in (ANY_CUSTOMER, subject.customer)
        and rule.category in (None, subject.category)
        and rule.language in (None, subject.language)
        and (rule.priority_at_most is None or subject.priority <= rule.priority_at_most)
    )


def _least_loaded(
    rule: AssignmentRule,
    queue: Queue,
    subject: Subject,
    desk: Desk,
    people: Sequence[Technician],
    loads: Mapping[str, int],
) -> str | None:
    """The person of the queue with the fewest open tickets who knows and speaks what is needed."""
    fit = []
    for id_ in members(queue, subject.customer, people):
        ability, load = desk.ability(id_), loads.get(id_, 0)
        knows = rule.skill is None or rule.skill in ability.skills
        speaks = not ability.languages or subject.language in ability.languages
        if knows and speaks and load < ability.max_open:
            fit.append((load, id_))
    return min(fit)[1] if fit else None
