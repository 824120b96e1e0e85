"""Who is told of what by mail: one literal table, and whom its audiences mean on a given ticket."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import NamedTuple

import msgspec

from broker.knowledge.secrets import without_secrets
from broker.sla.notices import people
from broker.tickets.creation import MERGED
from protocol.api import TicketView
from protocol.audit import Action
from protocol.desk import Desk, Language, Receiver
from protocol.organisation import Organisation
from protocol.scopes import Clearance
from protocol.tickets import Move, Party, PendingReason

REPLY = Action.TICKET_REPLY.value
REQUESTER = "requester"


def _kind(move: Move) -> str:
    return f"ticket.{move.value}"


class Happened(NamedTuple):
    """One row of ``ticket_events``, and two things about it that only its neighbours know."""

    log_index: int
    ticket: str
    at: datetime
    by: str
    kind: str
    text: str
    public: bool
    from_state: str | None
    to_state: str
    party: Party
    reason: str | None
    tier: int
    priority: int
    assignee: str | None
    queue: str
    clearance: Clearance
    actor: str | None
    """Id of the technician who did it, where one did."""
    assignee_before: str | None

    @property
    def words(self) -> str:
        """What may leave the broker: only what was said to the user, nothing above R1, and no secret."""
        return without_secrets(self.text) if self.public and self.clearance is Clearance.R1 else ""


class Template(enum.StrEnum):
    """The mails that exist; their words are in ``protocol.wording.mails``."""

    REPLIED = "replied"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"
    ASSIGNED = "assigned"
    QUEUED = "queued"
    USER_REPLIED = "user-replied"
    REOPENED = "reopened"
    ESCALATED = "escalated"
    RETURNED = "returned"
    SLA = "sla"


class Audience(enum.Enum):
    REQUESTER = "requester"
    """The address given with the ticket."""
    HOLDER = "holder"
    """The assignee; while there is none, the queue's own address, else its members."""
    NEW_ASSIGNEE = "new assignee"
    """The assignee, if that is news to them."""
    QUEUE_ADDRESS = "queue address"
    """The queue's own address, while nobody has the ticket."""
    QUEUE = "queue"
    """The queue's own address, else its members, else everybody of the tier."""


class Rule(NamedTuple):
    kind: str
    template: Template
    audience: Audience
    parties: frozenset[Party] | None = None
    """Whose doing it is; None: anybody's."""
    reasons: frozenset[str | None] | None = None


_TECHNICIAN, _USER = frozenset({Party.TECHNICIAN}), frozenset({Party.USER})

RULES: tuple[Rule, ...] = (
    # To the requester: what others did, never what they did themselves.
    Rule(REPLY, Template.REPLIED, Audience.REQUESTER, _TECHNICIAN),
    Rule(
        _kind(Move.PEND),
        Template.WAITING,
        Audience.REQUESTER,
        reasons=frozenset({PendingReason.AWAITING_USER.value}),
    ),
    Rule(_kind(Move.RESOLVE), Template.RESOLVED, Audience.REQUESTER, _TECHNICIAN),
    Rule(_kind(Move.CLOSE), Template.CLOSED, Audience.REQUESTER, frozenset({Party.TECHNICIAN, Party.TIMER})),
    Rule(_kind(Move.CANCEL), Template.CANCELLED, Audience.REQUESTER, _TECHNICIAN, frozenset({None})),
    Rule(_kind(Move.CANCEL), Template.MERGED, Audience.REQUESTER, _TECHNICIAN, frozenset({MERGED})),
    # To technicians.
    Rule(_kind(Move.ASSIGN), Template.ASSIGNED, Audience.NEW_ASSIGNEE),
    Rule(_kind(Move.ASSIGN), Template.QUEUED, Audience.QUEUE_ADDRESS),
    Rule(REPLY, Template.USER_REPLIED, Audience.HOLDER, _USER),
    Rule(_kind(Move.REOPEN), Template.REOPENED, Audience.HOLDER, _USER),
    Rule(_kind(Move.ESCALATE), Template.ESCALATED, Audience.QUEUE),
    Rule(_kind(Move.RETURN), Template.RETURNED, Audience.HOLDER),
)
"""Notices of targets that run out (``Template.SLA``) have their receivers from ``desk.json``."""


def wanted(
    org: Organisation, ticket: TicketView, event: Happened, *, has_contact: bool
) -> tuple[tuple[Template, str], ...]:
    """Templates and receivers of one event, each pair once; only receivers that have an address."""
    then = msgspec.structs.replace(ticket, assignee=event.assignee, queue=event.queue, tier=event.tier)
    found: dict[tuple[Template, str], None] = {}
    for rule in RULES:
        if not _applies(rule, event):
            continue
        for receiver in _receivers(org, then, event, rule.audience, has_contact=has_contact):
            found[rule.template, receiver] = None
    return tuple(found)


def _applies(rule: Rule, event: Happened) -> bool:
    return (
        rule.kind == event.kind
        and (rule.parties is None or event.party in rule.parties)
        and (rule.reasons is None or event.reason in rule.reasons)
    )


def _receivers(
    org: Organisation, then: TicketView, event: Happened, audience: Audience, *, has_contact: bool
) -> list[str]:
    queue = org.desk.queue(then.queue)
    to_queue = [f"queue:{queue.id}"] if queue.email and queue.id == then.queue else []
    match audience:
        case Audience.REQUESTER:
            return [REQUESTER] if has_contact else []
        case Audience.NEW_ASSIGNEE:
            is_news = then.assignee not in (None, event.actor, event.assignee_before)
            return _people(org, then, (Receiver.ASSIGNEE,)) if is_news else []
        case Audience.QUEUE_ADDRESS:
            return to_queue if then.assignee is None else []
        case Audience.HOLDER:
            if then.assignee is None:
                return to_queue or _people(org, then, (Receiver.QUEUE,))
            return _people(org, then, (Receiver.ASSIGNEE,)) if then.assignee != event.actor else []
        case Audience.QUEUE:
            by_tier = (Receiver(f"tier-{then.tier}"),)
            return to_queue or _people(org, then, (Receiver.QUEUE,)) or (_people(org, then, by_tier))


def _people(org: Organisation, ticket: TicketView, receivers: tuple[Receiver, ...]) -> list[str]:
    """Only people who may see the ticket, as ``broker.sla.notices.people`` says."""
    found = people(org, ticket, receivers)
    return [f"technician:{person}" for person in found if org.desk.ability(person).email]


def language_of(desk: Desk, technician: str, customer: str) -> Language:
    """What a technician is written to in."""
    ability = desk.ability(technician)
    if ability.mail_language is not None:
        return ability.mail_language
    return ability.languages[0] if len(ability.languages) == 1 else desk.of_customer(customer).language
