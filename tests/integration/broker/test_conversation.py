"""The user's side of a ticket over the control link: what they get, what they never get, and how it is known."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from broker.conversation import stream
from broker.store.engine import Tx
from broker.tickets import rows
from broker.tickets.events import RULES, Event, write
from protocol import ids, link
from protocol.api import TicketText
from protocol.audit import Action
from protocol.conversation import Kind, Over, Said, Side
from protocol.documents import Invitation
from protocol.dsse import seal
from protocol.errors import Code
from protocol.scopes import Clearance, Role, Scope
from protocol.ticket_api import TicketInvite
from protocol.tickets import State
from protocol.times import rfc3339
from protocol.wire import from_json
from tests.support.broker_world import Answer
from tests.support.desk import Control, Desk, desk
from tests.support.streams import reading


async def conversation(control: Control, ticket: str, after: int | None = None) -> link.Conversation:
    await control.send(link.ConversationQuery(ref=1, ticket=ticket, after=after))
    return await control.expect(link.Conversation)


async def say(at: Desk, ticket: str, text: str, kind: str = "replies", who: str = "toni") -> Answer:
    token = await at.world.login(who)
    clearance = Clearance.R1 if kind == "notes" else None
    return await at.call(
        "POST", f"/v1/tickets/{ticket}/{kind}", TicketText(text=text, clearance=clearance), token
    )


async def test_the_machine_is_rung_and_gets_what_its_user_may_see(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        machine = await at.enrol()
        ticket = await at.ticket(machine)
        async with at.link(machine) as control:
            last = (await conversation(control, ticket)).rows[-1].index
            await say(at, ticket, "interno", "notes")
            await say(at, ticket, "¿Está encendida?")
            news = await control.expect(link.TicketNews)
            assert (news.ticket, news.state) == (ticket, State.IN_PROGRESS)
            told = await conversation(control, ticket, last)
            assert [(row.kind, row.text, row.by, row.side) for row in told.rows] == [
                (Kind.REPLY, "¿Está encendida?", "Toni", Side.TECHNICIAN)
            ]
            assert (told.rows[0].index, told.more) == (news.index, False)


async def test_notes_hand_overs_and_why_somebody_took_it_stay_at_the_desk(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        machine = await at.enrol()
        ticket = await at.ticket(machine)
        toni = await at.world.login("toni")
        later = rfc3339(at.now + timedelta(days=1))
        for path, body in (
            ("notes", b'{"text":"canario interno"}'),
            (
                "pend",
                f'{{"reason":"awaiting_vendor","resume_at":"{later}","text":"canario del proveedor"}}'.encode(),
            ),
            ("resume", b'{"reason":"canario de vuelta"}'),
            ("assign", b'{"assignee":"toni","reason":"canario del reparto"}'),
            ("start", b"{}"),
            ("pend", b'{"reason":"awaiting_user","text":"reinicie, por favor"}'),
        ):
            answer = await at.call("POST", f"/v1/tickets/{ticket}/{path}", body, toni)
            assert answer.status == 200, (path, answer.body)
        async with at.link(machine) as control:
            rows = (await conversation(control, ticket)).rows
        assert not [row for row in rows if "canario" in row.text]
        assert all(row.public for row in rows)
        assert [row.text for row in rows if row.text] == ["reinicie, por favor"]


async def test_a_machine_asks_in_vain_for_anothers_ticket(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        machine, other = await at.enrol(), await at.enrol()
        ticket = await at.ticket(other)
        async with at.link(machine) as control:
            for wanted in (ticket, "T-999"):
                await control.send(link.ConversationQuery(ref=3, ticket=wanted))
                assert await control.expect(link.Failure) == link.Failure(ref=3, code=Code.NOT_FOUND)
                await control.send(link.Seen(ref=4, ticket=wanted, index=99))
                assert await control.expect(link.Failure) == link.Failure(ref=4, code=Code.NOT_FOUND)
            await say(at, ticket, "para el otro")
            assert await control.alive()
            assert not [message for message in control.inbox if isinstance(message, link.TicketNews)]


async def test_the_desk_sees_that_the_user_got_and_read_it_and_marks_never_go_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        machine = await at.enrol()
        ticket = await at.ticket(machine)
        await say(at, ticket, "hola")
        toni = await at.world.login("toni")

        async def marks() -> dict[str, int | None]:
            found = (await at.call("GET", f"/v1/tickets/{ticket}", token=toni)).json["marks"]
            return {name: found.get(name) for name in ("delivered", "read")}

        assert await marks() == {"delivered": None, "read": None}
        async with at.link(machine) as control:
            last = (await conversation(control, ticket)).rows[-1].index
            assert await marks() == {"delivered": last, "read": None}
            async with reading(at.world, f"/v1/tickets/{ticket}/stream", toni) as reader:
                before = len(await reader.until("marks"))
                await control.send(link.Seen(ref=2, ticket=ticket, index=1 << 40))
                await control.expect(link.Done)
                await reader.until("marks", before + 1)
            assert await marks() == {"delivered": last, "read": last}, "not beyond what there is"
            await control.send(link.Seen(ref=3, ticket=ticket, index=0))
            await control.expect(link.Done)
            assert await marks() == {"delivered": last, "read": last}
            assert (await conversation(control, ticket)).read == last


async def test_a_long_conversation_comes_in_pages_that_join(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        machine = await at.enrol()
        ticket = await at.ticket(machine)
        toni = await at.world.login("toni")
        for n in range(130):
            text = f"{n} " + ("x" * 19_000 if n % 4 == 0 else "")
            answer = await at.call("POST", f"/v1/tickets/{ticket}/replies", TicketText(text=text), toni)
            assert answer.status == 200
        found: list[Said] = []
        async with at.link(machine) as control:
            while (page := await conversation(control, ticket, found[-1].index if found else None)).rows:
                found += page.rows
                assert page.more is (found[-1].text.split()[0] != "129")
        assert [row.text.split()[0] for row in found if row.kind == Kind.REPLY] == [
            str(n) for n in range(130)
        ]


async def test_a_reply_resumes_what_waits_for_the_user_and_a_closed_ticket_takes_none(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        machine = await at.enrol()
        ticket = await at.ticket(machine)
        toni = await at.world.login("toni")
        await at.call("POST", f"/v1/tickets/{ticket}/pend", b'{"reason":"awaiting_user"}', toni)
        async with at.link(machine) as control:
            said = machine.reply(ticket, "aquí estoy", at.now)
            for _ in range(2):
                await control.send(link.Reply(ref=1, reply=said))
                await control.expect(link.Done)
            told = await conversation(control, ticket)
            assert told.state is State.IN_PROGRESS
            assert [row.text for row in told.rows if row.side is Side.USER] == ["aquí estoy"]
            await at.call("POST", f"/v1/tickets/{ticket}/cancel", b'{"reason":"por error"}', toni)
            await control.send(link.Reply(ref=2, reply=machine.reply(ticket, "tarde", at.now)))
            assert await control.expect(link.Failure) == link.Failure(ref=2, code=Code.TICKET_CLOSED)
            assert (await conversation(control, ticket)).state is State.CANCELLED
        answer = await say(at, ticket, "tarde")
        assert (answer.status, answer.code) == (409, "ticket-closed")


async def test_a_text_that_is_too_long_is_refused_whole(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        machine = await at.enrol()
        ticket = await at.ticket(machine)
        assert (await say(at, ticket, "x" * 20_000)).status == 200
        answer = await say(at, ticket, "x" * 20_001)
        assert (answer.status, answer.code) == (400, "malformed")


async def test_what_was_said_while_the_machine_was_away_is_there_when_it_comes_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        machine = await at.enrol()
        ticket = await at.ticket(machine)
        async with at.link(machine) as control:
            last = (await conversation(control, ticket)).rows[-1].index
        for n in range(3):
            await say(at, ticket, f"mientras {n}")
        async with at.link(machine) as control:
            told = await conversation(control, ticket, last)
        assert [row.text for row in told.rows] == [f"mientras {n}" for n in range(3)]


async def test_the_stream_of_an_invited_expert_ends_with_the_invitation(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        invited = await _invited(at)
        async with reading(at.world, f"/v1/tickets/{invited.ticket}/stream", invited.vera) as reader:
            assert {from_json(e.data, Said).ticket for e in await reader.until("said")} == {invited.ticket}
            other = await at.call("GET", f"/v1/tickets/{invited.other}/stream", token=invited.vera)
            assert (other.status, other.code) == (404, "not-found")
            ended = await at.call(
                "POST",
                f"/v1/tickets/{invited.ticket}/invitations/{invited.invitation}/end",
                b"{}",
                invited.toni,
            )
            assert ended.status == 200, ended.body
            over = from_json((await reader.until("over"))[0].data, Over)
            await say(at, invited.ticket, "después de la invitación")
        assert over.code is Code.NOT_FOUND
        assert "después de la invitación".encode() not in reader.raw


class _Invited(NamedTuple):
    ticket: str
    other: str
    invitation: str
    vera: str
    toni: str


async def _invited(at: Desk) -> _Invited:
    """Vera from outside, on one of two tickets."""
    at.world.org.add("vera", Role.EXPERT)
    assert (await at.world.publish(at.world.org.next(), await at.world.login("ada"))).status == 200
    machine = await at.enrol()
    ticket, other = await at.ticket(machine), await at.ticket(machine)
    toni, key = await at.world.login("toni"), at.world.org.keys["toni"]
    invitation = Invitation(
        version=1,
        org=at.world.org.org,
        invitation=ids.new_grant_id(),
        ticket=ticket,
        customer="acme",
        agent=machine.agent,
        expert="vera",
        scopes=(Scope.DIAGNOSE,),
        reason="controlador",
        by="toni",
        by_key=key.public_key.text,
        issued=at.now,
        until=at.now + timedelta(hours=1),
    )
    body = TicketInvite(invitation=seal(invitation, key))
    answer = await at.call("POST", f"/v1/tickets/{ticket}/invitations", body, toni)
    assert answer.status == 200, answer.body
    return _Invited(ticket, other, invitation.invitation, await at.world.login("vera"), toni)


async def test_a_reader_that_stops_reading_its_socket_is_cut_off_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SEND_S", 0.3)
    async with desk(tmp_path) as at:
        ticket = await at.ticket(await at.enrol())
        toni = await at.world.login("toni")

        def fill(tx: Tx) -> None:
            found, event = rows.load(tx.conn, ticket), Event(Action.TICKET_NOTE, Kind.NOTE, "x" * 20_000)
            for _ in range(600):  # 12 MB: more than the buffers on the way hold
                write(tx, found, found.state, event, RULES, at.now)

        await at.world.broker.store.write(fill)
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        small.connect(("127.0.0.1", at.port))
        reader, writer = await asyncio.open_connection(
            sock=small, ssl=at.context, server_hostname="broker.test", limit=1_024
        )
        head = f"GET /v1/tickets/{ticket}/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {toni}\r\n\r\n"
        writer.write(head.encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await at.until(lambda: at.world.broker.streams.total == 0)
        async with reading(at.world, f"/v1/tickets/{ticket}/stream", toni) as other:
            await other.until("said")
        writer.transport.abort()
