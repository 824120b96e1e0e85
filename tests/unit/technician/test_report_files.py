"""Reports as files: cells that run nothing, plots that are only pictures, periods that make sense."""

from __future__ import annotations

import csv as reader
import io
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from protocol.drivers import terminal
from protocol.errors import Code, RelevoError
from protocol.reports import (
    Definition,
    Dimension,
    Figure,
    Label,
    Metric,
    Note,
    Point,
    RecurringProblem,
    Report,
    ReportName,
    Scope,
    Seen,
    Series,
    Statistic,
    Unit,
)
from protocol.wording import Words
from protocol.wording.reports import TABLE
from technician.cli.report import period_of
from technician.reports.charts import CHARTS, chart_of, days
from technician.reports.figures import duration
from technician.reports.plot import Axis, Bar, Chart, Line, decades, nice_axis, number, svg
from technician.reports.sheet import csv, harmless
from technician.reports.tables import sheet_of

SVG = "{http://www.w3.org/2000/svg}"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = '"><script>alert(1)</script>&\x1b[31m\u202e=HYPERLINK("http://evil")'


@pytest.fixture(autouse=True, params=["en", "es"])
def _language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_words", Words(request.param, TABLE))


def report(
    name: ReportName, *figures: Figure, problems: tuple[RecurringProblem, ...] = (), days_: int = 30
) -> Report:
    since = NOW - timedelta(days=days_)
    series = Series(
        metric=Metric.BACKLOG if name is ReportName.BACKLOG else Metric.SLA_ATTAINMENT,
        unit=Unit.TICKETS if name is ReportName.BACKLOG else Unit.SHARE,
        points=tuple(
            Point(at=since + timedelta(days=n), value=None if n % 7 == 3 else n / 100, n=n)
            for n in range(days_)
        ),
        group=(Label(by=Dimension.CUSTOMER, value=HOSTILE),),
    )
    return Report(
        name=name,
        made=NOW,
        scope=Scope(since=since, until=NOW, customer=HOSTILE),
        tickets=1,
        customers=(HOSTILE,),
        figures=figures,
        series=(series,),
        problems=problems,
        definitions=(Definition(metric=Metric.BACKLOG, en="=1+1", es="=1+1"),),
    )


def count(value: float, by: Dimension, name: str, metric: Metric = Metric.BACKLOG) -> Figure:
    return Figure(metric=metric, statistic=Statistic.COUNT, unit=Unit.TICKETS, value=value, n=int(abs(value)),
                  group=(Label(by=by, value=name),))  # fmt: skip


PROBLEM = RecurringProblem(
    known_error=HOSTILE, versions=(1, 2), tickets=3, machines=2, customers=1, first=NOW, last=NOW, candidate=True,
    tickets_7d=3, machines_7d=2, confirmed=1, wrong=0, systems=(Seen(value="=cmd|'/C calc'!A0", machines=2),),
    evidence=("locks.stale_count gt 0: 3", HOSTILE),
)  # fmt: skip

# --- cells ------------------------------------------------------------------------------------------

