"""What machines tell of self-service: theirs alone, once, and no door to anybody else's ticket."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from starlette.websockets import WebSocket

from broker import presence
from broker.selfservice import articles
from broker.store.self_service_tables import self_service_runs
from protocol import ids, link
from protocol.documents import PROTOCOL_VERSION, ArtifactManifest, SelfServiceRecord
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance
from protocol.wire import from_msgpack, to_json
from tests.support.broker_world import new_key
from tests.support.desk import Control, Desk, Machine, desk
from tests.support.knowledge_world import PRINTER_EN, knowledge_desk


def record(made: Desk, machine: Machine, **changes: Any) -> SelfServiceRecord:
    found = SelfServiceRecord(
        version=PROTOCOL_VERSION,
        agent=machine.agent,
        nonce=ids.new_nonce(),
        run=ids.new_grant_id(),
        category="software",
        language="es",
        started=made.now - timedelta(minutes=5),
        ended=made.now,
        outcome="solved",
    )
    return msgspec.structs.replace(found, **changes)


async def tell(control: Control, told: SelfServiceRecord, key: Any = None) -> Code | None:
    """The broker's answer; None is yes."""
    envelope = seal(told, key or control.machine.key)
    await control.send(link.SelfServed(ref=7, record=envelope))
    while not isinstance(answer := await control.next(), link.Done | link.Failure):
        pass
    return answer.code if isinstance(answer, link.Failure) else None


async def stored(made: Desk) -> list[tuple[Any, ...]]:
    columns = (self_service_runs.c.outcome, self_service_runs.c.ticket, self_service_runs.c.ended)
    return await made.world.broker.store.read(
        lambda conn: [tuple(row) for row in conn.execute(select(*columns).order_by(self_service_runs.c.id))]
    )


async def opened(made: Desk, control: Control) -> str:
    await control.send(link.Ask(ref=1, request=control.machine.ask("It does not work", made.now)))
    return (await control.expect(link.TicketMade)).ticket


async def put(made: Desk, machine: Machine, manifest: ArtifactManifest, content: bytes) -> str:
    header = base64.urlsafe_b64encode(to_json(seal(manifest, machine.key))).decode()
    answer = await made.call("PUT", "/v1/artifacts", content, headers={"relevo-manifest": header})
    return "" if answer.status == 200 else answer.code


def artifact(
    made: Desk, told: SelfServiceRecord, ticket: str, content: bytes, **changes: Any
) -> ArtifactManifest:
    manifest = ArtifactManifest(
        version=1,
        artifact=ids.new_artifact_id(),
        agent=told.agent,
        grant=told.run,
        ticket=ticket,
        kind="bundle",
        name="diagnosis.json",
        clearance=Clearance.R1,
        sealed=False,
        media_type="application/json",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        made=made.now,
    )
    return msgspec.structs.replace(manifest, **changes)


async def test_a_run_counts_once_however_often_it_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine = await made.enrol()
        told = record(made, machine)
        async with made.link(machine) as control:
            assert await tell(control, told) is None
            assert await tell(control, told) is None
            again = msgspec.structs.replace(told, nonce=ids.new_nonce())
            assert await tell(control, again) is Code.PARAMETER_INVALID
            flipped = record(made, machine, nonce=told.nonce, outcome="abandoned")
            assert await tell(control, flipped) is None
        assert [row[0] for row in await stored(made)] == ["solved"]


