"""What happens on a ticket, by the name that the world outside knows it under."""

from __future__ import annotations

from protocol.audit import Action
from protocol.tickets import Move

_MOVES: dict[Move, str] = {
    Move.ASSIGN: "assigned",
    Move.TAKE: "taken",
    Move.START: "started",
    Move.ACCEPT: "accepted",
    Move.PEND: "pending",
    Move.RESUME: "resumed",
    Move.ESCALATE: "escalated",
    Move.RETURN: "returned",
    Move.RESOLVE: "resolved",
    Move.REOPEN: "reopened",
    Move.CLOSE: "closed",
    Move.CANCEL: "cancelled",
}

WEBHOOK_KINDS: dict[str, str] = {
    "ticket.create": "ticket.created",
    Action.TICKET_REPLY.value: "ticket.replied",
    "ticket.triage": "ticket.triaged",
    "ticket.merge": "ticket.merged",
    "ticket.rate": "ticket.rated",
    Action.TICKET_NOTICE.value: "ticket.sla_notice",
    **{f"ticket.{move.value}": f"ticket.{name}" for move, name in _MOVES.items()},
}
"""Kind of a ticket event to the event's name for webhooks. Notes, searches and invitations are not there:
they stay inside."""
WEBHOOK_EVENTS: tuple[str, ...] = tuple(dict.fromkeys(WEBHOOK_KINDS.values()))
TEST_EVENT = "relevo.test"
