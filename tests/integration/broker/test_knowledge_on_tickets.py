"""The knowledge base on a ticket: drafts without what is private, suggestions with reasons, and what counts."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert

from broker.artifact_files import ArtifactFiles
from broker.store.session_tables import artifacts
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.desk import Category
from protocol.desk import Desk as Settings
from protocol.diagnosis import BUNDLE_MEDIA_TYPE
from protocol.drivers.files import private_folder
from protocol.fix_states import RunState
from protocol.ids import new_artifact_id
from protocol.scopes import Clearance
from protocol.wire import facts, to_json
from tests.support.knowledge_world import PRINTER_ES, Desk, knowledge_desk
from tests.unit.protocol.test_findings import bundle, file_system, result

pytestmark = pytest.mark.asyncio(loop_scope="module")
PRIVATE = (
    "Soy Toni, mi correo es maria.lopez@acme.example y la contraseña: Zanahoria99! "
    "El servidor 10.20.30.40 no responde desde /home/mlopez/Documentos/nominas.pdf"
)
LEAKS = ("Toni", "maria.lopez", "Zanahoria99", "10.20.30.40", "mlopez")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with knowledge_desk(tmp_path_factory.mktemp("kb")) as made:
        made.world.org.desk = Settings(categories=(Category(id="printing", name_en="P", name_es="I"),))
        await made.world.publish(made.world.org.next(), await made.world.login("ada"))
        yield made


async def resolved(desk: Desk, ticket: str, who: str = "toni", **body: Any) -> dict[str, Any]:
    await desk.ok(who, "POST", f"/v1/tickets/{ticket}/take", {})
    said = {"resolution": "Cola reiniciada", "cause": "software"} | body
    return await desk.ok(who, "POST", f"/v1/tickets/{ticket}/resolve", said)


async def uses(desk: Desk, article: str) -> dict[str, int]:
    rows = (await desk.ok("olga", "GET", "/v1/articles?limit=500"))["rows"]
    (row,) = [row for row in rows if row["article"] == article]
    counted: dict[str, int] = row["statistics"]
    return counted


# --- drafts ------------------------------------------------------------------------------------


async def test_a_draft_from_a_ticket_holds_its_words_and_nothing_private(desk: Desk) -> None:
    ticket = await desk.ticket(
        title="La impresora de Toni no imprime", description=PRIVATE, category="printing", language="es"
    )
    await desk.ok("toni", "POST", f"/v1/tickets/{ticket}/notes", {"text": "nota interna: jirafa"})
    draft = await desk.ok("toni", "POST", f"/v1/tickets/{ticket}/article", {})
    assert (draft["state"], draft["owner"], draft["live_version"]) == ("draft", "toni", None)
    text = draft["text"]
    assert (text["customer"], text["category"], text["visibility"]) == ("acme", "printing", "L1")
    assert text["links"]["tickets"] == [ticket] and text["en"] is None
    assert "no imprime" in text["es"]["title"] and "no responde" in text["es"]["symptoms"]
    assert "<secret:password>" in text["es"]["symptoms"]
    for leak in (*LEAKS, "jirafa"):
        assert leak not in str(text), leak


async def test_a_resolution_can_make_its_article(desk: Desk) -> None:
    ticket = await desk.ticket(description=PRIVATE, language="es")
    view = await resolved(desk, ticket, article="new", resolution="Reinicié la cola en 10.20.30.40")
    draft = await desk.ok("toni", "GET", f"/v1/articles/{view['article']}")
    body = draft["text"]["es"]["body"]
    assert "## Solución" in body and "Reinicié la cola" in body and "Un fallo de un programa" in body
    assert not any(leak in str(draft["text"]) for leak in LEAKS)
    assert draft["statistics"]["solved"] == 1


async def test_a_refused_resolution_leaves_no_draft(desk: Desk) -> None:
    ticket = await desk.ticket()
    before = await desk.listed("olga", "limit=500")
    body = {"resolution": "  ", "article": "new"}
    await desk.ok("toni", "POST", f"/v1/tickets/{ticket}/take", {})
    code = await desk.code("toni", "POST", f"/v1/tickets/{ticket}/resolve", body)
    assert code == "parameter-invalid"
    assert await desk.listed("olga", "limit=500") == before


async def test_a_resolution_names_an_article_that_is_there_and_may_be_seen(desk: Desk) -> None:
    hidden = await desk.publish("tres", "dos", visibility="L2", es=PRINTER_ES)
    ticket = await desk.ticket()
    await desk.ok("toni", "POST", f"/v1/tickets/{ticket}/take", {})
    for article in (hidden, "kb-9999", "cables", "kb-0", "KB-1"):
        body = {"resolution": "x", "article": article}
        assert await desk.code("toni", "POST", f"/v1/tickets/{ticket}/resolve", body) == "not-found", article
    assert (await uses(desk, hidden))["solved"] == 0


async def test_l3_hands_back_an_article_that_is_there(desk: Desk) -> None:
    ticket = await desk.ticket("tres")
    await desk.ok("tres", "POST", f"/v1/tickets/{ticket}/take", {})
    back = {"kind": "article_and_fix", "article": "kb-9999", "fix": "clean", "for_l1": "Reinicie"}
    said = {"resolution": "x", "article": "new", "hand_back": back}
    assert await desk.code("tres", "POST", f"/v1/tickets/{ticket}/resolve", said) == "not-found"
    said["hand_back"] = back | {"article": "new"}
    view = await desk.ok("tres", "POST", f"/v1/tickets/{ticket}/resolve", said)
    assert view["hand_back"]["article"] == view["article"] != "new"


# --- what counts -------------------------------------------------------------------------------


async def test_every_use_is_counted_and_no_use_twice(desk: Desk) -> None:
    article = await desk.publish("dos", "tres", es=PRINTER_ES | {"title": "Escarabajo"})
    assert await desk.found("toni", "escarabajo") == [article]
    ticket = await desk.ticket()
    assert await desk.found("toni", "escarabajo", ticket) == [article]
    await desk.ok("toni", "GET", f"/v1/articles/{article}")
    await desk.ok("dos", "GET", f"/v1/articles/{article}")
    for _ in range(3):
        await desk.ok("toni", "POST", f"/v1/articles/{article}/helpful", {"ticket": ticket})
    await desk.ok("dos", "POST", f"/v1/articles/{article}/helpful", {"ticket": ticket})
    await resolved(desk, ticket, article=article)
    await desk.ok("toni", "POST", f"/v1/tickets/{ticket}/reopen", {})
    await resolved(desk, ticket, article=article)
    assert await uses(desk, article) == {"shown": 2, "opened": 1, "solved": 1, "helpful": 2}


async def test_a_search_for_a_ticket_is_on_its_timeline_and_another_is_not(desk: Desk) -> None:
    article = await desk.publish("dos", "tres", es=PRINTER_ES | {"title": "Luciérnaga"})
    ticket = await desk.ticket()
    await desk.found("toni", "luciernagas")
    await desk.found("toni", "luciernagas", ticket)
    events = (await desk.ok("toni", "GET", f"/v1/tickets/{ticket}"))["timeline"]
    assert [event["text"] for event in events if event["kind"] == "ticket.kb-searched"] == ["luciernagas"]
    records = await desk.world.audit(await desk.world.login("olga"), f"ticket={ticket}")
    assert {"key": "found", "value": article} in records[-1]["facts"]
    await desk.ok("toni", "POST", f"/v1/tickets/{ticket}/cancel", {"reason": "x"})
    code = await desk.code("toni", "POST", f"/v1/tickets/{ticket}/kb-searches", {"query": "x"})
    assert code == "ticket-closed"


# --- suggestions -------------------------------------------------------------------------------


async def test_suggestions_say_why_and_words_come_before_resolutions(desk: Desk) -> None:
    by_words = await desk.publish("dos", "tres", es=PRINTER_ES | {"title": "El plotter chirría al arrancar"})
    used = await desk.publish("dos", "tres", es=PRINTER_ES | {"title": "Cartuchos", "symptoms": "tinta"})
    for _ in range(2):
        earlier = await desk.ticket(title="Tinta", category="printing")
        await resolved(desk, earlier, article=used)
    ticket = await desk.ticket(title="El plotter chirria", category="printing", language="es")
    rows = (await desk.ok("toni", "GET", f"/v1/tickets/{ticket}/suggestions"))["rows"]
    assert (rows[0]["basis"], rows[0]["article"]) == ("words", by_words)
    assert rows[0]["words"] == ["plotter", "chirria"]
    last = rows[-1]
    assert (last["basis"], last["article"], last["tickets"]) == ("resolutions", used, 2)
    assert len({row["article"] for row in rows}) == len(rows), "nothing twice"


async def test_resolutions_of_another_customer_or_above_the_reader_are_not_suggested(desk: Desk) -> None:
    above = await desk.publish("tres", "dos", visibility="L2", es=PRINTER_ES | {"title": "Alacrán"})
    ticket = await desk.ticket("dos", title="Uno", category="printing")
    await resolved(desk, ticket, "dos", article=above)
    fresh = await desk.ticket(title="Zzz", category="printing")
    shown = await desk.ok("toni", "GET", f"/v1/tickets/{fresh}/suggestions")
    assert above not in str(shown) and "Alacrán" not in str(shown)
    assert above in str(await desk.ok("dos", "GET", f"/v1/tickets/{fresh}/suggestions"))
    elsewhere = await desk.ticket("gil", "globex", title="Zzz", category="printing")
    assert (await desk.ok("gil", "GET", f"/v1/tickets/{elsewhere}/suggestions"))["rows"] == []


# --- what was measured and run -----------------------------------------------------------------


async def _store_bundle(desk: Desk, ticket: str, clearance: Clearance, *, full: float) -> None:
    """A diagnosis on the ticket, as an agent's upload leaves it."""
    disks = result("disks", rows={"file_systems": [file_system(used_percent=full, mount_point="/srv")]})
    content, artifact = to_json(bundle(disks)), new_artifact_id()
    row = {
        "artifact": artifact,
        "ticket": int(ticket[2:]),
        "customer": "acme",
        "kind": "bundle",
        "name": "bundle.json",
        "clearance": clearance.value,
        "sealed": False,
        "media_type": BUNDLE_MEDIA_TYPE,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "made": desk.world.clock.now,
        "stored": desk.world.clock.now,
        "manifest": b"",
    }
    broker = desk.world.broker
    private_folder(broker.config.artifacts)
    ArtifactFiles(broker.config.artifacts).path(artifact).write_bytes(content)
    await broker.store.write(lambda tx: tx.conn.execute(insert(artifacts).values(row)))