FORMULAS = [
    "=1+1", "+1", "-1+1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\n=1", '"=1', "'=1", "“=1", "\u200b=1", "\u00a0=1",
    "\ufeff=1", "＝1+1", "＋1", "－1", "＠SUM(1)", "﹢1", "⁼1", "−1", "–1", "\u0301=1", "x;=1", "x; @y", 'x|"=1',
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_begins_a_formula_wherever_a_program_ends_cells(text: str) -> None:
    line = csv(["a"], [[text]]).decode().split("\r\n")[1]
    assert line.startswith('"') and line.endswith('"') and "\n" not in line
    cell = next(reader.reader([line]))[0]
    for part in cell.replace("|", ";").split(";"):
        assert part.lstrip()[:1] not in tuple("=+-@＝＋－＠\t\r\n"), cell
    assert "'" in cell or "\\" in cell


def test_a_tab_ends_no_cell() -> None:
    assert csv(["a"], [["x\t=1"]]) == b'a\r\n"x =1"\r\n'


def test_numbers_stay_numbers_and_texts_stay_texts() -> None:
    made = csv(["n", "t"], [[-5, "-5"], [-0.25, "acme"], [None, ""], [3, "it's, fine"]]).decode()
    assert made == 'n,t\r\n-5,"\'-5"\r\n-0.25,acme\r\n,""\r\n3,"it\'s, fine"\r\n'


def test_a_byte_order_mark_only_where_it_is_asked_for() -> None:
    assert csv(["a"], [], bom=True).startswith(b"\xef\xbb\xbfa")
    assert not csv(["a"], []).startswith(b"\xef")


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=5))
def test_any_texts_come_back_as_harmless_lines_of_as_many_cells(rows: list[list[str]]) -> None:
    made = csv(["one", "two"], rows).decode()
    found = list(reader.reader(io.StringIO(made, newline="")))
    assert found[1:] == [[harmless(cell) for cell in row] for row in rows]
    for row in found[1:]:
        for cell in row:
            assert not cell.strip()[:1] or cell.strip()[0] not in "=+-@"


def test_a_report_as_a_sheet_has_a_column_for_everything_and_no_formula() -> None:
    figures = report(ReportName.BACKLOG, count(3, Dimension.TIER, "2"), count(4, Dimension.CUSTOMER, HOSTILE))
    for made in (figures, report(ReportName.RECURRING, problems=(PROBLEM,))):
        sheet = sheet_of(made, "es")
        text = csv(sheet.titles, sheet.rows).decode()
        found = list(reader.DictReader(io.StringIO(text, newline="")))
        assert found and all(None not in row and None not in row.values() for row in found)
        assert all(not cell.startswith(("=", "+", "-", "@")) for row in found for cell in row.values())
    tier = next(
        row for row in sheet_of(figures, "en").rows if row[sheet_of(figures, "en").titles.index("tier")]
    )
    assert 2 in tier


# --- plots ------------------------------------------------------------------------------------------


def parsed(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "rect", "text", "line", "polyline", "polygon", "circle",
    }  # fmt: skip
    for element in root.iter():
        assert not any(key.lower().startswith("on") or "href" in key for key in element.attrib)
    return root


@pytest.mark.parametrize("name", ReportName)
def test_every_plot_of_every_report_is_only_a_picture_with_a_text(name: ReportName) -> None:
    made = report(
        name,
        *(count(n, by, HOSTILE if n else "L1") for n in range(3) for by in Dimension),
        *(count(n, Dimension.AGE, "0-1d", Metric.RESOLVED) for n in range(30)),
        Figure(metric=Metric.FCR, statistic=Statistic.SHARE, unit=Unit.SHARE, value=None, n=0, numerator=0,
               denominator=0, note=Note.NO_DATA),
        problems=(PROBLEM,),
    )  # fmt: skip
    for chart in CHARTS[name]:
        text = svg(chart_of(made, chart))
        root = parsed(text)
        assert root.attrib["role"] == "img"
        assert root.findtext(f"{SVG}title") and root.findtext(f"{SVG}desc")
        assert "<script" not in text and "\x1b" not in text and "\u202e" not in text


@pytest.mark.parametrize("name", ReportName)
def test_an_empty_report_is_a_picture_that_says_so(name: ReportName) -> None:
    empty = Report(name=name, made=NOW, scope=Scope(since=NOW - timedelta(days=1), until=NOW), tickets=0,
                   customers=(), figures=())  # fmt: skip
    for chart in CHARTS[name]:
        words = {element.text for element in parsed(svg(chart_of(empty, chart))).iter()}
        assert terminal.words()("reports.note.no-data") in words


