"""Colleagues, experts and turned clients of the help desk, through the whole broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from broker.store.desk_tables import invitations
from broker.store.tables import logins
from protocol import ids
from protocol.api import TicketMove, TicketNew, TicketText
from protocol.scopes import Role
from protocol.ticket_api import TicketInvite, TicketMerge, TicketPend
from protocol.tickets import PendingReason
from tests.integration.test_customer_walls import Site, invitation
from tests.support.desk import Desk, desk
from tests.support.streams import reading


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A ticket of acme with toni (L1); lena is L3 there, gil of another customer, ivan an outside expert."""
    async with desk(tmp_path) as served:
        org = served.world.org
        org.add("lena", Role.TECHNICIAN, tiers={"acme": 3})
        org.add("ivan", Role.EXPERT)
        await publish(served)
        site = Site(served, await served.enrol())
        site.ticket = await served.ticket(site.machine)
        site.tokens = {person.id: await served.world.login(person.id) for person in org.people}
        yield site


async def publish(served: Desk) -> None:
    answer = await served.world.publish(served.world.org.next(), await served.world.login("ada"))
    assert answer.status == 200, answer.body


async def invite(site: Site) -> None:
    signed = invitation(site, "ivan", site.ticket, "toni", site.machine.agent, "acme")
    path = f"/v1/tickets/{site.ticket}/invitations"
    answer = await site.desk.call("POST", path, TicketInvite(invitation=signed), site.tokens["toni"])
    assert answer.status == 200, answer.body


async def test_an_expert_sees_no_more_once_whoever_invited_them_has_left(site: Site) -> None:
    """A ticket that waits keeps its assignee, and kept its experts."""
    path = f"/v1/tickets/{site.ticket}"
    await invite(site)
    wait = TicketPend(reason=PendingReason.AWAITING_USER, text="which printer?")
    assert (await site.desk.call("POST", f"{path}/pend", wait, site.tokens["toni"])).status == 200
    org = site.desk.world.org
    async with reading(site.desk.world, f"{path}/stream", site.tokens["ivan"]) as reader:
        await reader.until("begun")
        org.people = [person for person in org.people if person.id != "toni"]
        await publish(site.desk)
        await reader.until_ended()
    token = site.tokens["ivan"]
    assert (await site.desk.call("GET", path, token=token)).status == 404
    assert (await site.desk.call("POST", f"{path}/notes", TicketText(text="x"), token)).status == 404
    ended = await site.desk.records("ticket.invitation-ended")
    assert [fact["value"] for fact in ended[-1]["facts"] if fact["key"] == "expert"] == ["ivan"]


@pytest.mark.parametrize("other", ["notes", "replies"])
async def test_other_words_under_a_used_nonce_are_refused_and_not_lost(site: Site, other: str) -> None:
    path, nonce, token = f"/v1/tickets/{site.ticket}", ids.new_nonce(), site.tokens["toni"]
    said = TicketText(text="one", nonce=nonce)
    for _ in range(2):
        assert (await site.desk.call("POST", f"{path}/replies", said, token)).status == 200
    changed = TicketText(text="one" if other == "notes" else "two", nonce=nonce)
    answer = await site.desk.call("POST", f"{path}/{other}", changed, token)
    assert answer.json["code"] == "replayed"
    shown = await site.desk.call("GET", path, token=token)
    assert [event["text"] for event in shown.json["timeline"] if event["text"] == "one"] == ["one"]


async def test_what_one_may_not_see_is_refused_in_the_words_for_what_is_not_there(site: Site) -> None:
    theirs, token = site.ticket, site.tokens["gil"]
    own = await site.desk.call("POST", "/v1/tickets", TicketNew(title="x", customer="globex"), token)
    mine = f"/v1/tickets/{own.json['ticket']}"

    async def said(ticket: str) -> list[str]:
        calls = [
            ("GET", f"/v1/tickets/{ticket}", None),
            ("GET", f"/v1/tickets/{ticket}/stream", None),
            ("GET", f"/v1/tickets/{ticket}/sla", None),
            ("GET", f"/v1/tickets/{ticket}/handover", None),
            ("GET", f"/v1/tickets/{ticket}/artifacts", None),
            ("POST", f"/v1/tickets/{ticket}/take", TicketMove()),
            ("POST", f"{mine}/merge", TicketMerge(into=ticket, reason="x")),
            ("POST", "/v1/tickets", TicketNew(title="y", customer="globex", follow_up_of=ticket)),
            ("POST", "/v1/tickets", TicketNew(title="y", customer="globex", duplicate_of=ticket)),
        ]
        answers = [await site.desk.call(method, path, body, token) for method, path, body in calls]
        assert {answer.status for answer in answers} == {404}
        return [answer.json["detail"].replace(ticket, "T") for answer in answers]

    assert await said(theirs) == await said("T-99")


async def test_from_which_address_somebody_came_is_not_for_the_first_tier(site: Site) -> None:
    path = f"/v1/tickets/{site.ticket}"
    refused = await site.desk.call("POST", f"{path}/take", TicketMove(), site.tokens["gil"])
    assert refused.status == 404
    seen = {}
    for who in ("toni", "lena"):
        shown = await site.desk.call("GET", path, token=site.tokens[who])
        (seen[who],) = [e["text"] for e in shown.json["timeline"] if e["kind"] == "access.refused"]
        async with reading(site.desk.world, f"{path}/stream", site.tokens[who]) as reader:
            await reader.until("marks")
            (streamed,) = [e.data for e in reader.events if b"access.refused" in e.data]
            assert (b"source=" in streamed) is (who == "lena")
    assert "code=not-found" in seen["toni"] and "source=" not in seen["toni"]
    assert "source=" in seen["lena"]


async def test_a_clock_that_is_set_back_revives_no_login_and_no_invitation(site: Site) -> None:
    world, path = site.desk.world, f"/v1/tickets/{site.ticket}"
    await invite(site)
    assert (await site.desk.call("GET", path, token=site.tokens["ivan"])).status == 200
    world.clock.forward(days=2)

    def left(conn: Connection) -> int:
        held = conn.execute(select(func.count()).select_from(logins)).scalar_one()
        return held + conn.execute(select(func.count()).where(invitations.c.ended.is_(None))).scalar_one()

    async with asyncio.timeout(30):
        while await world.broker.store.read(left):
            await asyncio.sleep(0.05)
    world.clock.forward(days=-2)
    assert (await site.desk.call("GET", path, token=site.tokens["ivan"])).status == 401
    assert (await site.desk.call("GET", path, token=await world.login("ivan"))).status == 404
