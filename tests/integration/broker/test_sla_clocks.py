"""SLA clocks in a real broker: on every view, in lists, as notices that are given once whatever happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from broker.sla import keeper
from broker.sla.clocks import clocks_of, due_of, load_told
from broker.sla.notices import Notice
from broker.sla.promises import Promises
from broker.store.desk_tables import notices
from broker.store.engine import Tx
from broker.store.sla_tables import sla_due, sla_notices
from broker.tickets import rows
from broker.tickets.events import Doer, Told, move
from broker.tickets.rows import Changes
from protocol.api import TicketNew, TicketResolve, TicketText
from protocol.audit import Actor, ActorKind
from protocol.calendars import Calendar, ExceptionDay, Holiday
from protocol.desk import (
    Ability,
    CustomerDesk,
    Desk,
    NoticeStep,
    OlaTarget,
    Receiver,
    SlaTarget,
)
from protocol.scopes import Role
from protocol.tickets import Move, Party, PendingReason
from protocol.times import parse_rfc3339
from tests.support.broker_world import World, by_hand, paired, restarted

_NOW = datetime.now(UTC)
MONDAY = datetime(_NOW.year, _NOW.month, _NOW.day, 9, tzinfo=UTC) + timedelta(days=7 - _NOW.weekday())
OFFICE = Calendar(id="office", zone="UTC", hours=("mon-fri 09:00-17:00",))
STEPS = (
    NoticeStep(percent=50, to=(Receiver.ASSIGNEE,)),
    NoticeStep(percent=75, to=(Receiver.ASSIGNEE,)),
    NoticeStep(percent=90, to=(Receiver.ASSIGNEE,)),
    NoticeStep(percent=100, to=(Receiver.ASSIGNEE, Receiver.TIER_2, Receiver.ADMINS)),
)
ACME = CustomerDesk(
    customer="acme",
    calendar="office",
    sla=tuple(SlaTarget(priority=p, resolution=60 * p) for p in range(1, 6)),
    notices=STEPS,
)
DESK = Desk(customers=(ACME,), calendars=(OFFICE,))
replace = msgspec.structs.replace


@asynccontextmanager
async def office(folder: Path, desk: Desk = DESK) -> AsyncIterator[World]:
    """A broker on Monday at nine, with these promises."""
    async with paired(folder) as world:
        await by_hand("clocks")
        world.clock.now = MONDAY
        assert (await publish(world, desk)).status == 200
        yield world


async def publish(world: World, desk: Desk) -> Any:
    world.org.desk = desk
    return await world.publish(world.org.next(), await world.login("ada"))


async def ticket(world: World, impact: int = 2, urgency: int = 2, who: str = "toni") -> str:
    new = TicketNew(title="No imprime", customer="acme", impact=impact, urgency=urgency)
    answer = await world.call("POST", "/v1/tickets", new, await world.login(who))
    assert answer.status == 200, answer.body
    return str(answer.json["ticket"])


async def act(world: World, id_: str, how: str, body: object = b"{}", who: str = "toni") -> dict[str, Any]:
    answer = await world.call("POST", f"/v1/tickets/{id_}/{how}", body, await world.login(who))
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


async def show(world: World, id_: str, who: str = "toni") -> dict[str, Any]:
    answer = await world.call("GET", f"/v1/tickets/{id_}", token=await world.login(who))
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


async def explained(world: World, id_: str, who: str = "toni") -> Any:
    return await world.call("GET", f"/v1/tickets/{id_}/sla", token=await world.login(who))


async def clock(world: World, id_: str, name: str = "resolution") -> dict[str, Any]:
    found = [c for c in (await show(world, id_))["ticket"]["sla"] if c["clock"] == name]
    assert len(found) == 1, found
    return dict(found[0])


async def listed(world: World, query: str, who: str = "toni") -> list[str]:
    answer = await world.call("GET", f"/v1/tickets?{query}", token=await world.login(who))
    assert answer.status == 200, answer.body
    return [row["ticket"] for row in answer.json["rows"]]


async def pend(world: World, id_: str, reason: PendingReason) -> None:
    toni = Doer(Actor(kind=ActorKind.TECHNICIAN, id="toni"), "Toni", Party.TECHNICIAN)

    def unit(tx: Tx) -> None:
        before = rows.load(tx.conn, id_)
        changes = Changes(pending_reason=reason)
        move(tx, before, Move.PEND, toni, world.clock(), changes=changes, told=Told(reason=reason))

    await world.broker.store.write(unit)


async def resume(world: World, id_: str) -> None:
    user = Doer(Actor(kind=ActorKind.USER, id="a"), "desk-1", Party.USER)
    await world.broker.store.write(
        lambda tx: move(tx, rows.load(tx.conn, id_), Move.RESUME, user, world.clock())
    )


async def told(world: World, id_: str) -> list[str]:
    """What the ticket's timeline says about notices."""
    return [
        line["text"]
        for line in (await show(world, id_, "ada"))["timeline"]
        if line["kind"] == "ticket.notice"
    ]