def test_a_chart_that_the_report_has_not_is_a_usage_error() -> None:
    with pytest.raises(RelevoError) as caught:
        chart_of(report(ReportName.SLA), "pie")
    assert caught.value.code is Code.USAGE


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.floats(0, 1e9), st.none() | st.floats(0, 1e12)), max_size=12),
    st.lists(st.tuples(st.text(max_size=80), st.none() | st.floats(0, 1e12)), max_size=12),
)
def test_whatever_is_drawn_is_well_formed(
    name: str, points: list[tuple[float, float | None]], bars: list[tuple[str, float | None]]
) -> None:
    most = max([value or 0 for _, value in (*points, *bars)], default=0)
    parsed(svg(Chart(name, name, Axis(name, 0, 1e9, ()), nice_axis(name, most), [Line(name, points)])))
    drawn = [Bar(text, value, text) for text, value in bars]
    parsed(svg(Chart(name, name, Axis(name, 0, 1, ()), nice_axis(name, most, whole=True), bars=drawn)))


@given(st.floats(1e-6, 1e12), st.booleans())
def test_an_axis_holds_what_is_drawn_with_a_few_round_ticks(most: float, whole: bool) -> None:
    axis = nice_axis("x", most, whole=whole)
    assert axis.high >= most * (1 - 1e-6)
    assert 2 <= len(axis.ticks) <= 7
    log = decades("x", most, most * 50)
    assert all(-1e-6 <= log.share(value) <= 1 + 1e-6 for value in (most, most * 50))


def test_numbers_and_times_are_short_and_whole() -> None:
    assert (number(1_000_000), number(0.25), number(37.0)) == ("1\u202f000\u202f000", "0.25", "37")
    assert [duration(m) for m in (0, 1.5, 45, 125, 9_000)] == [
        "0 min",
        "1.5 min",
        "45 min",
        "2 h 05 min",
        "150 h",
    ]


@pytest.mark.parametrize("length", [1, 2, 7, 30, 90, 365, 3_000])
def test_the_ticks_of_days_are_few_and_at_midnight(length: int) -> None:
    ticks = days(NOW - timedelta(days=length), NOW)
    assert 1 <= len(ticks) <= 10
    assert all(tick.at % 86_400 == 0 for tick in ticks)


# --- periods ----------------------------------------------------------------------------------------


def test_days_are_whole_days_of_this_machines_zone_also_when_the_clocks_change() -> None:
    from zoneinfo import ZoneInfo

    with time_machine.travel(datetime(2026, 11, 22, 12, tzinfo=ZoneInfo("Europe/Madrid")), tick=False):
        found = period_of("2026-10-25", "2026-10-25", None, NOW)
    assert found.since is not None and found.until is not None
    assert found.until - found.since == timedelta(hours=25)
    assert found.since == datetime(2026, 10, 24, 22, tzinfo=UTC)


def test_a_duration_counts_back_from_the_end() -> None:
    assert period_of(None, None, "30d", NOW) == (NOW - timedelta(days=30), None)
    assert period_of(None, "2026-11-20T00:00:00Z", "1d", NOW).since == datetime(2026, 11, 19, tzinfo=UTC)
    assert period_of(None, None, None, NOW) == (None, None)


@pytest.mark.parametrize(
    ("first", "last", "since"),
    [
        ("2026-02-30", None, None), ("tomorrow", None, None), ("2026-11-20", "2026-11-19T00:00:00Z", None),
        ("2027-11-20", None, None), ("2026-11-01", None, "30d"), (None, None, "1 month"),
        (None, None, "999999999w"), (None, "9999-12-31", None), ("2026-11-01T09:00", None, None),
        ("2026-W01-1", None, None),
    ],
)  # fmt: skip
def test_a_period_that_makes_no_sense_is_a_usage_error(
    first: str | None, last: str | None, since: str | None
) -> None:
    with pytest.raises(RelevoError) as caught:
        period_of(first, last, since, NOW)
    assert caught.value.code is Code.USAGE
