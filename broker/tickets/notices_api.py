"""What a person was told about targets that run out: their own notices, read and ticked off."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from broker.agents import visible
from broker.calls import Call, Caller
from broker.context import Broker
from broker.store.desk_tables import notices
from broker.store.engine import Tx
from broker.store.ticket_tables import tickets
from broker.tickets.rows import id_of
from protocol.errors import Code, RelevoError
from protocol.ticket_api import Notices, NoticeView

PAGE = 100


async def list_notices(broker: Broker, call: Call) -> Notices:
    """``GET /v1/notices``: the caller's own that are not ticked off, newest first; ``all=1``: also those
    that are. What is meant for a later hour is not there yet."""
    wanted = _mine(call.who).where(notices.c.at <= broker.clock())
    if not call.query("all"):
        wanted = wanted.where(notices.c.seen.is_(None))

    def query(conn: Connection) -> Notices:
        found = conn.execute(wanted.order_by(notices.c.at.desc(), notices.c.id.desc()).limit(PAGE)).all()
        return Notices(rows=tuple(_view(row) for row in found))

    return await broker.store.read(query)


async def see_notice(broker: Broker, call: Call) -> NoticeView:
    """``POST /v1/notices/{notice}/seen``; once more changes nothing.

    Raises:
        RelevoError: ``not-found``, also for somebody else's.
    """
    who, text = call.who, call.param("notice")
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise RelevoError(Code.NOT_FOUND, "notice")
    mine = _mine(who).where(notices.c.id == int(text))

    def unit(tx: Tx) -> NoticeView:
        if tx.conn.execute(mine).one_or_none() is None:
            raise RelevoError(Code.NOT_FOUND, f"notice {text}")
        tx.conn.execute(
            update(notices)
            .where(notices.c.id == int(text), notices.c.receiver == who.person.id, notices.c.seen.is_(None))
            .values(seen=broker.clock())
        )
        return _view(tx.conn.execute(mine).one())

    return await broker.store.write(unit)


def _mine(who: Caller) -> Select[Any]:
    """Own notices of customers that one may still see."""
    return (
        select(notices, tickets.c.title)
        .join(tickets, tickets.c.number == notices.c.ticket)
        .where(notices.c.receiver == who.person.id, visible(who, tickets.c.customer))
    )


def _view(row: Row[Any]) -> NoticeView:
    return NoticeView(
        id=row.id,
        ticket=id_of(row.ticket),
        title=row.title,
        clock=row.clock,
        percent=row.percent,
        at=row.at,
        seen=row.seen,
    )
