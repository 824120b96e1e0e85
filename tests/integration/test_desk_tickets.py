"""The help desk on a served broker: waiting, routing, passing on, inviting, and what machines are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert

from broker.store.desk_tables import notices
from broker.tickets import keeper
from protocol import ids, link
from protocol.audit import Action
from protocol.desk import AssignmentRule, CustomerDesk, Desk, Queue
from protocol.documents import Grant, Invitation, UserMove, UserRating
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.scopes import Role, Scope
from tests.support.broker_world import Answer, by_hand, paired, restarted
from tests.support.desk import Control, Machine, served
from tests.support.desk import Desk as Site

HANDOVER = {"symptom": "no imprime", "question": "¿por qué se para?"}


@asynccontextmanager
async def site_in(folder: Path, desk: Desk | None = None) -> AsyncIterator[Site]:
    """toni (L1), dos (L2) and tres (L3) at acme; vera is an outside expert."""
    async with paired(folder) as world, served(world) as site:
        await by_hand("tickets")
        world.org.add("dos", Role.TECHNICIAN, tiers={"acme": 2})
        world.org.add("tres", Role.TECHNICIAN, tiers={"acme": 3})
        world.org.add("vera", Role.EXPERT)
        world.org.desk = desk
        published = await world.publish(world.org.next(), await world.login("ada"))
        assert published.status == 200, published.body
        yield site


async def do(site: Site, who: str, ticket: str, what: str, **body: Any) -> Answer:
    token = await site.world.login(who)
    return await site.call("POST", f"/v1/tickets/{ticket}/{what}", body, token)


async def ok(site: Site, who: str, ticket: str, what: str, **body: Any) -> dict[str, Any]:
    answer = await do(site, who, ticket, what, **body)
    assert answer.status == 200, (what, answer.body)
    view: dict[str, Any] = answer.json
    return view


async def new(site: Site, who: str = "toni", **body: Any) -> dict[str, Any]:
    token = await site.world.login(who)
    answer = await site.call("POST", "/v1/tickets", {"title": "No imprime", "customer": "acme"} | body, token)
    assert answer.status == 200, answer.body
    made: dict[str, Any] = answer.json
    return made


async def show(site: Site, ticket: str, who: str = "toni", query: str = "") -> dict[str, Any]:
    answer = await site.call("GET", f"/v1/tickets/{ticket}{query}", token=await site.world.login(who))
    assert answer.status == 200, answer.body
    detail: dict[str, Any] = answer.json
    return detail


async def say(site: Site, control: Control, message: Any) -> link.Done | link.Failure:
    await control.send(message)
    while True:
        answer = await control.next()
        if isinstance(answer, (link.Done, link.Failure)):
            return answer


def user_move(site: Site, machine: Machine, ticket: str, move: str, text: str = "") -> Envelope:
    said = UserMove(
        version=1,
        agent=machine.agent,
        nonce=ids.new_nonce(),
        ticket=ticket,
        move=move,
        text=text,
        at=site.now,
    )
    return seal(said, machine.key)


def rating(site: Site, machine: Machine, ticket: str, score: int) -> Envelope:
    said = UserRating(
        version=1,
        agent=machine.agent,
        nonce=ids.new_nonce(),
        ticket=ticket,
        score=score,
        text="",
        at=site.now,
    )
    return seal(said, machine.key)


def forward(site: Site, **delta: float) -> None:
    site.world.clock.forward(**delta)


# --- waiting -----------------------------------------------------------------------------------


async def test_a_pending_ticket_goes_on_at_its_time_once_and_also_after_a_restart(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        resume_at = (site.now + timedelta(hours=2)).isoformat()
        view = await ok(site, "toni", ticket, "pend", reason="awaiting_vendor", resume_at=resume_at)
        assert (view["state"], view["pending_reason"]) == ("pending", "awaiting_vendor")
        assert await keeper.fire_due(site.world.broker) == 0
        org, clock = site.world.org, site.world.clock
    clock.forward(hours=3)
    async with restarted(tmp_path, org, clock) as world, served(world) as site:
        await keeper.fire_due(world.broker)
        assert await keeper.fire_due(world.broker) == 0
        detail = await show(site, ticket)
        assert (detail["ticket"]["state"], detail["ticket"]["pending_reason"]) == ("in-progress", None)
        resumed = [event for event in detail["timeline"] if event["kind"] == "ticket.resume"]
        assert [event["by"] for event in resumed] == ["timer"]


async def test_the_users_reply_wakes_only_what_waits_for_it(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        later = (site.now + timedelta(days=1)).isoformat()
        async with site.link(machine) as control:
            await ok(site, "toni", ticket, "pend", reason="awaiting_vendor", resume_at=later)
            await say(site, control, link.Reply(ref=1, reply=machine.reply(ticket, "¿y?", site.now)))
            assert (await show(site, ticket))["ticket"]["state"] == "pending"
            await ok(site, "toni", ticket, "resume")
            await ok(site, "toni", ticket, "pend", reason="awaiting_user", resume_at=later)
            await say(site, control, link.Reply(ref=2, reply=machine.reply(ticket, "hecho", site.now)))
            assert (await show(site, ticket))["ticket"]["state"] == "in-progress"
        forward(site, days=2)
        assert await keeper.fire_due(site.world.broker) == 0, "what was resumed has no timer left"


async def test_consent_wakes_a_ticket_that_waits_for_it(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        async with site.link(machine) as control:
            await ok(site, "toni", ticket, "pend", reason="awaiting_consent")
            await site.consented(control, ticket)
            assert (await show(site, ticket))["ticket"]["state"] == "in-progress"


@pytest.mark.parametrize("reason", ["awaiting_vendor", "awaiting_change", "scheduled"])
async def test_what_no_event_ends_needs_a_time(tmp_path: Path, reason: str) -> None:
    async with site_in(tmp_path) as site:
        ticket = (await new(site))["ticket"]
        await ok(site, "toni", ticket, "take")
        assert (await do(site, "toni", ticket, "pend", reason=reason)).code == "parameter-invalid"
        assert (await show(site, ticket))["ticket"]["state"] == "in-progress"


# --- the end of a ticket -----------------------------------------------------------------------


async def solved(site: Site, ticket: str, who: str = "toni", **more: Any) -> dict[str, Any]:
    body = {"resolution": "cable", "cause": "hardware", "no_article_reason": "una vez"} | more
    return await ok(site, who, ticket, "resolve", **body)


async def test_a_resolved_ticket_closes_by_itself_and_its_grants_die(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, ticket)
            await solved(site, ticket)
            forward(site, days=8)
            assert await keeper.fire_due(site.world.broker) == 1
            ended = await control.expect(link.End)
            assert ended.grant == grant.grant
        detail = await show(site, ticket)
        assert detail["ticket"]["state"] == "closed"
        for what, body in (
            ("reopen", {"reason": "x"}),
            ("notes", {"text": "x"}),
            ("triage", {"impact": 1}),
            ("merge", {"into": "T-1"}),
        ):
            assert (await do(site, "toni", ticket, what, **body)).status == 409, what


async def test_the_window_to_reopen_and_what_comes_after_it(tmp_path: Path) -> None:
    async with site_in(tmp_path, Desk(customers=(CustomerDesk(reopen_days=3),))) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        await solved(site, ticket)
        view = await ok(site, "toni", ticket, "reopen", reason="otra vez")
        assert (view["state"], view["reopen_count"], view["resolved"]) == ("in-progress", 1, None)
        await solved(site, ticket)
        forward(site, days=9)
        assert (await do(site, "toni", ticket, "reopen", reason="x")).code == "window-over"
        early = await site.call(
            "POST",
            "/v1/tickets",
            {"title": "x", "customer": "acme", "follow_up_of": ticket},
            await site.world.login("toni"),
        )
        assert early.code == "conflict"
        await keeper.fire_due(site.world.broker)
        assert (await new(site, follow_up_of=ticket))["follow_up_of"] == ticket


async def test_the_user_decides_about_their_own_ticket_and_rates_it_once(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine, stranger = await site.enrol(), await site.enrol()
        ticket = await site.ticket(machine)
        async with site.link(machine) as control, site.link(stranger) as other:
            early = await say(site, control, link.Rate(ref=1, rating=rating(site, machine, ticket, 5)))
            assert isinstance(early, link.Failure) and early.code == "conflict"
            solve = user_move(site, machine, ticket, "resolve", "era el cable")
            assert isinstance(await say(site, control, link.Move(ref=2, move=solve)), link.Done)
            assert isinstance(await say(site, control, link.Move(ref=3, move=solve)), link.Done), "replayed"
            view = (await show(site, ticket))["ticket"]
            assert (view["state"], view["resolved_by_tier"]) == ("resolved", 0)
            again = user_move(site, machine, ticket, "reopen", "no")
            assert isinstance(await say(site, control, link.Move(ref=4, move=again)), link.Done)
            await solved(site, ticket)
            theirs = user_move(site, stranger, ticket, "close")
            refused = await say(site, other, link.Move(ref=1, move=theirs))
            assert isinstance(refused, link.Failure) and refused.code == "not-found"
            close = user_move(site, machine, ticket, "close")
            assert isinstance(await say(site, control, link.Move(ref=5, move=close)), link.Done)
            for ref, score, kind in ((6, 4, link.Done), (7, 1, link.Failure)):
                done = await say(
                    site, control, link.Rate(ref=ref, rating=rating(site, machine, ticket, score))
                )
                assert isinstance(done, kind)
        detail = await show(site, ticket)
        assert (detail["ticket"]["state"], detail["rating"]["score"]) == ("closed", 4)
        assert len(await site.records("ticket.rated")) == 1


async def test_a_forged_word_of_the_user_ends_the_link_and_changes_nothing(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine, stranger = await site.enrol(), await site.enrol()
        ticket = await site.ticket(machine)
        said = user_move(site, machine, ticket, "cancel", "x")
        async with site.link(stranger) as control:
            await control.send(link.Move(ref=1, move=said))
            assert await control.closed() is not None
        assert (await show(site, ticket))["ticket"]["state"] == "in-progress"


# --- duplicates, priority, routes --------------------------------------------------------------


async def test_a_repetition_is_named_and_can_be_merged(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        first = await new(site, title="La impresora no imprime", agent=machine.agent)
        second = await new(site, title="Impresora: sigue sin imprimir", agent=machine.agent)
        assert [row["ticket"] for row in second["duplicates"]] == [first["ticket"]]
        merged = await ok(site, "toni", second["ticket"], "merge", into=first["ticket"])
        assert (merged["state"], merged["merged_into"]) == ("cancelled", first["ticket"])
        line = (await show(site, first["ticket"]))["timeline"][-1]
        assert (line["kind"], line["text"]) == ("ticket.merge", second["ticket"])
        twice = await do(site, "toni", second["ticket"], "merge", into=first["ticket"])
        assert (twice.code, first["ticket"] in twice.json["detail"]) == ("conflict", True)
        third = await new(site, title="Otra vez", agent=machine.agent, duplicate_of=first["ticket"])
        assert (third["state"], third["merged_into"]) == ("cancelled", first["ticket"])
        await ok(site, "toni", first["ticket"], "take")
        assert (
            await do(site, "toni", first["ticket"], "merge", into=first["ticket"])
        ).code == "parameter-invalid"
        assert (
            await do(site, "toni", first["ticket"], "merge", into=third["ticket"])
        ).code == "ticket-closed"
        foreign = await new(site, "gil", customer="globex")
        assert (await do(site, "toni", first["ticket"], "merge", into=foreign["ticket"])).code == "not-found"


async def test_priority_follows_the_customers_matrix_until_somebody_says_why_not(tmp_path: Path) -> None:
    desk = Desk(customers=(CustomerDesk(customer="acme", priorities=(1, 1, 2, 2, 3, 3, 4, 4, 5)),))
    async with site_in(tmp_path, desk) as site:
        made = await new(site, impact=2, urgency=3)
        ticket = made["ticket"]
        assert made["priority"] == 3
        assert (await ok(site, "toni", ticket, "triage", impact=1))["priority"] == 2
        assert (await do(site, "toni", ticket, "triage", priority=1)).code == "reason-missing"
        forced = await ok(site, "toni", ticket, "triage", priority=1, reason="the director")
        assert (forced["priority"], forced["priority_reason"]) == (1, "the director")
        kept = await ok(site, "toni", ticket, "triage", urgency=1, impact=3)
        assert (kept["priority"], kept["impact"]) == (1, 3)
        back = await ok(site, "toni", ticket, "triage", by_matrix=True)
        assert (back["priority"], back["priority_reason"]) == (4, None)
        stale = await do(site, "toni", ticket, "triage", impact=1, version=1)
        assert stale.code == "stale-version"


RULES = Desk(
    queues=(Queue(id="first"), Queue(id="second", tier=2)),
    rules=(
        AssignmentRule(queue="first", category="mail", to_person=True),
        AssignmentRule(queue="second", category="network"),
    ),
)


async def test_rules_assign_new_tickets_and_the_load_is_shared(tmp_path: Path) -> None:
    async with site_in(tmp_path, RULES) as site:
        got = [(await new(site, category="mail"))["assignee"] for _ in range(3)]
        assert sorted(got) == ["dos", "toni", "tres"]
        network = await new(site, category="network")
        assert (network["state"], network["tier"], network["queue"]) == ("assigned", 2, "second")
        assert (await do(site, "toni", network["ticket"], "take")).code == "tier-too-low"
        plain = await new(site)
        assert (plain["state"], plain["queue"]) == ("new", "desk")
        routed = await ok(site, "toni", plain["ticket"], "triage", category="network")
        assert (routed["state"], routed["queue"]) == ("assigned", "second")


async def test_no_ticket_is_orphaned_when_its_technician_leaves(tmp_path: Path) -> None:
    async with site_in(tmp_path, RULES) as site:
        ticket = (await new(site, "tres", category="mail"))["ticket"]
        owner = (await show(site, ticket))["ticket"]["assignee"]
        org = site.world.org
        org.people = [person for person in org.people if person.id != owner]
        assert (await site.world.publish(org.next(), await site.world.login("ada"))).status == 200
        await keeper.find_owners(site.world.broker)
        who = next(p.id for p in org.people if p.id in ("toni", "dos", "tres"))
        view = (await show(site, ticket, who))["ticket"]
        assert view["assignee"] not in (None, owner)
        assert view["state"] == "assigned"


async def test_giving_away_needs_the_tier_and_upwards_it_is_an_escalation(tmp_path: Path) -> None:
    async with site_in(tmp_path, RULES) as site:
        ticket = (await new(site))["ticket"]
        await ok(site, "toni", ticket, "take")
        assert (await do(site, "toni", ticket, "assign", assignee="tres")).code == "conflict"
        assert (await do(site, "toni", ticket, "assign", queue="second")).code == "conflict"
        assert (await do(site, "toni", ticket, "assign", assignee="nobody")).code == "not-in-roster"
        assert (await do(site, "toni", ticket, "assign", assignee="gil")).code == "customer-not-allowed"
        assert (await do(site, "toni", ticket, "assign", queue="nowhere")).code == "not-found"
        assert (await ok(site, "tres", ticket, "assign", assignee="dos"))["assignee"] == "dos"
        assert (await ok(site, "dos", ticket, "assign", queue="first"))["assignee"] is None


# --- between tiers -----------------------------------------------------------------------------


async def escalated(site: Site, ticket: str, **more: Any) -> dict[str, Any]:
    await ok(site, "toni", ticket, "kb-searches", query="impresora parada")
    body = {
        "to": 2,
        "reason_code": "no_kb_match",
        "handover": HANDOVER,
        "no_diagnostics_reason": "apagado",
    } | more
    return await ok(site, "toni", ticket, "escalate", **body)


async def test_a_hand_over_ends_the_first_technicians_session_and_the_next_is_asked_for_anew(
    tmp_path: Path,
) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, ticket)
            view = await escalated(site, ticket)
            assert (view["state"], view["tier"], view["assignee"]) == ("assigned", 2, None)
            assert (await control.expect(link.End)).grant == grant.grant
            assert (await site.request(site.grant(machine, ticket))).code == "conflict"
            assert (await do(site, "toni", ticket, "accept")).code == "tier-too-low"
            accepted = await ok(site, "dos", ticket, "accept")
            assert (accepted["state"], accepted["assignee"]) == ("in-progress", "dos")
            _, offered = await site.consented(control, ticket, "dos")
            assert msgspec.json.decode(offered.payload, type=Grant).technician == "dos"
        detail = await show(site, ticket, "dos")
        handed = detail["escalations"][0]
        assert (handed["from_tier"], handed["to_tier"], handed["by"]) == (1, 2, "toni")
        assert (handed["accepted_by"], handed["handover"]["symptom"]) == ("dos", "no imprime")
        assert {event["kind"] for event in detail["timeline"]} >= {"ticket.kb-searched", "ticket.escalate"}


async def test_each_guard_of_passing_on_holds_at_the_broker(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        ticket = (await new(site))["ticket"]
        await ok(site, "toni", ticket, "take")
        body: dict[str, Any] = {"to": 2, "reason_code": "time_box", "handover": HANDOVER}
        assert (await do(site, "toni", ticket, "escalate", **body)).code == "diagnosis-missing"
        body["no_diagnostics_reason"] = "no machine"
        assert (await do(site, "toni", ticket, "escalate", **body)).code == "knowledge-not-searched"
        await ok(site, "toni", ticket, "kb-searches", query="x")
        skipping = body | {"to": 3}
        assert (await do(site, "toni", ticket, "escalate", **skipping)).code == "tier-skipped"
        foreign = body | {"handover": HANDOVER | {"diagnostics": [ids.new_artifact_id()]}}
        assert (await do(site, "toni", ticket, "escalate", **foreign)).code == "not-found"
        assert (await do(site, "dos", ticket, "escalate", **body)).code == "conflict"
        assert (await do(site, "toni", ticket, "return", reason="x")).code == "conflict"
        assert (await show(site, ticket))["escalations"] == []
        assert (await ok(site, "toni", ticket, "escalate", **body))["tier"] == 2


async def test_a_returned_ticket_goes_back_to_whom_it_came_from(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        ticket = (await new(site))["ticket"]
        await ok(site, "toni", ticket, "take")
        await escalated(site, ticket)
        await ok(site, "dos", ticket, "take")
        assert (await do(site, "tres", ticket, "return", reason="x")).code == "conflict"
        back = await ok(site, "dos", ticket, "return", reason="diagnose first")
        assert (back["state"], back["tier"], back["assignee"]) == ("assigned", 1, "toni")
        handed = (await show(site, ticket))["escalations"][0]
        assert (handed["accepted_by"], handed["returned_by"]) == ("dos", "dos")
        assert handed["return_reason"] == "diagnose first"
        assert (await do(site, "dos", ticket, "return", reason="again")).code == "conflict"


async def test_what_l3_resolves_is_handed_back(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        ticket = (await new(site))["ticket"]
        await ok(site, "tres", ticket, "take")
        body = {"resolution": "driver", "no_article_reason": "once"}
        assert (await do(site, "tres", ticket, "resolve", **body)).code == "hand-back-missing"
        back = {"kind": "known_error", "known_error": "ke-7", "for_l1": "restart the spooler"}
        view = await ok(site, "tres", ticket, "resolve", **body, hand_back=back)
        assert (view["resolved_by_tier"], view["hand_back"]["known_error"]) == (3, "ke-7")
        recorded = await site.records(Action.TICKET_CHANGED.value)
        assert recorded and "UNSET" not in repr(recorded)


async def test_texts_above_a_readers_clearance_are_left_out(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        ticket = (await new(site))["ticket"]
        await ok(site, "toni", ticket, "take")
        await ok(site, "toni", ticket, "notes", text="from L1")
        await ok(site, "tres", ticket, "notes", text="from L3")
        await ok(site, "tres", ticket, "notes", text="for all", clearance="R1")
        assert (await do(site, "toni", ticket, "notes", text="x", clearance="R3")).code == "tier-too-low"

        def notes(detail: dict[str, Any]) -> list[tuple[str, str | None]]:
            return [(e["text"], e["withheld"]) for e in detail["timeline"] if e["kind"] == "ticket.note"]

        assert notes(await show(site, ticket, "toni")) == [("from L1", None), ("", "R3"), ("for all", None)]
        assert notes(await show(site, ticket, "dos")) == [("from L1", None), ("", "R3"), ("for all", None)]
        assert notes(await show(site, ticket, "tres"))[1] == ("from L3", None)
        assert notes(await show(site, ticket, "olga"))[1] == ("from L3", None)
        assert notes(await show(site, ticket, "ada"))[1] == ("", "R3")


async def test_the_draft_of_a_hand_over_tells_what_the_ticket_tells(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        ticket = (await new(site, description="desde ayer"))["ticket"]
        await ok(site, "toni", ticket, "take")
        await ok(site, "toni", ticket, "notes", text="cambié el cable")
        await ok(site, "toni", ticket, "kb-searches", query="cola parada")
        token = await site.world.login("toni")
        draft = (await site.call("GET", f"/v1/tickets/{ticket}/handover", token=token)).json
        assert draft["symptom"] == "No imprime\ndesde ayer"
        assert draft["kb_tried"] == ["cola parada"]
        assert draft["steps_tried"][0].endswith("ticket.note: cambié el cable")


async def test_those_who_look_see_each_other_for_a_while(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        ticket = (await new(site))["ticket"]
        assert (await show(site, ticket, "toni", "?looking=1"))["looking"] == []
        assert [row["technician"] for row in (await show(site, ticket, "dos"))["looking"]] == ["toni"]
        forward(site, seconds=91)
        assert (await show(site, ticket, "dos", "?looking=1"))["looking"] == []
        assert [row["technician"] for row in (await show(site, ticket))["looking"]] == ["dos"]
        await show(site, ticket, "dos", "?looking=0")
        assert (await show(site, ticket))["looking"] == []


async def test_people_read_and_tick_off_their_own_notices(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        ticket = (await new(site))["ticket"]
        number, now = int(ticket[2:]), site.now
        rows = [
            {"id": 7, "receiver": who, "ticket": number, "clock": "resolution", "percent": 50, "at": at}
            for who, at in (("toni", now), ("dos", now + timedelta(hours=1)))
        ]
        await site.world.broker.store.write(lambda tx: tx.conn.execute(insert(notices), rows).rowcount)
        toni, dos = await site.world.login("toni"), await site.world.login("dos")
        mine = (await site.call("GET", "/v1/notices", token=toni)).json["rows"]
        assert [(row["ticket"], row["percent"], row["seen"]) for row in mine] == [(ticket, 50, None)]
        assert (await site.call("GET", "/v1/notices", token=dos)).json["rows"] == [], "not in their hours yet"
        gil = await site.world.login("gil")
        assert (await site.call("POST", "/v1/notices/7/seen", token=gil)).code == "not-found"
        assert (await site.call("POST", "/v1/notices/7/seen", token=toni)).json["seen"] is not None
        assert (await site.call("GET", "/v1/notices", token=toni)).json["rows"] == []
        assert len((await site.call("GET", "/v1/notices?all=1", token=toni)).json["rows"]) == 1
        forward(site, hours=2)
        assert (
            len((await site.call("GET", "/v1/notices", token=await site.world.login("dos"))).json["rows"])
            == 1
        )


# --- outside experts ---------------------------------------------------------------------------


def invitation(site: Site, machine: Machine, ticket: str, /, by: str = "toni", **changes: Any) -> Envelope:
    signer = changes.pop("signer", by)
    document = Invitation(
        version=1,
        org=site.world.org.org,
        invitation=ids.new_grant_id(),
        ticket=ticket,
        customer=machine.customer,
        agent=machine.agent,
        expert="vera",
        scopes=(Scope.DIAGNOSE, Scope.LOGS),
        reason="the vendor's driver",
        by=by,
        by_key=site.world.org.keys[by].public_key.text,
        issued=site.now,
        until=site.now + timedelta(days=2),
    )
    return seal(msgspec.structs.replace(document, **changes), site.world.org.keys[signer])


async def test_an_expert_sees_one_ticket_looks_at_it_and_is_out_when_it_changes_hands(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket, other = await site.ticket(machine), await site.ticket(machine)
        vera = await site.world.login("vera")
        assert (await site.call("GET", f"/v1/tickets/{ticket}", token=vera)).code == "not-found"
        assert (await site.call("GET", "/v1/tickets", token=vera)).json["rows"] == []
        await ok(site, "toni", ticket, "notes", text="internal at R1")
        await ok(site, "tres", ticket, "notes", text="internal at R3")
        sent = {"invitation": msgspec.to_builtins(invitation(site, machine, ticket))}
        await ok(site, "toni", ticket, "invitations", **sent)
        assert (await do(site, "toni", ticket, "invitations", **sent)).code == "already-exists"
        rows = (await site.call("GET", "/v1/tickets", token=vera)).json["rows"]
        assert [row["ticket"] for row in rows] == [ticket]
        assert (await site.call("GET", f"/v1/tickets/{other}", token=vera)).code == "not-found"
        texts = str((await show(site, ticket, "vera"))["timeline"])
        assert "internal at R1" in texts and "internal at R3" not in texts
        for what, body in (("take", {}), ("replies", {"text": "x"}), ("triage", {"impact": 1})):
            assert (await do(site, "vera", ticket, what, **body)).code == "role-missing", what
        async with site.link(machine) as control:
            for scopes in ((Scope.FIX,), (Scope.DIAGNOSE, Scope.TERMINAL)):
                wide = await site.request(site.grant(machine, ticket, "vera", scopes=scopes), "vera")
                assert wide.code == "scope-not-allowed"
            late = site.grant(machine, other, "vera", scopes=(Scope.DIAGNOSE,))
            assert (await site.request(late, "vera")).code == "not-found"
            await control.send(link.Ping())
            grant, _ = await site.consented(control, ticket, "vera", scopes=(Scope.DIAGNOSE,))
            await escalated(site, ticket)
            assert (await control.expect(link.End)).grant == grant.grant
            gone = site.grant(machine, ticket, "vera", scopes=(Scope.DIAGNOSE,))
            assert (await site.request(gone, "vera")).code == "not-found"
        assert (await site.call("GET", f"/v1/tickets/{ticket}", token=vera)).code == "not-found"


async def test_the_offer_brings_the_invitation_along_and_the_log_proves_it(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        document = invitation(site, machine, ticket)
        await ok(site, "toni", ticket, "invitations", invitation=msgspec.to_builtins(document))
        async with site.link(machine) as control:
            grant = site.grant(machine, ticket, "vera", scopes=(Scope.LOGS,))
            assert (await site.request(grant, "vera")).status == 200
            offer = await control.expect(link.Offer)
            assert offer.invitation is not None and offer.invitation.payload == document.payload
        assert len(await site.records(Action.EXPERT_INVITED.value)) == 1


async def test_an_ended_or_expired_invitation_opens_nothing(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        envelope = invitation(site, machine, ticket)
        await ok(site, "toni", ticket, "invitations", invitation=msgspec.to_builtins(envelope))
        id_ = (await show(site, ticket))["invitations"][0]["invitation"]
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, ticket, "vera", scopes=(Scope.LOGS,))
            assert (await do(site, "toni", ticket, f"invitations/{id_}/end")).status == 200
            assert (await control.expect(link.End)).grant == grant.grant
        again = invitation(site, machine, ticket, until=site.now + timedelta(hours=1))
        await ok(site, "toni", ticket, "invitations", invitation=msgspec.to_builtins(again))
        forward(site, hours=2)
        vera = await site.world.login("vera")
        assert (await site.call("GET", f"/v1/tickets/{ticket}", token=vera)).code == "not-found"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signer": "vera"}, "signature-invalid"),
        ({"by": "vera"}, "customer-not-allowed"),
        ({"by": "gil"}, "customer-not-allowed"),
        ({"by": "dos"}, "identity-mismatch"),
        ({"scopes": (Scope.FIX,)}, "scope-not-allowed"),
        ({"scopes": (Scope.DIAGNOSE, Scope.TERMINAL)}, "scope-not-allowed"),
        ({"scopes": (Scope.VIEW,)}, "scope-not-allowed"),
        ({"expert": "dos"}, "role-missing"),
        ({"expert": "nobody"}, "not-in-roster"),
        ({"ticket": "T-9"}, "identity-mismatch"),
        ({"customer": "globex"}, "customer-not-allowed"),
        ({"org": "org-" + "a" * 32}, "identity-mismatch"),
        ({"until": 15}, "document-expired"),
        ({"until": -1}, "document-expired"),
    ],
)
async def test_an_invitation_that_is_not_quite_right_is_refused(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        if "until" in changes:
            changes = {"until": site.now + timedelta(days=changes["until"])}
        envelope = invitation(site, machine, ticket, **changes)
        answer = await do(site, "toni", ticket, "invitations", invitation=msgspec.to_builtins(envelope))
        if changes.get("by") == "vera":
            code = "role-missing"
        assert answer.code == code
        assert (await show(site, ticket))["invitations"] == []
        assert (await site.call("GET", "/v1/tickets", token=await site.world.login("vera"))).json[
            "rows"
        ] == []


async def test_a_revoked_inviter_takes_the_experts_session_along(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        machine = await site.enrol()
        ticket = await site.ticket(machine)
        envelope = invitation(site, machine, ticket)
        await ok(site, "toni", ticket, "invitations", invitation=msgspec.to_builtins(envelope))
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, ticket, "vera", scopes=(Scope.LOGS,))
            org = site.world.org
            org.people = [person for person in org.people if person.id != "toni"]
            assert (await site.world.publish(org.next(), await site.world.login("ada"))).status == 200
            assert (await control.expect(link.End)).grant == grant.grant
