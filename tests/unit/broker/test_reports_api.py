"""Reports of a real broker: whose figures they are, what they refuse, and that they count what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from protocol.api import TicketNew, TicketResolve, TicketText
from protocol.reports import ReportName
from protocol.scopes import Role
from protocol.tickets import CauseCode
from tests.unit.broker.world import World, paired

ALL = [name.value for name in ReportName]


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[World]:
    """One ticket of acme resolved by toni after an hour, one of globex open with gil."""
    async with paired(folder) as world:
        world.org.add("vera", Role.EXPERT)
        world.org.add("teo", Role.TECHNICIAN)
        await world.publish(world.org.next(), await world.login("ada"))
        toni, gil = await world.login("toni"), await world.login("gil")
        first = await opened(world, "acme", toni, category="printing")
        await done(world, first, "take", toni)
        await done(world, first, "replies", toni, TicketText(text="Looking at it"))
        world.clock.forward(hours=1)
        await done(world, first, "resolve", toni, resolve())
        second = await opened(world, "globex", gil, category="mail")
        await done(world, second, "take", gil)
        yield world


def resolve() -> TicketResolve:
    return TicketResolve(resolution="Done", cause=CauseCode.SOFTWARE, no_article_reason="once")


async def opened(world: World, customer: str, token: str, **more: Any) -> str:
    new = TicketNew(title="No imprime", customer=customer, **more)
    answer = await world.call("POST", "/v1/tickets", new, token)
    assert answer.status == 200, answer.body
    ticket: str = answer.json["ticket"]
    return ticket


async def done(world: World, ticket: str, what: str, token: str, body: object = b"{}") -> None:
    answer = await world.call("POST", f"/v1/tickets/{ticket}/{what}", body, token)
    assert answer.status == 200, answer.body


async def report(world: World, name: str, who: str, query: str = "") -> dict[str, Any]:
    world.clock.forward(seconds=1)
    answer = await world.call("GET", f"/v1/reports/{name}?{query}", token=await world.login(who))
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def figure(found: dict[str, Any], metric: str, statistic: str = "share", **group: str) -> dict[str, Any]:
    wanted = [{"by": by, "value": value} for by, value in group.items()]
    return next(
        row
        for row in found["figures"]
        if (row["metric"], row["statistic"], row["group"]) == (metric, statistic, wanted)
    )


async def test_every_report_is_made_and_defines_each_of_its_metrics(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        for name in ALL:
            found = await report(world, name, "ada")
            defined = {row["metric"] for row in found["definitions"]}
            assert defined == {row["metric"] for row in found["figures"]}, name
            assert all(row["en"] and row["es"] for row in found["definitions"])


async def test_figures_are_of_what_happened(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        sla = await report(world, "sla", "ada")
        mttr = figure(sla, "mttr", "median")
        assert (mttr["value"], mttr["unit"], mttr["n"]) == (60.0, "minutes", 1)
        fcr = figure(await report(world, "quality", "ada"), "fcr")
        assert (fcr["numerator"], fcr["denominator"], fcr["value"]) == (1, 1, 1.0)
        assert figure(await report(world, "backlog", "ada"), "backlog", "count")["value"] == 1