async def _run_fix(desk: Desk, ticket: str, run: str, state: RunState) -> None:
    record = AuditRecord(
        at=desk.world.clock.now,
        actor=Actor(kind=ActorKind.AGENT, id="ag"),
        action=Action.FIX_DONE,
        customer="acme",
        ticket=ticket,
        facts=facts(fix="clean-cache", run=run, state=state.value, title_es="Vaciar la caché de Toni"),
    )
    await desk.world.broker.store.write(lambda tx: tx.audit(record))


async def test_a_draft_tells_what_the_diagnosis_found_and_which_fixes_ran(desk: Desk) -> None:
    ticket = await desk.ticket(title="Disco lleno", language="es")
    await _store_bundle(desk, ticket, Clearance.R1, full=99.5)
    await _run_fix(desk, ticket, "a" * 16, RunState.UNDONE)
    await _run_fix(desk, ticket, "b" * 16, RunState.SUCCEEDED)
    draft = await desk.ok("toni", "POST", f"/v1/tickets/{ticket}/article", {})
    body = draft["text"]["es"]["body"]
    assert "## Qué encontró el diagnóstico" in body and "/srv" in body
    assert "(clean-cache): funcionó." in body and "(clean-cache): se deshizo." in body
    assert "Toni" not in body, "a name in a fix's title is a name"
    assert draft["text"]["links"]["fixes"] == ["clean-cache"]


async def test_a_diagnosis_above_r1_is_not_in_a_draft(desk: Desk) -> None:
    ticket = await desk.ticket(title="Disco lleno", language="es")
    await _store_bundle(desk, ticket, Clearance.R2, full=99.5)
    draft = await desk.ok("dos", "POST", f"/v1/tickets/{ticket}/article", {})
    assert "/srv" not in str(draft["text"])
