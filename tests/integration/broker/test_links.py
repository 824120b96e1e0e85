"""A control link belongs to the machine that proved its key, and what it says is kept in order."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker import presence
from protocol import ids, link
from protocol.audit import Action
from protocol.documents import JournalEntry
from protocol.dsse import open_envelope
from protocol.envelope import Envelope
from protocol.errors import Code
from protocol.wire import from_json, to_msgpack
from tests.support.broker_world import new_key
from tests.support.desk import Control, Machine, desk

ZERO = "0" * 64


async def test_a_proved_machine_is_welcomed_and_online_until_it_leaves(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            assert control.welcome is not None
            assert control.welcome.journal_sequence == 0
            token = await site.world.login("toni")
            shown = await site.call("GET", f"/v1/agents/{machine.agent}", token=token)
            assert shown.json["online"] is True
        await site.until(lambda: not site.world.broker.presence.online(machine.agent))


_WRONG_HELLOS: list[tuple[str, Code]] = [
    ("another nonce", Code.REPLAYED),
    ("another certificate", Code.IDENTITY_MISMATCH),
    ("another key", Code.SIGNATURE_INVALID),
    ("another id", Code.REPLAYED),
    ("never enrolled", Code.UNAUTHENTICATED),
]


@pytest.mark.parametrize(("how", "code"), _WRONG_HELLOS)
async def test_whoever_cannot_prove_the_key_gets_no_link(tmp_path: Path, how: str, code: Code) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        changes: dict[str, Any] = {
            "another nonce": {"nonce": ids.new_nonce()},
            "another certificate": {"tls_sha256": "ab" * 32},
            "another key": {"signer": new_key()},
            "another id": {"agent": (await site.enrol()).agent},
            "never enrolled": {},
        }[how]
        if how == "never enrolled":
            machine = Machine(new_key())
        async with site.link(machine, **changes) as control:
            assert control.inbox[0].code is code
            assert await control.closed() == 4403
        assert not site.world.broker.presence.online(machine.agent)
        refused = await site.records("agent.link-refused")
        assert len(refused) == 1
        assert machine.agent in refused[0]["actor"]["id"]


async def test_a_hello_of_one_link_is_worthless_on_another(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.socket("/v1/agent") as first, site.socket("/v1/agent") as second:
            nonce = (await Control(first, machine).expect(link.Challenge)).nonce
            replay = Control(second, machine)
            await replay.expect(link.Challenge)
            await replay.send(machine.hello(nonce, site.pin))
            assert (await replay.expect(link.Failure)).code is Code.REPLAYED


async def test_a_newer_link_replaces_the_older(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as old, site.link(machine) as new:
            assert await old.closed() == presence.CLOSE_REPLACED
            assert await new.alive()
            assert site.world.broker.presence.count() == 1


async def test_a_silent_link_is_dropped_and_a_speaking_one_is_not(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        quiet, talker = await site.enrol(), await site.enrol()
        async with site.link(quiet) as silent, site.link(talker) as speaking:
            links = site.world.broker.presence
            later = asyncio.get_running_loop().time() + presence.SILENCE_S
            links._links[talker.agent].heard = later
            links.drop_silent(later + 1)
            assert await silent.closed() == presence.CLOSE_SILENT
            assert await speaking.alive()


_BAD_FRAMES: list[tuple[str, bytes | str, Code]] = [
    ("not msgpack", b"\xc1", Code.MALFORMED),
    ("unknown type", b"\x81\xa4type\xa3xyz", Code.MALFORMED),
    ("text", "hello", Code.MALFORMED),
    ("second hello", b"", Code.MALFORMED),
    ("unknown field", to_msgpack({"type": "ping", "more": 1}), Code.MALFORMED),
    ("journal without entries", to_msgpack({"type": "journal", "entries": []}), Code.MALFORMED),
    ("deep nesting", b"\x91" * 100_000, Code.MALFORMED),
    ("too large", bytes(link.MAX_MESSAGE + 1), Code.TOO_LARGE),
]


@pytest.mark.parametrize(("name", "frame", "code"), _BAD_FRAMES, ids=[row[0] for row in _BAD_FRAMES])
async def test_a_frame_that_breaks_the_protocol_ends_its_link_only(
    tmp_path: Path, name: str, frame: bytes | str, code: Code
) -> None:
    async with desk(tmp_path) as site:
        machine, other = await site.enrol(), await site.enrol()
        async with site.link(machine) as control, site.link(other) as bystander:
            if name == "second hello":
                frame = to_msgpack(machine.hello(ids.new_nonce(), site.pin))
            await control.send(frame)
            if code is Code.MALFORMED:
                assert (await control.expect(link.Failure)).code is code
                assert await control.closed() == 4400
            else:
                assert await control.closed() == 1009
            await site.until(lambda: not site.world.broker.presence.online(machine.agent))
            assert await bystander.alive()
            refused = await site.records("request.refused")
            assert [r["agent"] for r in refused] == [machine.agent]
            assert {"key": "code", "value": code.value} in refused[0]["facts"]
        async with site.link(machine) as control:
            assert await control.alive()


async def test_sockets_that_say_nothing_make_room_for_those_that_do(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        doorstep = site.world.broker.doorstep
        doorstep._limit = 4
        async with (
            site.socket("/v1/agent") as oldest,
            site.socket("/v1/agent"),
            site.socket("/v1/relay"),
            site.socket("/v1/relay"),
        ):
            await site.until(lambda: doorstep.count() == 4)
            async with site.link(machine) as control:
                assert await control.alive()
            async with asyncio.timeout(20):
                await oldest.wait_closed()
            assert oldest.close_code == 4403


# --- the journal -------------------------------------------------------------------------------


async def test_journal_entries_become_records_with_their_signed_envelopes(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            entries = tuple(
                machine.entry(action, site.now, ticket=ticket)
                for action in (Action.DIAGNOSE_STARTED, Action.DIAGNOSE_DONE, Action.LOGS_STARTED) * 4
            )
            await control.send(link.Journal(entries=entries))
            assert (await control.expect(link.JournalAck)).sequence == 12
            records = [r for r in await site.records() if r["action"].startswith(("diagnose", "logs"))]
            assert len(records) == 12
            envelope = from_json(_bytes(records[0]["evidence"][0]), Envelope)
            entry = open_envelope(envelope, JournalEntry, [machine.key.public_key])
            assert (entry.sequence, entry.previous) == (1, ZERO)
            assert {r["ticket"] for r in records} == {ticket}
        async with site.link(machine) as control:
            assert control.welcome is not None
            assert control.welcome.journal_sequence == 12


def _bytes(text: str) -> bytes:
    import base64

    return base64.b64decode(text)


async def test_a_journal_sent_again_is_acknowledged_and_stored_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            first = [machine.entry(Action.DIAGNOSE_STARTED, site.now) for _ in range(3)]
            await control.send(link.Journal(entries=tuple(first)))
            assert (await control.expect(link.JournalAck)).sequence == 3
            more = machine.entry(Action.DIAGNOSE_DONE, site.now)
            await control.send(link.Journal(entries=(*first[1:], more)))
            assert (await control.expect(link.JournalAck)).sequence == 4
            actions = await site.actions()
            assert (actions.count("diagnose.started"), actions.count("diagnose.done")) == (3, 1)


_BAD_JOURNALS = [
    "gap",
    "fork of the last",
    "fork further back",
    "broken chain",
    "forged",
    "of another",
    "zero",
]


@pytest.mark.parametrize("how", _BAD_JOURNALS)
async def test_a_journal_with_a_gap_a_fork_or_a_forgery_is_refused_whole(tmp_path: Path, how: str) -> None:
    async with desk(tmp_path) as site:
        machine, other = await site.enrol(), await site.enrol()
        async with site.link(machine) as control:
            good = tuple(machine.entry(Action.DIAGNOSE_STARTED, site.now) for _ in range(2))
            await control.send(link.Journal(entries=good))
            await control.expect(link.JournalAck)
            third = machine.entry(Action.FIX_STARTED, site.now, keep=False)
            bad: dict[str, tuple[Envelope, ...]] = {
                "gap": (machine.entry(Action.FIX_STARTED, site.now, keep=False, sequence=4),),
                "fork of the last": (machine.entry(Action.FIX_STARTED, site.now, keep=False, sequence=2),),
                "fork further back": (machine.entry(Action.FIX_STARTED, site.now, keep=False, sequence=1),),
                "broken chain": (machine.entry(Action.FIX_STARTED, site.now, keep=False, previous=ZERO),),
                "forged": (third, machine.entry(Action.FIX_DONE, site.now, keep=False, signer=new_key())),
                "of another": (machine.entry(Action.FIX_STARTED, site.now, keep=False, agent=other.agent),),
                "zero": (machine.entry(Action.FIX_STARTED, site.now, keep=False, sequence=0),),
            }
            await control.send(link.Journal(entries=bad[how]))
            assert (await control.expect(link.Failure)).code in (
                Code.REPLAYED,
                Code.SIGNATURE_INVALID,
                Code.IDENTITY_MISMATCH,
            )
            assert await control.closed() == 4403
            actions = await site.actions()
            assert actions.count("journal.refused") == 1
            assert "fix.started" not in actions
        async with site.link(machine) as control:
            assert control.welcome is not None
            assert control.welcome.journal_sequence == 2
            await control.send(link.Journal(entries=(third,)))
            assert (await control.expect(link.JournalAck)).sequence == 3


async def test_a_machine_cannot_write_into_a_strangers_ticket(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        victim, machine = await site.enrol(), await site.enrol("globex")
        ticket = await site.ticket(victim)
        async with site.link(machine) as control:
            entry = machine.entry(Action.DIAGNOSE_DONE, site.now, ticket=ticket, grant=ids.new_grant_id())
            await control.send(link.Journal(entries=(entry,)))
            await control.expect(link.JournalAck)
            (record,) = await site.records("diagnose.done")
            assert (record["ticket"], record["grant"], record["customer"]) == (None, None, "globex")


async def test_a_machine_cannot_journal_what_only_the_broker_records(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            forged = machine.entry(Action.ORG_PUBLISHED, site.now, keep=False)
            await control.send(link.Journal(entries=(forged,)))
            assert (await control.expect(link.Failure)).code is Code.REFUSED
            assert (await site.actions()).count("journal.refused") == 1


# --- tickets from the machine ------------------------------------------------------------------


async def test_asking_for_help_makes_one_ticket_however_often_it_is_sent(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            request = machine.ask("No puedo\nimprimir \x1b[31m\u202enada", site.now)
            made = set()
            for ref in (1, 2):
                await control.send(link.Ask(ref=ref, request=request))
                answer = await control.expect(link.TicketMade)
                assert answer.ref == ref
                made.add(answer.ticket)
            assert made == {"T-1"}
            token = await site.world.login("toni")
            detail = (await site.call("GET", "/v1/tickets/T-1", token=token)).json
            assert detail["ticket"]["title"] == "No puedo imprimir [31mnada"
            assert detail["ticket"]["customer"] == "acme"
            assert (await site.actions()).count("ticket.created") == 1


async def test_replies_go_both_ways_and_notes_stay_inside(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            token = await site.world.login("toni")
            await site.call("POST", f"/v1/tickets/{ticket}/notes", {"text": "secreto"}, token)
            await site.call("POST", f"/v1/tickets/{ticket}/replies", {"text": "¿Qué impresora?"}, token)
            reply = machine.reply(ticket, "la del pasillo", site.now)
            for ref in (7, 8):
                await control.send(link.Reply(ref=ref, reply=reply))
                assert (await control.expect(link.Done)).ref == ref
            await control.send(link.TicketsQuery(ref=9))
            (row,) = (await control.expect(link.Tickets)).rows
            assert [r.text for r in row.replies] == ["¿Qué impresora?", "la del pasillo"]
            assert [r.by for r in row.replies] == ["Toni", "desk-1"]


async def test_a_machine_reaches_only_its_own_tickets(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        victim, machine = await site.enrol(), await site.enrol()
        ticket = await site.ticket(victim)
        async with site.link(machine) as control:
            await control.send(link.Reply(ref=1, reply=machine.reply(ticket, "hola", site.now)))
            failure = await control.expect(link.Failure)
            assert (failure.ref, failure.code) == (1, Code.NOT_FOUND)
            await control.send(link.TicketsQuery(ref=2))
            assert (await control.expect(link.Tickets)).rows == ()
            await control.send(link.Reply(ref=3, reply=victim.reply(ticket, "hola", site.now)))
            assert (await control.expect(link.Failure)).code is Code.SIGNATURE_INVALID
            assert await control.closed() == 4403


async def test_one_machine_cannot_flood_the_queue(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            codes = []
            for ref in range(51):
                await control.send(link.Ask(ref=ref, request=machine.ask(f"help {ref}", site.now)))
            for _ in range(51):
                answer = await control.next()
                codes.append(answer.code if isinstance(answer, link.Failure) else None)
            assert codes == [None] * 50 + [Code.RATE_LIMITED]


async def test_a_reader_that_takes_nothing_loses_its_link_and_nobody_else_notices(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine, other = await site.enrol(), await site.enrol()
        async with site.link(machine) as control, site.link(other) as bystander:
            control.socket.transport.pause_reading()
            links = site.world.broker.presence
            started = time.monotonic()
            while links.post(machine.agent, link.Tickets(ref=1, rows=())) and time.monotonic() - started < 20:
                pass
            await site.until(lambda: not links.online(machine.agent))
            assert await bystander.alive()
            control.socket.transport.abort()


async def test_a_clock_of_the_machine_that_is_wrong_does_not_move_ours(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            years_ago = site.now - timedelta(days=4_000)
            await control.send(link.Journal(entries=(machine.entry(Action.DIAGNOSE_DONE, years_ago),)))
            await control.expect(link.JournalAck)
            (record,) = await site.records("diagnose.done")
            assert record["at"][:10] == site.now.isoformat()[:10]
            assert any(f["key"] == "agent_at" for f in record["facts"])
