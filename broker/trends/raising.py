"""A forecast becomes a ticket: one for each fault, with what it was computed from, and never a flood.

The key of a warning is machine, kind and subject. While its ticket is open it gets at most one note a day,
and one when it becomes worse; once it is done the key rests, longer after a false alarm.
"""

from __future__ import annotations

import enum
import hashlib
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from broker.context import Broker
from broker.store.engine import Tx
from broker.store.tables import agents
from broker.store.ticket_tables import tickets
from broker.store.trend_tables import trend_warnings
from broker.tickets import rows
from broker.tickets.creation import Origin, open_ticket
from broker.tickets.events import Doer, Event, write
from broker.trends import telling
from protocol.api import TicketNew, TicketView
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.forecast import Forecast, Severity
from protocol.tickets import FINAL_STATES, OPEN_STATES, Party
from protocol.trend_api import evidence_of
from protocol.wire import Fact, facts, to_json

MOST_OF_MACHINE = 5
"""Open tickets of warnings of one machine."""
MOST_A_DAY = 50
"""Tickets of warnings of one customer in 24 hours. A machine that lies, or many, fill no queue."""
NOTE_EVERY = timedelta(days=1)
REST = timedelta(days=3)
REST_AFTER_FALSE = timedelta(days=30)
CHANNEL = "monitor"
TICKET_NOTE = "ticket.warning"
"""``ticket_events.kind`` of what is added to the ticket of a warning."""
MONITOR = Doer(Actor(kind=ActorKind.BROKER, id="broker"), "early-warning", Party.MONITOR)

_URGENCY = {Severity.CRITICAL: 1, Severity.WARNING: 2, Severity.NOTICE: 3}
_OPEN = [state.value for state in OPEN_STATES]


class Done(enum.Enum):
    """What became of a forecast."""

    OPENED = "opened"
    NOTED = "noted"
    KNOWN = "known"
    """Its ticket is open, and has been told."""
    RESTING = "resting"
    CAPPED = "capped"
    """Kept without a ticket: too many are open."""


class Machine(NamedTuple):
    agent: str
    customer: str
    hostname: str


def machine(conn: Connection, agent: str) -> Machine:
    row = conn.execute(
        select(agents.c.agent, agents.c.customer, agents.c.hostname).where(agents.c.agent == agent)
    ).one()
    return Machine(*row)


def raise_warning(
    broker: Broker, tx: Tx, about: Machine, subject: str, forecast: Forecast, now: datetime
) -> Done:
    """Open a ticket, add to the open one, or leave it."""
    last = _last(tx.conn, about.agent, forecast, subject)
    if last is None:
        return _open(broker, tx, about, subject, forecast, now, None)
    if last.ticket is None:
        return _open(broker, tx, about, subject, forecast, now, last)
    ticket = rows.load(tx.conn, rows.id_of(last.ticket))
    if ticket.state in OPEN_STATES:
        return _add(tx, ticket, last, about, subject, forecast, now)
    rest = REST_AFTER_FALSE if last.outcome == "false" else REST
    if now < (ticket.closed or ticket.resolved or ticket.updated) + rest and not _worse(last, forecast):
        return Done.RESTING
    return _open(broker, tx, about, subject, forecast, now, None, ticket)


def _worse(last: Any, forecast: Forecast) -> bool:
    """A false alarm stays one, however loud it becomes."""
    return bool(forecast.severity > last.severity) and last.outcome != "false"


def _last(conn: Connection, agent: str, forecast: Forecast, subject: str) -> Any:
    c = trend_warnings.c
    same = (c.agent == agent) & (c.kind == forecast.kind.value) & (c.subject == subject)
    return conn.execute(select(trend_warnings).where(same).order_by(c.id.desc()).limit(1)).one_or_none()


# --- a new one ---------------------------------------------------------------------------------


