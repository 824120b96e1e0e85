"""`relevo report …`: figures for people, programs (`--json`), spreadsheets (`--csv`) and as plots."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode

import click

from protocol.drivers.files import write_private
from protocol.drivers.terminal import Command, Group, emit_json, note, option, printable, words
from protocol.errors import Code, RelevoError
from protocol.reports import Report, ReportName
from protocol.times import parse_duration, parse_rfc3339, rfc3339
from technician.cli.common import technician_options
from technician.login import client

_DEADLINE_S = 150.0
"""The broker waits its turn for up to a minute and computes for up to another."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@click.group(cls=Group, help="report")
def report() -> None:
    """Commands on reports."""


class Filters(NamedTuple):
    customer: str | None
    tier: int | None
    priority: int | None
    category: str | None


class Files(NamedTuple):
    csv: Path | None
    bom: bool
    plot: Path | None
    chart: str | None


def _command(name: ReportName, help_: str) -> Command:
    """The command of one report; all take the same options, but that self-service has no tiers."""
    with_tiers = name is not ReportName.SELF_SERVICE

    def made(
        *,
        first: str | None,
        last: str | None,
        since: str | None,
        customer: str | None,
        category: str | None,
        csv_file: str | None,
        bom: bool,
        plot_file: str | None,
        chart: str | None,
        home: Path,
        as_json: bool,
        tier: int | None = None,
        priority: int | None = None,
    ) -> None:
        files = Files(_path(csv_file), bom, _path(plot_file), chart)
        if chart is not None and plot_file is None:
            raise RelevoError(Code.USAGE, "--chart needs --plot")
        wanted = Filters(customer, tier, priority, category)
        period = period_of(first, last, since, datetime.now(UTC))
        _run(name, period, wanted, files, home, as_json)

    function: Callable[..., None] = technician_options(made)
    for names, settings in (
        (("--chart",), {"metavar": "NAME", "help": "report.option.chart"}),
        (("--plot", "plot_file"), {"metavar": "FILE", "help": "report.option.plot"}),
        (("--bom",), {"is_flag": True, "help": "report.option.bom"}),
        (("--csv", "csv_file"), {"metavar": "FILE", "help": "report.option.csv"}),
        (("--category",), {"metavar": "CATEGORY", "help": "report.option.category"}),
        (("--priority",), {"type": click.IntRange(1, 5), "help": "report.option.priority"}),
        (("--tier",), {"type": click.IntRange(1, 3), "help": "report.option.tier"}),
        (("--customer",), {"metavar": "CUSTOMER", "help": "report.option.customer"}),
        (("--since",), {"metavar": "DURATION", "help": "report.option.since"}),
        (("--to", "last"), {"metavar": "TIME", "help": "report.option.to"}),
        (("--from", "first"), {"metavar": "TIME", "help": "report.option.from"}),
    ):
        if with_tiers or names[0] not in ("--tier", "--priority"):
            function = option(*names, **settings)(function)
    return click.command(name.value, cls=Command, help=help_)(function)


for _name, _help in (
    (ReportName.SLA, "report.sla"),
    (ReportName.TIERS, "report.tiers"),
    (ReportName.QUALITY, "report.quality"),
    (ReportName.RECURRING, "report.recurring"),
    (ReportName.BACKLOG, "report.backlog"),
    (ReportName.CSAT, "report.csat"),
    (ReportName.SELF_SERVICE, "report.self-service"),
):
    report.add_command(_command(_name, _help))


# --- the period -------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """A period as it is asked for; None: what the broker takes by default."""

    since: datetime | None
    until: datetime | None


def period_of(first: str | None, last: str | None, since: str | None, now: datetime) -> Asked:
    """Days are those of this machine's zone, from midnight to midnight whatever the clocks do.

    Raises:
        RelevoError: ``usage`` for what is no day, moment or duration, and for ``--from`` with ``--since``.
    """
    if first is not None and since is not None:
        raise RelevoError(Code.USAGE, "--from or --since, not both")
    until = None if last is None else _moment(last, days_on=1)
    if since is not None:
        try:
            return Asked((until or now) - parse_duration(since), until)
        except OverflowError as error:
            raise RelevoError(Code.USAGE, f"--since {since}: too long") from error
    begin = None if first is None else _moment(first, days_on=0)
    if begin is not None and begin >= (until or now):
        raise RelevoError(Code.USAGE, "the period must begin before it ends, and before now")
    return Asked(begin, until)


def _moment(text: str, *, days_on: int) -> datetime:
    """A moment as it is; of a day its midnight, or with ``days_on`` 1 the one after it."""
    try:
        if not _DAY.fullmatch(text):
            return parse_rfc3339(text)
        day = date.fromisoformat(text)
        return datetime.combine(day + timedelta(days=days_on), time()).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise RelevoError(Code.USAGE, f"not a day or a time: {text!r}") from error


# --- asking and showing -----------------------------------------------------------------------------


def _run(name: ReportName, period: Asked, wanted: Filters, files: Files, home: Path, as_json: bool) -> None:
    if files.plot is not None:
        _check_chart(name, files.chart)
    asked = {
        "from": None if period.since is None else rfc3339(period.since),
        "to": None if period.until is None else rfc3339(period.until),
        **wanted._asdict(),
    }
    query = urlencode({key: value for key, value in asked.items() if value is not None})
    path = f"/v1/reports/{quote(name.value, safe='')}?{query}"
    found = client(home).get_json(path, Report, deadline_s=_DEADLINE_S)
    if files.csv is not None:
        from technician.reports.sheet import csv
        from technician.reports.tables import sheet_of

        sheet = sheet_of(found, words().language)
        _write(files.csv, csv(sheet.titles, sheet.rows, bom=files.bom))
    if files.plot is not None:
        from technician.reports.charts import chart_of
        from technician.reports.plot import svg

        _write(files.plot, svg(chart_of(found, files.chart)).encode())
    if as_json:
        emit_json(found)
    elif files.csv is None and files.plot is None:
        from technician.reports.figures import show

        show(found)


def _check_chart(name: ReportName, chart: str | None) -> None:
    from technician.reports.charts import require_chart

    require_chart(name, chart)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text).expanduser().absolute()


def _write(path: Path, content: bytes) -> None:
    write_private(path, content)
    note(words()("reports.written", file=printable(str(path))))
