"""Deliveries in the store: put in once, taken out when they are due, marked with how they ended."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, insert, or_, select, update

from broker.outgoing.pace import MAX_DELAY, MAX_HOLD, End, Outcome, is_over, next_delay
from broker.store.outgoing_tables import deliveries, ticket_contacts
from broker.store.ticket_tables import tickets
from broker.tickets.rows import id_of, number_of
from protocol.tickets import FINAL_STATES

MAIL = "mail"
KEEP = timedelta(days=30)
"""How long it is remembered what was sent, and a requester's address after the end of the ticket."""
CLEAN_AT_ONCE = 500
MAX_AN_HOUR = 30
"""Mails about one ticket to one receiver: a machine that answers itself in a loop fills nobody's mailbox."""
_HOUR = timedelta(hours=1)
QUEUED, SENT, FAILED, DROPPED = "queued", "sent", "failed", "dropped"
_ENDED = {End.SENT: SENT, End.REFUSED: FAILED, End.DROPPED: DROPPED}
_MAX_ERROR = 200


class Wanted(NamedTuple):
    """One delivery to be made: what about, where to, to whom."""

    ticket: str
    log_index: int
    target: str
    kind: str
    receiver: str
    hold_until: datetime | None = None


class Delivery(NamedTuple):
    id: int
    ticket: str
    log_index: int
    target: str
    kind: str
    receiver: str
    message: str
    state: str
    created: datetime
    hold_until: datetime
    next_try: datetime
    attempts: int
    error: str | None
    ended: datetime | None


class Figures(NamedTuple):
    queued: int
    failed: int
    oldest: datetime | None
    """When the oldest of those that wait came in."""


def add(conn: Connection, org: str, wanted: Iterable[Wanted], now: datetime) -> int:
    """Put in what is not there yet; how many that was."""
    made = 0
    for one in wanted:
        key = and_(
            deliveries.c.log_index == one.log_index,
            deliveries.c.target == one.target,
            deliveries.c.kind == one.kind,
            deliveries.c.receiver == one.receiver,
        )
        if conn.execute(select(deliveries.c.id).where(key)).first() is not None:
            continue
        flooded = one.target == MAIL and _recent(conn, one, now) >= MAX_AN_HOUR
        conn.execute(
            insert(deliveries).values(
                ticket=number_of(one.ticket),
                log_index=one.log_index,
                target=one.target,
                kind=one.kind,
                receiver=one.receiver,
                message=_message_of(org, one),
                state=DROPPED if flooded else QUEUED,
                error="too many in an hour" if flooded else None,
                ended=now if flooded else None,
                created=now,
                hold_until=one.hold_until or now,
                next_try=now,
            )
        )
        made += not flooded
    return made


def _recent(conn: Connection, one: Wanted, now: datetime) -> int:
    c = deliveries.c
    wanted = select(c.id).where(
        c.ticket == number_of(one.ticket),
        c.receiver == one.receiver,
        c.target == MAIL,
        c.created > now - _HOUR,
    )
    return len(conn.execute(wanted.limit(MAX_AN_HOUR)).all())


def _message_of(org: str, one: Wanted) -> str:
    """The same for every attempt, another for every other delivery."""
    key = f"{org}\n{one.log_index}\n{one.target}\n{one.kind}\n{one.receiver}"
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def due(conn: Connection, target: str, now: datetime, limit: int) -> list[Delivery]:
    """What is to be tried now, the longest waiting first.

    Times far ahead are of a clock that was set back since; they do not hold anything up.
    """
    c = deliveries.c
    wanted = (
        select(deliveries)
        .where(
            c.state == QUEUED,
            c.target == target,
            or_(c.next_try <= now, c.next_try > now + MAX_DELAY),
            or_(c.hold_until <= now, c.hold_until > now + MAX_HOLD),
        )
        .order_by(c.next_try, c.id)
        .limit(limit)
    )
    return _read(conn, wanted)