def _open(
    broker: Broker,
    tx: Tx,
    about: Machine,
    subject: str,
    forecast: Forecast,
    now: datetime,
    waiting: Any | None,
    before: TicketView | None = None,
) -> Done:
    """A ticket for the warning; ``waiting`` is its row where it was kept without one, ``before`` the ticket
    of an earlier warning of the same."""
    full = _is_full(tx.conn, about, now)
    if full and waiting is not None:
        return Done.CAPPED
    evidence = to_json(evidence_of(subject, forecast))
    stated = _facts(subject, forecast, evidence)
    index = tx.audit(
        AuditRecord(
            at=now,
            actor=MONITOR.actor,
            action=Action.WARNING_RAISED,
            customer=about.customer,
            agent=about.agent,
            facts=stated,
        )
    )
    ticket = None if full else _ticket(broker, tx, about, subject, forecast, before, stated)
    values = {
        "opened": now,
        "ticket": ticket,
        "eta_s": forecast.eta_s,
        "r2": forecast.r2,
        "severity": int(forecast.severity),
        "told": now,
        "evidence": evidence.decode(),
    }
    if waiting is not None:
        tx.conn.execute(update(trend_warnings).where(trend_warnings.c.id == waiting.id).values(**values))
    else:
        key = {"agent": about.agent, "customer": about.customer, "kind": forecast.kind.value}
        tx.conn.execute(insert(trend_warnings).values(id=index, **key, subject=subject, **values))
    return Done.CAPPED if full else Done.OPENED


def _ticket(
    broker: Broker,
    tx: Tx,
    about: Machine,
    subject: str,
    forecast: Forecast,
    before: TicketView | None,
    stated: tuple[Fact, ...],
) -> int:
    desk = broker.organisation.require().desk.of_customer(about.customer)
    told = telling.told(desk.language, about.hostname, subject, forecast)
    new = TicketNew(
        title=told.title,
        description=told.text,
        agent=about.agent,
        urgency=_URGENCY[forecast.severity],
        language=desk.language,
        follow_up_of=before.ticket if before and before.state in FINAL_STATES else None,
    )
    origin = Origin(about.customer, about.hostname or about.agent, CHANNEL, MONITOR, stated)
    return rows.number_of(open_ticket(broker, tx, new, origin).ticket)


def _is_full(conn: Connection, about: Machine, now: datetime) -> bool:
    c = trend_warnings.c

    def count(*conditions: ColumnElement[bool]) -> int:
        found = select(func.count()).select_from(trend_warnings.join(tickets, c.ticket == tickets.c.number))
        return int(conn.execute(found.where(*conditions)).scalar_one())

    return (
        count(c.agent == about.agent, tickets.c.state.in_(_OPEN)) >= MOST_OF_MACHINE
        or count(c.customer == about.customer, c.opened > now - timedelta(days=1)) >= MOST_A_DAY
    )


def _facts(subject: str, forecast: Forecast, evidence: bytes) -> tuple[Fact, ...]:
    return facts(
        warning=forecast.kind.value,
        subject=subject,
        severity=forecast.severity.name.lower(),
        eta_s=None if forecast.eta_s is None else round(forecast.eta_s),
        r2=None if forecast.r2 is None else f"{forecast.r2:.4f}",
        slope_per_day=None if forecast.slope_per_day is None else f"{forecast.slope_per_day:.6g}",
        points=len(forecast.used),
        evidence_sha256=hashlib.sha256(evidence).hexdigest(),
    )


# --- one that is known -------------------------------------------------------------------------


def _add(
    tx: Tx,
    ticket: TicketView,
    last: Any,
    about: Machine,
    subject: str,
    forecast: Forecast,
    now: datetime,
) -> Done:
    """A note on the open ticket, for colleagues, in the ticket's language."""
    worse = forecast.severity > last.severity
    if not worse and now < last.told + NOTE_EVERY:
        return Done.KNOWN
    evidence = to_json(evidence_of(subject, forecast))
    told = telling.told(ticket.language, about.hostname, subject, forecast)
    after = rows.touch(tx.conn, ticket, now)
    event = Event(Action.TICKET_NOTE, TICKET_NOTE, told.note, False, _facts(subject, forecast, evidence))
    write(tx, after, ticket.state, event, MONITOR, now)
    tx.conn.execute(
        update(trend_warnings)
        .where(trend_warnings.c.id == last.id)
        .values(told=now, severity=max(int(forecast.severity), last.severity))
    )
    return Done.NOTED
