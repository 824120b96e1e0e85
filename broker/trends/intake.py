"""Taking in what machines tell about themselves: who may, what can be, and how much of it.

A machine that was enrolled attended may not: its user is asked for everything, and nobody asks for this.
Samples are accepted by number, so a batch may be sent again; and by time, so that however many a machine
sends, no more are stored than it could honestly have taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, insert, select, update

from broker.context import Broker
from broker.presence import Link
from broker.store.engine import Tx
from broker.store.tables import agents
from broker.store.trend_tables import trend_agents, trend_points
from broker.trends import series
from protocol.errors import Code, RelevoError
from protocol.scopes import Mode
from protocol.trend_api import MAX_SERIES
from protocol.trends import SAMPLE_EVERY, Sample, sane

FUTURE = timedelta(minutes=5)
"""How far a machine's clock may be ahead of ours."""
LEAST_APART = SAMPLE_EVERY / 2
OLDEST = series.RAW

_log = structlog.get_logger("broker.trends")


class Head(NamedTuple):
    """How far an agent's samples are known."""

    sequence: int = 0
    last_at: datetime | None = None


class Accepted(NamedTuple):
    """What a batch brings: samples to store, and how the counts grow."""

    head: Head
    samples: tuple[Sample, ...]
    missing: int
    refused: int


def accept(head: Head, samples: Sequence[Sample], now: datetime) -> Accepted:
    """Decide about a batch. Samples with numbers that are known already are passed over.

    Refused are samples from the future, from before what is kept, not later than the one before, or sooner
    after it than a machine samples itself. Their numbers count as known.
    """
    sequence, last_at = head
    taken: list[Sample] = []
    missing = refused = 0
    for sample in samples:
        if sample.sequence <= sequence:
            continue
        missing += sample.sequence - sequence - 1
        sequence = sample.sequence
        too_soon = last_at is not None and sample.at < last_at + LEAST_APART
        if too_soon or not now - OLDEST <= sample.at <= now + FUTURE:
            refused += 1
            continue
        last_at = sample.at
        taken.append(sample)
    return Accepted(Head(sequence, last_at), tuple(taken), missing, refused)


async def take_in(broker: Broker, control: Link, samples: Sequence[Sample]) -> int:
    """Store what is new, durably; the last sequence number that is known.

    Raises:
        RelevoError: ``refused`` from a machine that was not enrolled with standing consent; as
            ``Store.write``.
    """

    def unit(tx: Tx) -> int:
        _require_standing(tx.conn, control.agent)
        now = broker.clock()
        row = _row(tx.conn, control.agent)
        head = Head(row.sequence, row.last_at) if row else Head()
        accepted = accept(head, samples, now)
        if accepted.head.sequence == head.sequence:
            return head.sequence
        left_out = _store(tx.conn, control.agent, accepted.samples) if accepted.samples else 0
        values: dict[str, object] = {
            "sequence": accepted.head.sequence,
            "last_at": accepted.head.last_at,
            "received": now,
            "missing": (row.missing if row else 0) + accepted.missing,
            "refused": (row.refused if row else 0) + accepted.refused,
        }
        if not accepted.samples and (row is None or row.judged == row.sequence):
            # Nothing new to judge: whoever sends what is refused, again and again, costs no forecasts.
            values["judged"] = accepted.head.sequence
        if row is None:
            tx.conn.execute(insert(trend_agents).values({"agent": control.agent, "judged": 0, **values}))
        else:
            tx.conn.execute(
                update(trend_agents).where(trend_agents.c.agent == control.agent).values(**values)
            )
        if accepted.refused or left_out:
            _log.info("trends-refused", agent=control.agent, samples=accepted.refused, readings=left_out)
        if accepted.samples:
            tx.after_commit(broker.trends_came.set)
        return accepted.head.sequence

    return await broker.store.write(unit)


def _require_standing(conn: Connection, agent: str) -> None:
    mode = conn.execute(select(agents.c.mode).where(agents.c.agent == agent)).scalar_one()
    if mode != Mode.STANDING.value:
        raise RelevoError(Code.REFUSED, "trend facts of a machine without standing consent")


def _row(conn: Connection, agent: str) -> Any:
    return conn.execute(select(trend_agents).where(trend_agents.c.agent == agent)).one_or_none()


def _store(conn: Connection, agent: str, samples: Sequence[Sample]) -> int:
    """Insert the readings; how many were left out: impossible ones, repeated ones, series beyond the most."""
    known = series.keys(conn, agent)
    found: dict[tuple[str, str, datetime], dict[str, object]] = {}
    left_out = 0
    for sample in samples:
        for reading in sample.readings:
            key = (reading.kind.value, reading.subject)
            fits = key in known or len(known) < MAX_SERIES
            if not sane(reading) or not fits or (*key, sample.at) in found:
                left_out += 1
                continue
            known.add(key)
            found[(*key, sample.at)] = {
                "agent": agent,
                "kind": reading.kind.value,
                "subject": reading.subject,
                "at": sample.at,
                "value": reading.value,
                "limit": reading.limit,
            }
    if found:
        conn.execute(insert(trend_points), list(found.values()))
    return left_out
