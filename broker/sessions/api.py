"""Sessions over HTTP: ask for one, wait for the user's answer, get relay legs, end it."""

from __future__ import annotations

import asyncio

from sqlalchemy import ColumnElement, or_, true

from broker.agents import visible
from broker.calls import Call, Caller
from broker.context import Broker
from broker.policy import require_visible
from broker.sessions import legs, lifecycle, request, rows
from broker.sessions.rows import Session
from broker.store.engine import Tx
from broker.store.session_tables import sessions
from broker.tickets.rows import number_of
from protocol.api import Leg, SessionEnd, SessionGranted, SessionRequest, Sessions, SessionView
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.link import End, EndReason, Join
from protocol.scopes import Role
from protocol.wire import from_json

PAGE = 200
MAX_WAIT_S = 60


async def open_session(broker: Broker, call: Call) -> SessionView:
    """``POST /v1/sessions``: countersign the technician's grant and offer it to the agent.

    Raises:
        RelevoError: the rule of ``broker.policy.check_grant`` that does not hold, recorded as
            ``session.refused``; ``agent-offline``, and then nothing is left that could become live.
    """
    return await request.handle(broker, call, call.take(SessionRequest).grant)


async def list_sessions(broker: Broker, call: Call) -> Sessions:
    """``GET /v1/sessions``: the newest first; ``ticket=T-1``, ``mine=1``, ``live=1`` narrow it."""
    own = sessions.c.technician == call.who.person.id
    conditions: list[ColumnElement[bool]] = [or_(visible(call.who, sessions.c.customer), own)]
    ticket = call.query("ticket")
    if ticket is not None:
        conditions.append(sessions.c.ticket == number_of(ticket))
    if call.query("mine"):
        conditions.append(sessions.c.technician == call.who.person.id)
    conditions.append(sessions.c.state != rows.ENDED if call.query("live") else true())
    found = await broker.store.read(lambda conn: rows.select_sessions(conn, *conditions, limit=PAGE))
    return Sessions(rows=tuple(session.view() for session in found))


async def show_session(broker: Broker, call: Call) -> SessionView:
    """``GET /v1/sessions/{grant}``. Raises RelevoError: ``not-found``."""
    session = await broker.store.read(lambda conn: rows.load(conn, call.param("grant")))
    if session.technician != call.who.person.id:
        _require_visible(call.who, session)
    return session.view()


def _require_visible(who: Caller, session: Session) -> None:
    """Raises RelevoError: ``not-found``, as for a session that is not there."""
    require_visible(who.person, session.customer, rows.called(session.grant))


async def await_consent(broker: Broker, call: Call) -> SessionGranted:
    """``GET /v1/sessions/{grant}/consent?wait=S``: the user's answer, at most 60 s from now.

    Raises:
        RelevoError: ``timeout`` while there is none yet: ask again; ``consent-denied``,
            ``consent-timeout``, ``agent-offline`` … once there will be none; ``refused`` for anybody
            but the session's technician.
    """
    wait = call.query_int("wait", 0, 0, MAX_WAIT_S)
    grant, who = call.param("grant"), call.who.person.id
    until = asyncio.get_running_loop().time() + wait
    while True:
        waiter = broker.sessions.waiter(grant)
        try:
            session = await broker.store.read(lambda conn: rows.load(conn, grant))
            if session.technician != who:
                _require_visible(call.who, session)
                raise RelevoError(Code.REFUSED, "the session of another technician")
            session.require_live()
            if session.state in rows.AGREED:
                return _granted(session)
            if broker.drain.active:
                raise RelevoError(Code.TIMEOUT, "the broker is going down")
            async with asyncio.timeout_at(until):
                await waiter
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "no answer yet") from error
        finally:
            broker.sessions.done_waiting(grant, waiter)


def _granted(session: Session) -> SessionGranted:
    if session.consent is None:
        raise RelevoError(Code.INTERNAL, f"session {session.grant} has no consent")
    return SessionGranted(
        session=session.view(),
        grant=from_json(session.envelope, Envelope),
        consent=from_json(session.consent, Envelope),
    )


async def open_leg(broker: Broker, call: Call) -> Leg:
    """``POST /v1/sessions/{grant}/legs``: tokens for both ends; the agent gets its own over its link.

    Raises:
        RelevoError: as ``legs.mint``; ``agent-offline``.
    """
    grant, who = call.param("grant"), call.who

    def unit(tx: Tx) -> legs.Minted:
        session = rows.load(tx.conn, grant)
        if session.technician != who.person.id:
            _require_visible(who, session)
        call.about.grant, call.about.ticket = session.grant, session.ticket
        call.about.customer, call.about.agent = session.customer, session.agent
        if not broker.presence.online(session.agent):
            session.require_agreed()
            raise RelevoError(Code.AGENT_OFFLINE, session.agent)
        return legs.mint(broker, tx, grant, who.person.id)

    made = await broker.store.write(unit)
    if not broker.presence.post(made.agent, Join(grant=grant, leg=made.leg, token=made.agent_token)):
        raise RelevoError(Code.AGENT_OFFLINE, made.agent)
    return Leg(grant=grant, leg=made.leg, token=made.technician_token)


async def end_session(broker: Broker, call: Call) -> SessionView:
    """``POST /v1/sessions/{grant}/end`` by its technician, or by an administrator.

    Ending it again changes nothing.

    Raises:
        RelevoError: ``not-found``; ``refused`` for anybody else.
    """
    body, who, grant = call.take(SessionEnd), call.who, call.param("grant")

    def unit(tx: Tx) -> Session:
        session = rows.load(tx.conn, grant)
        if session.technician != who.person.id:
            _require_visible(who, session)
        if session.technician != who.person.id and not who.has(Role.ADMIN):
            raise RelevoError(Code.REFUSED, "the session of another technician")
        lifecycle.end(broker, tx, session, _why(session, who, body), who.actor, reason=body.reason)
        return rows.load(tx.conn, grant)

    try:
        return (await broker.store.write(unit)).view()
    except RelevoError as error:
        if error.code is Code.CANNOT_RECORD:
            _cut(broker, call)
        raise


def _why(session: Session, who: Caller, body: SessionEnd) -> EndReason:
    if session.technician != who.person.id:
        return EndReason.REVOKED
    return EndReason.NO_ANSWER if body.unanswered and session.state in rows.ASKED else EndReason.TECHNICIAN


def _cut(broker: Broker, call: Call) -> None:
    """Ending must work with a full disk too: what carries the session goes now, the record cannot."""
    live = broker.sessions.get(call.param("grant"))
    if live is not None and (live.technician == call.who.person.id or call.who.has(Role.ADMIN)):
        broker.relay.end(live.grant)
        broker.presence.post(live.agent, End(grant=live.grant, why=EndReason.TECHNICIAN))
