"""Makes races in brokers of the test's own process likely: a pytest plugin, for `make shake`.

What looks once a second looks all the time, and everything that leaves the event loop for a thread takes up to
``MAX_S`` longer, before and after, as on a machine that is busy. A test that passes only while a background task
happens not to look, or only in the usual order, then fails. Nothing happens here that could not happen by itself.

``RELEVO_SHAKE_SEED`` and a test's name give its pauses; they do not give the order of threads. With seed 0 nothing
pauses: every background task instead looks twice before each request of a test and after it.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from broker.connectors import keeper as connectors
from broker.knowledge import evaluating
from broker.outgoing import keeper as outgoing
from broker.outgoing import lanes
from broker.sessions import keeper as sessions
from broker.sla import keeper as sla
from broker.store.engine import Store
from broker.tickets import keeper as tickets
from broker.trends import keeper as trends
from tests.support.broker_world import World

MAX_S = 0.03
TICK_S = 0.005
_SEED = os.environ.get("RELEVO_SHAKE_SEED", "1")
_random = random.Random()
_NAMES = {"tickets", "sessions", "clocks", "trends", "signatures", "connectors", "outgoing"}
_rounds: Counter[str] = Counter()
"""How often each background task has looked, by its name."""


def _pause() -> float:
    """Mostly next to nothing: what is always slow keeps its order."""
    return MAX_S * _random.random() ** 3


def pytest_configure() -> None:
    for keeper in (connectors, outgoing, sessions, sla, tickets):
        keeper.TICK_S = TICK_S
    for looker in (evaluating, trends):
        looker.LOOK_S = TICK_S
    lanes.IDLE_S = TICK_S
    if _SEED == "0":
        _settle_calls()
        return
    Store.write = _late(Store.write)  # type: ignore[method-assign]
    Store.read = _late(Store.read)  # type: ignore[method-assign]
    Store._commit = _slow(Store._commit)  # type: ignore[method-assign]
    asyncio.BaseEventLoop.run_in_executor = _elsewhere(asyncio.BaseEventLoop.run_in_executor)  # type: ignore[method-assign]


def pytest_report_header() -> str:
    return f"shaken: RELEVO_SHAKE_SEED={_SEED}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    _random.seed(f"{_SEED} {item.nodeid}")


def _late(method: Callable[..., Any]) -> Callable[..., Any]:
    async def late(self: Store, what: Callable[..., Any]) -> Any:
        await asyncio.sleep(_pause())
        try:
            return await method(self, what)
        finally:
            await asyncio.sleep(_pause())

    return late


def _slow(method: Callable[..., Any]) -> Callable[..., Any]:
    def slow(*args: Any) -> Any:
        time.sleep(_pause())
        try:
            return method(*args)
        finally:
            time.sleep(_pause())

    return slow


def _elsewhere(method: Callable[..., Any]) -> Callable[..., Any]:
    def elsewhere(
        self: asyncio.AbstractEventLoop, executor: Any, work: Callable[..., Any], *args: Any
    ) -> Any:
        return method(self, executor, _slow(work), *args)

    return elsewhere


# --- seed 0 ------------------------------------------------------------------------------------


def _settle_calls() -> None:
    tickets.fire_due = _counted("tickets", tickets.fire_due)
    sessions.expire = _counted("sessions", sessions.expire)
    sla.look = _counted("clocks", sla.look)
    trends.look = _counted("trends", trends.look)
    evaluating.judge_waiting = _counted("signatures", evaluating.judge_waiting)
    connectors._match = _counted("connectors", connectors._match)
    outgoing.Keeper.look = _counted("outgoing", outgoing.Keeper.look)  # type: ignore[method-assign]
    World.call = _settled(World.call)  # type: ignore[method-assign]


def _counted(name: str, look: Callable[..., Any]) -> Callable[..., Any]:
    async def counted(*args: Any) -> Any:
        try:
            return await look(*args)
        finally:
            _rounds[name] += 1

    return counted


def _settled(call: Callable[..., Any]) -> Callable[..., Any]:
    async def settled(self: World, *args: Any, **more: Any) -> Any:
        await _all_looked(self)
        try:
            return await call(self, *args, **more)
        finally:
            await _all_looked(self)

    return settled


async def _all_looked(world: World) -> None:
    """Two whole rounds of every task that this broker still has (``by_hand`` takes some away)."""
    if world.broker.organisation.current is None or world.broker.store.degraded:
        return
    alive = {task.get_name() for task in asyncio.all_tasks()}
    before = _rounds.copy()
    async with asyncio.timeout(20):
        for name in _NAMES & alive:
            while _rounds[name] < before[name] + 2:
                await asyncio.sleep(0.001)
