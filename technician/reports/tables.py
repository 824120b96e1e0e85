"""A report as one table for programs and spreadsheets: a row a figure, a point or a problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from protocol.reports import Dimension, Figure, Label, Metric, RecurringProblem, Report, ReportName, Series
from protocol.times import rfc3339
from technician.reports.sheet import Cell

_BY = tuple(Dimension)
FIGURES = (
    "report", "metric", "statistic", "unit", "value", "numerator", "denominator", "n", "note", "at",
    *(dimension.value for dimension in _BY), "since", "until", "definition",
)  # fmt: skip
PROBLEMS = (
    "known_error", "versions", "candidate", "tickets", "machines", "customers", "first", "last",
    "tickets_7d", "machines_7d", "confirmed", "wrong", "systems", "packages", "evidence", "since", "until",
)  # fmt: skip


class Sheet(NamedTuple):
    titles: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def sheet_of(report: Report, language: str) -> Sheet:
    """The problems of ``recurring``; of every other report the figures, then the points over time."""
    if report.name is ReportName.RECURRING:
        return Sheet(PROBLEMS, [_problem(report, problem) for problem in report.problems])
    said = {one.metric: one.es if language == "es" else one.en for one in report.definitions}
    rows = [_figure(report, figure, said) for figure in report.figures]
    for series in report.series:
        rows += _points(report, series)
    return Sheet(FIGURES, rows)


def _figure(report: Report, figure: Figure, said: dict[Metric, str]) -> list[Cell]:
    return [
        report.name.value,
        figure.metric.value,
        figure.statistic.value,
        figure.unit.value,
        figure.value,
        figure.numerator,
        figure.denominator,
        figure.n,
        None if figure.note is None else figure.note.value,
        None,
        *_group(figure.group),
        *_period(report),
        said.get(figure.metric),
    ]


def _points(report: Report, series: Series) -> list[list[Cell]]:
    return [
        [
            report.name.value,
            series.metric.value,
            "point",
            series.unit.value,
            point.value,
            None,
            None,
            point.n,
            None,
            rfc3339(point.at),
            *_group(series.group),
            *_period(report),
            None,
        ]
        for point in series.points
    ]


def _problem(report: Report, problem: RecurringProblem) -> list[Cell]:
    return [
        problem.known_error,
        " ".join(str(version) for version in problem.versions),
        "yes" if problem.candidate else "no",
        problem.tickets,
        problem.machines,
        problem.customers,
        rfc3339(problem.first),
        rfc3339(problem.last),
        problem.tickets_7d,
        problem.machines_7d,
        problem.confirmed,
        problem.wrong,
        " / ".join(f"{seen.value} ({seen.machines})" for seen in problem.systems),
        " / ".join(f"{seen.value} ({seen.machines})" for seen in problem.packages),
        " / ".join(problem.evidence),
        *_period(report),
    ]


def _group(labels: Sequence[Label]) -> list[Cell]:
    """A column a dimension; tiers and priorities are numbers."""
    values = {label.by: label.value for label in labels}
    return [_typed(by, values.get(by)) for by in _BY]


def _typed(by: Dimension, value: str | None) -> Cell:
    counted = by in (Dimension.TIER, Dimension.TO_TIER, Dimension.PRIORITY)
    return int(value) if counted and value is not None and value.isdecimal() else value


def _period(report: Report) -> tuple[str, str]:
    return rfc3339(report.scope.since), rfc3339(report.scope.until)
