"""What a webhook call says (standardwebhooks.com: ``type``, ``timestamp``, ``data``).

R1 only, and without what people wrote unless the administrator asked for that: no names, no addresses, no
machine names. Fields are only ever added; a receiver passes over what it does not know.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.ids import OrgId, TicketId
from protocol.tickets import Party, State
from protocol.wire import Count, Moment, Name, Wire


class TicketData(Wire, frozen=True, omit_defaults=True):
    """The ticket right after the event."""

    org: OrgId
    ticket: TicketId
    customer: Name
    state: State
    tier: int
    priority: int
    queue: Name
    by: Party
    log_index: Count
    """Place of the event in the audit log; grows with time and orders what arrives out of order."""
    from_state: State | None = None
    assignee: Name | None = None
    category: Name | None = None
    reason: Annotated[str, Meta(max_length=32)] | None = None
    """Pending reason, escalation reason or cause, each from its closed list."""
    clock: str | None = None
    percent: int | None = None
    title: str | None = None
    text: str | None = None


class WebhookCall(Wire, frozen=True, omit_defaults=True):
    type: str
    timestamp: Moment
    """When it happened; ``webhook-timestamp`` is when it was sent."""
    data: TicketData | None = None
    """None only for ``relevo.test``."""
