"""A forecast becomes one ticket, is added to, rests, is judged; and machines that lie open no flood."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, update

from broker.store.trend_tables import trend_agents, trend_warnings
from broker.trends import raising
from protocol.api import TicketMove, TicketResolve
from protocol.desk import CustomerDesk
from protocol.desk import Desk as DeskDocument
from protocol.scopes import Mode
from protocol.trend_api import Evidence, WarningDetail, WarningJudged
from protocol.trends import MAX_BATCH, Kind, Reading, Sample
from protocol.wire import from_json, to_json
from tests.integration.broker.test_trend_intake import disk, tell, until_judged
from tests.support.broker_world import restarted
from tests.support.desk import Desk, desk, served
from tests.support.desk import Machine as EnrolledMachine

HOUR = timedelta(hours=1)


class Teller:
    """A machine on a real link that tells a sample an hour, and a broker whose clock goes on with it."""

    def __init__(self, made: Desk, machine: EnrolledMachine, control: Any) -> None:
        self.desk, self.machine, self.control, self.sequence = made, machine, control, 0

    async def hours(self, count: int, readings: Callable[[int], tuple[Reading, ...]]) -> None:
        for n in range(count):
            self.desk.world.clock.forward(hours=1)
            self.sequence += 1
            one = Sample(sequence=self.sequence, at=self.desk.now, readings=readings(n))
            await tell(self.control, one)
            await until_judged(self.desk, self.machine.agent, self.sequence)

    async def at_once(self, count: int, readings: Callable[[int], tuple[Reading, ...]]) -> None:
        """The same, told when the last hour is over: a machine that was away."""
        self.desk.world.clock.forward(hours=count)
        first = self.desk.now - (count - 1) * HOUR
        batch = [
            Sample(sequence=self.sequence + n + 1, at=first + n * HOUR, readings=readings(n))
            for n in range(count)
        ]
        self.sequence += count
        for start in range(0, count, MAX_BATCH):
            await tell(self.control, *batch[start : start + MAX_BATCH])
        await until_judged(self.desk, self.machine.agent, self.sequence)

    async def fills(self, count: int, start: float = 0.5, per_hour: float = 0.01) -> None:
        await self.at_once(count, lambda n: (disk(min(1.0, start + n * per_hour)),))


@asynccontextmanager
async def telling(folder: Path, **changes: Any) -> AsyncIterator[Teller]:
    async with desk(folder) as made:
        machine = await made.enrol(mode=Mode.STANDING, **changes)
        async with made.link(machine) as control:
            yield Teller(made, machine, control)


async def tickets(made: Desk, who: str = "toni") -> list[dict[str, Any]]:
    token = await made.world.login(who)
    return list((await made.call("GET", "/v1/tickets", token=token)).json["rows"])


async def warnings(made: Desk, who: str = "toni", query: str = "") -> dict[str, Any]:
    token = await made.world.login(who)
    found: dict[str, Any] = (await made.call("GET", f"/v1/warnings{query}", token=token)).json
    return found


async def finish(made: Desk, ticket: str, cause: str = "capacity", *, close: bool = True) -> None:
    token = await made.world.login("toni")
    assert (await made.call("POST", f"/v1/tickets/{ticket}/take", b"{}", token)).status == 200
    done = TicketResolve(resolution="cleaned", cause=cause, no_article_reason="one machine")  # type: ignore[arg-type]
    answer = await made.call("POST", f"/v1/tickets/{ticket}/resolve", done, token)
    assert answer.status == 200, answer.body
    if close:
        said = TicketMove(reason="by phone")
        assert (await made.call("POST", f"/v1/tickets/{ticket}/close", said, token)).status == 200


async def test_a_disk_that_fills_opens_one_ticket_with_its_evidence_and_one_note_a_day(
    tmp_path: Path,
) -> None:
    async with telling(tmp_path) as teller:
        await teller.fills(23)
        assert await tickets(teller.desk) == []
        await teller.hours(1, lambda n: (disk(0.73),))
        (ticket,) = await tickets(teller.desk)
        assert (ticket["channel"], ticket["agent"], ticket["state"]) == (
            "monitor", teller.machine.agent, "new",
        )  # fmt: skip
        assert "full in" in ticket["title"] and "desk-1" in ticket["title"]
        assert "R² 1.00" in ticket["description"]
        await teller.hours(24, lambda n: (disk(0.74 + n * 0.01),))
        (ticket,) = await tickets(teller.desk)
        notes = await notes_of(teller.desk, ticket["ticket"])
        assert len(notes) == 1, "a day later, and no hour earlier"
        assert notes[0]["text"].startswith("desk-1: / will be full in ") and not notes[0]["public"]
        (row,) = (await warnings(teller.desk))["rows"]
        assert (row["ticket"], row["kind"], row["subject"], row["outcome"]) == (
            ticket["ticket"], "disk", "/", None,
        )  # fmt: skip
        assert row["r2"] > 0.99 and 0 < row["eta_s"] < 7 * 86_400


async def notes_of(made: Desk, ticket: str) -> list[dict[str, Any]]:
    token = await made.world.login("toni")
    detail = (await made.call("GET", f"/v1/tickets/{ticket}", token=token)).json
    return [event for event in detail["timeline"] if event["kind"] == raising.TICKET_NOTE]


async def test_the_evidence_is_every_point_and_its_hash_stands_in_the_log(tmp_path: Path) -> None:
    async with telling(tmp_path) as teller:
        await teller.fills(24)
        (ticket,) = await tickets(teller.desk)
        token = await teller.desk.world.login("toni")
        answer = await teller.desk.call("GET", f"/v1/tickets/{ticket['ticket']}/warning", token=token)
        detail = from_json(answer.body, WarningDetail)
        assert len(detail.evidence.points) == 24
        assert isinstance(detail.evidence, Evidence)
        (record,) = await teller.desk.records("trend.warning-raised")
        facts = {fact["key"]: fact["value"] for fact in record["facts"]}
        assert facts["evidence_sha256"] == hashlib.sha256(to_json(detail.evidence)).hexdigest()
        created = (await teller.desk.records("ticket.created"))[-1]
        assert {fact["key"]: fact["value"] for fact in created["facts"]}["evidence_sha256"] == facts[
            "evidence_sha256"
        ]
        # The machine's own user sees that there is a ticket about their machine.
        from broker.tickets.from_agent import tickets_of

        (mine,) = await tickets_of(teller.desk.world.broker, teller.machine.agent)
        assert mine.ticket == ticket["ticket"]


async def test_a_warning_that_becomes_worse_is_told_at_once(tmp_path: Path) -> None:
    async with telling(tmp_path) as teller:
        await teller.fills(24, start=0.3, per_hour=0.005)
        (row,) = (await warnings(teller.desk))["rows"]
        assert row["severity"] == 2
        ticket = row["ticket"]
        await teller.fills(12, start=0.45, per_hour=0.04)
        assert len(await notes_of(teller.desk, ticket)) == 1
        (row,) = (await warnings(teller.desk))["rows"]
        assert row["severity"] == 3


async def test_once_it_is_done_it_rests_and_then_follows_up(tmp_path: Path) -> None:
    async with telling(tmp_path) as teller:
        await teller.fills(24, start=0.1, per_hour=0.005)
        (first,) = await tickets(teller.desk)
        await finish(teller.desk, first["ticket"])
        await teller.fills(60, start=0.22, per_hour=0.005)
        assert len(await tickets(teller.desk)) == 1, "it rests"
        await teller.fills(14, start=0.52, per_hour=0.005)
        second, _ = await tickets(teller.desk)
        assert second["follow_up_of"] == first["ticket"]


async def test_a_false_alarm_rests_longer_however_loud_it_becomes(tmp_path: Path) -> None:
    async with telling(tmp_path) as teller:
        await teller.fills(24, start=0.1, per_hour=0.005)
        (first,) = await tickets(teller.desk)
        await finish(teller.desk, first["ticket"], "false_alarm")
        await teller.fills(80, start=0.22, per_hour=0.009)
        assert len(await tickets(teller.desk)) == 1
        (row,) = (await warnings(teller.desk))["rows"]
        assert (row["outcome"], row["judged_by"]) == (False, "Toni")


@pytest.mark.parametrize(
    ("cause", "outcome"), [("capacity", True), ("false_alarm", False), ("unknown", None)]
)
async def test_the_cause_says_whether_the_warning_was_right(
    tmp_path: Path, cause: str, outcome: bool | None
) -> None:
    async with telling(tmp_path) as teller:
        await teller.fills(24)
        (ticket,) = await tickets(teller.desk)
        await finish(teller.desk, ticket["ticket"], cause, close=False)
        await teller.hours(1, lambda n: ())
        found = await warnings(teller.desk)
        assert found["rows"][0]["outcome"] is outcome
        token = await teller.desk.world.login("toni")
        detail = (await teller.desk.call("GET", f"/v1/tickets/{ticket['ticket']}", token=token)).json
        assert detail["rating"] is None, "nobody asked for help, so nobody is asked how it went"
        (precision,) = [row for row in found["precision"] if row["kind"] == "disk"]
        assert (precision["opened"], precision["judged"]) == (1, int(outcome is not None))
        assert precision["precision"] == (None if outcome is None else float(outcome))
        assert len(await teller.desk.records("trend.warning-judged")) == int(outcome is not None)


async def test_a_technician_judges_outright_also_after_the_ticket_is_closed_and_the_last_word_counts(
    tmp_path: Path,
) -> None:
    async with telling(tmp_path) as teller:
        await teller.fills(24)
        (ticket,) = await tickets(teller.desk)
        await finish(teller.desk, ticket["ticket"])
        token = await teller.desk.world.login("toni")
        path = f"/v1/tickets/{ticket['ticket']}/warning"
        for right in (True, False):
            answer = await teller.desk.call("POST", path, WarningJudged(right=right), token)
            assert (answer.status, answer.json["outcome"]) == (200, right)
        await teller.hours(1, lambda n: ())
        (row,) = (await warnings(teller.desk))["rows"]
        assert row["outcome"] is False, "what was said outright is not undone by the cause"


async def test_a_machine_that_cannot_be_judged_keeps_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as made:
        bad, good = await made.enrol(mode=Mode.STANDING), await made.enrol(mode=Mode.STANDING)
        whole = raising.machine

        def fault(conn: Any, agent: str) -> Any:
            if agent == bad.agent:
                raise ZeroDivisionError
            return whole(conn, agent)

        monkeypatch.setattr(raising, "machine", fault)
        for machine in (bad, good):
            async with made.link(machine) as control:
                await tell(control, Sample(sequence=1, at=made.now, readings=(disk(0.5),)))
                await until_judged(made, machine.agent, 1)


async def test_another_customer_sees_and_judges_nothing(tmp_path: Path) -> None:
    async with telling(tmp_path) as teller:
        await teller.fills(24)
        (ticket,) = await tickets(teller.desk)
        token = await teller.desk.world.login("gil")
        call = teller.desk.call
        found = await warnings(teller.desk, "gil")
        assert found["rows"] == [] and all(row["opened"] == 0 for row in found["precision"])
        assert (await warnings(teller.desk, "gil", "?customer=acme"))["rows"] == []
        for method, path, body in (
            ("GET", f"/v1/agents/{teller.machine.agent}/trends", None),
            ("GET", f"/v1/tickets/{ticket['ticket']}/warning", None),
            ("POST", f"/v1/tickets/{ticket['ticket']}/warning", WarningJudged(right=False)),
        ):
            assert (await call(method, path, body, token)).code == "not-found", path
        approver = await teller.desk.world.login("pia")
        assert (await warnings(teller.desk, "pia"))["rows"] == []
        answer = await call("GET", f"/v1/agents/{teller.machine.agent}/trends", token=approver)
        assert answer.code == "not-found"


async def test_a_machine_that_lies_opens_five_tickets_and_no_more(tmp_path: Path) -> None:
    async with telling(tmp_path) as teller:

        def lies(n: int) -> tuple[Reading, ...]:
            return tuple(disk(0.5 + n * 0.01, f"mount-{i}") for i in range(40))

        await teller.at_once(25, lies)
        assert len(await tickets(teller.desk)) == raising.MOST_OF_MACHINE
        found = await warnings(teller.desk, query="?limit=500")
        assert len(found["rows"]) == 40
        assert sum(row["ticket"] is None for row in found["rows"]) == 35
        await teller.hours(1, lambda n: lies(25))
        assert len((await warnings(teller.desk, query="?limit=500"))["rows"]) == 40, "each is kept once"
        (first, *_rest) = await tickets(teller.desk)
        await finish(teller.desk, first["ticket"])
        await teller.hours(1, lambda n: lies(26))
        assert len(await tickets(teller.desk)) == raising.MOST_OF_MACHINE + 1, "room for one that waited"


async def test_many_machines_that_lie_fill_no_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raising, "MOST_A_DAY", 7)
    async with desk(tmp_path) as made:
        machines = [await made.enrol(mode=Mode.STANDING) for _ in range(3)]
        for machine in machines:
            async with made.link(machine) as control:
                samples = [
                    Sample(
                        sequence=n + 1,
                        at=made.now - (24 - n) * HOUR,
                        readings=tuple(disk(0.5 + n * 0.01, f"mount-{i}") for i in range(4)),
                    )
                    for n in range(24)
                ]
                await tell(control, *samples)
                await until_judged(made, machine.agent, 24)
        assert len(await tickets(made)) == 7
        assert len((await warnings(made))["rows"]) == 12


async def test_the_ticket_speaks_the_customer_s_language(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        made.world.org.desk = DeskDocument(customers=(CustomerDesk(customer="acme", language="es"),))
        published = await made.world.publish(made.world.org.next(), await made.world.login("ada"))
        assert published.status == 200, published.body
        machine = await made.enrol(mode=Mode.STANDING)
        async with made.link(machine) as control:
            teller = Teller(made, machine, control)
            crash = [Reading(kind=Kind.CRASH, subject="cups", value=float(v)) for v in (1, 3, 9)]
            certificate = Reading(
                kind=Kind.CERTIFICATE, subject="cert-1", value=(made.now + timedelta(days=9)).timestamp()
            )
            await teller.hours(3, lambda n: (crash[n], certificate))
        titles = {ticket["title"] for ticket in await tickets(made)}
        assert titles == {
            "desk-1: el servicio cups se cae una y otra vez",
            "desk-1: un certificado caduca en unos 8 días (cert-1)",
        }


async def test_what_came_before_the_broker_was_killed_is_judged_by_the_next(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine = await made.enrol(mode=Mode.STANDING)
        async with made.link(machine) as control:
            batch = [
                Sample(sequence=n + 1, at=made.now - (24 - n) * HOUR, readings=(disk(0.5 + n * 0.01),))
                for n in range(24)
            ]
            await tell(control, *batch)
            await until_judged(made, machine.agent, 24)
        org, clock = made.world.org, made.world.clock

    # As it would be had the broker been killed between taking them in and judging them.
    engine = create_engine(f"sqlite:///{tmp_path / 'broker.db'}")
    with engine.begin() as conn:
        conn.execute(delete(trend_warnings))
        conn.execute(update(trend_agents).values(judged=0))
    engine.dispose()
    async with restarted(tmp_path, org, clock) as world, served(world) as again:
        await until_judged(again, machine.agent, 24)
        (row,) = (await warnings(again))["rows"]
        assert row["kind"] == "disk"
