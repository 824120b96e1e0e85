"""Sessions in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from broker.store.session_tables import sessions
from broker.tickets.rows import id_of
from protocol.api import SessionView
from protocol.errors import Code, RelevoError
from protocol.link import EndReason
from protocol.scopes import Scope

REQUESTED = "requested"
SHOWN = "shown"
CONSENTED = "consented"
OPEN = "open"
ENDED = "ended"

ASKED = frozenset({REQUESTED, SHOWN})
"""The user has not answered yet."""
AGREED = frozenset({CONSENTED, OPEN})

REFUSAL: dict[EndReason, Code] = {
    EndReason.TECHNICIAN: Code.SESSION_ENDED,
    EndReason.USER_STOP: Code.CONSENT_WITHDRAWN,
    EndReason.DENIED: Code.CONSENT_DENIED,
    EndReason.NO_ANSWER: Code.CONSENT_TIMEOUT,
    EndReason.TIME_UP: Code.SESSION_ENDED,
    EndReason.TICKET_CLOSED: Code.TICKET_CLOSED,
    EndReason.REVOKED: Code.REVOKED,
    EndReason.LINK_LOST: Code.AGENT_OFFLINE,
    EndReason.AGENT_FAILED: Code.SESSION_LOST,
    EndReason.REFUSED: Code.REFUSED,
}
"""What a technician who waits for a session is told when it ended for this reason."""


@dataclass(frozen=True)
class Session:
    """One row. ``scopes`` and ``ends`` are what was asked for until consent, what was granted after."""

    grant: str
    ticket: str
    customer: str
    agent: str
    technician: str
    technician_key: str
    scopes: tuple[Scope, ...]
    state: str
    reason: str
    requested: datetime
    establish_by: datetime
    ends: datetime
    envelope: bytes
    consent: bytes | None
    legs: int
    why_ended: EndReason | None
    refusal: Code | None
    invitation: bytes | None

    def view(self) -> SessionView:
        return SessionView(
            grant=self.grant,
            ticket=self.ticket,
            agent=self.agent,
            technician=self.technician,
            scopes=self.scopes,
            state=self.state,
            reason=self.reason,
            requested=self.requested,
            ends=self.ends,
            why_ended=self.why_ended.value if self.why_ended else None,
        )

    def require_agreed(self) -> None:
        """Raises RelevoError: why the session is over, or ``conflict`` while the user has not answered."""
        self.require_live()
        if self.state not in AGREED:
            raise RelevoError(Code.CONFLICT, "the user has not answered yet")

    def require_live(self) -> None:
        """Raises RelevoError: the agent's refusal, or what the end's reason means."""
        if self.state == ENDED:
            code = REFUSAL[self.why_ended] if self.why_ended else Code.SESSION_ENDED
            raise RelevoError(self.refusal or code, f"session {self.grant} has ended")


def _session(row: Row[Any]) -> Session:
    return Session(
        grant=row.grant_id,
        ticket=id_of(row.ticket),
        customer=row.customer,
        agent=row.agent,
        technician=row.technician,
        technician_key=row.technician_key,
        scopes=scopes_of(row.scopes),
        state=row.state,
        reason=row.reason,
        requested=row.requested,
        establish_by=row.establish_by,
        ends=row.ends,
        envelope=row.envelope,
        consent=row.consent,
        legs=row.legs,
        why_ended=EndReason(row.why_ended) if row.why_ended else None,
        refusal=Code(row.refusal) if row.refusal else None,
        invitation=row.invitation,
    )


def scopes_of(text: str) -> tuple[Scope, ...]:
    return tuple(Scope(name) for name in text.split(","))


def scopes_text(scopes: Sequence[Scope]) -> str:
    return ",".join(scope.value for scope in scopes)


def find(conn: Connection, grant: str) -> Session | None:
    row = conn.execute(select(sessions).where(sessions.c.grant_id == grant)).one_or_none()
    return None if row is None else _session(row)


def called(grant: str) -> str:
    """How a session is named that is not there."""
    return f"session {grant[:32]!r}"


def load(conn: Connection, grant: str) -> Session:
    """Raises RelevoError: ``not-found``."""
    found = find(conn, grant)
    if found is None:
        raise RelevoError(Code.NOT_FOUND, called(grant))
    return found


def select_sessions(conn: Connection, *conditions: ColumnElement[bool], limit: int) -> list[Session]:
    """Sessions that meet the conditions, newest first."""
    wanted = select(sessions).where(*conditions).order_by(sessions.c.requested.desc()).limit(limit)
    return [_session(row) for row in conn.execute(wanted).all()]


def live(conn: Connection, *conditions: ColumnElement[bool]) -> list[Session]:
    """Every session that has not ended and meets the conditions."""
    return [
        _session(row) for row in conn.execute(select(sessions).where(sessions.c.state != ENDED, *conditions))
    ]


def unwanted(conn: Connection, agent: str, since: datetime) -> int:
    """Requests to the machine since then that its user refused or left unanswered."""
    return conn.execute(
        select(func.count())
        .select_from(sessions)
        .where(
            sessions.c.agent == agent,
            sessions.c.state == ENDED,
            sessions.c.requested > since,
            sessions.c.why_ended.in_([EndReason.DENIED.value, EndReason.NO_ANSWER.value]),
        )
    ).scalar_one()