async def receivers(world: World) -> list[tuple[str, int, datetime]]:
    wanted = select(notices.c.receiver, notices.c.percent, notices.c.at).order_by(
        notices.c.id, notices.c.receiver
    )
    return [tuple(row) for row in await world.broker.store.read(lambda conn: conn.execute(wanted).all())]


async def require_kept(world: World) -> None:
    """``sla_due`` says exactly what the pure function says about every open ticket, and nothing else."""

    def check(conn: Any) -> None:
        promises = world.broker.promises.of(world.broker.organisation.require().desk)
        from broker.store.ticket_tables import tickets

        open_ = list(conn.execute(select(tickets.c.number)).scalars())
        subjects = keeper._subjects(conn, open_)
        clocks = clocks_of(conn, promises, subjects, world.clock())
        told_ = load_told(conn, open_)
        wanted = {
            s.number: due_of(promises, s, clocks[s.number], world.clock(), told_.get(s.number, {}))
            for s in subjects
        }
        kept = {row.ticket: row for row in conn.execute(select(sla_due))}
        assert {n: r.due for n, r in kept.items()} == {n: d.due for n, d in wanted.items() if d}
        assert {n: r.breaches for n, r in kept.items()} == {n: d.breaches for n, d in wanted.items() if d}
        assert {n: r.notice for n, r in kept.items()} == {n: d.notice for n, d in wanted.items() if d}

    await world.broker.store.read(check)


# --- views ------------------------------------------------------------------------------------------


async def test_every_view_of_a_ticket_carries_its_clocks(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world)
        taken = await act(world, id_, "take")
        assert [c["clock"] for c in taken["sla"]] == ["resolution"]
        rows_ = (await world.call("GET", "/v1/tickets", token=await world.login("toni"))).json["rows"]
        assert rows_[0]["sla"] == taken["sla"]
        found = await clock(world, id_)
        assert found["state"] == "running"
        assert (found["target_s"], found["used_s"], found["remaining_s"]) == (10_800, 0, 10_800)
        assert parse_rfc3339(found["due"]) == MONDAY + timedelta(hours=3)


async def test_a_pause_stops_the_clock_and_a_resolution_ends_it(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world)
        await act(world, id_, "take")
        world.clock.forward(hours=1)
        await pend(world, id_, PendingReason.AWAITING_USER)
        world.clock.forward(days=1)
        paused = await clock(world, id_)
        assert (paused["state"], paused["due"], paused["remaining_s"]) == ("paused", None, 7_200)
        await resume(world, id_)
        world.clock.forward(hours=1)
        assert (await clock(world, id_))["used_s"] == 7_200
        done = TicketResolve(resolution="hecho", no_article_reason="nada nuevo")
        resolved = await act(world, id_, "resolve", done)
        assert resolved["sla"][0]["state"] == "met"
        await keeper.look(world.broker)
        assert (
            await world.broker.store.read(
                lambda c: c.execute(select(func.count()).select_from(sla_due)).scalar()
            )
            == 0
        )


async def test_the_first_reply_meets_the_first_response_and_a_note_does_not(tmp_path: Path) -> None:
    promised = (SlaTarget(priority=3, first_response=30),)
    async with office(tmp_path, replace(DESK, customers=(replace(ACME, sla=promised),))) as world:
        id_ = await ticket(world)
        await act(world, id_, "take")
        world.clock.forward(minutes=20)
        await act(world, id_, "notes", TicketText(text="interno"))
        assert (await clock(world, id_, "first_response"))["state"] == "running"
        replied = await act(world, id_, "replies", TicketText(text="Ahora lo miro"))
        assert (replied["sla"][0]["state"], replied["sla"][0]["used_s"]) == ("met", 1_200)


