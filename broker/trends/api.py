"""Trend facts and early warnings over HTTP, for the customers that the caller may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from broker.agents import visible
from broker.calls import Call
from broker.context import Broker
from broker.guests import require_ticket_visible
from broker.policy import Act, may_act
from broker.store.engine import Tx
from broker.store.tables import agents
from broker.store.ticket_tables import tickets
from broker.store.trend_tables import trend_agents, trend_warnings
from broker.tickets import rows
from broker.trends import outcomes, series
from broker.trends.precision import precision
from protocol.errors import Code, RelevoError
from protocol.forecast import Severity
from protocol.scopes import Mode
from protocol.tickets import OPEN_STATES, State
from protocol.trend_api import (
    MAX_POINTS,
    Evidence,
    KindPrecision,
    SeriesView,
    TrendPoint,
    TrendsView,
    WarningDetail,
    WarningJudged,
    Warnings,
    WarningView,
    forecast_view,
)
from protocol.trends import Kind
from protocol.wire import from_json

PAGE = 100
MAX_PAGE = 500
_OPEN = [state.value for state in OPEN_STATES]


async def show_trends(broker: Broker, call: Call) -> TrendsView:
    """``GET /v1/agents/{agent}/trends``: what the machine told, and what it says about the near future.

    Raises:
        RelevoError: ``not-found`` for a machine that one may not see; ``usage`` for another kind.
    """
    agent, kind = call.param("agent"), _kind(call.query("kind"))

    def query(conn: Connection) -> TrendsView:
        wanted = (
            select(agents.c.mode, trend_agents)
            .join_from(agents, trend_agents, isouter=True)
            .where(agents.c.agent == agent, visible(call.who, agents.c.customer))
        )
        row = conn.execute(wanted).one_or_none()
        if row is None:
            raise RelevoError(Code.NOT_FOUND, f"agent {agent[:40]}")
        return TrendsView(
            agent=agent,
            mode=Mode(row.mode),
            received=row.received,
            last_at=row.last_at,
            missing=row.missing or 0,
            refused=row.refused or 0,
            series=tuple(_series(one, broker) for one in series.load(conn, agent, kind)),
        )

    return await broker.store.read(query)


def _series(one: series.Series, broker: Broker) -> SeriesView:
    found = series.forecast(one, broker.clock())
    return SeriesView(
        kind=one.kind,
        subject=one.subject,
        points=tuple(TrendPoint(at=p.at, value=p.value, limit=p.limit) for p in one.points[-MAX_POINTS:]),
        forecast=forecast_view(found) if found else None,
    )


async def list_warnings(broker: Broker, call: Call) -> Warnings:
    """``GET /v1/warnings``, newest first, and how often each kind was right."""
    limit = call.query_int("limit", PAGE, 1, MAX_PAGE)
    kind, agent, customer = _kind(call.query("kind")), call.query("agent"), call.query("customer")
    mine = visible(call.who, trend_warnings.c.customer)
    conditions: list[ColumnElement[bool]] = [mine]
    if kind is not None:
        conditions.append(trend_warnings.c.kind == kind.value)
    if agent is not None:
        conditions.append(trend_warnings.c.agent == agent)
    if customer is not None:
        conditions.append(trend_warnings.c.customer == customer)
    if call.query("open") is not None:
        conditions.append(tickets.c.state.in_(_OPEN) | trend_warnings.c.ticket.is_(None))

    def query(conn: Connection) -> tuple[list[Any], tuple[KindPrecision, ...]]:
        wanted = _warnings().where(*conditions).order_by(trend_warnings.c.id.desc()).limit(limit)
        return list(conn.execute(wanted).all()), precision(conn, mine)

    found, known = await broker.store.read(query)
    return Warnings(rows=tuple(_view(row) for row in found), precision=known)


async def show_warning(broker: Broker, call: Call) -> WarningDetail:
    """``GET /v1/tickets/{ticket}/warning``: what the ticket was opened for, with every point.

    Raises:
        RelevoError: ``not-found`` for a ticket that one may not see or that no warning opened.
    """
    wanted, now = call.param("ticket"), broker.clock()

    def query(conn: Connection) -> WarningDetail:
        ticket = rows.load(conn, wanted)
        require_ticket_visible(conn, call.who.person, ticket.customer, rows.number_of(wanted), now)
        row = conn.execute(
            _warnings()
            .where(trend_warnings.c.ticket == rows.number_of(wanted))
            .order_by(trend_warnings.c.id.desc())
            .limit(1)
        ).one_or_none()
        if row is None:
            raise RelevoError(Code.NOT_FOUND, f"no warning opened {ticket.ticket}")
        return WarningDetail(warning=_view(row), evidence=from_json(row.evidence, Evidence))

    return await broker.store.read(query)


async def judge_warning(broker: Broker, call: Call) -> WarningView:
    """``POST /v1/tickets/{ticket}/warning``: was it right? Any technician of the customer; the last word counts.

    Raises:
        RelevoError: ``not-found``; ``role-missing``.
    """
    body, who, wanted = call.take(WarningJudged), call.who, call.param("ticket")

    def unit(tx: Tx) -> WarningView:
        ticket = rows.load(tx.conn, wanted)
        call.about.ticket, call.about.customer = ticket.ticket, ticket.customer
        may_act(who.person, ticket, Act.NOTE)
        warning = outcomes.of_ticket(tx.conn, wanted)
        if warning is None:
            raise RelevoError(Code.NOT_FOUND, f"no warning opened {ticket.ticket}")
        judge = outcomes.Judge(who.actor, who.person.name)
        outcomes.judge(tx, warning, body.right, judge, broker.clock())
        return _view(tx.conn.execute(_warnings().where(trend_warnings.c.id == warning.id)).one())

    return await broker.store.write(unit)


def _kind(text: str | None) -> Kind | None:
    """Raises RelevoError: ``usage``."""
    if text is None:
        return None
    known: Mapping[str, Kind] = {kind.value: kind for kind in Kind}
    if text not in known:
        raise RelevoError(Code.USAGE, f"kind {text[:40]!r}")
    return known[text]


def _warnings() -> Select[Any]:
    c = trend_warnings
    return (
        select(c, agents.c.hostname, tickets.c.state)
        .join_from(c, agents, c.c.agent == agents.c.agent)
        .join(tickets, c.c.ticket == tickets.c.number, isouter=True)
    )


def _view(row: Any) -> WarningView:
    return WarningView(
        id=row.id,
        agent=row.agent,
        hostname=row.hostname,
        customer=row.customer,
        kind=Kind(row.kind),
        subject=row.subject,
        severity=Severity(row.severity),
        opened=row.opened,
        ticket=None if row.ticket is None else rows.id_of(row.ticket),
        state=None if row.state is None else State(row.state),
        eta_s=row.eta_s,
        r2=row.r2,
        outcome=None if row.outcome is None else row.outcome == "true",
        judged_by=row.judged_by,
        judged_at=row.judged_at,
    )
