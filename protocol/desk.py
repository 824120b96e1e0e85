"""How the help desk of an organisation works: queues, rules, priorities, windows, notices (``desk.json``).

A TUF target that the administrator signs like the roster, so that a changed rule is as provable as a
changed right. It grants nothing: tiers, scopes and clearance come from roster and policy alone. A name
that the roster no longer holds is passed over, so that nobody's removal waits for this file.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from protocol.addresses import Email
from protocol.calendars import ALWAYS, Calendar, check
from protocol.errors import Code, RelevoError
from protocol.scopes import ANY_CUSTOMER, CustomerRef, Tier
from protocol.wire import Line, Name, Wire

Priority = Annotated[int, Meta(ge=1, le=5)]
Minutes = Annotated[int, Meta(ge=1, le=1_000_000)]
"""Business minutes of the customer's calendar."""
Language = Annotated[str, Meta(pattern=r"^(en|es)$(?!\n)")]
Percent = Annotated[int, Meta(ge=1, le=1_000)]

FALLBACK_QUEUE = "desk"
"""Exists without being listed: the last queue of every chain of fallbacks, so no ticket is nobody's."""
MAX_ROWS = 2_000


class Receiver(enum.StrEnum):
    """Whom a notice goes to."""

    ASSIGNEE = "assignee"
    QUEUE = "queue"
    TIER_1 = "tier-1"
    TIER_2 = "tier-2"
    TIER_3 = "tier-3"
    ADMINS = "admins"


class NoticeStep(Wire, frozen=True):
    """At this share of a target's time these people are told; the assignee stays the same."""

    percent: Percent
    to: Annotated[tuple[Receiver, ...], Meta(min_length=1, max_length=len(Receiver))]


class OlaTarget(Wire, frozen=True):
    """How long a tier may hold a ticket of this priority before it passes it on or resolves it."""

    tier: Tier
    priority: Priority
    minutes: Minutes


class SlaTarget(Wire, frozen=True):
    """What is promised for a priority; None: nothing, and no clock runs."""

    priority: Priority
    first_response: Minutes | None = None
    resolution: Minutes | None = None
    next_response: Minutes | None = None


DEFAULT_MATRIX: tuple[int, ...] = (1, 2, 3, 2, 3, 4, 3, 4, 5)
"""impact + urgency - 1, row by row: impact 1 with urgency 1 2 3, impact 2 …, impact 3 …"""
DEFAULT_NOTICES: tuple[NoticeStep, ...] = (
    NoticeStep(percent=50, to=(Receiver.ASSIGNEE,)),
    NoticeStep(percent=75, to=(Receiver.ASSIGNEE, Receiver.QUEUE)),
    NoticeStep(percent=90, to=(Receiver.ASSIGNEE, Receiver.QUEUE, Receiver.TIER_2)),
    NoticeStep(percent=100, to=(Receiver.ASSIGNEE, Receiver.TIER_2, Receiver.TIER_3, Receiver.ADMINS)),
)


class CustomerDesk(Wire, frozen=True):
    """What is agreed with one customer; ``*`` holds for every customer that is not listed."""

    customer: CustomerRef = ANY_CUSTOMER
    priorities: Annotated[tuple[Priority, ...], Meta(min_length=9, max_length=9)] = DEFAULT_MATRIX
    language: Language = "en"
    """Of tickets that state none."""
    reopen_days: Annotated[int, Meta(ge=0, le=60)] = 5
    """Business days after Resolved in which the same ticket is reopened; then it closes by itself."""
    ola: Annotated[tuple[OlaTarget, ...], Meta(max_length=15)] = ()
    notices: Annotated[tuple[NoticeStep, ...], Meta(max_length=20)] = DEFAULT_NOTICES
    calendar: Name | None = None
    """The hours in which promised minutes pass; None: all of them."""
    sla: Annotated[tuple[SlaTarget, ...], Meta(max_length=5)] = ()

    def priority_of(self, impact: int, urgency: int) -> int:
        """P1 critical .. P5 planning. Raises RelevoError: ``usage`` for a level that is none."""
        if impact not in (1, 2, 3) or urgency not in (1, 2, 3):
            raise RelevoError(Code.USAGE, f"impact {impact}, urgency {urgency}")
        return self.priorities[3 * (impact - 1) + urgency - 1]

    def sla_target(self, priority: int) -> SlaTarget:
        """An empty one where nothing is promised."""
        for row in self.sla:
            if row.priority == priority:
                return row
        return SlaTarget(priority=priority)

    def ola_minutes(self, tier: int, priority: int) -> int | None:
        """None where nothing is agreed."""
        for row in self.ola:
            if (row.tier, row.priority) == (tier, priority):
                return row.minutes
        return None


class Category(Wire, frozen=True):
    id: Name
    name_en: Line
    name_es: Line


class Queue(Wire, frozen=True):
    """A group that has tickets together. Without ``members``: everybody of the tier at the customer."""

    id: Name
    tier: Tier = 1
    members: Annotated[tuple[Name, ...], Meta(max_length=500)] = ()
    fallback: Name = FALLBACK_QUEUE
    """Where its tickets go while nobody of the queue may have them."""
    email: Email | None = None
    """Told instead of its people of what comes to the queue. Like all of this file readable by anybody who
    can reach the broker."""


class AssignmentRule(Wire, frozen=True):
    """The first rule whose conditions all hold decides. A condition that is None always holds."""

    queue: Name
    customer: CustomerRef = ANY_CUSTOMER
    category: Name | None = None
    language: Language | None = None
    priority_at_most: Priority | None = None
    """``1``: only P1; ``2``: P1 and P2 …"""
    skill: Name | None = None
    """What the assignee must know."""
    to_person: bool = False
    """Give it to the least loaded person who fits, not only to the queue."""


