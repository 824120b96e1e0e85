"""What a technician may do with a ticket, and which session may be asked for: decisions, no effects.

Everything is a function of values, the time included. Each refusal is a ``RelevoError``; whoever calls
writes the record of it. The roster is the only source of tiers and roles, asked anew each time.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import NamedTuple

from protocol.api import TicketView
from protocol.documents import Consent, Grant
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.invitations import policy_by_invitation, verify_invitation
from protocol.organisation import (
    Organisation,
    Technician,
    require_active_key,
    require_scopes,
    tier_for,
)
from protocol.scopes import Mode, Role, Scope
from protocol.sshkeys import PublicKey
from protocol.tickets import SESSION_STATES, State

ISSUED_SLACK = timedelta(seconds=60)
"""How far a grant's ``issued`` may be from the broker's clock."""
MAX_WAIT = timedelta(minutes=15)
"""The longest a user is given to answer."""
MAX_LEGS = 8
MAX_LIVE = 8
"""Sessions of one machine at a time."""
MAX_UNWANTED = 10
UNWANTED_WINDOW = timedelta(minutes=10)
"""So many refused or unanswered requests within the window, and a machine is left in peace for a while:
nobody gets a yes by wearing a user down."""


class Act(enum.StrEnum):
    """What a technician does with a ticket."""

    TAKE = "take"
    START = "start"
    ASSIGN = "assign"
    TRIAGE = "triage"
    NOTE = "note"
    REPLY = "reply"
    SEARCH = "search"
    PEND = "pend"
    RESUME = "resume"
    ESCALATE = "escalate"
    ACCEPT = "accept"
    RETURN = "return"
    INVITE = "invite"
    MERGE = "merge"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    CLOSE = "close"
    CANCEL = "cancel"


_BY_ASSIGNEE = frozenset({Act.START, Act.PEND, Act.ESCALATE, Act.INVITE, Act.RESOLVE})
"""Only whoever has the ticket; the rest needs the ticket's tier."""
_ANY_TIER = frozenset({Act.NOTE, Act.REPLY, Act.SEARCH})


NOTHING = "no such thing"


class AgentFacts(NamedTuple):
    """What enrolment fixed about a machine."""

    agent: str
    customer: str
    mode: Mode
    key: str = ""


class Hidden(RelevoError):  # noqa: N818 - a RelevoError like any other, told apart only by the record
    """``not-found`` for something that exists and is none of the caller's business: recorded as a refusal."""

    def __init__(self, customer: str, what: str = NOTHING) -> None:
        """``what``: as the one who looks for what is not there at all puts it."""
        super().__init__(Code.NOT_FOUND, what)
        self.customer = customer


def require_technician(person: Technician) -> None:
    """Raises RelevoError: ``role-missing``."""
    if Role.TECHNICIAN not in person.roles:
        raise RelevoError(Code.ROLE_MISSING, f"{person.id} is not a technician")


def require_visible(person: Technician, customer: str, what: str = NOTHING) -> None:
    """What one may not see does not exist. Admins and auditors look everywhere, others where they have a tier.

    Raises:
        RelevoError: ``not-found``.
    """
    if Role.ADMIN in person.roles or Role.AUDITOR in person.roles:
        return
    try:
        tier_for(person, customer)
    except RelevoError as error:
        raise Hidden(customer, what) from error


def may_create(person: Technician, customer: str) -> int:
    """The tier at which the person opens a ticket of this customer.

    Raises:
        RelevoError: ``role-missing`` or ``customer-not-allowed``.
    """
    require_technician(person)
    return tier_for(person, customer)


def may_act(person: Technician, ticket: TicketView, act: Act) -> int:
    """The person's tier at the ticket's customer, if it allows ``act``.

    Raises:
        RelevoError: ``not-found`` for what the person may not even see; ``role-missing``,
            ``customer-not-allowed``, ``tier-too-low``, or ``conflict`` where only the assignee may.
    """
    require_visible(person, ticket.customer, f"ticket {ticket.ticket}")
    require_technician(person)
    tier = tier_for(person, ticket.customer)
    if act in _ANY_TIER:
        return tier
    if tier < ticket.tier:
        raise RelevoError(Code.TIER_TOO_LOW, f"{ticket.ticket} is at tier {ticket.tier}")
    if act in _BY_ASSIGNEE and ticket.assignee != person.id:
        raise RelevoError(Code.CONFLICT, f"{ticket.ticket} is not assigned to {person.id}")
    return tier


