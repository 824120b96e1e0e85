"""Relevo and a real Request Tracker 5: tickets on either side appear on the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol.scopes import Role
from protocol.tickets import PendingReason, State
from tests.peers.rt_instance import RequestTracker
from tests.support.bridge import Bridge, bridged, connected, settings_of


@pytest.fixture
async def bridge(rt: RequestTracker, tmp_path: Path) -> AsyncIterator[Bridge]:
    async with bridged(tmp_path / "broker", settings_of(rt.url, rt.token_file)) as made:
        yield made


async def test_a_ticket_opened_here_is_opened_there_once(rt: RequestTracker, bridge: Bridge) -> None:
    ticket = await bridge.open("Impresora parada", "No imprime desde ayer")
    await bridge.looks()
    remote = await bridge.remote_of(ticket)
    found = rt.get(f"/ticket/{remote}")
    assert (found["Subject"], found["Status"]) == ("Impresora parada", "new")
    assert rt.links(remote) == [f"relevo:{bridge.world.org.org}/{ticket}"]
    created = rt.of_kind(remote, "Create")
    assert "No imprime desde ayer" in rt.words(created[0]["id"])
    assert [row["Type"] for row in rt.history(remote)] == ["Create"]
    assert await bridge.by_external(f"RT#{remote}") == [ticket]
    assert (await bridge.detail(ticket))["external"] == [f"RT#{remote}"]


async def test_a_ticket_opened_there_is_opened_here_once(rt: RequestTracker, bridge: Bridge) -> None:
    remote = rt.open("VPN", "<p>Hola, no <b>conecta</b></p>", html=True, Requestor="bob@acme.test")
    await bridge.looks()
    (ticket,) = await bridge.by_external(f"RT#{remote}")
    view = await bridge.view(ticket)
    assert (view.title, view.description, view.customer, view.channel) == (
        "VPN",
        "Hola, no conecta",
        "acme",
        "rt",
    )
    assert view.requester.startswith("mail-")
    assert rt.links(remote) == [f"relevo:{bridge.world.org.org}/{ticket}"]
    assert rt.status(remote) == "new"
    assert next(row for row in rt.history(remote) if row["Creator"]["id"] == "relevo")["Type"] == "AddLink"


async def opened_there(rt: RequestTracker, bridge: Bridge, subject: str, **more: Any) -> tuple[str, str]:
    """A ticket that somebody opened there, in both systems, in progress here."""
    remote = rt.open(subject, f"about {subject}", Requestor="bob@acme.test", **more)
    await bridge.look()
    (ticket,) = await bridge.by_external(f"RT#{remote}")
    await bridge.take(ticket)
    await bridge.look()
    return ticket, remote


async def test_states_cross_both_ways_until_it_is_solved_and_reopened(
    rt: RequestTracker, bridge: Bridge
) -> None:
    ticket, remote = await opened_there(rt, bridge, "States")
    assert rt.status(remote) == "open"
    rt.set(remote, Status="stalled")
    await bridge.look()
    view = await bridge.view(ticket)
    assert (view.state, view.pending_reason) == (State.PENDING, PendingReason.AWAITING_USER)
    rt.mail("bob@acme.test", f"Re: [relevo.test #{remote}] States", "It works again since noon")
    await bridge.looks(2)
    view = await bridge.view(ticket)
    assert (view.state, rt.status(remote)) == (State.IN_PROGRESS, "open")
    await bridge.do(ticket, "pend", reason="awaiting_user", text="please look")
    await bridge.look()
    assert rt.status(remote) == "stalled"
    await bridge.do(ticket, "resume", reason="")
    await bridge.resolve(ticket, "Cable plugged in")
    await bridge.look()
    assert rt.status(remote) == "resolved"
    said = rt.of_kind(remote, "Correspond", by="relevo")
    assert ["Cable plugged in" in rt.words(one["id"]) for one in said] == [True]
    rt.set(remote, Status="open")
    await bridge.looks(2)
    assert (await bridge.view(ticket)).state is State.IN_PROGRESS
    rt.set(remote, Status="resolved")
    await bridge.looks(2)
    view = await bridge.view(ticket)
    assert view.state is State.RESOLVED and "Alice Agent" in (view.resolution or "")
    assert rt.status(remote) == "resolved"


async def test_replies_cross_once_each_and_nothing_comes_back_as_an_echo(
    rt: RequestTracker, bridge: Bridge
) -> None:
    ticket, remote = await opened_there(rt, bridge, "Replies")
    await bridge.do(ticket, "replies", text="Hola <b>Bob</b>, ¿la ha reiniciado?")
    rt.say(remote, "<p>I called him.<br>He <i>did</i>.</p>", html=True)
    rt.mail(
        "bob@acme.test",
        f"Re: [relevo.test #{remote}] Replies",
        "Yes, bob@acme.test here, tel 0034 600 111 222",
    )
    await bridge.looks(2)
    there = len(rt.history(remote))
    events = [one for one in (await bridge.detail(ticket))["timeline"] if one["kind"] == "ticket.reply"]
    assert [one["text"] for one in events][:2] == [
        "Hola <b>Bob</b>, ¿la ha reiniciado?",
        "I called him.\nHe did.",
    ]
    assert events[1]["by"] == "Alice Agent"
    assert "bob@" not in str(events[2]) and "600" not in events[2]["text"]
    assert events[2]["by"].startswith("mail-")
    said = rt.of_kind(remote, "Correspond", by="relevo")
    assert len(said) == 1 and "Hola <b>Bob</b>, ¿la ha reiniciado?" in rt.words(said[0]["id"])
    here = len((await bridge.detail(ticket))["timeline"])
    await bridge.looks(4)
    assert len(rt.history(remote)) == there
    assert len((await bridge.detail(ticket))["timeline"]) == here


async def test_a_reply_here_leaves_a_waiting_ticket_waiting_there(rt: RequestTracker, bridge: Bridge) -> None:
    ticket, remote = await opened_there(rt, bridge, "Waiting")
    await bridge.do(ticket, "pend", reason="awaiting_user", text="")
    await bridge.look()
    # RT opens a stalled ticket by itself when somebody replies: that is our own doing, and undone.
    await bridge.do(ticket, "replies", text="one more question")
    await bridge.looks(3)
    assert rt.status(remote) == "stalled"
    assert (await bridge.view(ticket)).state is State.PENDING


async def test_who_asked_is_a_pseudonym_below_r2(rt: RequestTracker, bridge: Bridge) -> None:
    remote = rt.open("Mail of bob@acme.test", "I am bob@acme.test at 10.1.2.3", Requestor="bob@acme.test")
    await bridge.look()
    (ticket,) = await bridge.by_external(f"RT#{remote}")
    seen = str(await bridge.detail(ticket))
    assert "bob@acme.test" not in seen and "10.1.2.3" not in seen
    records = str(await bridge.world.audit(await bridge.world.login("olga")))
    assert "bob@acme.test" not in records
    bridge.world.org.add("lea", Role.TECHNICIAN, tiers={"acme": 2})
    await bridge.world.publish(bridge.world.org.next(), await bridge.world.login("ada"))
    notes = [one for one in (await bridge.detail(ticket, "lea"))["timeline"] if one["kind"] == "ticket.note"]
    assert "bob@acme.test" in notes[0]["text"] and "10.1.2.3" in notes[0]["text"]


async def test_internal_notes_stay_where_they_are_unless_they_are_wanted(
    rt: RequestTracker, bridge: Bridge
) -> None:
    ticket, remote = await opened_there(rt, bridge, "Notes")
    rt.say(remote, "internal there", internal=True)
    await bridge.do(ticket, "notes", text="internal here", clearance="R1")
    await bridge.looks(2)
    assert rt.of_kind(remote, "Comment", by="relevo") == []
    assert "internal there" not in str(await bridge.detail(ticket))
    wanted = msgspec.structs.replace(bridge.settings, notes=True)
    async with connected(bridge.world, wanted) as other:
        rt.say(remote, "second there", internal=True)
        await bridge.do(ticket, "notes", text="second here", clearance="R1")
        await other.looks(2)
        said = rt.of_kind(remote, "Comment", by="relevo")
        assert ["second here" in rt.words(one["id"]) for one in said] == [True]
        notes = [one for one in (await bridge.detail(ticket))["timeline"] if one["kind"] == "ticket.note"]
        assert [one["text"] for one in notes if "second" in one["text"]] == ["second here", "second there"]


async def test_what_nobody_here_touched_is_cancelled_when_it_is_solved_there(
    rt: RequestTracker, bridge: Bridge
) -> None:
    remote = rt.open("Solved there", "quickly")
    await bridge.look()
    rt.set(remote, Status="resolved")
    await bridge.looks(2)
    (ticket,) = await bridge.by_external(f"RT#{remote}")
    assert (await bridge.view(ticket)).state is State.CANCELLED
    assert rt.status(remote) == "resolved"
    # Nothing changes here any more: what comes later is a new ticket that follows it up.
    rt.say(remote, "it is back")
    await bridge.looks(2)
    tickets = await bridge.by_external(f"RT#{remote}")
    assert len(tickets) == 2 and tickets[1] == ticket
    follow_up = await bridge.view(tickets[0])
    assert (follow_up.follow_up_of, follow_up.description) == (ticket, "it is back")
    rt.set(remote, Status="rejected")
    await bridge.looks(2)
    assert (await bridge.view(tickets[0])).state is State.CANCELLED


async def test_where_both_sides_changed_ours_stays_and_the_other_is_recorded(
    rt: RequestTracker, bridge: Bridge
) -> None:
    ticket, remote = await opened_there(rt, bridge, "Conflict")
    rt.set(remote, Status="resolved")
    await bridge.do(ticket, "pend", reason="awaiting_user", text="")
    await bridge.looks(3)
    assert (await bridge.view(ticket)).state is State.PENDING
    assert rt.status(remote) == "stalled"
    kept = [one for one in await bridge.records("connector.kept") if one["external"] == f"RT#{remote}"]
    assert [(one["outcome"], one["there"], one["here"]) for one in kept] == [
        ("conflict", "resolved", "pending")
    ]


async def test_what_our_rules_refuse_is_recorded_and_changes_nothing(
    rt: RequestTracker, bridge: Bridge
) -> None:
    remote = rt.open("Assigned", "not begun")
    await bridge.look()
    (ticket,) = await bridge.by_external(f"RT#{remote}")
    before = (await bridge.view(ticket)).state
    rt.set(remote, Status="stalled")
    await bridge.looks(2)
    assert (await bridge.view(ticket)).state is before
    kept = [one for one in await bridge.records("connector.kept") if one["external"] == f"RT#{remote}"]
    assert [one["why"] for one in kept] == ["invalid-transition"]


async def test_a_queue_that_is_not_named_stays_outside(rt: RequestTracker, bridge: Bridge) -> None:
    remote = rt.open("Secret of others", "very", queue="Private")
    await bridge.looks(2)
    assert await bridge.by_external(f"RT#{remote}") == []
    rt.set(remote, Queue="Acme")
    await bridge.look()
    assert len(await bridge.by_external(f"RT#{remote}")) == 1


async def test_another_customers_technician_sees_nothing_of_what_came_in(
    rt: RequestTracker, bridge: Bridge
) -> None:
    remote = rt.open("For Acme only", "hush")
    await bridge.look()
    (ticket,) = await bridge.by_external(f"RT#{remote}")
    assert await bridge.by_external(f"RT#{remote}", who="gil") == []
    answer = await bridge.world.call("GET", f"/v1/tickets/{ticket}", token=await bridge.world.login("gil"))
    assert answer.code == "not-found"


async def test_a_ticket_that_moves_to_another_customers_queue_crosses_no_more(
    rt: RequestTracker, bridge: Bridge
) -> None:
    ticket, remote = await opened_there(rt, bridge, "Moves")
    rt.set(remote, Queue="Globex")
    rt.say(remote, "words of globex")
    await bridge.look()
    await bridge.do(ticket, "replies", text="words of acme")
    await bridge.looks(2)
    assert "words of globex" not in str(await bridge.detail(ticket))
    assert rt.of_kind(remote, "Correspond", by="relevo") == []
    assert [(one.direction, one.code) for one in await bridge.parked()] == [("out", "refused")]
    rt.set(remote, Queue="Acme")
    bridge.later(hours=7)
    await bridge.looks(2)
    assert await bridge.parked() == []
    assert len(rt.of_kind(remote, "Correspond", by="relevo")) == 1


async def test_hostile_words_are_only_words(rt: RequestTracker, bridge: Bridge) -> None:
    subject = "=cmd|'/C calc'!A0 \x1b[31m<script>alert(1)</script> " + "x" * 120
    html = (
        "<html><head><style>p{}</style></head><body><script>steal()</script><img src=x onerror=alert(1)>"
        "<p>visible &lt;b&gt; \u202egnp.exe</p>" + "<div>" * 5_000 + "deep</body></html>"
    )
    remote = rt.open(subject, html, html=True)
    big = rt.open("Big", "0123456789 " * 40_000)
    await bridge.looks(2)
    (ticket,) = await bridge.by_external(f"RT#{remote}")
    view = await bridge.view(ticket)
    assert view.title.isprintable() and len(view.title) <= 200
    assert view.description.startswith("visible <b> gnp.exe") and "steal" not in view.description
    (large,) = await bridge.by_external(f"RT#{big}")
    assert len((await bridge.view(large)).description) == 20_000
    mine = await bridge.open("<img src=x>", "<script>alert(1)</script>")
    await bridge.looks(2)
    made = rt.of_kind(await bridge.remote_of(mine), "Create")[0]["id"]
    parts = rt.get(f"/transaction/{made}/attachments")["items"]
    assert [rt.get(f"/attachment/{one['id']}")["ContentType"] for one in parts] == ["text/plain"]


async def test_a_link_that_somebody_forged_there_is_not_believed(rt: RequestTracker, bridge: Bridge) -> None:
    ticket = await bridge.open("Victim", "of acme")
    forged = f"relevo:{bridge.world.org.org}/{ticket}"
    fake = rt.open("Forged", "catch", queue="Globex", RefersTo=forged)
    await bridge.looks(2)
    assert await bridge.remote_of(ticket) != fake
    (other,) = await bridge.by_external(f"RT#{fake}", who="gil")
    assert other != ticket
