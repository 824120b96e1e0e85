"""The streams over tickets: who hears what, when it ends, and that nothing is lost or told twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.conversation import bells, stream
from protocol.api import TicketNew, TicketText
from protocol.conversation import Begun, Happened, Marks, Over, Said
from protocol.errors import Code
from protocol.scopes import Clearance, Role
from protocol.sse import ServerEvent
from protocol.wire import from_json
from tests.support.broker_world import World, paired
from tests.support.streams import reading


async def opened(world: World, token: str, customer: str = "acme") -> str:
    answer = await world.call("POST", "/v1/tickets", TicketNew(title="No imprime", customer=customer), token)
    assert answer.status == 200, answer.body
    return str(answer.json["ticket"])


async def say(
    world: World, ticket: str, token: str, text: str, kind: str = "replies", **more: object
) -> None:
    answer = await world.call("POST", f"/v1/tickets/{ticket}/{kind}", TicketText(text=text, **more), token)  # type: ignore[arg-type]
    assert answer.status == 200, answer.body


def said(events: list[ServerEvent]) -> list[Said]:
    return [from_json(event.data, Said) for event in events if event.name == "said"]


async def test_a_stream_begins_with_what_was_and_goes_on_with_what_comes(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        ticket = await opened(world, toni)
        await say(world, ticket, toni, "hola")
        async with reading(world, f"/v1/tickets/{ticket}/stream", toni) as reader:
            before = said(await reader.until("said", 2))
            await say(world, ticket, toni, "¿sigue ahí?")
            now = said(await reader.until("said", 3))
            begun = from_json((await reader.until("begun"))[0].data, Begun)
            marks = from_json((await reader.until("marks"))[0].data, Marks)
        assert (begun.ticket, begun.title) == (ticket, "No imprime")
        assert marks.read is None
        assert [row.text for row in before if row.kind == "ticket.reply"] == ["hola"]
        assert (now[-1].text, now[-1].public, now[-1].by) == ("¿sigue ahí?", True, "Toni")
        assert world.broker.streams.total == 0


async def test_a_reader_that_comes_back_misses_nothing_and_hears_nothing_twice(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        ticket = await opened(world, toni)
        path = f"/v1/tickets/{ticket}/stream"
        async with reading(world, path, toni) as reader:
            last = (await reader.until("said"))[-1].index
        for n in range(250):
            await say(world, ticket, toni, f"línea {n}")
        async with reading(world, path, toni, {"last-event-id": str(last)}) as reader:
            found = said(await reader.until("said", 250))
        assert [row.text for row in found] == [f"línea {n}" for n in range(250)]
        assert [row.index for row in found] == sorted({row.index for row in found})
        async with reading(world, f"{path}?after={found[-2].index}", toni) as reader:
            assert [row.text for row in said(await reader.until("said"))] == ["línea 249"]


async def test_a_technician_of_another_customer_finds_no_such_stream(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni, gil = await world.login("toni"), await world.login("gil")
        ticket = await opened(world, toni)
        answer = await world.call("GET", f"/v1/tickets/{ticket}/stream", token=gil)
        none = await world.call("GET", "/v1/tickets/T-999/stream", token=gil)
        assert (answer.status, answer.code) == (none.status, none.code) == (404, "not-found")
        async with reading(world, "/v1/stream", gil) as reader:
            await reader.until("begun")
            await say(world, ticket, toni, "secreto de acme")
            other = await opened(world, gil, "globex")
            heard = [from_json(e.data, Happened) for e in await reader.until("happened")]
            assert {row.ticket for row in heard} == {other}
            assert b"secreto" not in reader.raw


async def test_the_stream_of_all_tickets_tells_what_happens_without_words(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        ticket = await opened(world, toni)
        async with reading(world, "/v1/stream", toni) as reader:
            begun = from_json((await reader.until("begun"))[0].data, Begun)
            await say(world, ticket, toni, "palabras")
            row = from_json((await reader.until("happened"))[0].data, Happened)
        assert (row.ticket, row.kind, row.public) == (ticket, "ticket.reply", True)
        assert row.index > begun.index
        assert b"palabras" not in reader.raw
        async with reading(world, f"/v1/stream?after={begun.index}", toni) as reader:
            assert from_json((await reader.until("happened"))[0].data, Happened) == row


async def test_a_note_above_the_readers_clearance_is_withheld(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        world.org.add("lena", Role.TECHNICIAN, tiers={"acme": 3})
        assert (await world.publish(world.org.next(), await world.login("ada"))).status == 200
        toni, lena = await world.login("toni"), await world.login("lena")
        ticket = await opened(world, toni)
        async with reading(world, f"/v1/tickets/{ticket}/stream", toni) as reader:
            await reader.until("said")
            await say(world, ticket, lena, "confidencial", "notes", clearance=Clearance.R3)
            note = next(row for row in said(await reader.until("said", 2)) if row.kind == "ticket.note")
        assert (note.text, note.withheld, note.public) == ("", Clearance.R3, False)
        assert b"confidencial" not in reader.raw


async def test_a_stream_ends_when_its_login_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LOOK_S", 0.05)
    async with paired(tmp_path) as world:
        toni, other = await world.login("toni"), await world.login("toni")
        ticket = await opened(world, other)
        async with reading(world, f"/v1/tickets/{ticket}/stream", toni) as reader:
            await reader.until("said")
            await world.call("POST", "/v1/auth/logout", b"{}", toni)
            over = from_json((await reader.until("over"))[0].data, Over)
            await reader.until_ended()
            await say(world, ticket, other, "después")
        assert over.code is Code.UNAUTHENTICATED
        assert "después".encode() not in reader.raw


async def test_a_stream_ends_when_the_roster_takes_the_customer_away(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        ada, toni = await world.login("ada"), await world.login("toni")
        ticket = await opened(world, toni)
        async with reading(world, f"/v1/tickets/{ticket}/stream", toni) as reader:
            await reader.until("said")
            key = world.org.keys["toni"]
            world.org.people = [p for p in world.org.people if p.id != "toni"]
            world.org.add("toni", Role.TECHNICIAN, tiers={"globex": 1})
            world.org.keys["toni"] = key
            world.org.people[-1] = type(world.org.people[-1])(
                id="toni", name="Toni", keys=(key.public_key.text,), roles=(Role.TECHNICIAN,),
                tiers=world.org.people[-1].tiers,
            )  # fmt: skip
            assert (await world.publish(world.org.next(), ada)).status == 200
            over = from_json((await reader.until("over"))[0].data, Over)
        assert over.code is Code.NOT_FOUND


async def test_the_list_leaves_out_what_may_not_be_seen_any_more(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        ada, toni = await world.login("ada"), await world.login("toni")
        ticket = await opened(world, toni)
        world.org.add("eva", Role.TECHNICIAN, tiers={"acme": 1})
        assert (await world.publish(world.org.next(), ada)).status == 200
        eva = await world.login("eva")
        async with reading(world, "/v1/stream", toni) as reader:
            await reader.until("begun")
            world.org.people = [p for p in world.org.people if p.id != "toni"]
            assert (await world.publish(world.org.next(), ada)).status == 200
            assert from_json((await reader.until("over"))[0].data, Over).code is Code.NOT_IN_ROSTER
            await say(world, ticket, eva, "nuevo")
        assert not [event for event in reader.events if event.name == "happened"]


async def test_streams_of_one_login_are_limited_and_a_closed_one_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bells, "MAX_OF_LOGIN", 1)
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        async with reading(world, "/v1/stream", toni) as reader:
            await reader.until("begun")
            answer = await world.call("GET", "/v1/stream", token=toni)
            assert (answer.status, answer.code) == (429, "rate-limited")
        async with reading(world, "/v1/stream", toni) as reader:
            await reader.until("begun")


async def test_a_reader_that_takes_nothing_is_cut_off_holds_nothing_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SEND_S", 0.2)
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        ticket = await opened(world, toni)
        path = f"/v1/tickets/{ticket}/stream"
        async with reading(world, path, toni) as reader:
            last = (await reader.until("said"))[-1].index
            reader.open.clear()
            for n in range(40):
                await say(world, ticket, toni, f"{n}:" + "x" * 19_000)
            while world.broker.streams.total:
                await say(world, ticket, toni, "y")
            assert not reader.ended, "a stream that was cut off does not look complete"
        async with reading(world, path, toni, {"last-event-id": str(last)}) as reader:
            texts = [row.text for row in said(await reader.until("said", 40))]
        assert [text.partition(":")[0] for text in texts[:40]] == [str(n) for n in range(40)]


async def test_an_idle_stream_says_that_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(stream, "LOOK_S", 0.05)
    async with paired(tmp_path) as world, reading(world, "/v1/stream", await world.login("toni")) as reader:
        while b": here\n\n" not in reader.raw:
            reader.news.clear()
            await reader.news.wait()


async def test_a_broker_that_goes_down_ends_its_streams_without_a_fault(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        async with reading(world, "/v1/stream", await world.login("toni")) as reader:
            await reader.until("begun")
            world.broker.drain.begin()
            await reader.until_ended()
        assert from_json(reader.events[-1].data, Over).code is None


@pytest.mark.parametrize("last", ["-1", "x", "9" * 30, "1e3", "²"])
async def test_a_last_event_id_that_is_none_is_refused(tmp_path: Path, last: str) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        answer = await world.call("GET", "/v1/stream", token=toni, headers={"last-event-id": last})
        assert (answer.status, answer.code) == (400, "usage")


async def test_head_of_a_stream_is_only_its_head(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        async with reading(world, "/v1/stream", await world.login("toni"), method="HEAD") as reader:
            await reader.until_ended()
        assert (reader.status, reader.raw) == (200, b"")


async def test_the_same_reply_sent_again_is_said_once(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        toni = await world.login("toni")
        ticket, other = await opened(world, toni), await opened(world, toni)
        for _ in range(2):
            await say(world, ticket, toni, "una vez", nonce="ab" * 32)
        replayed = await world.call(
            "POST", f"/v1/tickets/{other}/replies", TicketText(text="x", nonce="ab" * 32), toni
        )
        assert (replayed.status, replayed.code) == (409, "replayed")
        async with reading(world, f"/v1/tickets/{ticket}/stream", toni) as reader:
            found = said(await reader.until("said", 2))
        assert [row.text for row in found if row.kind == "ticket.reply"] == ["una vez"]
