"""Reports of a real broker: whose figures they are, what they refuse, and that they count what happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from broker.reports.loading import Budget
from protocol import link
from protocol.api import TicketNew, TicketResolve, TicketText
from protocol.documents import UserRating
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce
from protocol.reports import ReportName
from protocol.scopes import Role
from protocol.tickets import CauseCode
from protocol.times import rfc3339
from tests.support.broker_world import World, paired
from tests.support.desk import served

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


# --- whose figures ----------------------------------------------------------------------------------


async def test_a_technician_gets_figures_of_their_customers_only(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        for name in ALL:
            seen = await report(world, name, "toni")
            assert "globex" not in str(seen), name
            assert set(seen["customers"]) <= {"acme"}
        backlog = await report(world, "backlog", "toni")
        assert figure(backlog, "backlog", "count")["value"] == 0
        assert figure(await report(world, "backlog", "gil"), "backlog", "count")["value"] == 1
        assert figure(await report(world, "quality", "gil"), "fcr")["denominator"] == 0


async def test_another_customer_is_as_unknown_as_one_that_does_not_exist(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        for who, customer in (
            ("toni", "globex"),
            ("toni", "nobody"),
            ("ada", "nobody"),
            ("ada", "' or 1=1 --"),
        ):
            answer = await world.call(
                "GET", f"/v1/reports/sla?customer={quote(customer)}", token=await world.login(who)
            )
            assert (answer.status, answer.code) == (404, "not-found"), (who, customer)


async def test_experts_approvers_and_strangers_get_none(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        tokens = {"role-missing": await world.login("vera"), "unauthenticated": None}
        for code, token in (*tokens.items(), ("role-missing", await world.login("pia"))):
            for name in ALL:
                assert (await world.call("GET", f"/v1/reports/{name}", token=token)).code == code


async def test_a_technician_without_a_tier_gets_empty_figures(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        for name in ALL:
            found = await report(world, name, "teo")
            assert (found["tickets"], found["customers"], found["problems"]) == (0, [], [])
            assert all(not row["n"] for row in found["figures"])


BAD = [
    "from=2026-13-01T00:00:00Z",
    "from=2026-11-01",
    "from=yesterday",
    "from=2999-01-01T00:00:00Z",
    "from=1970-01-01T00:00:00Z",
    "to=1971-01-02T00:00:00Z&from=1971-01-03T00:00:00Z",
    "from=2001-01-01T00:00:00Z",
    "from=0001-01-01T00:00:00%2B14:00",
    "to=9999-12-31T23:59:59-14:00",
    "tier=0",
    "tier=4",
    "tier=x",
    "priority=6",
    "priority=-1",
    "customer=" + "a" * 300,
]


async def test_what_makes_no_sense_is_a_usage_error(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        token = await world.login("ada")
        for query in BAD:
            answer = await world.call("GET", f"/v1/reports/sla?{query}", token=token)
            assert (answer.status, answer.code) == (400, "usage"), query


async def test_what_is_no_report_is_not_found_and_self_service_has_no_tiers(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        token = await world.login("ada")
        assert (await world.call("GET", "/v1/reports/__class__", token=token)).code == "not-found"
        assert (await world.call("GET", "/v1/reports/self-service?tier=1", token=token)).code == "usage"


async def test_filters_narrow_and_an_empty_period_says_no_data(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        assert figure(await report(world, "quality", "ada", "tier=2"), "fcr")["denominator"] == 0
        assert figure(await report(world, "quality", "ada", "category=printing"), "fcr")["denominator"] == 1
        assert figure(await report(world, "quality", "ada", "category=mail"), "fcr")["denominator"] == 0
        since = rfc3339(world.clock.now - timedelta(days=9))
        until = rfc3339(world.clock.now - timedelta(days=8))
        for name in ALL:
            found = await report(world, name, "ada", f"from={since}&to={until}")
            assert all(row["value"] is not None or row["note"] == "no-data" for row in found["figures"])
            assert all(not row["n"] for row in found["figures"]), name


async def test_cancelled_and_merged_tickets_are_in_no_figure(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        toni = await world.login("toni")
        first, second, third = [await opened(world, "acme", toni) for _ in range(3)]
        await done(world, first, "cancel", toni, {"reason": "nothing"})
        await done(world, second, "merge", toni, {"into": third})
        backlog = await report(world, "backlog", "toni")
        assert figure(backlog, "backlog", "count")["value"] == 1


async def test_csat_is_asked_once_and_counted_once(tmp_path: Path) -> None:
    """Twelve tickets are asked about, ten answered, nine of them well; one of the tickets is resolved twice."""
    async with paired(tmp_path) as world, served(world) as site:
        toni, machine = await world.login("toni"), await site.enrol()
        async with site.link(machine) as control:
            for number in range(12):
                ticket = await site.ticket(machine)
                await done(world, ticket, "resolve", toni, resolve())
                if number == 0:
                    await done(world, ticket, "reopen", toni)
                    await done(world, ticket, "resolve", toni, resolve())
                if number >= 10:
                    continue
                said = UserRating(
                    version=1,
                    agent=machine.agent,
                    nonce=new_nonce(),
                    ticket=ticket,
                    score=5 if number else 2,
                    text="",
                    at=site.now,
                )
                await control.send(link.Rate(ref=number + 1, rating=seal(said, machine.key)))
                assert (await control.expect(link.Done)).ref == number + 1
        found = await report(world, "csat", "ada")
        score_ = figure(found, "csat")
        assert (score_["numerator"], score_["denominator"], score_["value"]) == (9, 10, 0.9)
        response = figure(found, "csat-response")
        assert (response["numerator"], response["denominator"]) == (10, 12)


async def test_a_report_that_costs_too_much_is_refused_and_the_next_is_made(tmp_path: Path) -> None:
    async with desk(tmp_path) as world:
        with pytest.raises(RelevoError) as caught:
            Budget(rows=1).spend(2)
        assert caught.value.code is Code.TOO_LARGE
        with pytest.raises(RelevoError) as late:
            Budget(seconds=-1).spend(0)
        assert late.value.code is Code.TIMEOUT
        reports = [report(world, name, "ada") for name in ALL]
        assert len(await asyncio.gather(*reports)) == len(ALL)


async def test_changes_go_on_while_a_report_is_made(tmp_path: Path) -> None:
    """One long read would keep the writer of a rollback journal waiting until the report is done."""
    async with desk(tmp_path) as world:
        async with asyncio.TaskGroup() as group:
            made = group.create_task(report(world, "sla", "ada"))
            opened_ = group.create_task(opened(world, "acme", await world.login("toni")))
        assert made.result()["name"] == "sla" and opened_.result()
