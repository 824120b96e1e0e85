"""What follows from samples and from what becomes of tickets: forecasts, warnings, and whether they were right.

How far it came stands in the store: which samples of a machine were judged, and (``broker.trends.outcomes``)
which events of tickets were read. A broker that was killed anywhere goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import Connection, select, update

from broker.context import Broker
from broker.store.engine import Tx
from broker.store.trend_tables import trend_agents
from broker.trends import outcomes, raising, series
from broker.trends.raising import Done
from protocol.errors import Code, RelevoError
from protocol.forecast import Forecast

LOOK_S = 30.0
"""At the latest; samples that come are judged at once."""
AT_ONCE = 50
_STORE = frozenset({Code.CANNOT_RECORD, Code.PROOF_INVALID, Code.RATE_LIMITED, Code.TIMEOUT})

_log = structlog.get_logger("broker.trends")


@asynccontextmanager
async def keeping_trends(broker: Broker) -> AsyncIterator[None]:
    """Judge what comes, until the block ends; what came before the broker stopped comes first."""
    broker.trends_came.set()
    task = asyncio.create_task(_follow(broker), name="trends")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow(broker: Broker) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await broker.trends_came.wait()
        broker.trends_came.clear()
        try:
            await look(broker)
        except RelevoError as error:
            _log.error("trends-not-judged", code=error.code.value)
            await asyncio.sleep(1.0)
        except Exception:
            _log.exception("bug")
            await asyncio.sleep(1.0)


async def look(broker: Broker) -> int:
    """Judge every machine that sent something, and read what became of tickets; how many tickets were opened.

    Raises:
        RelevoError: as ``Store.write``; what was done until then stays done.
    """
    if broker.organisation.current is None or broker.store.degraded:
        return 0
    await outcomes.read(broker)
    opened = 0
    while waiting := await broker.store.read(_waiting):
        for agent, sequence in waiting:
            opened += await _judge_or_skip(broker, agent, sequence)
    return opened


async def _judge_or_skip(broker: Broker, agent: str, sequence: int) -> int:
    """One machine that cannot be judged must not keep the others waiting: its next samples are another try.

    Raises:
        RelevoError: when the store does not take it.
    """
    try:
        return await judge_machine(broker, agent, sequence)
    except RelevoError as error:
        if error.code in _STORE:
            raise
        _log.error("machine-not-judged", agent=agent, code=error.code.value, detail=error.detail)
    except Exception:
        _log.exception("bug", agent=agent)
    skipped = update(trend_agents).where(trend_agents.c.agent == agent).values(judged=sequence)
    await broker.store.write(lambda tx: tx.conn.execute(skipped).rowcount)
    return 0


def _waiting(conn: Connection) -> list[tuple[str, int]]:
    c = trend_agents.c
    wanted = select(c.agent, c.sequence).where(c.judged < c.sequence).order_by(c.received).limit(AT_ONCE)
    return [(agent, sequence) for agent, sequence in conn.execute(wanted)]


async def judge_machine(broker: Broker, agent: str, sequence: int) -> int:
    """Forecast each of the machine's series, and warn where there is something to warn of."""
    now = broker.clock()

    def query(conn: Connection) -> list[tuple[str, Forecast]]:
        told = [(one.subject, series.forecast(one, now)) for one in series.load(conn, agent)]
        return [(subject, forecast) for subject, forecast in told if forecast is not None]

    found = await broker.store.read(query)

    def unit(tx: Tx) -> int:
        about = raising.machine(tx.conn, agent)
        done = [
            raising.raise_warning(broker, tx, about, subject, forecast, now) for subject, forecast in found
        ]
        tx.conn.execute(update(trend_agents).where(trend_agents.c.agent == agent).values(judged=sequence))
        series.thin(tx.conn, agent, now)
        return sum(1 for one in done if one is Done.OPENED)

    return await broker.store.write(unit)
