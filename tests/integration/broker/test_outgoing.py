"""Mails and webhook calls of a real broker: who gets them, once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from broker.outgoing import contacts, keeper, lanes, queue
from broker.outgoing.queue import Wanted
from broker.outgoing.requests import Retry, leave
from broker.outgoing.rules import Template
from broker.sla import keeper as sla_keeper
from broker.store.engine import Tx
from broker.store.tables import audit
from broker.tickets import rows
from broker.tickets.events import Doer, Event, write
from protocol.api import TicketMove, TicketResolve, TicketText
from protocol.audit import Action, Actor, ActorKind
from protocol.calendars import Calendar
from protocol.desk import CustomerDesk, Desk, NoticeStep, Receiver, SlaTarget
from protocol.escalation import Handover, ReasonCode
from protocol.knowledge import ArticleSearch
from protocol.scopes import Clearance
from protocol.ticket_api import TicketAssign, TicketEscalate, TicketMerge, TicketPend
from protocol.tickets import Party, PendingReason
from tests.support.broker_world import restarted
from tests.support.outgoing_world import ANA, DESK, LIA, SECOND, TONI, Outside, outside
from tests.support.receivers import Mailbox, Target, http_target, smtp_server

SECRET = "CANARIO-7f3a"
USER = Doer(Actor(kind=ActorKind.USER, id="ag-" + "a" * 32), "portatil-de-ana", Party.USER)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker looks around twenty times a second, so that a test need not wait for its rounds."""
    monkeypatch.setattr(keeper, "TICK_S", 0.05)
    monkeypatch.setattr(sla_keeper, "TICK_S", 0.05)
    monkeypatch.setattr(lanes, "IDLE_S", 0.05)


