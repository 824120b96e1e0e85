"""`relevo agent trends`, `warnings` and `warning`: what machines tell by themselves, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import click

from protocol.amounts import duration, size
from protocol.drivers.files import write_private
from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.trend_api import (
    KindPrecision,
    SeriesView,
    TrendsView,
    WarningDetail,
    WarningJudged,
    Warnings,
    WarningView,
)
from protocol.trends import Kind
from technician.cli.common import Table, show_rows, technician_options
from technician.cli.ticket_common import path
from technician.login import client

_KINDS = click.Choice([kind.value for kind in Kind])


@click.command("trends", cls=Command, help="agent.trends")
@click.argument("agent_id", metavar="AGENT")
@option("--kind", type=_KINDS, help="option.trend-kind")
@option("--plot", metavar="FILE", help="option.trend-plot")
@technician_options
def trends(agent_id: str, kind: str | None, plot: str | None, home: Path, as_json: bool) -> None:
    query = f"?kind={kind}" if kind else ""
    found = client(home).get_json(f"/v1/agents/{quote(agent_id, safe='')}/trends{query}", TrendsView)
    if plot is not None:
        _draw(found, Kind(kind or Kind.DISK.value), Path(plot).expanduser().absolute())
    if as_json:
        emit_json(found)
        return
    w = words()
    if found.received is None:
        note(w("agent.trends.none"))
        return
    say(w("agent.trends.heard", at=local_stamp(found.received), taken=local_stamp(found.last_at)))
    if found.missing or found.refused:
        note(w("agent.trends.lost", missing=found.missing, refused=found.refused))
    titles = [w(f"column.{name}") for name in ("kind", "subject", "points", "value", "a_day", "forecast")]
    show_rows(titles, [_row(one) for one in found.series], "agent.trends.nothing")


def _draw(found: TrendsView, kind: Kind, file: Path) -> None:
    from technician.reports.plot import svg
    from technician.reports.trends import chart_of

    write_private(file, svg(chart_of(found, kind)).encode())
    note(words()("trends.plot.written", file=printable(str(file))))


def _row(one: SeriesView) -> tuple[object, ...]:
    last, forecast = one.points[-1], one.forecast
    slope = forecast.slope_per_day if forecast else None
    return (
        one.kind.value,
        one.subject,
        len(one.points),
        _value(one.kind, last.value, last.limit),
        "" if slope is None else _amount(one.kind, slope),
        _forecast(one),
    )


def _forecast(one: SeriesView) -> str:
    w, found = words(), one.forecast
    if found is None:
        return w("agent.trends.quiet")
    said = w(f"severity.{found.severity.name.lower()}")
    if found.eta_s is not None:
        said += f", {w('agent.trends.in', eta=duration(w, found.eta_s))}"
    return said if found.r2 is None else f"{said}, R² {found.r2:.2f}"


def _value(kind: Kind, value: float, limit: float) -> str:
    if kind is Kind.CERTIFICATE:
        return _date(value)
    if kind in (Kind.DISK, Kind.MEMORY) and limit:
        return f"{size(value)} / {size(limit)} ({value / limit:.0%})"
    return _amount(kind, value)


def _amount(kind: Kind, value: float) -> str:
    if kind in (Kind.DISK, Kind.MEMORY):
        return size(value)
    return f"{value:.1f} %" if kind is Kind.BATTERY else f"{value:.0f}"


def _date(unix_s: float) -> str:
    try:
        return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "?"


@click.command("warnings", cls=Command, help="agent.warnings")
@option("--open", "only_open", is_flag=True, help="option.warnings-open")
@option("--kind", type=_KINDS, help="option.trend-kind")
@option("--agent", metavar="AGENT", help="option.warnings-agent")
@option("--customer", metavar="CUSTOMER", help="option.warnings-customer")
@option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="option.limit")
@technician_options
def warnings(
    only_open: bool,
    kind: str | None,
    agent: str | None,
    customer: str | None,
    limit: int,
    home: Path,
    as_json: bool,
) -> None:
    wanted = {"kind": kind, "agent": agent, "customer": customer, "limit": str(limit)}
    query = {key: value for key, value in wanted.items() if value is not None}
    found = client(home).get_json(
        f"/v1/warnings?{urlencode({**query, 'open': '1'} if only_open else query)}", Warnings
    )
    if as_json:
        emit_json(found)
        return
    w = words()
    names = ("ticket", "time", "host", "customer", "kind", "subject", "severity", "right")
    rows = [
        (
            row.ticket or "-",
            local_stamp(row.opened),
            row.hostname,
            row.customer,
            row.kind.value,
            row.subject,
            w(f"severity.{row.severity.name.lower()}"),
            _outcome(row.outcome),
        )
        for row in found.rows
    ]
    show_rows([w(f"column.{name}") for name in names], rows, "agent.warnings.none")
    _show_precision(found.precision)


def _show_precision(found: tuple[KindPrecision, ...]) -> None:
    w = words()
    judged = [row for row in found if row.opened]
    if not judged:
        return
    say()
    table = Table(*(w(f"column.{name}") for name in ("kind", "opened", "judged", "was_right", "precision")))
    for row in judged:
        share = "-" if row.precision is None else f"{row.precision:.0%}"
        share += f"  {w('agent.warnings.review')}" if row.review else ""
        table.add(row.kind.value, row.opened, row.judged, row.right, share)
    table.show()


def _outcome(outcome: bool | None) -> str:
    return "-" if outcome is None else words()("yes" if outcome else "no")


@click.command("warning", cls=Command, help="agent.warning")
@click.argument("ticket")
@click.argument("right", type=click.Choice(["true", "false"]), required=False)
@technician_options
def warning(ticket: str, right: str | None, home: Path, as_json: bool) -> None:
    http, place = client(home), path(ticket, "/warning")
    if right is not None:
        judged = http.post_json(place, WarningJudged(right=right == "true"), WarningView)
        if as_json:
            emit_json(judged)
        else:
            note(words()(f"agent.warning.{right}", ticket=printable(ticket)))
        return
    found = http.get_json(place, WarningDetail)
    if as_json:
        emit_json(found)
    else:
        _show_warning(found)


def _show_warning(found: WarningDetail) -> None:
    w, row, why = words(), found.warning, found.evidence
    slope = None if why.slope_per_day is None else _amount(row.kind, why.slope_per_day)
    lines = {
        "ticket": row.ticket,
        "host": row.hostname,
        "kind": row.kind.value,
        "subject": row.subject,
        "severity": w(f"severity.{row.severity.name.lower()}"),
        "value": _value(row.kind, why.value, why.limit),
        "a_day": slope,
        "eta": None if why.eta_s is None else duration(w, why.eta_s),
        "fit": None if why.r2 is None else f"{why.r2:.4f}",
        "points": len(why.points),
        "right": _outcome(row.outcome),
        "judged_by": row.judged_by,
    }
    for name, value in lines.items():
        if value is not None:
            say(f"{w(f'column.{name}'):<14}{printable(str(value))}")
