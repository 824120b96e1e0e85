"""Reports over HTTP: of the customers that the caller may see, one report at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select

from broker.agents import visible
from broker.artifact_files import ArtifactFiles
from broker.calls import Call, Caller
from broker.context import Broker
from broker.guests import clearance_at
from broker.reports.figures import Period
from broker.reports.loading import Budget, Reader, Wanted
from broker.reports.making import Sources, make
from broker.store.ticket_tables import tickets
from protocol.calendars import to_us
from protocol.errors import Code, RelevoError
from protocol.knowledge import Visibility, reader_of
from protocol.organisation import Organisation, covers_clearance
from protocol.reports import MAX_DAYS, Report, ReportName
from protocol.scopes import Clearance
from protocol.times import parse_rfc3339

DEFAULT_PERIOD = timedelta(days=30)
_WITHOUT_TICKETS = frozenset({ReportName.SELF_SERVICE})
"""Reports of what has no tier and no priority."""


async def show_report(broker: Broker, call: Call) -> Report:
    """``GET /v1/reports/{name}``: ``from`` and ``to`` are instants, the last 30 days where they are not given.

    Raises:
        RelevoError: ``not-found`` for another name, and a customer that one may not see; ``usage`` for a
            period or filter that makes no sense; ``too-large`` and ``timeout`` for what is too much;
            ``rate-limited`` while too many reports are being made.
    """
    name, who, org = _name(call), call.who, broker.organisation.require()
    now = broker.clock()
    wanted = Wanted(
        period=_period(call, now),
        visible=lambda customer: visible(who, customer),
        readable=_readable(org, who),
        customer=call.query("customer"),
        tier=_number(call, "tier", 3),
        priority=_number(call, "priority", 5),
        category=call.query("category"),
    )
    if name in _WITHOUT_TICKETS and (wanted.tier is not None or wanted.priority is not None):
        raise RelevoError(Code.USAGE, f"the report {name} knows neither tier nor priority")
    call.about.customer = wanted.customer
    promises = broker.promises.of(org.desk)
    files = ArtifactFiles(broker.config.artifacts)

    async with broker.reporting.turn():
        if wanted.customer is not None:
            await _require_customer(broker, org, who, wanted.customer)
        return await make(name, Sources(Reader(broker.store, Budget()), wanted, org.desk, promises, files))


def _name(call: Call) -> ReportName:
    try:
        return ReportName(call.param("name"))
    except ValueError as error:
        raise RelevoError(Code.NOT_FOUND, f"report {call.param('name')[:40]!r}") from error


def _readable(org: Organisation, who: Caller) -> Callable[[str, str, str], bool]:
    """As for matches on a ticket: by the tier at the customer; what is retired counts as L3."""
    needed = {known.id: Visibility(known.visibility) for known in org.known_errors}
    reader = reader_of(who.person)

    @functools.cache
    def readable(known_error: str, customer: str, clearance: str) -> bool:
        held = clearance_at(org, who.person, customer)
        visibility = needed.get(known_error, Visibility.L3)
        return reader.may_read(visibility, customer) and covers_clearance(held, Clearance(clearance))

    return readable


async def _require_customer(broker: Broker, org: Organisation, who: Caller, customer: str) -> None:
    """One that is gone from the roster is still known by its tickets, to those who see all."""
    if not who.may_see(customer):
        raise RelevoError(Code.NOT_FOUND, f"customer {customer[:64]!r}")
    if any(row.id == customer for row in org.roster.customers):
        return
    left = select(tickets.c.number).where(tickets.c.customer == customer).limit(1)
    if await broker.store.read(lambda conn: conn.execute(left).first()) is None:
        raise RelevoError(Code.NOT_FOUND, f"customer {customer[:64]!r}")


def _period(call: Call, now: datetime) -> Period:
    until = _moment(call, "to") or now
    since = _moment(call, "from") or min(until, now) - DEFAULT_PERIOD
    until = min(until, now)
    if since >= until:
        raise RelevoError(Code.USAGE, "the period must begin before it ends, and before now")
    if until - since > timedelta(days=MAX_DAYS):
        raise RelevoError(Code.USAGE, f"a period is {MAX_DAYS} days at most")
    return Period(to_us(since), to_us(until), to_us(now))


def _moment(call: Call, name: str) -> datetime | None:
    text = call.query(name)
    if text is None:
        return None
    moment = parse_rfc3339(text)
    if not 1971 <= moment.year < 2200:
        raise RelevoError(Code.USAGE, f"{name}: not a year of this work: {moment.year}")
    return moment


def _number(call: Call, name: str, high: int) -> int | None:
    return None if call.query(name) is None else call.query_int(name, 1, 1, high)
