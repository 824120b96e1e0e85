"""What was seen to be over stays over: a clock that is set back revives no login and no invitation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select, update

from broker.context import Broker
from broker.store.desk_tables import invitations
from broker.store.engine import Tx
from broker.store.tables import logins


async def expire(broker: Broker) -> None:
    """Forget logins whose time is up, and end invitations whose time is up.

    Raises:
        RelevoError: as ``Store.write``; it is done at the next look.
    """
    now = broker.clock()
    if await broker.store.read(lambda conn: _any(conn, now)):
        await broker.store.write(lambda tx: _expire(tx, now))


def _any(conn: Connection, now: datetime) -> bool:
    found = select(or_(exists().where(logins.c.expires <= now), exists().where(_over(now))))
    return bool(conn.execute(found).scalar_one())


def _expire(tx: Tx, now: datetime) -> None:
    tx.conn.execute(delete(logins).where(logins.c.expires <= now))
    # Its end stands in its signed document: there is nothing new to record.
    tx.conn.execute(update(invitations).where(_over(now)).values(ended=invitations.c.until))


def _over(now: datetime) -> ColumnElement[bool]:
    return and_(invitations.c.ended.is_(None), invitations.c.until <= now)
