"""Tickets: who may do what, one winner of every race, and a history that cannot be rewritten."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from protocol.scopes import Role
from tests.support.broker_world import Answer, World, paired


async def _new(world: World, token: str, **body: Any) -> str:
    answer = await world.call("POST", "/v1/tickets", {"title": "x", "customer": "acme"} | body, token)
    assert answer.status == 200, answer.body
    return str(answer.json["ticket"])


async def _do(world: World, token: str, ticket: str, what: str, **body: Any) -> Answer:
    return await world.call("POST", f"/v1/tickets/{ticket}/{what}", body, token)


async def _hire(world: World, id_: str, tiers: dict[str, int]) -> str:
    world.org.add(id_, Role.TECHNICIAN, tiers=tiers)
    answer = await world.publish(world.org.next(), await world.login("ada"))
    assert answer.status == 200, answer.body
    return await world.login(id_)


async def test_a_ticket_goes_from_new_to_closed_and_every_step_is_in_its_timeline(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        ticket = await _new(world, toni, description="Desde ayer")
        steps: list[tuple[str, dict[str, Any], str]] = [
            ("take", {}, "in-progress"),
            ("notes", {"text": "cable suelto"}, "in-progress"),
            ("replies", {"text": "Conecte el cable"}, "in-progress"),
            (
                "resolve",
                {"resolution": "cable", "cause": "hardware", "no_article_reason": "único"},
                "resolved",
            ),
            ("reopen", {"reason": "otra vez"}, "in-progress"),
            (
                "resolve",
                {"resolution": "cable nuevo", "cause": "hardware", "article": "new"},
                "resolved",
            ),
            ("close", {}, "closed"),
        ]
        for what, body, state in steps:
            answer = await _do(world, toni, ticket, what, **body)
            assert (answer.status, answer.json["state"]) == (200, state), (what, answer.body)
        detail = (await world.call("GET", f"/v1/tickets/{ticket}", token=toni)).json
        assert [(event["kind"], event["text"], event["public"]) for event in detail["timeline"]] == [
            ("ticket.create", "Desde ayer", True),
            ("ticket.take", "", True),
            ("ticket.start", "", True),
            ("ticket.note", "cable suelto", False),
            ("ticket.reply", "Conecte el cable", True),
            ("ticket.resolve", "cable", True),
            ("ticket.reopen", "otra vez", True),
            ("ticket.resolve", "cable nuevo", True),
            ("ticket.close", "", True),
        ]
        view = detail["ticket"]
        assert (view["tier"], view["resolved_by_tier"], view["cause"]) == (1, 1, "hardware")
        assert view["version"] == 9
        records = [r for r in await world.audit(await world.login("olga")) if r["ticket"] == ticket]
        assert len(records) == 9
        assert "cable suelto" not in str(records)


_NOT_NOW = [
    ("new", "start"),
    ("new", "resolve"),
    ("new", "close"),
    ("new", "reopen"),
    ("in-progress", "close"),
    ("in-progress", "start"),
    ("resolved", "take"),
    ("resolved", "resolve"),
    ("resolved", "cancel"),
    ("closed", "reopen"),
    ("closed", "take"),
    ("closed", "notes"),
    ("closed", "replies"),
    ("cancelled", "take"),
    ("cancelled", "replies"),
]
_PATHS: dict[str, list[str]] = {
    "new": [],
    "in-progress": ["take"],
    "resolved": ["take", "resolve"],
    "closed": ["take", "resolve", "close"],
    "cancelled": ["cancel"],
}
_BODIES: dict[str, dict[str, Any]] = {
    "resolve": {"resolution": "r", "no_article_reason": "único"},
    "cancel": {"reason": "duplicado"},
    "notes": {"text": "t"},
    "replies": {"text": "t"},
}


@pytest.mark.parametrize(("state", "what"), _NOT_NOW)
async def test_what_the_state_forbids_changes_nothing(tmp_path: Path, state: str, what: str) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        ticket = await _new(world, toni)
        for step in _PATHS[state]:
            assert (await _do(world, toni, ticket, step, **_BODIES.get(step, {}))).status == 200
        before = (await world.call("GET", f"/v1/tickets/{ticket}", token=toni)).json
        refused = await _do(world, toni, ticket, what, **_BODIES.get(what, {}))
        assert refused.status == 409
        assert refused.code in ("invalid-transition", "conflict", "ticket-closed")
        assert (await world.call("GET", f"/v1/tickets/{ticket}", token=toni)).json == before


async def test_of_two_technicians_who_take_a_ticket_at_once_one_gets_it(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        tere = await _hire(world, "tere", {"acme": 1})
        for body in ({}, {"version": 1}):
            ticket = await _new(world, toni)
            answers = await asyncio.gather(*(_do(world, who, ticket, "take", **body) for who in (toni, tere)))
            assert sorted(answer.status for answer in answers) == [200, 409]
            assert next(a.code for a in answers if a.status == 409) == "stale-version"
            timeline = (await world.call("GET", f"/v1/tickets/{ticket}", token=toni)).json["timeline"]
            assert [event["kind"] for event in timeline] == ["ticket.create", "ticket.take", "ticket.start"]


async def test_taking_what_is_already_mine_changes_nothing(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        ticket = await _new(world, toni)
        first = await _do(world, toni, ticket, "take")
        assert (await _do(world, toni, ticket, "take")).json == first.json


async def test_numbers_are_given_once_each(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        made = await asyncio.gather(*(_new(world, toni) for _ in range(40)))
        assert sorted(int(ticket[2:]) for ticket in made) == list(range(1, 41))


async def test_a_lower_tier_cannot_take_what_a_higher_tier_holds(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        tere = await _hire(world, "tere", {"acme": 3})
        ticket = await _new(world, toni)
        taken = await _do(world, tere, ticket, "take")
        assert taken.json["tier"] == 3
        version = taken.json["version"]
        assert (await _do(world, toni, ticket, "take", version=version)).code == "tier-too-low"
        assert (await _do(world, toni, ticket, "resolve", resolution="r")).code == "tier-too-low"
        assert (await _do(world, toni, ticket, "notes", text="visto")).status == 200


async def test_only_whoever_has_the_ticket_resolves_it(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        tere = await _hire(world, "tere", {"acme": 1})
        ticket = await _new(world, toni)
        await _do(world, toni, ticket, "take")
        assert (await _do(world, tere, ticket, "resolve", resolution="r")).code == "conflict"


async def test_other_customers_tickets_do_not_exist(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni, gil = await world.login("toni"), await world.login("gil")
        ticket = await _new(world, toni)
        assert (await world.call("GET", f"/v1/tickets/{ticket}", token=gil)).code == "not-found"
        for what in ("take", "start", "notes", "replies", "resolve", "reopen", "close", "cancel"):
            assert (await _do(world, gil, ticket, what, **_BODIES.get(what, {}))).code == "not-found"
        assert (await world.call("GET", "/v1/tickets", token=gil)).json["rows"] == []
        denied = await world.call("POST", "/v1/tickets", {"title": "x", "customer": "acme"}, gil)
        assert denied.code == "customer-not-allowed"
        unknown = await world.call("POST", "/v1/tickets", {"title": "x", "customer": "nobody"}, gil)
        assert unknown.code == "not-found"


async def test_auditors_and_admins_look_and_do_not_act(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        ticket = await _new(world, await world.login("toni"))
        for who in ("ada", "olga"):
            token = await world.login(who)
            assert (await world.call("GET", f"/v1/tickets/{ticket}", token=token)).status == 200
            assert (await _do(world, token, ticket, "take")).code == "role-missing"


async def test_lists_come_in_pages_that_neither_skip_nor_repeat(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni, tere = await world.login("toni"), await _hire(world, "tere", {"*": 2})
        for number in range(7):
            await _new(world, tere, customer="acme" if number % 2 else "globex")
        await _do(world, tere, "T-4", "take")
        seen: list[str] = []
        after = ""
        while True:
            page = (await world.call("GET", f"/v1/tickets?limit=3{after}", token=tere)).json
            seen += [row["ticket"] for row in page["rows"]]
            if page["next"] is None:
                break
            await _new(world, tere)
            after = f"&after={page['next']}"
        assert seen == [f"T-{n}" for n in range(7, 0, -1)]
        cases = {"state=in-progress": ["T-4"], "assignee=me": ["T-4"], "assignee=tere&state=new": []}
        for query, wanted in cases.items():
            rows = (await world.call("GET", f"/v1/tickets?{query}", token=tere)).json["rows"]
            assert [row["ticket"] for row in rows] == wanted
        acme = (await world.call("GET", "/v1/tickets", token=toni)).json["rows"]
        assert {row["customer"] for row in acme} == {"acme"}
        other = await world.call("GET", "/v1/tickets?customer=globex", token=toni)
        assert other.json["rows"] == []


@pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=x", "after=x", "after=T-0"])
async def test_a_filter_that_means_nothing_is_told(tmp_path: Path, query: str) -> None:
    async with paired(tmp_path) as world:
        answer = await world.call("GET", f"/v1/tickets?{query}", token=await world.login("toni"))
        assert answer.code in ("usage", "not-found")


@pytest.mark.parametrize(
    "ticket", ["T-0", "T-01", "T-1%20", "t-1", "T-9999999999999", "T-1;drop", "..%2f", "T-99"]
)
async def test_what_is_no_ticket_is_not_found(tmp_path: Path, ticket: str) -> None:
    async with paired(tmp_path) as world:
        answer = await world.call("GET", f"/v1/tickets/{ticket}", token=await world.login("toni"))
        assert answer.code == "not-found"


async def test_a_change_that_cannot_be_recorded_does_not_happen(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        ticket = await _new(world, toni)
        conn_url = world.broker.config.database_url.removeprefix("sqlite:///")
        import sqlite3

        other = sqlite3.connect(conn_url)
        other.execute("CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
        other.commit()
        refused = await _do(world, toni, ticket, "take")
        assert refused.status >= 500
        other.execute("DROP TRIGGER no_audit")
        other.commit()
        other.close()
        view = (await world.call("GET", f"/v1/tickets/{ticket}", token=toni)).json["ticket"]
        assert (view["state"], view["version"]) == ("new", 1)
