"""A draft of the hand-over from what the ticket already tells, so that nobody writes it twice."""

from __future__ import annotations

from collections.abc import Sequence

from broker.tickets.evidence import KB_SEARCHED
from protocol.api import ArtifactView, TicketEvent, TicketView
from protocol.audit import Action
from protocol.escalation import Handover

MAX_STEPS = 60
_DIAGNOSTICS = frozenset({"bundle", "logs", "screenshot"})
_STEPS = frozenset(
    {
        Action.DIAGNOSE_DONE.value,
        Action.LOGS_DONE.value,
        Action.SCREENSHOT_DONE.value,
        Action.FIX_DONE.value,
        Action.FIX_UNDONE.value,
        Action.FIX_INTERRUPTED.value,
        Action.TICKET_NOTE.value,
        Action.TICKET_REPLY.value,
    }
)
"""What of a timeline is a step that somebody tried."""


def draft(ticket: TicketView, timeline: Sequence[TicketEvent], artifacts: Sequence[ArtifactView]) -> Handover:
    """The hand-over as far as the ticket tells it; hypothesis and question are the technician's to add.

    Args:
        timeline: as the technician may read it.
    """
    steps = [_step(event) for event in timeline if event.kind in _STEPS and not event.withheld]
    searches = [event.text[:500] for event in timeline if event.kind == KB_SEARCHED and event.text]
    words = (
        ticket.title if ticket.description in ("", ticket.title) else f"{ticket.title}\n{ticket.description}"
    )
    return Handover(
        symptom=words[:4_000],
        impact=f"P{ticket.priority} ({ticket.impact}/{ticket.urgency})",
        steps_tried=tuple(steps[-MAX_STEPS:]),
        diagnostics=tuple(row.artifact for row in artifacts if row.kind in _DIAGNOSTICS)[-100:],
        kb_tried=tuple(dict.fromkeys(searches))[-50:],
    )


def _step(event: TicketEvent) -> str:
    text = " ".join(event.text.split())
    return f"{event.at:%Y-%m-%d %H:%M} {event.kind}: {text}"[:500]
