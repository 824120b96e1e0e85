"""How a session changes: each function is part of a unit of the store and writes its audit record there.

What others must be told (the agent, the relay, whoever waits) happens in hooks after the commit.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, update

from broker.context import Broker
from broker.policy import AgentFacts, check_consent
from broker.sessions import rows
from broker.sessions.live import Deadline, Live
from broker.sessions.rows import Session
from broker.store.engine import Tx
from broker.store.session_tables import relay_legs, sessions
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.documents import Consent, Grant
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.link import End, EndReason
from protocol.sshkeys import PublicKey
from protocol.wire import Fact, facts, from_json, to_json

BROKER_ACTOR = Actor(kind=ActorKind.BROKER, id="broker")


def record(
    session: Session,
    action: Action,
    actor: Actor,
    now: datetime,
    stated: tuple[Fact, ...] = (),
    evidence: tuple[bytes, ...] = (),
) -> AuditRecord:
    """An audit record about the session."""
    return AuditRecord(
        at=now,
        actor=actor,
        action=action,
        customer=session.customer,
        ticket=session.ticket,
        grant=session.grant,
        agent=session.agent,
        facts=stated,
        evidence=evidence,
    )


def end(
    broker: Broker,
    tx: Tx,
    session: Session,
    why: EndReason,
    actor: Actor,
    *,
    code: Code | None = None,
    reason: str | None = None,
    action: Action = Action.SESSION_ENDED,
    evidence: tuple[bytes, ...] = (),
    tell_agent: bool = True,
) -> bool:
    """The session is over: its tokens, its sockets and its grant. False if it already was.

    Args:
        code: the error that whoever waits for the session gets; None: what ``why`` means.
    """
    now = broker.clock()
    done = tx.conn.execute(
        update(sessions)
        .where(sessions.c.grant_id == session.grant, sessions.c.state != rows.ENDED)
        .values(state=rows.ENDED, why_ended=why.value, refusal=code.value if code else None, ended=now)
    )
    if done.rowcount == 0:
        return False
    tx.conn.execute(delete(relay_legs).where(relay_legs.c.grant_id == session.grant))
    stated = facts(why=why.value, code=code.value if code else None, reason=reason or None)
    tx.audit(record(session, action, actor, now, stated, evidence))

    def tell() -> None:
        broker.sessions.remove(session.grant)
        broker.relay.end(session.grant)
        if tell_agent:
            broker.presence.post(session.agent, End(grant=session.grant, why=why))

    tx.after_commit(tell)
    return True


def end_matching(broker: Broker, tx: Tx, condition: ColumnElement[bool], why: EndReason, actor: Actor) -> int:
    """End every live session that meets the condition; how many."""
    return sum(end(broker, tx, session, why, actor) for session in rows.live(tx.conn, condition))


def shown(broker: Broker, tx: Tx, grant: str, agent: str) -> None:
    """The agent verified the grant and the user can see the request."""
    tx.conn.execute(
        update(sessions)
        .where(sessions.c.grant_id == grant, sessions.c.agent == agent, sessions.c.state == rows.REQUESTED)
        .values(state=rows.SHOWN)
    )
    tx.after_commit(lambda: broker.sessions.changed(grant))


def consent(broker: Broker, tx: Tx, session: Session, envelope: Envelope, agent: AgentFacts) -> None:
    """Take in the user's consent. The same consent once more changes nothing.

    Raises:
        RelevoError: ``signature-invalid`` and whatever ``check_consent`` finds; ``replayed`` for a
            second, different consent; what the end means if the session has ended.
    """
    if session.consent is not None and from_json(session.consent, Envelope).payload == envelope.payload:
        return
    session.require_live()
    if session.state not in rows.ASKED:
        raise RelevoError(Code.REPLAYED, f"another consent to {session.grant}")
    granted = open_envelope(envelope, Consent, [PublicKey.from_text(agent.key)])
    grant_envelope = from_json(session.envelope, Envelope)
    now = broker.clock()
    check_consent(
        consent=granted,
        grant=unsafe_peek(grant_envelope, Grant),
        envelope=grant_envelope,
        agent=agent,
        now=now,
    )
    evidence = to_json(envelope)
    tx.conn.execute(
        update(sessions)
        .where(sessions.c.grant_id == session.grant)
        .values(
            state=rows.CONSENTED,
            consent=evidence,
            scopes=rows.scopes_text(granted.scopes),
            ends=granted.until,
        )
    )
    stated = facts(scopes=rows.scopes_text(granted.scopes), until=granted.until, act=granted.basis.act)
    actor = Actor(kind=ActorKind.USER, id=session.agent)
    tx.audit(record(session, Action.SESSION_CONSENTED, actor, now, stated, (evidence,)))

    def tell() -> None:
        ends = Deadline.at(granted.until, now)
        broker.sessions.put(Live(session.grant, session.agent, session.technician, None, ends))

    tx.after_commit(tell)
