"""A colleague who tries and tries what is not allowed fills neither the disk nor the log, and is seen all the same."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from broker.left_out import WINDOW_S, LeftOut, RefusalBook
from broker.limits import SourceLimiter
from broker.refusals import record_left_out
from protocol.api import SessionRequest
from protocol.audit import Action, Actor, ActorKind
from protocol.dsse import seal
from protocol.errors import Code
from tests.support.broker_world import World, paired, restarted
from tests.support.desk import desk

TONI = Actor(kind=ActorKind.TECHNICIAN, id="toni")
ALLOWED = 3


def _patient(world: World) -> World:
    """The same broker, where a few refusals are recorded one by one and time gives no more of them."""
    book = RefusalBook(SourceLimiter(burst=ALLOWED, per_second=0.0))
    return World(replace(world.broker, refusals=book), world.org, world.clock)


def _refused(records: list[dict[str, Any]], action: Action) -> list[dict[str, str]]:
    found = [r for r in records if r["actor"]["id"] == "toni" and r["action"] == action.value]
    return [{fact["key"]: fact["value"] for fact in record["facts"]} for record in found]


async def test_attempts_that_are_too_many_are_counted_in_one_record(tmp_path: Path) -> None:
    async with paired(tmp_path) as first:
        world = _patient(first)
        toni, olga = await world.login("toni"), await world.login("olga")
        answers = [await world.call("POST", "/v1/org/publish", b"{}", toni) for _ in range(20)]
        assert {answer.code for answer in answers} == {"role-missing"}, "refused as ever"
        assert len(_refused(await world.audit(olga), Action.ACCESS_REFUSED)) == ALLOWED

        await record_left_out(world.broker, time.monotonic())
        assert len(_refused(await world.audit(olga), Action.ACCESS_REFUSED)) == ALLOWED, "the minute runs"
        for _ in range(2):  # the second finds nothing more
            await record_left_out(world.broker, time.monotonic() + WINDOW_S)
        *single, counted = _refused(await world.audit(olga), Action.ACCESS_REFUSED)
        assert [one["code"] for one in single] == ["role-missing"] * ALLOWED
        assert (counted["left_out"], counted["codes"]) == (str(20 - ALLOWED), "role-missing 17")


async def test_requests_for_sessions_that_are_refused_again_and_again_are_counted_too(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        world = _patient(site.world)
        machine = await site.enrol()
        grant = site.grant(machine, await site.ticket(machine))
        forged = SessionRequest(grant=seal(grant, world.org.keys["gil"]))
        toni, olga = await world.login("toni"), await world.login("olga")
        answers = [await world.call("POST", "/v1/sessions", forged, toni) for _ in range(8)]
        assert {answer.code for answer in answers} == {"signature-invalid"}
        await record_left_out(world.broker, time.monotonic() + WINDOW_S)
        records = await world.audit(olga)
        assert len(_refused(records, Action.SESSION_REFUSED)) == ALLOWED
        (counted,) = _refused(records, Action.ACCESS_REFUSED)
        assert counted["codes"] == "signature-invalid 5"


async def test_a_count_is_recorded_by_itself_a_minute_later(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        size = site.world.broker.store.log_size
        begun = time.monotonic() - WINDOW_S
        site.world.broker.refusals.give_back([LeftOut(TONI, begun, Counter({Code.NOT_FOUND: 7}))])
        await site.until(lambda: site.world.broker.store.log_size > size)
        (counted,) = _refused(await site.records(), Action.ACCESS_REFUSED)
        assert counted["codes"] == "not-found 7"


async def test_what_was_only_counted_is_recorded_when_the_broker_ends(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        while world.broker.refusals.admit(TONI, Code.ROLE_MISSING, time.monotonic()):
            pass
    async with restarted(tmp_path, world.org, world.clock) as again:
        (counted,) = _refused(await again.audit(await again.login("olga")), Action.ACCESS_REFUSED)
        assert counted["codes"] == "role-missing 1"