async def test_only_a_machines_own_word_about_its_own_ticket_is_taken(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        mine, theirs = await made.enrol(), await made.enrol()
        async with made.link(theirs) as other:
            foreign = await opened(made, other)
        async with made.link(mine) as control:
            told = record(made, mine, outcome="ticket", ticket=foreign)
            assert await tell(control, told) is Code.NOT_FOUND
            assert await tell(control, record(made, mine, outcome="ticket")) is Code.PARAMETER_INVALID
            assert await tell(control, record(made, mine, ticket=foreign)) is Code.PARAMETER_INVALID
            late = record(made, mine, started=made.now, ended=made.now - timedelta(days=1))
            assert await tell(control, late) is Code.PARAMETER_INVALID
        assert await stored(made) == []


@pytest.mark.parametrize("forged", ["key", "agent"])
async def test_a_forged_record_ends_the_link_and_is_on_record(tmp_path: Path, forged: str) -> None:
    async with desk(tmp_path) as made:
        machine, other = await made.enrol(), await made.enrol()
        async with made.link(machine) as control:
            told = record(made, other if forged == "agent" else machine)
            key = new_key() if forged == "key" else machine.key
            await control.send(link.SelfServed(ref=7, record=seal(told, key)))
            assert await control.closed() is not None
        assert await stored(made) == []


async def test_a_clock_that_is_ahead_ends_no_run_in_the_future(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine = await made.enrol()
        async with made.link(machine) as control:
            assert await tell(control, record(made, machine, ended=made.now + timedelta(days=400))) is None
            old = record(
                made, machine, started=made.now - timedelta(days=60), ended=made.now - timedelta(days=59)
            )
            assert await tell(control, old) is Code.PARAMETER_INVALID
        ((_, _, ended),) = await stored(made)
        assert ended <= made.now


async def test_results_go_onto_the_ticket_of_the_run_and_nowhere_else(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine = await made.enrol()
        content = b'{"what": "was seen"}'
        async with made.link(machine) as control:
            ticket, other = await opened(made, control), await opened(made, control)
            told = record(made, machine, outcome="ticket", ticket=ticket)
            assert (
                await put(made, machine, artifact(made, told, ticket, content), content)
                == "identity-mismatch"
            )
            assert await tell(control, told) is None
            assert await put(made, machine, artifact(made, told, ticket, content), content) == ""
            wrong = [
                (artifact(made, told, other, content), "identity-mismatch"),
                (artifact(made, told, ticket, content, grant=ids.new_grant_id()), "identity-mismatch"),
                (artifact(made, told, ticket, content, kind="screenshot"), "scope-not-granted"),
                (artifact(made, told, ticket, content, clearance=Clearance.R3), "scope-not-granted"),
            ]
            for manifest, code in wrong:
                assert await put(made, machine, manifest, content) == code
            solved = record(made, machine)
            assert await tell(control, solved) is None
            assert (
                await put(made, machine, artifact(made, solved, ticket, content), content)
                == "identity-mismatch"
            )
            made.world.clock.forward(hours=2)
            assert await put(made, machine, artifact(made, told, ticket, content), content) == "session-ended"


async def test_a_run_that_names_a_ticket_of_long_ago_brings_nothing_onto_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine, content = await made.enrol(), b"{}"
        async with made.link(machine) as control:
            ticket = await opened(made, control)
            token = await made.world.login("toni")
            for move in ("take", "cancel"):
                await made.call("POST", f"/v1/tickets/{ticket}/{move}", b'{"reason": "x"}', token)
            told = record(made, machine, outcome="ticket", ticket=ticket)
            assert await tell(control, told) is None
            assert await put(made, machine, artifact(made, told, ticket, content), content) == "ticket-closed"


def link_of(customer: str) -> presence.Link:
    async def nothing(*_: Any) -> Any:
        raise AssertionError("nobody speaks on this link")

    socket = WebSocket({"type": "websocket", "path": "/", "headers": []}, nothing, nothing)
    return presence.Link(socket, "ag-" + "a" * 32, customer, "", "test")


async def test_a_machine_reads_public_articles_for_its_own_customer_and_no_others(tmp_path: Path) -> None:
    async with knowledge_desk(tmp_path) as made:
        everybodys = await made.publish(visibility="public", en=PRINTER_EN)
        ours = await made.publish(visibility="public", customer="acme")
        await made.publish(visibility="L1")
        await made.write(visibility="public")

        async def found(words: str, customer: str, language: str = "es") -> list[link.ShownArticle]:
            query = link.ArticlesQuery(ref=1, words=words, language=language)
            return list(await articles.find(made.world.broker, link_of(customer), query))

        assert {row.article for row in await found("cola de impresión", "acme")} == {everybodys, ours}
        (row,) = await found("print queue", "globex", "en")
        assert (row.article, row.title, row.text) == (everybodys, "Printing stops", "Restart it.")
        for words in ("zanahoria", '" OR * NEAR(', "%", "a" * 500):
            assert await found(words, "acme") == []


def test_a_hostile_broker_cannot_answer_with_ten_thousand_articles() -> None:
    rows = [{"article": "kb-1", "title": "t", "text": "x"}] * 10_000
    flood = msgspec.msgpack.encode({"type": "articles-found", "ref": 1, "rows": rows})
    with pytest.raises(RelevoError) as caught:
        from_msgpack(flood, link.FromBroker)
    assert caught.value.code is Code.MALFORMED
