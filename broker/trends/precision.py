"""How often early warnings were right, by kind: what ``relevo report quality`` shows of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from broker.store.trend_tables import trend_warnings
from protocol.trend_api import KindPrecision
from protocol.trends import Kind

FLOOR = 0.5
"""Below this a kind needs review: its warnings cost more trust than they save work."""
ENOUGH = 10
"""Verdicts without which a share says nothing."""


def precision(
    conn: Connection,
    *conditions: ColumnElement[bool],
    since: datetime | None = None,
    until: datetime | None = None,
    customers: Sequence[str] | None = None,
) -> tuple[KindPrecision, ...]:
    """True warnings of those that were judged, for each kind, in the order of ``Kind``.

    Args:
        conditions: more of them, on ``trend_warnings``.
        since: opened at this time or later.
        until: opened before.
        customers: None for all.
    """
    c = trend_warnings.c
    wanted = select(c.kind, c.outcome, func.count().label("n")).where(*conditions)
    if since is not None:
        wanted = wanted.where(c.opened >= since)
    if until is not None:
        wanted = wanted.where(c.opened < until)
    if customers is not None:
        wanted = wanted.where(c.customer.in_(customers))
    counts = {(row.kind, row.outcome): row.n for row in conn.execute(wanted.group_by(c.kind, c.outcome))}
    return tuple(
        of_counts(
            kind,
            right=counts.get((kind.value, "true"), 0),
            wrong=counts.get((kind.value, "false"), 0),
            unjudged=counts.get((kind.value, None), 0),
        )
        for kind in Kind
    )


def of_counts(kind: Kind, *, right: int, wrong: int, unjudged: int) -> KindPrecision:
    judged = right + wrong
    share = right / judged if judged else None
    return KindPrecision(
        kind=kind,
        opened=judged + unjudged,
        judged=judged,
        right=right,
        precision=share,
        review=share is not None and judged >= ENOUGH and share < FLOOR,
    )
