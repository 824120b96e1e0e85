"""Mails and webhook calls of a real broker: who gets them, once, whatever the other side does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.api import TicketMove, TicketResolve, TicketText
from protocol.ticket_api import TicketAssign
from tests.support.receivers import http_target, smtp_server
from tests.unit.broker.outgoing_world import ANA, LIA, TONI, Outside, outside


@pytest.fixture
async def out(tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(tmp_path) as made:
        yield made


async def test_the_requester_is_told_of_an_answer_and_of_the_solution(out: Outside) -> None:
    async with smtp_server() as box:
        out.mail_through(box, sender_name="Soporte")
        ticket = await out.ticket()
        await out.act(ticket, "take")
        await out.act(ticket, "replies", TicketText(text="¿Está encendida?"))
        await out.act(ticket, "resolve", TicketResolve(resolution="Papel", no_article_reason="trivial"))
        await out.until(lambda: len(box.to(ANA)) == 2)
        answer, solved = box.to(ANA)
        assert answer["Subject"] == f"[{ticket}] Respuesta: No imprime"
        assert answer["From"] == "Soporte <help@desk.test>"
        assert answer["Auto-Submitted"] == "auto-generated"
        assert answer["References"] == solved["References"] == solved["In-Reply-To"]
        assert answer["Message-ID"] != solved["Message-ID"]
        plain = answer.get_body(("plain",))
        assert plain is not None
        assert "> ¿Está encendida?" in plain.get_content()
        html = answer.get_body(("html",))
        assert html is not None
        assert "<blockquote>¿Está encendida?</blockquote>" in html.get_content()


async def test_a_webhook_gets_signed_calls_without_words(out: Outside) -> None:
    async with http_target() as target:
        hook = out.webhook_to(target)
        ticket = await out.ticket()
        await out.act(ticket, "take")
        await out.until(lambda: len(target.calls) >= 3)
        said = [call.verified(hook.secret) for call in target.calls]
        assert sorted(row["type"] for row in said) == ["ticket.created", "ticket.started", "ticket.taken"]
        created = next(row for row in said if row["type"] == "ticket.created")
        assert created["data"]["ticket"] == ticket
        assert "title" not in created["data"]
        assert b"imprime" not in b"".join(call.body for call in target.calls)


async def test_a_technician_is_told_of_what_others_gave_them(out: Outside) -> None:
    async with smtp_server() as box:
        out.mail_through(box)
        ticket = await out.ticket(contact_email=None)
        await out.act(ticket, "take")
        await out.act(ticket, "assign", TicketAssign(assignee="lia", reason="sabe más"))
        await out.until(lambda: box.mails)
        assert [mail["To"] for mail in box.mails] == [LIA]
        assert "sabe más" not in str(box.mails[0])
        await out.act(
            ticket,
            "take",
            TicketMove(version=(await out.act(ticket, "notes", TicketText(text="x"), "lia"))["version"]),
        )
        assert not box.to(TONI)