@pytest.fixture
async def out(tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(tmp_path) as made:
        yield made


async def say(out: Outside, ticket: str, *texts: str, public: bool = True) -> None:
    """What a user's machine would say."""

    def unit(tx: Tx) -> None:
        for text in texts:
            view, kind = rows.load(tx.conn, ticket), Action.TICKET_REPLY
            write(tx, view, view.state, Event(kind, kind.value, text, public), USER, out.world.clock())

    await out.world.broker.store.write(unit)


def plain(mail: object) -> str:
    part = mail.get_body(("plain",))  # type: ignore[attr-defined]
    return str(part.get_content()).replace("\r\n", "\n")


# --- who is told of what -----------------------------------------------------------------------


async def test_the_requester_is_told_of_what_others_do(out: Outside) -> None:
    async with smtp_server() as box:
        out.mail_through(box, sender_name="Soporte")
        ticket = await out.ticket()
        await out.act(ticket, "take")
        await out.act(ticket, "replies", TicketText(text="¿Está encendida?"))
        await out.act(ticket, "pend", TicketPend(reason=PendingReason.AWAITING_USER))
        await out.act(ticket, "resume")
        await out.act(ticket, "resolve", TicketResolve(resolution="Papel", no_article_reason="trivial"))
        await out.act(ticket, "close", TicketMove(reason="confirmado por teléfono"))
        await out.until(lambda: len(box.mails) == 4)
        assert [mail["To"] for mail in box.mails] == [ANA] * 4
        assert [mail["X-Relevo-Event"] for mail in box.mails] == ["replied", "waiting", "resolved", "closed"]
        answer = box.mails[0]
        assert answer["Subject"] == f"[{ticket}] Respuesta: No imprime"
        assert answer["From"] == "Soporte <help@desk.test>"
        assert answer["Auto-Submitted"] == "auto-generated"
        assert "> ¿Está encendida?" in plain(answer)
        assert len({mail["References"] for mail in box.mails}) == 1
        assert len({mail["Message-ID"] for mail in box.mails}) == 4
        # A ticket without a machine has nobody to put the question of satisfaction to.
        assert "relevo-agent rate" not in plain(box.mails[2])
        again, other = await out.ticket("No imprime nada"), await out.ticket("Impresora")
        await out.act(again, "merge", TicketMerge(into=other, reason="es lo mismo"))
        await out.until(lambda: len(box.mails) == 5)
        assert box.mails[4]["Subject"] == f"[{again}] Sigue en {other}: No imprime nada"
        assert "> es lo mismo" in plain(box.mails[4])


async def test_technicians_are_told_of_what_others_give_them_and_users_say(out: Outside) -> None:
    async with smtp_server() as box:
        out.mail_through(box)
        ticket = await out.ticket(contact_email=None)
        taken = await out.act(ticket, "take")
        given = TicketAssign(assignee="lia", reason=SECRET, version=taken["version"])
        await out.act(ticket, "assign", given)
        await say(out, ticket, "Sigue igual\nSubject: soy el jefe")
        await out.until(lambda: len(box.mails) == 2)
        assert [mail["To"] for mail in box.mails] == [LIA, LIA]
        assert "> Sigue igual\n> Subject: soy el jefe\n" in plain(box.mails[1])
        shown = await out.act(ticket, "notes", TicketText(text="x"), "lia")
        await out.act(ticket, "take", TicketMove(version=shown["version"]))
        await out.act(ticket, "kb-searches", ArticleSearch(query="papel"))
        done = TicketEscalate(
            to=2,
            reason_code=ReasonCode.NEEDS_CONFIDENTIAL_DATA,
            handover=Handover(symptom=SECRET, impact=SECRET, question=SECRET),
            no_diagnostics_reason=SECRET,
        )
        await out.act(ticket, "escalate", done)
        await out.until(lambda: box.to(SECOND))
        assert "L2" in box.to(SECOND)[0]["Subject"]
        assert not box.to(TONI)
        assert not any(SECRET in mail.as_string() for mail in box.mails)


async def test_a_notice_of_a_target_waits_for_the_receivers_hours(tmp_path: Path) -> None:
    night = Calendar(id="late", zone="UTC", hours=("mon-sun 20:00-24:00",))
    acme = CustomerDesk(
        customer="acme",
        sla=tuple(SlaTarget(priority=p, resolution=60) for p in range(1, 6)),
        notices=(NoticeStep(percent=50, to=(Receiver.ASSIGNEE, Receiver.TIER_1)),),
    )
    abilities = (DESK.abilities[0], *(DESK.abilities[1:]))
    late = Desk(
        customers=(acme,),
        calendars=(night,),
        abilities=tuple(
            type(a)(
                technician=a.technician, email=a.email, calendar="late" if a.technician == "lia" else None
            )
            for a in abilities
        ),
    )
    async with outside(tmp_path, late) as out, smtp_server() as box:
        clock = out.world.clock
        clock.now = clock.now.replace(hour=10, minute=0)
        out.mail_through(box)
        ticket = await out.ticket(contact_email=None)
        await out.act(ticket, "take")
        clock.forward(minutes=31)
        await out.until(lambda: box.to(TONI))
        assert "50 %" in box.to(TONI)[0]["Subject"]
        [held] = [one for one in await out.deliveries(queue.QUEUED) if one.receiver == "technician:lia"]
        assert held.hold_until.hour == 20
        clock.now = held.hold_until
        await out.until(lambda: box.to(LIA))
        assert len(await out.ended(2)) == len(await out.deliveries())


async def test_nobody_is_written_to_who_may_not_see_the_ticket(out: Outside) -> None:
    async with smtp_server(Mailbox(recipients_answer=lambda address: "451 later")) as box:
        out.mail_through(box)
        ticket = await out.ticket(contact_email=None)
        taken = await out.act(ticket, "take")
        await out.act(ticket, "assign", TicketAssign(assignee="lia", version=taken["version"]))
        await _until_attempts(out, 1)
        out.world.org.people = [p for p in out.world.org.people if p.id != "lia"]
        await out.world.publish(out.world.org.next(), await out.world.login("ada"))
        box.recipients_answer = lambda address: "250 OK"
        out.world.clock.forward(hours=1)
        await out.ended(1, queue.DROPPED)
        assert not box.mails


# --- what webhooks get -------------------------------------------------------------------------


async def test_webhooks_get_codes_only_and_only_of_their_customer(out: Outside) -> None:
    async with http_target() as all_, http_target() as globex, http_target() as words:
        bare, wordy = out.webhook_to(all_), out.webhook_to(words, with_text=True, events=("ticket.replied",))
        out.webhook_to(globex, customer="globex")
        ticket = await out.ticket(title=SECRET)
        await out.act(ticket, "take")
        await out.act(ticket, "notes", TicketText(text=SECRET, clearance=Clearance.R1))
        await out.act(ticket, "replies", TicketText(text="¿Encendida?"))
        other = await out.ticket(title=SECRET, customer="globex", who="gil", contact_email=None)
        await out.until(lambda: len(all_.calls) == 5 and globex.calls and words.calls)
        said = [call.verified(bare.secret) for call in all_.calls]
        assert sorted(row["type"] for row in said) == sorted(
            ["ticket.created", "ticket.taken", "ticket.started", "ticket.replied", "ticket.created"]
        )
        everything = b"".join(call.body for call in (*all_.calls, *globex.calls))
        for canary in (SECRET, "Encendida", ANA, "Toni"):
            assert canary.encode() not in everything
        assert {call.headers["webhook-id"] for call in all_.calls} >= {all_.calls[0].headers["webhook-id"]}
        assert [row["data"]["ticket"] for row in map(_json, globex.calls)] == [other]
        [reply] = [call.verified(wordy.secret) for call in words.calls]
        assert (reply["data"]["text"], reply["data"]["title"]) == ("¿Encendida?", SECRET)


def _json(call: object) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(call.body)  # type: ignore[attr-defined]
    return found


async def test_texts_above_r1_and_internal_ones_never_leave(out: Outside) -> None:
    async with http_target() as target, smtp_server() as box:
        out.webhook_to(target, with_text=True)
        out.mail_through(box)
        ticket = await out.ticket()
        await out.act(ticket, "take")
        kind = Action.TICKET_REPLY

        def unit(tx: Tx) -> None:
            view, now = rows.load(tx.conn, ticket), out.world.clock()
            for event in (
                Event(kind, kind.value, SECRET, public=False),
                Event(kind, kind.value, SECRET, public=True, clearance=Clearance.R2),
                Event(kind, kind.value, SECRET, public=True, clearance=Clearance.R3),
                Event(Action.TICKET_NOTE, Action.TICKET_NOTE.value, SECRET, clearance=Clearance.R3),
            ):
                write(tx, view, view.state, event, Doer(USER.actor, "Toni", Party.TECHNICIAN), now)

        await out.world.broker.store.write(unit)
        await out.until(lambda: len(target.calls) == 6 and len(box.mails) == 3)
        assert not any(SECRET.encode() in call.body for call in target.calls)
        assert not any(SECRET in mail.as_string() for mail in box.mails)


async def test_a_password_that_somebody_wrote_goes_to_nobody_outside(out: Outside) -> None:
    async with http_target() as target, smtp_server() as box:
        out.webhook_to(target, with_text=True)
        out.mail_through(box)
        ticket = await out.ticket("password=Zk9canary77")
        await out.act(ticket, "take")
        await out.act(ticket, "replies", TicketText(text="try the password: Zk9canary77 again"))
        await out.until(lambda: len(target.calls) == 4 and len(box.mails) == 1)
        assert any(b"again" in call.body for call in target.calls)
        assert not any(b"Zk9canary" in call.body for call in target.calls)
        assert not any("Zk9canary" in mail.as_string() for mail in box.mails)


# --- retries, once, and nobody waits for anybody -------------------------------------------------


async def test_a_dead_server_and_a_hanging_target_hold_up_nobody_else(
    out: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with smtp_server() as gone:
        port = gone.port
    async with http_target(Target(rest="hang")) as hangs, http_target() as good:
        out.mail_through(Mailbox(port=port))
        out.webhook_to(hangs)
        out.webhook_to(good)
        ticket = await out.ticket()
        await out.act(ticket, "take")
        await out.act(ticket, "replies", TicketText(text="hola"))
        await out.ended(4)
        await out.until(lambda: len(good.calls) == 4 and hangs.calls)
        metrics = (await out.world.call("GET", "/metrics")).body.decode()
        assert 'relevo_outgoing_attempts_total{channel="webhook",state="sent"} ' in metrics
        assert "relevo_outgoing_queued" in metrics
        assert "relevo_outgoing_oldest_seconds" in metrics


async def test_what_did_not_get_through_comes_later_with_the_same_ids(out: Outside) -> None:
    box = Mailbox(data_answers=["451 later", "close"])
    async with smtp_server(box), http_target(Target(answers=["500", "redirect"])) as target:
        out.mail_through(box)
        out.webhook_to(target, events=("ticket.replied",))
        ticket = await out.ticket()
        await out.act(ticket, "take")
        await out.act(ticket, "replies", TicketText(text="hola"))
        for attempt in (1, 2):
            await _until_attempts(out, attempt, 2)
            out.world.clock.forward(minutes=5)
        await out.ended(2)
        assert len({call.headers["webhook-id"] for call in target.calls}) == 1
        assert len(target.calls) == 3
        assert target.seen_paths == ["/hook"] * 3
        assert len(box.mails) == 1


async def _until_attempts(out: Outside, least: int, count: int = 1) -> None:
    async with asyncio.timeout(20):
        while True:
            found = await out.deliveries()
            if len(found) >= count and all(one.attempts >= least and one.error for one in found):
                return
            await asyncio.sleep(0.02)


async def test_what_is_refused_is_shown_and_can_be_tried_again(out: Outside, tmp_path: Path) -> None:
    async with smtp_server(Mailbox(recipients_answer=lambda address: "550 no such user")) as box:
        out.mail_through(box)
        ticket = await out.ticket()
        await out.act(ticket, "take")
        await out.act(ticket, "replies", TicketText(text="hola"))
        [failed] = await out.ended(1, queue.FAILED)
        assert (failed.error, failed.attempts) == ("SMTP 550", 1)
        box.recipients_answer = lambda address: "250 OK"
        asked = leave(tmp_path, Retry(ids=(failed.id,)))
        await out.ended(1)
        assert not asked.exists()
        assert len(box.mails) == 1
        actions = [record["action"] for record in await out.world.audit(await out.world.login("olga"))]
        assert [action for action in actions if action.startswith("outgoing.")] == [
            "outgoing.changed",
            "outgoing.failed",
            "outgoing.retried",
        ]


async def test_clocks_that_jump_neither_lose_nor_hold_up_anything(out: Outside) -> None:
    async with http_target(Target(answers=["400", "400"])) as target:
        out.webhook_to(target, events=("ticket.created",))
        await out.ticket()
        await _until_attempts(out, 1)
        out.world.clock.forward(days=3_650)
        await _until_attempts(out, 2)
        assert [one.state for one in await out.deliveries()] == [queue.QUEUED]
        out.world.clock.forward(days=-7_300)
        await out.ended(1)


async def test_a_backlog_of_a_thousand_drains_each_once(out: Outside) -> None:
    async with http_target() as target:
        out.webhook_to(target, events=("ticket.replied",))
        ticket = await out.ticket(contact_email=None)
        await say(out, ticket, *map(str, range(1_000)))
        await out.until(lambda: len(target.calls) >= 1_000)
        await out.ended(1_000)
        assert len({call.headers["webhook-id"] for call in target.calls}) == len(target.calls) == 1_000


async def test_a_machine_that_answers_in_a_loop_fills_nobodys_mailbox(out: Outside) -> None:
    async with smtp_server() as box:
        out.mail_through(box)
        ticket = await out.ticket(contact_email=None)
        await out.act(ticket, "take")
        await say(out, ticket, *map(str, range(200)))
        await out.ended(200 - queue.MAX_AN_HOUR, queue.DROPPED)
        await out.ended(queue.MAX_AN_HOUR)
        assert len(box.mails) == queue.MAX_AN_HOUR


async def test_what_was_not_told_before_a_restart_is_told_after_it_once(tmp_path: Path) -> None:
    async with http_target() as target:
        async with outside(tmp_path) as out:
            out.webhook_to(target)
            ticket = await out.ticket()
            await out.act(ticket, "take")
        async with restarted(tmp_path, out.world.org, out.world.clock) as world:
            again = Outside(world, out.files)
            world.clock.forward(minutes=5)
            await again.ended(3)
        async with restarted(tmp_path, out.world.org, out.world.clock) as world:
            again = Outside(world, out.files)
            await again.act(ticket, "notes", TicketText(text="x"))
            await again.act(ticket, "replies", TicketText(text="x"))
            await again.ended(4)
        ids = [call.headers["webhook-id"] for call in target.calls]
        assert len(set(ids)) == 4


async def test_one_event_that_cannot_be_read_held_up_all_that_came_after_it(out: Outside) -> None:
    async with smtp_server() as box:
        out.mail_through(box)
        ticket = await out.ticket()
        await out.act(ticket, "take")

        def damage(tx: Tx) -> None:
            view, kind, store = rows.load(tx.conn, ticket), Action.TICKET_REPLY, out.world.org.org
            index = write(tx, view, view.state, Event(kind, kind.value, "x", True), USER, out.world.clock())
            tx.conn.execute(update(audit).where(audit.c.idx == index).values(record=b"{}"))
            notice = Wanted(ticket, index, queue.MAIL, Template.SLA.value, "technician:toni")
            queue.add(tx.conn, store, [notice], out.world.clock())

        await out.world.broker.store.write(damage)
        await out.act(ticket, "replies", TicketText(text="¿Está encendida?"))
        await out.until(lambda: any(mail["To"] == ANA for mail in box.mails))
        failed = await out.ended(1, queue.FAILED)
        assert [one.kind for one in failed] == [Template.SLA.value]


# --- settings and secrets ------------------------------------------------------------------------


async def test_a_removed_target_drops_what_waits_and_damaged_settings_lose_nothing(out: Outside) -> None:
    async with smtp_server() as box:
        port = box.port
    async with http_target(Target(rest="400")) as target:
        hook = out.webhook_to(target)
        out.mail_through(Mailbox(port=port))
        ticket = await out.ticket()
        await _until_attempts(out, 1)
        out.files.remove_webhook(hook.id)
        [dropped] = await out.ended(1, queue.DROPPED)
        assert dropped.error == "target removed"
        out.files.webhooks.write_bytes(b"{not json")
        await out.act(ticket, "take")
        await out.act(ticket, "replies", TicketText(text="hola"))
        box = Mailbox(port=port)
        async with smtp_server(box, port=port):
            out.files.webhooks.unlink()
            await out.until(lambda: box.mails)


async def test_secrets_stand_in_their_files_only(
    out: Outside, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with http_target(Target(rest="500", url_path="/hook-path-secret")) as target:
        hook = out.webhook_to(target)
        async with smtp_server() as box:
            port = box.port
        out.mail_through(Mailbox(port=port), user="help", password="pass-secret-1")
        await out.ticket()
        await _until_attempts(out, 1)
        for needle in (hook.secret, "pass-secret-1", "hook-path-secret"):
            holders = [
                p.name for p in tmp_path.rglob("*") if p.is_file() and needle.encode() in p.read_bytes()
            ]
            assert len(holders) == 1, (needle, holders)
            assert holders[0] in ("mail.json", "webhooks.json")
        for path in out.files.folder.glob("*.json"):
            assert path.stat().st_mode & 0o077 == 0
        printed = "".join(capfd.readouterr())
        assert not any(needle in printed for needle in (hook.secret, "pass-secret-1", "hook-path-secret"))


# --- the requester's address -----------------------------------------------------------------------


async def test_an_address_is_shown_from_tier_two_on_and_forgotten_with_the_ticket(out: Outside) -> None:
    ticket = await out.ticket()
    shown = {}
    for who in ("toni", "sam", "olga", "ada"):
        answer = await out.world.call("GET", f"/v1/tickets/{ticket}", token=await out.world.login(who))
        shown[who] = answer.json["contact_email"]
        if who in ("toni", "ada"):
            assert ANA.encode() not in answer.body
    assert shown == {"toni": None, "sam": ANA, "olga": ANA, "ada": None}
    log = await out.world.call("GET", "/v1/audit/entries?count=1000", token=await out.world.login("toni"))
    assert ANA.encode() not in log.body
    assert ANA not in str(await out.world.audit(await out.world.login("olga")))
    await out.act(ticket, "cancel", TicketMove(reason="nada"))
    store, now = out.world.broker.store, out.world.clock()
    assert await store.write(lambda tx: queue.clean(tx.conn, now + queue.KEEP - timedelta(hours=1))) == 0
    assert await store.write(lambda tx: queue.clean(tx.conn, now + queue.KEEP + timedelta(hours=1))) == 1
    assert await store.read(lambda conn: contacts.find(conn, ticket)) is None


@pytest.mark.parametrize("address", ["a@b\r\nBcc: x@y", "ana", "<a@b>", "a@b,c@d"])
async def test_no_ticket_is_opened_with_what_is_no_address(out: Outside, address: str) -> None:
    body = {"title": "x", "customer": "acme", "contact_email": address}
    answer = await out.world.call("POST", "/v1/tickets", body, await out.world.login("toni"))
    assert (answer.status, answer.code) == (400, "malformed")