async def test_a_tier_s_clock_is_that_of_its_own_target(tmp_path: Path) -> None:
    ola = (OlaTarget(tier=1, priority=3, minutes=15),)
    async with office(tmp_path, replace(DESK, customers=(replace(ACME, ola=ola),))) as world:
        id_ = await ticket(world)
        world.clock.forward(minutes=20)
        found = await clock(world, id_, "ola")
        assert (found["cycle"], found["state"], found["remaining_s"]) == (1, "breached", -300)


async def test_without_promises_there_are_no_clocks_and_nothing_is_kept(tmp_path: Path) -> None:
    async with office(tmp_path, Desk()) as world:
        id_ = await ticket(world)
        await keeper.look(world.broker)
        assert (await show(world, id_))["ticket"]["sla"] == []
        assert (await explained(world, id_)).json["clocks"] == []
        assert await listed(world, "sort=due") == []


async def test_an_explanation_names_stretches_hours_and_holidays(tmp_path: Path) -> None:
    holiday = Holiday(date=(MONDAY + timedelta(days=1)).date(), name="Fiesta local")
    short = ExceptionDay(date=(MONDAY + timedelta(days=2)).date(), hours=("09:00-10:00",))
    calendar = replace(OFFICE, holidays=(holiday,), exceptions=(short,))
    async with office(tmp_path, replace(DESK, calendars=(calendar,))) as world:
        id_ = await ticket(world, 3, 3)
        await act(world, id_, "take")
        world.clock.forward(hours=8)
        await pend(world, id_, PendingReason.SCHEDULED)
        world.clock.forward(days=2)
        await resume(world, id_)
        answer = (await explained(world, id_)).json
        assert (answer["calendar"], answer["zone"], answer["priority"]) == ("office", "UTC", 5)
        assert answer["closed"] == [f"{holiday.date} Fiesta local", f"{short.date} 09:00-10:00"]
        (found,) = answer["clocks"]
        assert [(s["why"], s["counted"], s["open_s"]) for s in found["stretches"]] == [
            ("counted", True, 28_800),
            ("scheduled", False, 3_600),
            ("counted", True, 0),
        ]
        assert found["state"] == "breached"


async def test_another_customer_s_clocks_are_as_unknown_as_its_tickets(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world)
        assert (await explained(world, id_, "gil")).status == 404
        assert (await world.call("GET", f"/v1/tickets/{id_}/sla")).status == 401
        assert await listed(world, "sort=due", "gil") == []
        assert await listed(world, "breached=true", "gil") == []
        assert await listed(world, "sort=due", "olga") == [id_]


# --- lists ------------------------------------------------------------------------------------------


