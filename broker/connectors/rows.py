"""Connectors in the store: cursors, links, what came in, what was refused."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from broker.store.connector_tables import (
    connector_echoes,
    connector_links,
    connector_parked,
    connector_received,
    connectors,
)
from broker.store.tables import audit
from broker.store.ticket_tables import tickets
from broker.tickets.rows import id_of, number_of
from protocol.errors import Code, RelevoError

OUT, IN = "out", "in"
RETRY_FIRST = timedelta(minutes=1)
RETRY_MOST = timedelta(hours=6)


class Link(NamedTuple):
    """A ticket here and there."""

    ticket: str
    remote: str
    status: str
    marked: bool
    said: int


class Parked(NamedTuple):
    direction: str
    key: str
    ticket: str
    code: str
    detail: str
    tries: int


def find(conn: Connection, name: str) -> Row[Any] | None:
    return conn.execute(select(connectors).where(connectors.c.name == name)).one_or_none()


def start(conn: Connection, name: str, settings: bytes) -> bool:
    """Make the connector's row, or note its settings; whether anything changed. A new one begins with what
    happens from now on."""
    row = find(conn, name)
    if row is not None and row.active and row.settings == settings:
        return False
    if row is not None:
        conn.execute(
            update(connectors).where(connectors.c.name == name).values(settings=settings, active=True)
        )
        return True
    top = conn.execute(select(func.max(audit.c.idx))).scalar_one()
    conn.execute(
        insert(connectors).values(
            name=name,
            settings=settings,
            secret=secrets.token_bytes(32),
            sent_cursor=-1 if top is None else top,
            active=True,
        )
    )
    return True


def stop(conn: Connection, name: str) -> bool:
    """The connector is no longer configured. Its links stay: tickets keep their outside numbers."""
    done = conn.execute(
        update(connectors).where(connectors.c.name == name, connectors.c.active).values(active=False)
    )
    return done.rowcount == 1


def active(conn: Connection) -> list[str]:
    return list(conn.execute(select(connectors.c.name).where(connectors.c.active)).scalars())


def count(conn: Connection, name: str, column: str) -> None:
    """One more ``sent``, ``received`` or ``kept``."""
    what = connectors.c[column]
    conn.execute(update(connectors).where(connectors.c.name == name).values({what: what + 1}))


# --- how it goes -------------------------------------------------------------------------------


def failed(conn: Connection, name: str, error: RelevoError, now: datetime) -> None:
    row = find(conn, name)
    if row is None:
        return
    conn.execute(
        update(connectors)
        .where(connectors.c.name == name)
        .values(
            failing_since=row.failing_since or now,
            failures=row.failures + 1,
            error=error.code.value,
            detail=error.detail[:300],
        )
    )


def succeeded(conn: Connection, name: str, now: datetime) -> None:
    """It answered: whatever failed before is over."""
    conn.execute(
        update(connectors)
        .where(connectors.c.name == name)
        .values(heard_at=now, failing_since=None, failures=0, error=None, detail=None)
    )


# --- links -------------------------------------------------------------------------------------


def _link(row: Row[Any]) -> Link:
    return Link(id_of(row.ticket), row.remote, row.status, row.marked, row.said)


def link_of(conn: Connection, name: str, ticket: str) -> Link | None:
    c = connector_links.c
    row = conn.execute(
        select(connector_links).where(c.connector == name, c.ticket == number_of(ticket))
    ).one_or_none()
    return None if row is None else _link(row)


def link_from(conn: Connection, name: str, remote: str) -> Link | None:
    """The newest ticket here that is ``remote`` there."""
    c = connector_links.c
    row = conn.execute(
        select(connector_links)
        .where(c.connector == name, c.remote == remote)
        .order_by(c.ticket.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _link(row)


def put_link(conn: Connection, name: str, link: Link) -> None:
    c = connector_links.c
    number = number_of(link.ticket)
    values = {"remote": link.remote, "status": link.status, "marked": link.marked, "said": link.said}
    done = conn.execute(
        update(connector_links).where(c.connector == name, c.ticket == number).values(**values)
    )
    if done.rowcount == 0:
        conn.execute(insert(connector_links).values(connector=name, ticket=number, **values))


def links(conn: Connection, name: str) -> int:
    """How many tickets are in both systems."""
    c = connector_links.c
    return conn.execute(select(func.count()).where(c.connector == name)).scalar_one()


def tickets_of(external: str) -> ColumnElement[bool]:
    """The condition on ``tickets`` of being ``external`` somewhere. Raises RelevoError: ``usage``."""
    label, hash_, remote = external.partition("#")
    if not label or not hash_ or not remote:
        raise RelevoError(Code.USAGE, "an outside number is written RT#12")
    c = connector_links.c
    wanted = select(c.ticket).where(c.connector == label.lower(), c.remote == remote)
    return tickets.c.number.in_(wanted)


def external_ids(conn: Connection, ticket: str) -> tuple[str, ...]:
    """``RT#12`` for each system that has the ticket."""
    c = connector_links.c
    wanted = select(c.connector, c.remote).where(c.ticket == number_of(ticket)).order_by(c.connector)
    return tuple(f"{row.connector.upper()}#{row.remote}" for row in conn.execute(wanted))