def require_version(ticket: TicketView, version: int | None) -> None:
    """Raises RelevoError: ``stale-version`` if the caller saw another state than this one."""
    if version is not None and version != ticket.version:
        raise RelevoError(Code.STALE_VERSION, f"{ticket.ticket} is at version {ticket.version}")


def require_takeable(person: Technician, ticket: TicketView, version: int | None) -> None:
    """Taking from a colleague must be meant: only with the version that named the colleague.

    Raises:
        RelevoError: ``stale-version``; so the loser of a race for a free ticket does not win it.
    """
    require_version(ticket, version)
    if version is None and ticket.assignee not in (None, person.id):
        raise RelevoError(Code.STALE_VERSION, f"{ticket.ticket} is assigned to {ticket.assignee}")


def require_assignable(person: Technician, by_tier: int, ticket: TicketView) -> None:
    """May the ticket be given to this person without a hand-over?

    Raises:
        RelevoError: ``role-missing``, ``customer-not-allowed``; ``tier-too-low`` for somebody below the
            ticket's tier; ``conflict`` for somebody above the giver's: that is an escalation.
    """
    require_technician(person)
    tier = tier_for(person, ticket.customer)
    if tier < ticket.tier:
        raise RelevoError(Code.TIER_TOO_LOW, f"{person.id} has tier {tier}")
    if tier > by_tier:
        raise RelevoError(Code.CONFLICT, f"{person.id} has tier {tier}: pass it on with escalate")


def check_grant(
    *,
    grant: Grant,
    org: Organisation,
    person: Technician,
    ticket: TicketView | None,
    agent: AgentFacts | None,
    seen: bool,
    now: datetime,
    invitation: Envelope | None = None,
) -> None:
    """May the broker countersign this grant? The technician's signature was verified before.

    Args:
        person: who is logged in.
        ticket, agent: what the store holds under the grant's names; None where it holds nothing.
        seen: a grant with this id was requested before, whatever became of it.
        invitation: what an outside expert may ask by on this ticket; it takes the place of a tier.
        now: the broker's clock.

    Raises:
        RelevoError: the first rule that does not hold, by its code.
    """
    _check_asker(grant, org, person)
    inviter = None
    if invitation is not None:
        inviter = policy_by_invitation(org, grant, invitation, now)[0].by
    _check_place(grant, person, ticket, agent, org, inviter)
    _check_times(grant, org, now)
    if seen or grant.grant in org.revoked.grants:
        raise RelevoError(Code.REPLAYED if seen else Code.REVOKED, f"grant {grant.grant}")
    if invitation is None:
        require_scopes(org, person, grant.customer, grant.scopes)
    if len(set(grant.scopes)) != len(grant.scopes):
        raise RelevoError(Code.MALFORMED, "a scope is named twice")
    if not grant.reason.strip():
        raise RelevoError(Code.USAGE, "a reason is required")


def _check_asker(grant: Grant, org: Organisation, person: Technician) -> None:
    if grant.org != org.roster.org:
        raise RelevoError(Code.IDENTITY_MISMATCH, "grant of another organisation")
    if grant.technician != person.id:
        raise RelevoError(Code.IDENTITY_MISMATCH, f"grant of {grant.technician}, asked by {person.id}")
    require_active_key(org, person, PublicKey.from_text(grant.technician_key))


