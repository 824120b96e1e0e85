"""Mail and webhooks through the documented command line, against a broker that is killed in the middle."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from broker.cli import cli
from broker.outgoing import keeper, lanes, queue
from broker.outgoing.settings import SettingsFiles
from protocol import link
from protocol.api import TicketResolve, TicketText
from protocol.drivers import terminal
from protocol.errors import RelevoError
from protocol.wording import Words, broker, outgoing
from tests.support.broker_process import serving
from tests.support.broker_world import Clock, restarted
from tests.support.desk import desk
from tests.support.outgoing_world import ANA, Outside, outside
from tests.support.receivers import Mailbox, http_target, smtp_server


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(keeper, "TICK_S", 0.05)
    monkeypatch.setattr(lanes, "IDLE_S", 0.05)
    before = terminal._words
    terminal._words = Words("en", broker.TABLE, outgoing.TABLE, *terminal._COMMON)
    yield
    terminal._words = before


async def command(data: Path, *arguments: str) -> Any:
    """A command's JSON; it runs in a thread, so that servers of this process can answer it."""

    def work() -> Any:
        result = CliRunner().invoke(cli, [*arguments, "--data", str(data), "--json"], standalone_mode=False)
        if result.exception:
            raise result.exception
        return json.loads(result.stdout)

    return await asyncio.to_thread(work)


async def test_a_broker_killed_between_sending_and_noting_sends_the_same_mail_once_more(
    tmp_path: Path,
) -> None:
    data, box = tmp_path / "broker", Mailbox()
    async with smtp_server(box) as server:
        async with outside(data) as out:
            ticket = await out.ticket()
            await out.act(ticket, "take")
        out.mail_through(server)
        async with restarted(data, out.world.org, out.world.clock) as world:
            box.data_answers = ["451 not now"]
            await Outside(world, out.files).act(ticket, "replies", TicketText(text="hola"))
            [waiting] = await Outside(world, out.files).ended(1, queue.QUEUED)
            await out.until(lambda: not box.data_answers)
        taken = asyncio.Event()
        box.data_answers = ["hang"]
        box.on_data = taken.set

        # The real process takes over with a clock of its own: the waiting mail is due for it.
        def serve_and_kill(loop: asyncio.AbstractEventLoop) -> None:
            with serving(data) as served:
                asyncio.run_coroutine_threadsafe(asyncio.wait_for(taken.wait(), 60), loop).result(60)
                served.stop(signal.SIGKILL)

        _make_due(data, waiting.id)
        await asyncio.to_thread(serve_and_kill, asyncio.get_running_loop())
        assert len(box.heard) == 2
        later = Clock(out.world.clock() + timedelta(hours=1))
        async with restarted(data, out.world.org, later) as world:
            [sent] = await Outside(world, out.files).ended(1)
        assert sent.attempts == 3
        assert len(box.heard) == 3
        assert len({mail["Message-ID"] for mail in box.heard}) == 1
        assert [mail["To"] for mail in box.mails] == [ANA]


def _make_due(data: Path, delivery: int) -> None:
    """As if the pause after the first attempt had passed."""
    with closing(sqlite3.connect(data / "broker.db")) as conn, conn:
        conn.execute("UPDATE deliveries SET next_try = 0 WHERE id = ?", (delivery,))


async def test_the_commands_work_beside_a_running_broker(tmp_path: Path) -> None:
    data = tmp_path / "broker"
    async with outside(data) as out, smtp_server() as box, http_target() as target:
        secret = tmp_path / "password.txt"
        secret.write_text("geheim\n")
        made = await command(data, "webhook", "add", target.url, "--events", "ticket.created,ticket.replied")
        assert made["secret"].startswith("whsec_")
        listed = await command(data, "webhook", "list")
        assert [row["id"] for row in listed] == [made["id"]]
        assert "secret" not in listed[0]
        shown = await command(
            data, "mail", "set", "--host", "127.0.0.1", "--port", str(box.port), "--from", "help@desk.test"
        )
        assert (shown["security"], shown["has_password"]) == ("plaintext", False)
        await command(data, "mail", "test", "admin@desk.test")
        await command(data, "webhook", "test", made["id"])
        assert box.mails[0]["To"] == "admin@desk.test"
        assert target.calls[0].verified(made["secret"])["type"] == "relevo.test"

        box.recipients_answer = lambda address: "550 no such user"
        with pytest.raises(RelevoError, match="550"):
            await command(data, "mail", "test", "admin@desk.test")
        ticket = await out.ticket()
        await out.act(ticket, "take")
        await out.act(ticket, "replies", TicketText(text="hola"))
        [failed] = await out.ended(1, queue.FAILED)
        rows = await command(data, "outgoing", "list", "--failed")
        assert [(row["id"], row["error"], row["receiver"]) for row in rows] == [
            (failed.id, "SMTP 550", "requester")
        ]
        assert ANA not in json.dumps(rows)
        with pytest.raises(RelevoError):
            await command(data, "outgoing", "retry", "999")
        box.recipients_answer = lambda address: "250 OK"
        assert (await command(data, "outgoing", "retry", "--all-failed"))["taken"]
        await out.until(lambda: box.to(ANA))
        await command(data, "webhook", "remove", made["id"])
        await command(data, "mail", "remove")
        assert SettingsFiles(data).read().webhooks == ()
        with pytest.raises(RelevoError):
            await command(data, "mail", "show")
        with pytest.raises(RelevoError):
            await command(data, "webhook", "add", "http://hooks.example.org/")
        with pytest.raises(RelevoError):
            await command(
                data,
                "mail",
                "set",
                "--host",
                "mail.example.org",
                "--port",
                "25",
                "--from",
                "a@b",
                "--user",
                "u",
            )


async def test_an_address_given_on_the_users_machine_is_told_and_not_in_the_log(tmp_path: Path) -> None:
    async with desk(tmp_path) as served, smtp_server() as box:
        out = Outside(served.world, SettingsFiles(tmp_path))
        out.mail_through(box)
        machine = await served.enrol()
        async with served.link(machine) as control:
            request = machine.ask("No imprime", served.now)
            await control.send(link.Ask(ref=1, request=request, contact=ANA))
            ticket = (await control.expect(link.TicketMade)).ticket
            await out.act(ticket, "take")
            await out.act(ticket, "replies", TicketText(text="¿Encendida?"))
            await out.until(lambda: box.to(ANA))
            await out.act(ticket, "resolve", TicketResolve(resolution="Papel", no_article_reason="trivial"))
            await out.until(lambda: len(box.to(ANA)) == 2)
            assert f"relevo-agent rate {ticket} 5" in box.to(ANA)[1].as_string()
            assert ANA not in str(await served.records())