async def test_a_list_by_due_time_is_fresh_in_order_and_pages(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        late, soon, urgent = await ticket(world, 3, 3), await ticket(world, 2, 2), await ticket(world, 1, 1)
        paused = await ticket(world, 1, 1)
        await act(world, paused, "take")
        await pend(world, paused, PendingReason.AWAITING_USER)
        assert await listed(world, "sort=due") == [urgent, soon, late]
        token = await world.login("toni")
        seen, after = [], ""
        while True:
            page = (await world.call("GET", f"/v1/tickets?sort=due&limit=1{after}", token=token)).json
            seen += [row["ticket"] for row in page["rows"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert seen == [urgent, soon, late]
        await require_kept(world)


async def test_breached_lists_what_is_late_and_not_what_is_only_at_its_limit(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        world.clock.forward(hours=7)
        id_ = await ticket(world, 1, 1)
        world.clock.forward(hours=1)
        assert (await clock(world, id_))["remaining_s"] == 0
        world.clock.forward(hours=5)
        assert await listed(world, "breached=true") == []
        world.clock.now = MONDAY + timedelta(days=1, minutes=1)
        assert await listed(world, "breached=true") == [id_]
        assert (await clock(world, id_))["state"] == "breached"


@pytest.mark.parametrize("query", ["sort=title", "breached=1", "sort=due&after=T-1", "sort=due&after=-1.2"])
async def test_a_filter_that_means_nothing_is_refused(tmp_path: Path, query: str) -> None:
    async with office(tmp_path) as world:
        answer = await world.call("GET", f"/v1/tickets?{query}", token=await world.login("toni"))
        assert (answer.status, answer.code) == (400, "usage")


# --- what changes afterwards ------------------------------------------------------------------------


async def test_a_new_holiday_applies_to_tickets_that_are_open_already(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world)
        await keeper.look(world.broker)
        today = Holiday(date=MONDAY.date(), name="Fiesta")
        assert (
            await publish(world, replace(DESK, calendars=(replace(OFFICE, holidays=(today,)),)))
        ).status == 200
        await keeper.look(world.broker)
        found = await clock(world, id_)
        assert parse_rfc3339(found["due"]) == MONDAY + timedelta(days=1, hours=3)
        await require_kept(world)


async def test_a_shorter_target_keeps_start_and_pauses(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world, 3, 3)
        await act(world, id_, "take")
        world.clock.forward(hours=1)
        await pend(world, id_, PendingReason.AWAITING_CONSENT)
        world.clock.forward(days=2)
        await resume(world, id_)
        world.clock.forward(hours=1)
        shorter = replace(ACME, sla=(SlaTarget(priority=5, resolution=240),))
        await publish(world, replace(DESK, customers=(shorter,)))
        found = await clock(world, id_)
        assert (found["state"], found["used_s"]) == ("running", 7_200)
        assert parse_rfc3339(found["due"]) == world.clock() + timedelta(hours=2)


async def test_a_desk_change_reaches_more_tickets_than_fit_into_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "AT_ONCE", 2)
    async with office(tmp_path) as world:
        for _ in range(5):
            await ticket(world)
        await keeper.look(world.broker)
        await require_kept(world)
        await publish(world, replace(DESK, customers=(replace(ACME, calendar=None),)))
        await keeper.look(world.broker)
        await require_kept(world)


@pytest.mark.parametrize(
    "broken",
    [
        replace(DESK, calendars=(replace(OFFICE, zone="Mars/Olympus"),)),
        replace(DESK, calendars=(replace(OFFICE, hours=()),)),
        replace(DESK, calendars=(replace(OFFICE, hours=("mon 09:00-12:00", "mon 11:00-13:00")),)),
        replace(DESK, calendars=(OFFICE, OFFICE)),
        replace(DESK, calendars=()),
        replace(DESK, staff_calendar="gone"),
    ],
)
async def test_a_broken_calendar_is_refused_and_the_old_one_stays(tmp_path: Path, broken: Desk) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world)
        answer = await publish(world, broken)
        assert (answer.status, answer.code) == (422, "parameter-invalid")
        assert (await clock(world, id_))["state"] == "running"


# --- notices ----------------------------------------------------------------------------------------


async def test_each_share_is_told_once_to_those_that_the_step_names(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        world.org.add("luz", Role.TECHNICIAN, tiers={"acme": 2})
        world.org.add("eva", Role.TECHNICIAN, tiers={"globex": 2})
        await publish(world, DESK)
        id_ = await ticket(world)
        await act(world, id_, "take")
        for minutes in (89, 1, 44, 1, 27, 17, 1, 600):
            world.clock.forward(minutes=minutes)
            await keeper.look(world.broker)
            await keeper.look(world.broker)
        assert await told(world, id_) == [f"resolution {percent} %" for percent in (50, 75, 90, 100)]
        assert [(who, percent) for who, percent, _ in await receivers(world)] == [
            ("toni", 50),
            ("toni", 75),
            ("toni", 90),
            ("ada", 100),
            ("luz", 100),
            ("toni", 100),
        ]
        records = [r for r in await world.audit(await world.login("olga")) if r["action"] == "ticket.notice"]
        assert [r["actor"]["id"] for r in records] == ["broker"] * 4
        await require_kept(world)


async def test_after_an_outage_only_the_largest_share_is_told(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world)
        await keeper.look(world.broker)
        world.clock.forward(hours=7)
        await keeper.look(world.broker)
        assert await told(world, id_) == ["resolution 100 %"]


async def test_a_notice_reaches_people_in_their_own_hours(tmp_path: Path) -> None:
    early = Calendar(id="early", zone="UTC", hours=("mon-fri 06:00-10:00",))
    desk = replace(
        DESK,
        calendars=(OFFICE, early),
        abilities=(Ability(technician="toni", calendar="early"),),
        staff_calendar="office",
    )
    async with office(tmp_path, desk) as world:
        id_ = await ticket(world)
        await act(world, id_, "take")
        world.clock.forward(hours=3)
        given: list[Notice] = []
        world.broker.on_notice.append(lambda tx, notice: given.append(notice))
        await keeper.look(world.broker)
        assert [(person.technician, person.at) for person in given[0].to] == [
            ("toni", MONDAY + timedelta(days=1, hours=-3)),
            ("ada", world.clock()),
        ]
        assert {who: at for who, _, at in await receivers(world)} == {
            person.technician: person.at for person in given[0].to
        }


async def test_a_ticket_that_nobody_has_is_told_to_the_administrators_and_recorded_once(
    tmp_path: Path,
) -> None:
    nobody = replace(ACME, notices=(NoticeStep(percent=50, to=(Receiver.ASSIGNEE,)),))
    async with office(tmp_path, replace(DESK, customers=(nobody,))) as world:
        id_ = await ticket(world)
        world.clock.forward(hours=2)
        await keeper.look(world.broker)
        await keeper.look(world.broker)
        assert await told(world, id_) == ["resolution 50 %"]
        assert await receivers(world) == []


async def test_a_resolved_ticket_s_shares_are_not_told_any_more(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world)
        await act(world, id_, "take")
        await keeper.look(world.broker)
        await act(world, id_, "resolve", TicketResolve(resolution="hecho", no_article_reason="nada"))
        world.clock.forward(days=2)
        await keeper.look(world.broker)
        assert await told(world, id_) == []


async def test_killed_between_computing_and_telling_the_broker_tells_once_after_it_is_back(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world)
        await keeper.look(world.broker)
        world.clock.forward(hours=2)

        def die(tx: Tx, notice: Notice) -> None:
            raise _Killed("killed here")

        world.broker.on_notice.append(die)
        with pytest.raises(_Killed):
            await keeper.look(world.broker)
        assert await told(world, id_) == []
    async with restarted(tmp_path, world.org, world.clock) as again:
        await keeper.look(again.broker)
        await keeper.look(again.broker)
        assert await told(again, id_) == ["resolution 50 %"]
    async with restarted(tmp_path, world.org, world.clock) as third:
        await keeper.look(third.broker)
        assert await told(third, id_) == ["resolution 50 %"]
        assert (
            await third.broker.store.read(
                lambda c: c.execute(select(func.count()).select_from(sla_notices)).scalar()
            )
            == 1
        )


class _Killed(Exception):
    """Stands where the process would end; everything after it in the transaction does not happen."""


async def test_a_clock_set_forward_and_back_tells_nothing_twice(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        id_ = await ticket(world)
        await keeper.look(world.broker)
        world.clock.forward(hours=2)
        await keeper.look(world.broker)
        world.clock.now = MONDAY - timedelta(days=3)
        await keeper.look(world.broker)
        assert (await clock(world, id_))["used_s"] == 0
        world.clock.now = MONDAY + timedelta(hours=2)
        await keeper.look(world.broker)
        assert await told(world, id_) == ["resolution 50 %"]
        await require_kept(world)


async def test_what_happened_while_no_clock_was_kept_is_caught_up_after_a_restart(tmp_path: Path) -> None:
    async with office(tmp_path) as world:
        first = await ticket(world)
        await keeper.look(world.broker)
        second = await ticket(world)
        world.clock.forward(hours=4)
    async with restarted(tmp_path, world.org, world.clock) as again:
        await keeper.look(again.broker)
        await require_kept(again)
        assert await told(again, first) == await told(again, second) == ["resolution 100 %"]
        assert await listed(again, "breached=true") == [first, second]


async def test_the_window_to_reopen_counts_the_working_days_of_the_customer_s_calendar(
    tmp_path: Path,
) -> None:
    off = tuple(Holiday(date=(MONDAY + timedelta(days=n)).date()) for n in (1, 2))
    async with office(tmp_path, replace(DESK, calendars=(replace(OFFICE, holidays=off),))) as world:
        id_ = await ticket(world)
        await act(world, id_, "take")
        await act(world, id_, "resolve", TicketResolve(resolution="hecho", no_article_reason="nada"))
        world.clock.now = MONDAY + timedelta(days=9, seconds=-1)
        assert (await act(world, id_, "reopen"))["state"] == "in-progress"
        await act(world, id_, "resolve", TicketResolve(resolution="hecho", no_article_reason="nada"))
        world.clock.now += timedelta(days=7, seconds=1)
        late = await world.call("POST", f"/v1/tickets/{id_}/reopen", b"{}", await world.login("toni"))
        assert late.code in ("window-over", "invalid-transition")


def test_a_zone_that_this_machine_lost_stops_its_own_clocks_and_no_others() -> None:
    gone = Calendar(id="gone", zone="Mars/Olympus", hours=("mon-fri 09:00-17:00",))
    lost = replace(ACME, customer="globex", calendar="gone")
    promises = Promises(Desk(customers=(ACME, lost), calendars=(OFFICE, gone)))
    assert promises.hours("globex") is None
    assert promises.workdays("globex") is None
    assert promises.hours("acme") is not None
    assert promises.staff_hours("toni").is_open(MONDAY)
