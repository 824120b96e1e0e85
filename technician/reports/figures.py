"""A report in words: what each figure is called, what it is of, its value with its unit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from protocol.drivers.shown import folded, local_stamp
from protocol.drivers.terminal import printable, say, words
from protocol.reports import Dimension, Figure, Label, Note, RecurringProblem, Report, Statistic, Unit
from technician.cli.common import show_rows

_TIMES = frozenset({Unit.MINUTES, Unit.BUSINESS_MINUTES})
_KNOWN = frozenset({Dimension.CLOCK, Dimension.AGE, Dimension.OUTCOME})
"""Their values are words of ours; the others' are names."""


def show(report: Report) -> None:
    """Print it on stdout: what it is of, the figures, the problems, and what the figures mean."""
    w = words()
    scope = report.scope
    say(w(f"reports.title.{report.name}"))
    say(w("reports.period", since=local_stamp(scope.since), until=local_stamp(scope.until)))
    filters = filters_of(report)
    if filters:
        say(w("reports.filters", filters=printable(filters)))
    say()
    titles = [w(f"reports.column.{name}") for name in ("metric", "of", "value", "from")]
    alike = groupby(report.figures, lambda figure: (figure.metric, figure.unit, figure.group))
    rows = [_row(list(figures)) for _, figures in alike]
    show_rows(titles, rows, "reports.nothing")
    if report.problems:
        say()
        _problems(report.problems)
    say()
    for definition in report.definitions:
        said = definition.es if w.language == "es" else definition.en
        say(folded(printable(f"{w(f'metric.{definition.metric}')}: {said}"), "  "))


def _row(figures: Sequence[Figure]) -> tuple[str, str, str, str]:
    """One figure, or mean, median and percentile of the same times side by side."""
    first, w = figures[0], words()
    value = value_of(first)
    if len(figures) > 1 and first.value is not None:
        value = ", ".join(f"{w(f'reports.statistic.{one.statistic}')} {value_of(one)}" for one in figures)
    return metric_of(first), group_of(first.group), value, counted_of(first)


def filters_of(report: Report) -> str:
    """``customer acme, L2, P1``; empty without any."""
    scope = report.scope
    chosen = (
        (Dimension.CUSTOMER, scope.customer),
        (Dimension.TIER, scope.tier),
        (Dimension.PRIORITY, scope.priority),
        (Dimension.CATEGORY, scope.category),
    )
    labels = [Label(by=by, value=str(value)) for by, value in chosen if value is not None]
    return group_of(labels)


def metric_of(figure: Figure) -> str:
    """``Time to resolve (MTTR), business hours``."""
    w = words()
    name = w(f"metric.{figure.metric}")
    return f"{name}, {w('reports.business')}" if figure.unit is Unit.BUSINESS_MINUTES else name


def group_of(labels: Sequence[Label]) -> str:
    """What a figure is narrower by, ``-`` for nothing."""
    return ", ".join(label_of(label) for label in labels)


def label_of(label: Label) -> str:
    w = words()
    if label.by in _KNOWN:
        key = f"reports.{label.by}.{label.value}"
        return w(key) if w.has(key) else label.value
    return w(f"reports.by.{label.by}", value=label.value)


def value_of(figure: Figure) -> str:
    """``87.5 %``, ``2 h 05 min``, ``37``; or why there is none."""
    w = words()
    if figure.value is None:
        return w(f"reports.note.{figure.note or Note.NO_DATA}")
    if figure.unit is Unit.SHARE:
        return f"{100 * figure.value:.1f} %"
    if figure.unit in _TIMES:
        return duration(figure.value)
    return f"{figure.value:.0f}"


def counted_of(figure: Figure) -> str:
    """``7 / 8``, or how many it is of."""
    if figure.denominator is not None:
        return f"{figure.numerator} / {figure.denominator}"
    return "" if figure.statistic is Statistic.COUNT else f"n = {figure.n}"


def duration(minutes: float) -> str:
    """``45 min``, ``2 h 05 min``, ``1 234 h``: no days, which are of no fixed length in business time."""
    whole = round(minutes)
    if whole < 60:
        return f"{minutes:.1f} min" if minutes < 10 and minutes != whole else f"{whole} min"
    hours, rest = divmod(whole, 60)
    return f"{hours} h {rest:02} min" if hours < 100 else f"{hours} h"


def _problems(problems: Sequence[RecurringProblem]) -> None:
    w = words()
    names = ("known-error", "candidate", "tickets", "machines", "customers", "first", "last")
    rows = [
        (
            problem.known_error,
            w("reports.yes") if problem.candidate else "",
            problem.tickets,
            problem.machines,
            problem.customers,
            local_stamp(problem.first),
            local_stamp(problem.last),
        )
        for problem in problems
    ]
    show_rows([w(f"reports.column.{name}") for name in names], rows, "reports.nothing")
    for problem in problems:
        lines = [w("reports.seen", value=seen.value, count=seen.machines) for seen in problem.systems]
        lines += [w("reports.seen", value=seen.value, count=seen.machines) for seen in problem.packages]
        lines += problem.evidence
        if lines:
            say()
            say(printable(problem.known_error))
            for line in lines:
                say(folded(f"  {printable(line)}", "    "))
