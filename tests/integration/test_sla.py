"""SLA clocks with a user on a real link, and with a broker process that is killed while it gives notices."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.sla import keeper
from protocol import link
from protocol.api import TicketText
from protocol.calendars import Calendar
from protocol.desk import CustomerDesk, Desk, SlaTarget
from protocol.ticket_api import TicketPend
from protocol.tickets import PendingReason
from protocol.times import parse_rfc3339
from tests.support.broker_world import publication
from tests.support.desk import Desk as Served
from tests.support.desk import desk as served_desk
from tests.support.world import World, wait_until

ALWAYS = Calendar(id="always", zone="Europe/Madrid", hours=("mon-sun 00:00-24:00",))
PROMISES = Desk(
    calendars=(ALWAYS,),
    customers=(
        CustomerDesk(
            customer="acme",
            calendar="always",
            sla=(SlaTarget(priority=3, first_response=30, resolution=240, next_response=60),),
        ),
    ),
)


async def clocks(desk: Served, ticket: str) -> dict[str, dict[str, Any]]:
    token = await desk.world.login("toni")
    answer = await desk.call("GET", f"/v1/tickets/{ticket}", token=token)
    return {clock["clock"]: clock for clock in answer.json["ticket"]["sla"]}


async def do(desk: Served, ticket: str, how: str, body: object = b"{}") -> None:
    answer = await desk.call("POST", f"/v1/tickets/{ticket}/{how}", body, await desk.world.login("toni"))
    assert answer.status == 200, answer.body


async def test_what_the_user_says_ends_a_pause_and_starts_the_next_response_until_it_is_answered(
    tmp_path: Path,
) -> None:
    async with served_desk(tmp_path) as desk:
        desk.world.org.desk = PROMISES
        files = publication(desk.world.org.next())
        answer = await desk.call("POST", "/v1/org/publish", files, await desk.world.login("ada"))
        assert answer.status == 200, answer.body
        machine = await desk.enrol()
        async with desk.link(machine) as control:
            await control.send(link.Ask(ref=1, request=machine.ask("La impresora no imprime", desk.now)))
            ticket = (await control.expect(link.TicketMade)).ticket
            desk.world.clock.forward(minutes=10)
            await do(desk, ticket, "take")
            await do(desk, ticket, "replies", TicketText(text="¿Desde cuándo?"))
            found = await clocks(desk, ticket)
            assert (found["first_response"]["state"], found["first_response"]["used_s"]) == ("met", 600)
            assert "next_response" not in found
            await do(desk, ticket, "pend", TicketPend(reason=PendingReason.AWAITING_USER))
            desk.world.clock.forward(hours=20)
            assert (await clocks(desk, ticket))["resolution"]["state"] == "paused"

            await control.send(link.Reply(ref=2, reply=machine.reply(ticket, "Desde ayer", desk.now)))
            await control.expect(link.Done)
            found = await clocks(desk, ticket)
            assert (found["resolution"]["state"], found["resolution"]["used_s"]) == ("running", 600)
            assert found["next_response"]["state"] == "running"
            assert parse_rfc3339(found["next_response"]["due"]) == desk.now + timedelta(hours=1)

            desk.world.clock.forward(minutes=59)
            await do(desk, ticket, "notes", TicketText(text="solo entre nosotros"))
            assert (await clocks(desk, ticket))["next_response"]["state"] == "running"
            await do(desk, ticket, "replies", TicketText(text="Gracias, lo miro"))
            found = await clocks(desk, ticket)
            assert (found["next_response"]["state"], found["next_response"]["used_s"]) == ("met", 3_540)

            await control.send(link.Reply(ref=3, reply=machine.reply(ticket, "¿Y bien?", desk.now)))
            await control.expect(link.Done)
            desk.world.clock.forward(minutes=61)
            again = (await clocks(desk, ticket))["next_response"]
            assert (again["cycle"], again["state"]) == (2, "breached")
            await keeper.look(desk.world.broker)
            notices = [record["facts"] for record in await desk.records("ticket.notice")]
            said = {(f["key"], f["value"]) for facts in notices for f in facts}
            assert {("clock", "next_response"), ("cycle", "2"), ("percent", "100")} <= said


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = World(tmp_path / "world")
    try:
        made.found(fixes=False)
        yield made
    finally:
        made.close()


STEPS = tuple(range(1, 39, 2))


@pytest.mark.slow
def test_a_broker_that_is_killed_again_and_again_gives_every_notice_at_most_once_and_the_last_one(
    world: World,
) -> None:
    """A target of one minute, a notice every 1.2 s, SIGKILL as soon as one is seen."""
    steps = "\n".join(f'[[customers.notices]]\npercent = {p}\nto = ["assignee"]' for p in STEPS)
    file = world.folder / "desk.toml"
    file.write_text(f'[[customers]]\ncustomer = "acme"\n{steps}\n')
    world.admin("org", "desk", "set", str(file))
    world.admin("org", "target", "acme", "--priority", "3", "--resolution", "1m")
    ana = world.technician("ana", customer="acme")
    ticket = ana("ticket", "new", "No imprime", "--customer", "acme").out.strip()
    ana("ticket", "take", ticket)

    def told() -> list[str]:
        detail = ana("ticket", "show", ticket, "--json").json()
        return [line["text"] for line in detail["timeline"] if line["kind"] == "ticket.notice"]

    last = f"resolution {STEPS[-1]} %"

    def more(seen: int) -> bool:
        found = told()  # on a busy machine the last may be among those that were seen
        return len(found) > seen or last in found

    for _ in range(3):
        before = len(told())
        wait_until("the next notice", lambda seen=before: more(seen))
        assert world.broker is not None
        world.broker.kill()
        world.start_broker()
    wait_until("the last notice", lambda: last in told())
    found = told()
    assert max(Counter(found).values()) == 1, found
    assert found == sorted(found, key=lambda text: int(text.split()[1])), found
    world.admin("audit", "verify")


@pytest.mark.slow
def test_calendars_targets_lists_and_accounts_on_the_command_line(world: World) -> None:
    admin = world.admin
    admin("org", "calendar", "set", "oficina", "--zone", "Europe/Madrid", "--hours", "mon-sun 00:00-24:00")
    admin(
        "org", "calendar", "holidays", "oficina", "--country", "ES", "--subdivision", "MD", "--years", "2020"
    )
    admin("org", "calendar", "use", "oficina", "--customer", "acme", "--staff")
    admin("org", "target", "acme", "--priority", "1", "--first-response", "15m", "--resolution", "4h")
    admin("org", "target", "acme", "--priority", "5", "--resolution", "40h", "--ola", "1=8h")
    admin("org", "calendar", "set", "roto", "--zone", "Mars/Olympus", "--hours", "mon 09:00-10:00", status=2)
    admin("org", "publish")
    ana = world.technician("ana", customer="acme")
    slow = ana(
        "ticket", "new", "Impresora", "--customer", "acme", "--impact", "3", "--urgency", "3"
    ).out.strip()
    fast = ana(
        "ticket", "new", "Todo caído", "--customer", "acme", "--impact", "1", "--urgency", "1"
    ).out.strip()
    plain = ana("ticket", "new", "Duda", "--customer", "acme").out.strip()

    listed = ana("ticket", "list", "--json").json()
    assert [row["ticket"] for row in listed] == [plain, fast, slow]
    due = ana("ticket", "list", "--due", "--json").json()
    assert [row["ticket"] for row in due] == [fast, slow]
    assert ana("ticket", "list", "--breached", "--json").json() == []
    table = ana("ticket", "list", "--due", "--lang", "es").out
    assert "Vence" in table and "Primera respuesta" in table

    told = ana("ticket", "show", fast, "--sla", "--json").json()
    assert [clock["clock"] for clock in told["clocks"]] == ["first_response", "resolution"]
    assert (told["calendar"], told["clocks"][0]["target_s"]) == ("oficina", 900)
    due_at = parse_rfc3339(told["clocks"][0]["due"])
    assert timedelta(0) < due_at - datetime.now(UTC) <= timedelta(minutes=15)
    assert (
        "No hay plazos acordados con acme para P3"
        in ana("ticket", "show", plain, "--sla", "--lang", "es").out
    )
    ana("ticket", "take", fast)
    ana("ticket", "reply", fast, "Lo miro")
    words = ana("ticket", "show", fast, "--sla", "--lang", "en").out
    assert "First response: met, 0 min of 15 min used" in words
    assert "Resolution: 0 min of 4 h 00 min used" in words
    assert ana("ticket", "show", slow, "--sla", "--lang", "es").out.count("Nivel 1") == 1
    ana("ticket", "show", "T-99", "--sla", status=3)