class Ability(Wire, frozen=True):
    """What a technician can do besides having a tier."""

    technician: Name
    skills: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    languages: Annotated[tuple[Language, ...], Meta(max_length=2)] = ()
    """Empty: every language."""
    max_open: Annotated[int, Meta(ge=0, le=10_000)] = 20
    """Rules give nobody more open tickets than this."""
    calendar: Name | None = None
    """When this person is told of what runs out; None: ``Desk.staff_calendar``."""
    email: Email | None = None
    """Where this person is told of their tickets. Like all of this file readable by anybody who can reach
    the broker."""
    mail_language: Language | None = None
    """Of those mails; None: the one of ``languages``, else the customer's."""


class Desk(Wire, frozen=True):
    """An empty one works: tickets wait as New in ``FALLBACK_QUEUE`` until somebody takes them."""

    customers: Annotated[tuple[CustomerDesk, ...], Meta(max_length=MAX_ROWS)] = ()
    categories: Annotated[tuple[Category, ...], Meta(max_length=MAX_ROWS)] = ()
    queues: Annotated[tuple[Queue, ...], Meta(max_length=MAX_ROWS)] = ()
    rules: Annotated[tuple[AssignmentRule, ...], Meta(max_length=MAX_ROWS)] = ()
    abilities: Annotated[tuple[Ability, ...], Meta(max_length=MAX_ROWS)] = ()
    calendars: Annotated[tuple[Calendar, ...], Meta(max_length=MAX_ROWS)] = ()
    staff_calendar: Name | None = None
    """The hours of technicians who have none of their own; None: always."""

    def calendar(self, id_: str | None) -> Calendar:
        """Round the clock for None. Raises RelevoError: ``parameter-invalid`` for a name that is not there."""
        if id_ is None:
            return ALWAYS
        for row in self.calendars:
            if row.id == id_:
                return row
        raise RelevoError(Code.PARAMETER_INVALID, f"no calendar {id_}")

    def hours_of(self, technician: str) -> Calendar:
        """When the person wants to be told. Raises RelevoError: as ``calendar``."""
        return self.calendar(self.ability(technician).calendar or self.staff_calendar)

    def of_customer(self, customer: str) -> CustomerDesk:
        """The customer's own settings, else those of ``*``, else the defaults."""
        found = {row.customer: row for row in self.customers}
        return found.get(customer) or found.get(ANY_CUSTOMER) or CustomerDesk()

    def queue(self, id_: str) -> Queue:
        """The queue, or the built-in one for a name that is not listed."""
        for queue in self.queues:
            if queue.id == id_:
                return queue
        return Queue(id=FALLBACK_QUEUE)

    def ability(self, technician: str) -> Ability:
        for row in self.abilities:
            if row.technician == technician:
                return row
        return Ability(technician=technician)

    def require_category(self, category: str | None) -> None:
        """Any name goes while no category is listed. Raises RelevoError: ``not-found``."""
        if category is None or not self.categories:
            return
        if all(row.id != category for row in self.categories):
            raise RelevoError(Code.NOT_FOUND, f"category {category}")


def require_calendars(desk: Desk) -> None:
    """A calendar that cannot be computed with, or is not there, must not be signed or served.

    Raises:
        RelevoError: ``parameter-invalid``.
    """
    ids = [calendar.id for calendar in desk.calendars]
    for id_ in ids:
        if ids.count(id_) > 1:
            raise RelevoError(Code.PARAMETER_INVALID, f"calendar {id_} is there twice")
    for calendar in desk.calendars:
        check(calendar)
    named = [row.calendar for row in desk.customers] + [row.calendar for row in desk.abilities]
    for name in (*named, desk.staff_calendar):
        desk.calendar(name)
    for row in desk.customers:
        priorities = [target.priority for target in row.sla]
        if len(set(priorities)) != len(priorities):
            raise RelevoError(Code.PARAMETER_INVALID, f"customer {row.customer}: a priority is there twice")


def problems(desk: Desk, customers: frozenset[str], technicians: frozenset[str]) -> tuple[str, ...]:
    """What an administrator should know before signing: names that lead nowhere, rows that are there twice."""
    queues = [queue.id for queue in desk.queues]
    known = {*queues, FALLBACK_QUEUE}
    categories = {category.id for category in desk.categories}
    places = {ANY_CUSTOMER, *customers}
    named = [row.customer for row in desk.customers]
    found = [f"customer {name} is there twice" for name in sorted({n for n in named if named.count(n) > 1})]
    found += [f"queue {id_} is there twice" for id_ in sorted({q for q in queues if queues.count(q) > 1})]
    found += [f"unknown customer {row.customer}" for row in desk.customers if row.customer not in places]
    for queue in desk.queues:
        if queue.fallback not in known:
            found.append(f"queue {queue.id}: unknown fallback {queue.fallback}")
        found += [f"queue {queue.id}: unknown person {m}" for m in queue.members if m not in technicians]
    for number, rule in enumerate(desk.rules, 1):
        if rule.queue not in known:
            found.append(f"rule {number}: unknown queue {rule.queue}")
        if rule.customer not in places:
            found.append(f"rule {number}: unknown customer {rule.customer}")
        if rule.category is not None and categories and rule.category not in categories:
            found.append(f"rule {number}: unknown category {rule.category}")
    found += [f"unknown person {a.technician}" for a in desk.abilities if a.technician not in technicians]
    return tuple(found)
