"""Bodies of the HTTP API that belong to a ticket's life cycle; the rest is in ``protocol.api``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.api import Level
from protocol.desk import Language, Percent, Priority
from protocol.envelope import Envelope
from protocol.escalation import Handover, ReasonCode
from protocol.ids import TicketId
from protocol.scopes import Tier
from protocol.tickets import PendingReason
from protocol.wire import Count, Line, Moment, Name, Wire

Why = Annotated[str, Meta(max_length=500)]


class TicketPend(Wire, frozen=True):
    """``POST …/pend``."""

    reason: PendingReason
    resume_at: Moment | None = None
    text: Why = ""
    version: Count | None = None


class TicketAssign(Wire, frozen=True):
    """``POST …/assign``: to a person, a queue, or by the rules (neither named)."""

    assignee: Name | None = None
    queue: Name | None = None
    reason: Why = ""
    version: Count | None = None


class TicketTriage(Wire, frozen=True):
    """``POST …/triage``: what is None stays as it is. ``priority`` goes against the matrix and needs
    ``reason``; ``by_matrix`` takes that back."""

    impact: Level | None = None
    urgency: Level | None = None
    priority: Priority | None = None
    by_matrix: bool = False
    category: Name | None = None
    language: Language | None = None
    reason: Why = ""
    version: Count | None = None


class TicketMerge(Wire, frozen=True):
    """``POST …/merge``: cancelled as a duplicate of ``into``, and counted in no figure."""

    into: TicketId
    reason: Why = ""
    version: Count | None = None


class TicketEscalate(Wire, frozen=True):
    """``POST …/escalate``. ``GET …/handover`` gives a draft of the hand-over from the timeline."""

    to: Tier
    reason_code: ReasonCode
    handover: Handover
    no_diagnostics_reason: Why = ""
    skip_reason: Why = ""
    version: Count | None = None


class TicketReturn(Wire, frozen=True):
    """``POST …/return``: back to the tier that passed it on."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    version: Count | None = None


class TicketInvite(Wire, frozen=True):
    """``POST …/invitations``: an ``Invitation`` signed by the assignee."""

    invitation: Envelope


class AttachmentWanted(Wire, frozen=True):
    """``POST /v1/attachments/fetch``: an ``AttachmentFetch`` signed by the machine."""

    proof: Envelope


class NoticeView(Wire, frozen=True):
    """Somebody is told that a ticket's time runs out. Each is given once per clock and step."""

    id: Count
    ticket: TicketId
    title: Line
    clock: Annotated[str, Meta(max_length=32)]
    percent: Percent
    at: Moment
    seen: Moment | None = None


class Notices(Wire, frozen=True):
    rows: tuple[NoticeView, ...]
