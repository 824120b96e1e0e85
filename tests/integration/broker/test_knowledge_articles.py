"""Articles: from draft to published and back, by whom, and that nothing written is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from broker.knowledge import writing
from broker.knowledge.articles import Standing
from broker.knowledge.terms import indexed, stems
from broker.store.engine import Tx
from protocol.audit import Actor, ActorKind
from protocol.errors import Code, RelevoError
from protocol.knowledge import ArticleMove, ArticleText, Body, Visibility, reader_of
from tests.support.knowledge_world import PRINTER_EN, PRINTER_ES, Desk, knowledge_desk

NEW = {"text": {"visibility": "L1", "en": PRINTER_EN}}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with knowledge_desk(tmp_path_factory.mktemp("kb")) as made:
        yield made


async def test_an_article_goes_from_draft_to_published_by_two_people(desk: Desk) -> None:
    article = await desk.write("dos")
    assert await desk.found("tres", "impresora") == []
    submitted = await desk.ok("dos", "POST", f"/v1/articles/{article}/submit", {})
    assert (submitted["state"], submitted["version"]) == ("in_review", 2)
    assert await desk.code("dos", "POST", f"/v1/articles/{article}/publish", {}) == "refused"
    published = await desk.ok("tres", "POST", f"/v1/articles/{article}/publish", {"version": 2})
    assert (published["state"], published["published_by"], published["by"]) == ("published", "tres", "dos")
    assert article in await desk.found("toni", "impresora")


async def test_l1_writes_and_does_not_publish(desk: Desk) -> None:
    article = await desk.write("toni")
    await desk.ok("toni", "POST", f"/v1/articles/{article}/submit", {})
    for move in ("publish", "retire"):
        body = {"reason": "x"}
        assert await desk.code("toni", "POST", f"/v1/articles/{article}/{move}", body) == "tier-too-low"


async def test_who_edited_after_the_author_does_not_publish_either(desk: Desk) -> None:
    article = await desk.write("toni")
    edit = {"text": {"visibility": "L1", "en": PRINTER_EN}, "version": 1}
    await desk.ok("dos", "POST", f"/v1/articles/{article}/text", edit)
    await desk.ok("toni", "POST", f"/v1/articles/{article}/submit", {})
    assert await desk.code("dos", "POST", f"/v1/articles/{article}/publish", {}) == "refused"
    await desk.ok("tres", "POST", f"/v1/articles/{article}/publish", {"version": 3})


async def test_what_is_for_l3_is_published_by_l3_alone(desk: Desk) -> None:
    article = await desk.write("tres", visibility="L3")
    await desk.ok("tres", "POST", f"/v1/articles/{article}/submit", {})
    assert await desk.code("dos", "POST", f"/v1/articles/{article}/publish", {}) == "not-found"


async def test_readers_keep_the_published_text_while_it_is_edited(desk: Desk) -> None:
    article = await desk.publish(es=PRINTER_ES | {"title": "Zapato viejo"})
    version = (await desk.ok("dos", "GET", f"/v1/articles/{article}"))["version"]
    edit = {"text": {"visibility": "L1", "es": PRINTER_ES | {"title": "Calcetín nuevo"}}, "version": version}
    edited = await desk.ok("dos", "POST", f"/v1/articles/{article}/text", edit)
    assert edited["state"] == "draft"
    seen = await desk.ok("toni", "GET", f"/v1/articles/{article}")
    assert (seen["state"], seen["text"]["es"]["title"]) == ("published", "Zapato viejo")
    assert await desk.found("toni", "zapatos") == [article]
    assert await desk.found("toni", "calcetines") == []
    submitted = await desk.ok("dos", "POST", f"/v1/articles/{article}/submit", {})
    read = {"version": submitted["version"]}
    await desk.ok("tres", "POST", f"/v1/articles/{article}/publish", read)
    assert await desk.found("toni", "calcetines") == [article]
    assert await desk.found("toni", "zapatos") == []
    old = await desk.ok("dos", "GET", f"/v1/articles/{article}?version=1")
    assert old["text"]["es"]["title"] == "Zapato viejo"
    kept = await desk.ok("dos", "GET", f"/v1/articles/{article}/versions")
    assert [row["title"] for row in kept["rows"]] == ["Calcetín nuevo", "Zapato viejo"]


async def test_a_stale_edit_is_refused_and_changes_nothing(desk: Desk) -> None:
    article = await desk.write("dos")
    first = {"text": {"visibility": "L1", "en": PRINTER_EN}, "version": 1}
    await desk.ok("dos", "POST", f"/v1/articles/{article}/text", first)
    stale = {"text": {"visibility": "L1", "en": PRINTER_EN | {"body": "lost"}}, "version": 1}
    answer = await desk.call("tres", "POST", f"/v1/articles/{article}/text", stale)
    assert (answer.status, answer.code) == (409, "stale-version")
    assert f"{article} is at version 2" in answer.json["detail"]
    seen = await desk.ok("dos", "GET", f"/v1/articles/{article}")
    assert (seen["version"], seen["by"], seen["text"]["en"]["body"]) == (2, "dos", "Restart it.")
    code = await desk.code("tres", "POST", f"/v1/articles/{article}/submit", {"version": 1})
    assert code == "stale-version"


async def test_a_retired_article_is_found_no_more_and_is_kept(desk: Desk) -> None:
    article = await desk.publish(es=PRINTER_ES | {"title": "Cremallera"})
    where = f"/v1/articles/{article}"
    assert await desk.code("dos", "POST", f"{where}/retire", {"reason": " "}) == "reason-missing"
    retired = await desk.ok("dos", "POST", f"{where}/retire", {"reason": "sustituido"})
    assert (retired["state"], retired["reason"], retired["live_version"]) == ("retired", "sustituido", None)
    assert await desk.found("toni", "cremallera") == []
    assert await desk.code("toni", "GET", where) == "not-found"
    assert (await desk.ok("dos", "GET", where))["text"]["es"]["title"] == "Cremallera"


async def test_a_reviewer_gives_back_with_a_reason(desk: Desk) -> None:
    article = await desk.write("toni")
    where = f"/v1/articles/{article}"
    await desk.ok("toni", "POST", f"{where}/submit", {})
    assert await desk.code("dos", "POST", f"{where}/give-back", {}) == "reason-missing"
    back = await desk.ok("dos", "POST", f"{where}/give-back", {"reason": "¿qué versión?"})
    assert (back["state"], back["reason"]) == ("draft", "¿qué versión?")


async def test_only_whoever_owns_it_or_reviews_edits(desk: Desk) -> None:
    article = await desk.publish("tres", "dos")
    edit = {"text": {"visibility": "L1", "en": PRINTER_EN}, "version": 3}
    assert await desk.code("toni", "POST", f"/v1/articles/{article}/text", edit) == "tier-too-low"


async def test_nobody_writes_for_readers_above_themselves(desk: Desk) -> None:
    text = {"visibility": "L3", "es": PRINTER_ES}
    for who in ("toni", "dos"):
        assert await desk.code(who, "POST", "/v1/articles", {"text": text}) == "tier-too-low"
    for who in ("ada", "olga", "pia", "vera"):
        assert await desk.code(who, "POST", "/v1/articles", {"text": text}) == "role-missing"


async def test_nobody_publishes_a_secret_for_l1_or_the_public(desk: Desk) -> None:
    for visibility in ("public", "L1"):
        body = PRINTER_EN | {"body": "Log in with password=Hunter2Hunter2!"}
        article = await desk.write("dos", visibility=visibility, es=None, en=body)
        await desk.ok("dos", "POST", f"/v1/articles/{article}/submit", {})
        answer = await desk.call("tres", "POST", f"/v1/articles/{article}/publish", {"version": 2})
        assert answer.code == "redaction-failed"
        assert "en.body" in answer.json["detail"] and "Hunter2" not in answer.json["detail"]
        assert await desk.found("toni", "hunter2hunter2") == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ({"en": None}, "parameter-invalid"),
        ({"en": {"title": "   "}}, "parameter-invalid"),
        ({"en": {"title": ""}}, "malformed"),
        ({"en": {"title": "x", "body": "a\x1b[2Jb"}}, "parameter-invalid"),
        ({"en": {"title": "x\ny"}}, "parameter-invalid"),
        ({"en": {"title": "x", "body": "a\x00b"}}, "parameter-invalid"),
        ({"en": {"title": "x" * 201}}, "malformed"),
        ({"en": {"title": "x", "symptoms": "y" * 4_001}}, "malformed"),
        ({"en": {"title": "x", "body": "y" * 60_001}}, "malformed"),
        ({"en": {"title": "x", "body": "y" * 2_000_000}}, "too-large"),
        ({"en": {"title": "x"}, "kind": "novel"}, "malformed"),
        ({"en": {"title": "x"}, "customer": "globex"}, "not-found"),
        ({"en": {"title": "x"}, "customer": "nobody"}, "not-found"),
        ({"en": {"title": "x"}, "links": {"tickets": ["T-999"]}}, "not-found"),
        ({"en": {"title": "x"}, "rating": 5}, "malformed"),
    ],
)
async def test_what_is_no_article_is_refused_with_one_error(
    desk: Desk, text: dict[str, object], code: str
) -> None:
    assert await desk.code("dos", "POST", "/v1/articles", {"text": {"visibility": "L1"} | text}) == code


async def test_what_is_due_for_review_is_listed_when_it_is(tmp_path: Path) -> None:
    async with knowledge_desk(tmp_path) as own:
        today = own.world.clock.now.date()
        article = await own.publish()
        view = await own.ok("dos", "GET", f"/v1/articles/{article}")
        assert view["review_by"] == (today + timedelta(days=365)).isoformat()
        soon = await own.ok(
            "tres", "POST", "/v1/articles", NEW | {"review_by": str(today + timedelta(days=1))}
        )
        await own.ok("tres", "POST", f"/v1/articles/{soon['article']}/submit", {})
        await own.ok("dos", "POST", f"/v1/articles/{soon['article']}/publish", {"version": 2})
        assert await own.listed("dos", "due=1") == []
        own.forward(days=1)
        assert await own.listed("dos", "due=1") == [soon["article"]]


async def test_every_change_is_in_the_log_without_its_words(desk: Desk) -> None:
    article = await desk.publish(es=PRINTER_ES | {"title": "Ornitorrinco"})
    records = await desk.world.audit(await desk.world.login("olga"))
    mine = [r for r in records if any(f["value"] == article for f in r["facts"])]
    assert [r["action"] for r in mine] == ["article.created", "article.changed", "article.changed"]
    assert [r["actor"]["id"] for r in mine] == ["dos", "dos", "tres"]
    assert "Ornitorrinco" not in str(records)


async def test_what_was_changed_while_it_was_looked_at_is_not_published(desk: Desk) -> None:
    article = await desk.write("toni")
    await desk.ok("toni", "POST", f"/v1/articles/{article}/submit", {})
    store, now = desk.world.broker.store, desk.world.clock.now
    tres = next(person for person in desk.world.org.people if person.id == "tres")
    standing = Standing("tres", Actor(kind=ActorKind.TECHNICIAN, id="tres"), reader_of(tres))
    version, text = await store.read(lambda conn: writing.ready_to_publish(conn, article, 2, standing))
    writing.examine(text)
    edit = {
        "text": {"visibility": "L1", "en": PRINTER_EN | {"body": "password: hunter2-xyzzy"}},
        "version": 2,
    }
    await desk.ok("toni", "POST", f"/v1/articles/{article}/text", edit)
    await desk.ok("toni", "POST", f"/v1/articles/{article}/submit", {})
    for looked_at in (version, None):

        def publish(tx: Tx, known: int | None = looked_at) -> None:
            writing.step(tx, article, ArticleMove.PUBLISH, known, "", standing, now)

        with pytest.raises(RelevoError) as caught:
            await store.write(publish)
        assert caught.value.code is Code.STALE_VERSION
    for body, code in (
        ({}, "stale-version"),
        ({"version": 2}, "stale-version"),
        ({"version": 4}, "redaction-failed"),
    ):
        assert await desk.code("tres", "POST", f"/v1/articles/{article}/publish", body) == code


async def test_the_writer_waited_while_a_long_text_was_stemmed() -> None:
    body = Body(title="largo", body=" ".join(f"palabra{number:x}" for number in range(5_000)))
    writing.examine(ArticleText(visibility=Visibility.L2, es=body))
    known = stems.cache_info().misses
    indexed(body.body, "es")
    assert stems.cache_info().misses == known