def _check_place(
    grant: Grant,
    person: Technician,
    ticket: TicketView | None,
    agent: AgentFacts | None,
    org: Organisation,
    inviter: str | None,
) -> None:
    """The right ticket, in the right state and hands, and the machine that it is about.

    An expert stands in for ``inviter``, who must have the ticket.
    """
    if ticket is None:
        raise RelevoError(Code.NOT_FOUND, f"ticket {grant.ticket}")
    if inviter is None:
        require_visible(person, ticket.customer, f"ticket {grant.ticket}")
    if ticket.state not in SESSION_STATES:
        code = Code.TICKET_CLOSED if ticket.state is not State.NEW else Code.CONFLICT
        raise RelevoError(code, f"{ticket.ticket} is {ticket.state}")
    if ticket.assignee != (inviter or person.id):
        raise RelevoError(Code.CONFLICT, f"{ticket.ticket} is not assigned to {inviter or person.id}")
    if agent is None or ticket.agent is None:
        raise RelevoError(Code.NOT_APPLICABLE, f"{ticket.ticket} is about no known machine")
    if grant.agent != ticket.agent or agent.agent != ticket.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "grant for another machine than the ticket's")
    if not grant.customer == ticket.customer == agent.customer:
        raise RelevoError(Code.CUSTOMER_NOT_ALLOWED, "grant, ticket and machine differ in their customer")
    if agent.agent in org.revoked.agents:
        raise RelevoError(Code.REVOKED, agent.agent)
    if grant.mode is Mode.STANDING and agent.mode is not Mode.STANDING:
        raise RelevoError(Code.REFUSED, "a standing grant for an attended machine")


def _check_times(grant: Grant, org: Organisation, now: datetime) -> None:
    if abs(grant.issued - now) > ISSUED_SLACK:
        raise RelevoError(Code.DOCUMENT_EXPIRED, "the grant was not made just now: check the clock")
    if not grant.issued < grant.establish_by <= grant.issued + MAX_WAIT or grant.establish_by <= now:
        raise RelevoError(Code.PARAMETER_INVALID, "establish_by must lie within 15 minutes of the request")
    longest = timedelta(minutes=org.policy.max_session_minutes)
    if not now < grant.ends <= grant.issued + longest:
        raise RelevoError(Code.PARAMETER_INVALID, f"a session may last {longest} at most")


def require_peace(live: int, unwanted: int) -> None:
    """May the user of a machine be asked once more?

    Args:
        live: sessions of the machine that have not ended.
        unwanted: requests to it that were refused or not answered within ``UNWANTED_WINDOW``.

    Raises:
        RelevoError: ``rate-limited``.
    """
    if live >= MAX_LIVE:
        raise RelevoError(Code.RATE_LIMITED, f"{live} sessions of one machine")
    if unwanted >= MAX_UNWANTED:
        raise RelevoError(Code.RATE_LIMITED, f"the user said no {unwanted} times within {UNWANTED_WINDOW}")


def check_consent(
    *, consent: Consent, grant: Grant, envelope: Envelope, agent: AgentFacts, now: datetime
) -> None:
    """Does this consent, signed by the agent's key, open this grant and no more than it?

    Raises:
        RelevoError: ``identity-mismatch``, ``hash-mismatch``, ``scope-not-granted`` for more than was
            asked, ``document-expired``, ``parameter-invalid`` for a wrong end.
    """
    if consent.grant != grant.grant or consent.agent != agent.agent or grant.agent != agent.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "consent of another machine or to another grant")
    if PublicKey.from_text(consent.agent_key) != PublicKey.from_text(agent.key):
        raise RelevoError(Code.IDENTITY_MISMATCH, "consent names another key than the machine's")
    if consent.grant_sha256 != envelope.digest:
        raise RelevoError(Code.HASH_MISMATCH, "consent to other bytes than the grant's")
    if not set(consent.scopes) <= set(grant.scopes) or len(set(consent.scopes)) != len(consent.scopes):
        raise RelevoError(Code.SCOPE_NOT_GRANTED, "consent to more than was asked")
    if now >= grant.establish_by or consent.given > grant.establish_by:
        raise RelevoError(Code.DOCUMENT_EXPIRED, "the answer came too late")
    if not now < consent.until <= grant.ends:
        raise RelevoError(Code.PARAMETER_INVALID, "consent beyond the end of the grant")


def still_allowed(
    *,
    org: Organisation,
    technician: str,
    key: str,
    customer: str,
    scopes: tuple[Scope, ...],
    grant: str,
    agent: str,
    invitation: Envelope | None,
    now: datetime,
) -> bool:
    """Whether a session that was granted may go on under what the organisation says now."""
    try:
        person = org.roster.technician(technician)
        require_active_key(org, person, PublicKey.from_text(key))
        if invitation is None:
            require_scopes(org, person, customer, scopes)
        else:
            verify_invitation(invitation, org, now)
    except RelevoError:
        return False
    return agent not in org.revoked.agents and grant not in org.revoked.grants
