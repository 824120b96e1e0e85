"""Rows for reports: fix runs, signature results, self-service, early warnings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    type_coerce,
)

from broker.reports.figures import Period
from broker.reports.loading import Reader, Wanted
from broker.reports.recurring import AGAIN_WITHIN, Known
from broker.reports.run_metrics import MATCH, WRONG, Evaluated, FixHistory, Opened, SelfService, Warned
from broker.store.self_service_tables import self_service_runs
from broker.store.signature_tables import signature_results
from broker.store.tables import FIX_ENTRIES, audit, checkpoints
from broker.store.ticket_tables import tickets
from broker.store.trend_tables import trend_warnings
from protocol.audit import AuditRecord
from protocol.calendars import from_us, to_us
from protocol.fix_states import RunState
from protocol.wire import from_json

_STATES = {state.value: state for state in RunState}


async def load_fixes(reader: Reader, wanted: Wanted) -> list[FixHistory]:
    """Runs that began in the period, from the entries of the machines' journals in the log."""
    a, period = audit.c, wanted.period
    first = await reader.store.read(lambda conn: _first_index(conn, period))
    found = select(a.agent, a.record).where(
        # As the partial index says it: with bound values SQLite would not see that it may be used.
        text(FIX_ENTRIES),
        a.idx >= first,
        a.record.is_not(None),
        *wanted.of(a.customer),
    )
    if wanted.narrowed:
        t = tickets.c
        found = found.join(tickets, a.ticket == literal("T-").concat(cast(t.number, String)))
        found = found.where(*wanted.of_ticket())
    runs: dict[tuple[str, str], tuple[int, list[RunState]]] = {}
    for agent, record, _ in await reader.rows(found, a.idx):
        told = from_json(record, AuditRecord)
        stated = {fact.key: fact.value for fact in told.facts}
        state = _STATES.get(stated.get("state", ""))
        if state is not None and "run" in stated:
            runs.setdefault((agent, stated["run"]), (to_us(told.at), []))[1].append(state)
    return [FixHistory(run, at, tuple(states)) for (_, run), (at, states) in runs.items()]


def _first_index(conn: Connection, period: Period) -> int:
    """Entries below this were in the log before the period began."""
    before = select(func.max(checkpoints.c.size)).where(checkpoints.c.at < from_us(period.since))
    return conn.execute(before).scalar_one() or 0


async def load_warnings(reader: Reader, wanted: Wanted) -> list[Warned]:
    w = trend_warnings.c
    found = select(type_coerce(w.opened, BigInteger), w.kind, w.outcome).where(
        *_within(w.opened, wanted.period), *wanted.of(w.customer)
    )
    rows = await reader.rows(wanted.narrow(found, w.ticket), w.id)
    return [Warned(at, kind, None if outcome is None else outcome == "true") for at, kind, outcome, _ in rows]


async def load_results(reader: Reader, wanted: Wanted) -> list[Evaluated]:
    """Of the period, and all of tickets that something happened to since it began (for coverage).

    Only of bundles and known errors that the reader may read of.
    """
    c = signature_results.c
    since = from_us(wanted.period.since)
    touched = select(tickets.c.number).where(tickets.c.updated >= since)
    found = select(
        c.ticket, c.agent, c.customer, c.known_error, c.verdict, type_coerce(c.at, BigInteger), c.feedback,
        c.version, c.id, c.artifact, c.clearance,
    ).where(
        or_(c.at >= since, c.ticket.in_(touched)),
        c.at < from_us(wanted.period.until),
        *wanted.of(c.customer),
    )  # fmt: skip
    rows = await reader.rows(wanted.narrow(found, c.ticket), c.id)
    return [
        Evaluated(*row[:-2]) for row in rows if wanted.readable(row.known_error, row.customer, row.clearance)
    ]


async def load_known(reader: Reader, wanted: Wanted, earliest: int) -> list[Known]:
    """Known errors of the tickets opened from 30 days before ``earliest`` on.

    The filters by tier, priority and category do not hold here: what came before counts whatever it was.
    """
    t, r = tickets.c, signature_results.c
    since = from_us(earliest - AGAIN_WITHIN)
    plain = replace(wanted, tier=None, priority=None, category=None)
    mine = (*plain.of_ticket(), t.created >= since)
    columns = (t.number, t.customer, type_coerce(t.created, BigInteger))
    articles = select(*columns, t.article).where(*mine, t.article.is_not(None))
    found = [Known(*row[:-1]) for row in await reader.rows(articles, t.number)]
    matched = (
        select(*columns, r.known_error, r.clearance)
        .join_from(signature_results, tickets, r.ticket == t.number)
        .where(*mine, r.verdict == MATCH, or_(r.feedback.is_(None), r.feedback != WRONG))
    )
    found += [
        Known(*row[:-2])
        for row in await reader.rows(matched, r.id)
        if wanted.readable(row.known_error, row.customer, row.clearance)
    ]
    return found


async def load_self_service(reader: Reader, wanted: Wanted) -> list[SelfService]:
    """Runs that ended in the period."""
    c = self_service_runs.c
    found = select(c.agent, c.customer, c.category, type_coerce(c.ended, BigInteger), c.outcome).where(
        *_within(c.ended, wanted.period), *wanted.of(c.customer)
    )
    if wanted.category is not None:
        found = found.where(c.category == wanted.category)
    return [SelfService(*row[:-1]) for row in await reader.rows(found, c.id)]


async def load_opened(reader: Reader, wanted: Wanted) -> list[Opened]:
    """Every ticket that machines asked for since the period began; cancelled ones too: the user did ask."""
    t = tickets.c
    found = select(t.agent, t.category, type_coerce(t.created, BigInteger)).where(
        t.agent.is_not(None), t.created >= from_us(wanted.period.since), *wanted.of(t.customer)
    )
    return [Opened(*row[:-1]) for row in await reader.rows(found, t.number)]


def _within(column: ColumnElement[Any], period: Period) -> tuple[ColumnElement[bool], ...]:
    return column >= from_us(period.since), column < from_us(period.until)
