"""A finding, and small helpers that rules share."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterator
from typing import Annotated

from msgspec import Meta

from protocol.diagnosis import Cell, CollectorResult
from protocol.wire import Fact, Name, Wire

MAX_NAMED = 5
"""Things that one finding names; more are counted."""


class Severity(enum.StrEnum):
    """In falling order."""

    CRITICAL = "critical"
    """Something does not work now, or will not within hours."""
    WARNING = "warning"
    """Something is failing or will fail."""
    NOTICE = "notice"
    """Worth knowing; often normal."""


class Finding(Wire, frozen=True):
    """One thing that is wrong, with the evidence for it.

    The words are ``finding.<rule>`` of ``protocol.wording.diagnosis``, filled in with ``values``.
    """

    rule: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$(?!\n)")]
    severity: Severity
    collector: Name
    values: Annotated[tuple[Fact, ...], Meta(max_length=16)] = ()

    def value(self, key: str) -> str | None:
        return next((fact.value for fact in self.values if fact.key == key), None)


Rule = Callable[[CollectorResult], Iterator[Finding]]


def found(result: CollectorResult, rule: str, severity: Severity, **values: object) -> Finding:
    """A finding of ``result`` with its evidence; keys carry their unit."""
    facts = tuple(Fact(key=key, value=_text(value)[:4_000]) for key, value in values.items())
    return Finding(rule=rule, severity=severity, collector=result.collector, values=facts)


def figure(result: CollectorResult, key: str) -> float | None:
    """A fact as a number; None when it is missing or no number."""
    return as_figure(result.fact(key))


def as_figure(value: Cell) -> float | None:
    """As ``figure``. Figures beyond a float's range are a machine's nonsense and count as missing."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def rows(result: CollectorResult, key: str) -> Iterator[dict[str, Cell]]:
    """The records of a table; nothing when it is not there."""
    table = result.table(key)
    if table is not None:
        yield from table.records()


def named(names: list[str]) -> str:
    """The first few of ``names``, and how many more there are."""
    shown = ", ".join(names[:MAX_NAMED])
    return f"{shown} (+{len(names) - MAX_NAMED})" if len(names) > MAX_NAMED else shown


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)