def claim(conn: Connection, found: Sequence[Delivery], now: datetime, chance: float) -> list[Delivery]:
    """Write down that these are tried now, before they are: a store that cannot write sends nothing, and what
    was sent when the power went is sent again after a pause only."""
    claimed = [
        one._replace(attempts=one.attempts + 1, next_try=now + next_delay(one.attempts + 1, chance))
        for one in found
    ]
    _put_back(conn, claimed)
    return claimed


def release(conn: Connection, found: Sequence[Delivery]) -> None:
    """These were not tried after all: ``found`` is as it was before the claim."""
    _put_back(conn, found)


def _put_back(conn: Connection, found: Sequence[Delivery]) -> None:
    for one in found:
        conn.execute(
            update(deliveries)
            .where(deliveries.c.id == one.id, deliveries.c.state == QUEUED)
            .values(attempts=one.attempts, next_try=one.next_try)
        )


def mark(conn: Connection, one: Delivery, outcome: Outcome, now: datetime) -> str:
    """Store how a claimed attempt ended; the state it has now. What ended meanwhile stays as it is."""
    state = _ENDED.get(outcome.end, QUEUED)
    if state == QUEUED and is_over(one.created, one.attempts, now):
        state = FAILED
    values: dict[str, object] = {"state": state, "error": outcome.why[:_MAX_ERROR] or None}
    if state != QUEUED:
        values["ended"] = now
    conn.execute(
        update(deliveries).where(deliveries.c.id == one.id, deliveries.c.state == QUEUED).values(**values)
    )
    return state


def drop_strays(conn: Connection, targets: Collection[str], now: datetime) -> int:
    """What waits for a target that is not set up any more is dropped; how many."""
    done = conn.execute(
        update(deliveries)
        .where(deliveries.c.state == QUEUED, deliveries.c.target.not_in(targets))
        .values(state=DROPPED, ended=now, error="target removed")
    )
    return done.rowcount


def retry(conn: Connection, ids: Sequence[int] | None, now: datetime) -> int:
    """Failed deliveries wait again as if they were new: those of ``ids``, or all for None; how many."""
    chosen: ColumnElement[bool] = deliveries.c.state == FAILED
    if ids is not None:
        chosen = and_(chosen, deliveries.c.id.in_(ids))
    fresh = {
        "state": QUEUED,
        "created": now,
        "next_try": now,
        "hold_until": now,
        "attempts": 0,
        "ended": None,
    }
    return conn.execute(update(deliveries).where(chosen).values(**fresh)).rowcount


def listed(conn: Connection, states: Sequence[str], limit: int) -> list[Delivery]:
    """The newest first."""
    wanted = select(deliveries).where(deliveries.c.state.in_(states))
    return _read(conn, wanted.order_by(deliveries.c.id.desc()).limit(limit))


def figures(conn: Connection) -> Figures:
    c = deliveries.c
    count = select(c.state, func.count()).where(c.state.in_([QUEUED, FAILED])).group_by(c.state)
    found: dict[str, int] = {row[0]: row[1] for row in conn.execute(count)}
    oldest = conn.execute(select(func.min(c.created)).where(c.state == QUEUED)).scalar_one()
    return Figures(found.get(QUEUED, 0), found.get(FAILED, 0), oldest)


def clean(conn: Connection, now: datetime) -> int:
    """Forget what ended long ago, and the addresses of requesters whose tickets did; how many rows."""
    c = deliveries.c
    old = select(c.id).where(c.ended < now - KEEP, c.state != QUEUED).order_by(c.ended).limit(CLEAN_AT_ONCE)
    gone = conn.execute(delete(deliveries).where(c.id.in_(old))).rowcount
    finished = (
        select(tickets.c.number)
        .join(ticket_contacts, ticket_contacts.c.ticket == tickets.c.number)
        .where(tickets.c.state.in_([state.value for state in FINAL_STATES]), tickets.c.updated < now - KEEP)
        .limit(CLEAN_AT_ONCE)
    )
    return gone + conn.execute(delete(ticket_contacts).where(ticket_contacts.c.ticket.in_(finished))).rowcount


def _read(conn: Connection, wanted: Select[Any]) -> list[Delivery]:
    rows = conn.execute(wanted).all()
    return [Delivery(**{**row._mapping, "ticket": id_of(row.ticket)}) for row in rows]
