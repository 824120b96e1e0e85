"""``GET /v1/agents`` and ``/v1/agents/{agent}``: the machines of the customers that the caller may see."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, true

from broker.calls import Call, Caller
from broker.context import Broker
from broker.store.tables import agents
from protocol.api import Agents, AgentView
from protocol.errors import Code, RelevoError
from protocol.scopes import ANY_CUSTOMER, Mode

PAGE = 200
MAX_PAGE = 1_000


async def list_agents(broker: Broker, call: Call) -> Agents:
    """A page of agents in order of their id; ``after`` is the previous page's ``next``."""
    caller = call.who
    limit = call.query_int("limit", PAGE, 1, MAX_PAGE)
    after, customer = call.query("after"), call.query("customer")

    def query(conn: Connection) -> list[Any]:
        wanted = select(agents).where(visible(caller, agents.c.customer))
        if customer is not None:
            wanted = wanted.where(agents.c.customer == customer)
        if after is not None:
            wanted = wanted.where(agents.c.agent > after)
        return list(conn.execute(wanted.order_by(agents.c.agent).limit(limit + 1)).all())

    rows = await broker.store.read(query)
    more = len(rows) > limit
    rows = rows[:limit]
    return Agents(
        rows=tuple(_view(broker, row) for row in rows),
        next=rows[-1].agent if more else None,
    )


async def show_agent(broker: Broker, call: Call) -> AgentView:
    """One agent. One of a foreign customer is as unknown as one that does not exist.

    Raises:
        RelevoError: ``not-found``.
    """
    wanted = select(agents).where(agents.c.agent == call.param("agent"), visible(call.who, agents.c.customer))
    row = await broker.store.read(lambda conn: conn.execute(wanted).one_or_none())
    if row is None:
        raise RelevoError(Code.NOT_FOUND, f"agent {call.param('agent')[:40]}")
    return _view(broker, row)


def visible(caller: Caller, customer: ColumnElement[Any]) -> ColumnElement[bool]:
    """SQL condition: ``customer`` is one where the caller may look."""
    if caller.sees_all:
        return true()
    listed = [row.customer for row in caller.person.tiers]
    if ANY_CUSTOMER in listed:
        return true()
    return customer.in_(listed)


def _view(broker: Broker, row: Row[Any]) -> AgentView:
    return AgentView(
        agent=row.agent,
        key=row.key,
        hostname=row.hostname,
        platform=row.platform,
        customer=row.customer,
        mode=Mode(row.mode),
        online=broker.presence.online(row.agent),
        version=row.version,
        enrolled=row.enrolled,
        last_seen=row.last_seen,
    )