# --- what came in ------------------------------------------------------------------------------


def unknown(conn: Connection, name: str, events: Iterable[str]) -> set[str]:
    """Which of the events were not taken in."""
    wanted = set(events)
    if not wanted:
        return set()
    c = connector_received.c
    known = conn.execute(select(c.event).where(c.connector == name, c.event.in_(wanted))).scalars()
    return wanted - set(known)


def took(conn: Connection, name: str, event: str, position: int, log_index: int) -> None:
    c = connector_received.c
    # One that was set aside is there already.
    conn.execute(delete(connector_received).where(c.connector == name, c.event == event))
    conn.execute(
        insert(connector_received).values(connector=name, event=event, position=position, log_index=log_index)
    )


def heard(conn: Connection, name: str, cursor: int) -> None:
    """Everything there up to ``cursor`` was taken in."""
    conn.execute(update(connectors).where(connectors.c.name == name).values(heard_cursor=cursor))
    c = connector_received.c
    conn.execute(delete(connector_received).where(c.connector == name, c.position <= cursor))


def echo(conn: Connection, name: str, indexes: Iterable[int]) -> None:
    made = [{"connector": name, "log_index": index} for index in indexes]
    if made:
        conn.execute(insert(connector_echoes), made)


def is_echo(conn: Connection, name: str, index: int) -> bool:
    c = connector_echoes.c
    wanted = select(c.log_index).where(c.connector == name, c.log_index == index)
    return conn.execute(wanted).first() is not None


def told(conn: Connection, name: str, cursor: int) -> None:
    """Everything here up to log entry ``cursor`` was told there."""
    conn.execute(
        update(connectors)
        .where(connectors.c.name == name, connectors.c.sent_cursor < cursor)
        .values(sent_cursor=cursor)
    )
    # A parked one is tried again after the cursor passed it, and is still an echo then.
    waiting = select(connector_parked.c.key).where(
        connector_parked.c.connector == name, connector_parked.c.direction == OUT
    )
    keep = [int(key) for key in conn.execute(waiting).scalars()]
    c = connector_echoes.c
    conn.execute(
        delete(connector_echoes).where(c.connector == name, c.log_index <= cursor, c.log_index.not_in(keep))
    )


# --- what was refused --------------------------------------------------------------------------


def park(
    conn: Connection, name: str, direction: str, key: str, ticket: str, error: RelevoError, now: datetime
) -> bool:
    """Set one thing aside, for longer each time; True when it is the first."""
    c = connector_parked.c
    same = (c.connector == name, c.direction == direction, c.key == key)
    row = conn.execute(select(connector_parked).where(*same)).one_or_none()
    tries = 1 if row is None else row.tries + 1
    values = {
        "ticket": ticket[:64],
        "code": error.code.value,
        "detail": error.detail[:300],
        "tries": tries,
        "next_try": now + min(RETRY_FIRST * 2 ** min(tries - 1, 10), RETRY_MOST),
    }
    if row is not None:
        conn.execute(update(connector_parked).where(*same).values(**values))
        return False
    conn.execute(
        insert(connector_parked).values(connector=name, direction=direction, key=key, since=now, **values)
    )
    return True


def unpark(conn: Connection, name: str, direction: str, key: str) -> bool:
    """Whether it had been set aside."""
    c = connector_parked.c
    same = (c.connector == name, c.direction == direction, c.key == key)
    return conn.execute(delete(connector_parked).where(*same)).rowcount == 1


def due(conn: Connection, name: str, now: datetime, most: int) -> list[Parked]:
    """What is to be tried again."""
    c = connector_parked.c
    wanted = (
        select(c.direction, c.key, c.ticket, c.code, c.detail, c.tries)
        .where(c.connector == name, c.next_try <= now)
        .order_by(c.next_try)
        .limit(most)
    )
    return [Parked(*row) for row in conn.execute(wanted)]


def parked(conn: Connection, name: str, most: int) -> list[Parked]:
    c = connector_parked.c
    wanted = (
        select(c.direction, c.key, c.ticket, c.code, c.detail, c.tries)
        .where(c.connector == name)
        .order_by(c.since)
        .limit(most)
    )
    return [Parked(*row) for row in conn.execute(wanted)]
