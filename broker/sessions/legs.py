"""Relay tokens: one for each side of a leg, stored as hashes, replaced at each attachment.

The token that is shown stays good until its successor was used once: an answer that got lost on the way
costs nothing, and whoever finds an older token finds nothing it opens.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from sqlalchemy import insert, or_, select, update

from broker.context import Broker
from broker.policy import MAX_LEGS
from broker.relay import Side
from broker.sessions import lifecycle, rows
from broker.store.engine import Tx
from broker.store.session_tables import relay_legs, sessions
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce
from protocol.wire import facts


class Minted(NamedTuple):
    """A new leg. The tokens exist here and with the two ends, nowhere else."""

    grant: str
    agent: str
    leg: int
    technician_token: str
    agent_token: str


class Place(NamedTuple):
    """Where a token leads, and the one that replaces it."""

    grant: str
    leg: int
    side: Side
    next_token: str


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def mint(broker: Broker, tx: Tx, grant: str, technician: str) -> Minted:
    """One more leg of a session that the user agreed to, for the technician of its grant.

    Raises:
        RelevoError: ``not-found``; ``refused`` for anybody else; what the end means after it;
            ``conflict`` before consent; ``rate-limited`` beyond MAX_LEGS.
    """
    session = rows.load(tx.conn, grant)
    if session.technician != technician:
        raise RelevoError(Code.REFUSED, "the session of another technician")
    session.require_agreed()
    if broker.clock() >= session.ends:
        raise RelevoError(Code.SESSION_ENDED, grant)
    if session.legs >= MAX_LEGS:
        raise RelevoError(Code.RATE_LIMITED, f"{MAX_LEGS} legs in one session")
    made = Minted(grant, session.agent, session.legs + 1, new_nonce(), new_nonce())
    tx.conn.execute(update(sessions).where(sessions.c.grant_id == grant).values(legs=made.leg))
    for side, token in ((Side.TECHNICIAN, made.technician_token), (Side.AGENT, made.agent_token)):
        tx.conn.execute(
            insert(relay_legs).values(
                grant_id=grant, leg=made.leg, side=side.value, token_sha256=hash_of(token)
            )
        )
    return made


def redeem(broker: Broker, tx: Tx, token: str) -> Place:
    """Attach: the token's place, with the next token already stored.

    Once both sides of leg 1 have attached, the session is open, and that is recorded here, before the
    first byte is passed on.

    Raises:
        RelevoError: ``unauthenticated`` for a token that opens nothing (any more).
    """
    shown = hash_of(token)
    row = tx.conn.execute(
        select(relay_legs).where(or_(relay_legs.c.token_sha256 == shown, relay_legs.c.next_sha256 == shown))
    ).one_or_none()
    session = rows.find(tx.conn, row.grant_id) if row is not None else None
    if row is None or session is None or session.state not in rows.AGREED:
        raise RelevoError(Code.UNAUTHENTICATED, "the token opens nothing")
    if broker.clock() >= session.ends:
        raise RelevoError(Code.UNAUTHENTICATED, "the session is over")
    place = Place(row.grant_id, row.leg, Side(row.side), new_nonce())
    mine = (
        (relay_legs.c.grant_id == place.grant)
        & (relay_legs.c.leg == place.leg)
        & (relay_legs.c.side == place.side.value)
    )
    tx.conn.execute(
        update(relay_legs).where(mine).values(token_sha256=shown, next_sha256=hash_of(place.next_token))
    )
    if place.leg == 1 and session.state == rows.CONSENTED and _attached_once(tx, place):
        _open(broker, tx, session)
    return place


def _attached_once(tx: Tx, place: Place) -> bool:
    """Whether the other side of the leg has ever shown its token."""
    wanted = select(relay_legs.c.next_sha256).where(
        relay_legs.c.grant_id == place.grant,
        relay_legs.c.leg == place.leg,
        relay_legs.c.side == place.side.other.value,
    )
    return tx.conn.execute(wanted).scalar_one_or_none() is not None


def _open(broker: Broker, tx: Tx, session: rows.Session) -> None:
    tx.conn.execute(update(sessions).where(sessions.c.grant_id == session.grant).values(state=rows.OPEN))
    stated = facts(scopes=rows.scopes_text(session.scopes), technician=session.technician)
    tx.audit(lifecycle.record(session, Action.SESSION_OPENED, lifecycle.BROKER_ACTOR, broker.clock(), stated))
    tx.after_commit(lambda: broker.sessions.changed(session.grant))
