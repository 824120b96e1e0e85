"""The knowledge base attacked: by another customer's technicians, by L1, by those without a tier."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.knowledge_world import PRINTER_EN, PRINTER_ES, Desk, knowledge_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERYBODY = ("ada", "toni", "gil", "olga", "pia", "dos", "tres", "zoe", "vera")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with knowledge_desk(tmp_path_factory.mktemp("kb")) as made:
        yield made


def words(word: str) -> dict[str, object]:
    body = PRINTER_ES | {"title": f"Impresora {word}", "body": f"{word} " * 3}
    return {"es": body}


async def readers(desk: Desk, article: str, word: str) -> set[str]:
    """Who reaches the article in any way: search, list, its own address; each must agree."""
    reached = set()
    for who in EVERYBODY:
        answer = await desk.call(who, "GET", f"/v1/articles/{article}")
        ways = {
            "found": article in await desk.found(who, word),
            "listed": article in await desk.listed(who, "limit=500"),
            "shown": answer.status == 200,
        }
        assert len(set(ways.values())) == 1, (who, ways)
        if answer.status == 200:
            reached.add(who)
        else:
            assert word not in answer.body.decode(), who
    return reached


async def test_each_visibility_is_read_by_whom_it_is_for(desk: Desk) -> None:
    public = await desk.publish(visibility="public", **words("uno"))
    assert await readers(desk, public, "uno") == set(EVERYBODY)
    first = await desk.publish(visibility="L1", **words("tejon"))
    technicians = {"toni", "gil", "dos", "tres", "zoe"}
    assert await readers(desk, first, "tejon") == technicians | {"ada", "olga"}
    second = await desk.publish(visibility="L2", **words("lince"))
    assert await readers(desk, second, "lince") == technicians - {"toni"} | {"olga"}
    article = await desk.write("tres", visibility="L3", **words("nutria"))
    await desk.ok("tres", "POST", f"/v1/articles/{article}/submit", {})
    await desk.ok("zoe", "POST", f"/v1/articles/{article}/publish", {"version": 2})
    assert await readers(desk, article, "nutria") == {"tres", "zoe", "olga"}


async def test_what_is_for_one_customer_is_not_there_for_anothers_people(desk: Desk) -> None:
    acme = await desk.publish(visibility="public", customer="acme", **words("garza"))
    assert await readers(desk, acme, "garza") == {"ada", "toni", "dos", "tres", "olga"}
    hidden = await desk.call("zoe", "GET", f"/v1/articles/{acme}")
    nothing = await desk.call("zoe", "GET", "/v1/articles/kb-99999")
    same = ("status", "title", "detail", "code")
    assert [hidden.json[name] for name in same] == [nothing.json[name] for name in same]


async def test_a_draft_is_seen_by_its_writer_and_by_reviewers(desk: Desk) -> None:
    draft = await desk.write("toni", customer="acme", **words("bisonte"))
    for who in EVERYBODY:
        shown = (await desk.call(who, "GET", f"/v1/articles/{draft}")).status == 200
        assert shown == (who in {"toni", "dos", "tres", "olga"}), who
        assert (draft in await desk.listed(who, "limit=500")) == shown, who
        assert draft not in await desk.found(who, "bisonte"), "nobody finds a draft"


async def test_an_earlier_text_needs_the_rights_that_it_had(desk: Desk) -> None:
    article = await desk.write("tres", visibility="L3", es=PRINTER_ES | {"body": "la clave es cobalto"})
    edit = {"text": {"visibility": "L1", "es": PRINTER_ES}, "version": 1}
    await desk.ok("tres", "POST", f"/v1/articles/{article}/text", edit)
    assert (await desk.call("dos", "GET", f"/v1/articles/{article}")).status == 200
    answer = await desk.call("dos", "GET", f"/v1/articles/{article}?version=1")
    assert answer.code == "not-found" and b"cobalto" not in answer.body
    assert (await desk.ok("tres", "GET", f"/v1/articles/{article}?version=1"))["text_version"] == 1
    listed = await desk.ok("dos", "GET", f"/v1/articles/{article}/versions")
    assert [row["version"] for row in listed["rows"]] == [2]


async def test_lifting_the_visibility_of_a_new_text_leaves_readers_the_old_one_only(desk: Desk) -> None:
    article = await desk.publish(visibility="L1", **words("mochuelo"))
    edit = {"text": {"visibility": "L3", "es": PRINTER_ES | {"title": "abedul"}}, "version": 3}
    await desk.ok("tres", "POST", f"/v1/articles/{article}/text", edit)
    for who in ("toni", "dos", "gil"):
        answer = await desk.call(who, "GET", f"/v1/articles/{article}")
        assert answer.status == 200 and b"abedul" not in answer.body, who
        rows = await desk.ok(who, "GET", "/v1/articles?limit=500")
        (row,) = [row for row in rows["rows"] if row["article"] == article]
        assert (row["visibility"], row["state"], "abedul" in row["title"]) == ("L1", "published", False)
        assert await desk.found(who, "abedul") == []


async def test_counting_tells_nothing_of_what_is_hidden(desk: Desk) -> None:
    """The same question before and after hidden articles come into being has the same answer, to the byte."""
    ask = {"query": "impresora quebrantahuesos cola", "limit": 50}
    before = await desk.call("toni", "POST", "/v1/articles/search", ask)
    for _ in range(5):
        await desk.publish("tres", "dos", visibility="L2", **words("quebrantahuesos"))
    await desk.publish("zoe", "gil", customer="globex", visibility="L1", **words("quebrantahuesos"))
    after = await desk.call("toni", "POST", "/v1/articles/search", ask)
    shown = [[hit | {"statistics": None} for hit in answer.json["hits"]] for answer in (before, after)]
    assert sorted(map(str, shown[0])) == sorted(map(str, shown[1]))
    listed = await desk.ok("toni", "GET", "/v1/articles?limit=500")
    assert "quebrantahuesos" not in str(listed)


async def test_on_a_ticket_only_the_tier_at_its_customer_counts(desk: Desk) -> None:
    article = await desk.publish("zoe", "gil", visibility="L2", **words("cigarra"))
    ticket = await desk.ticket("toni")
    assert await desk.found("toni", "cigarra", ticket) == []
    assert await desk.found("dos", "cigarra", ticket) == [article]
    assert await desk.code("zoe", "POST", f"/v1/tickets/{ticket}/kb-searches", {"query": "x"}) == "not-found"
    assert await desk.code("zoe", "GET", f"/v1/tickets/{ticket}/suggestions") == "not-found"
    assert await desk.code("zoe", "POST", f"/v1/tickets/{ticket}/article", {}) == "not-found"
    for who in ("pia", "vera", "ada", "olga"):
        code = await desk.code(who, "POST", f"/v1/tickets/{ticket}/kb-searches", {"query": "x"})
        assert code == "role-missing", who


async def test_links_to_tickets_show_to_those_who_see_the_ticket(desk: Desk) -> None:
    ticket = await desk.ticket("toni")
    article = await desk.write("dos", links={"tickets": [ticket]}, es=PRINTER_ES)
    assert await desk.code("zoe", "POST", "/v1/articles", _linking(ticket)) == "not-found"
    seen = await desk.ok("zoe", "GET", f"/v1/articles/{article}")
    assert seen["text"]["links"]["tickets"] == []
    edit = {"text": {"visibility": "L1", "en": PRINTER_EN}, "version": 1}
    await desk.ok("zoe", "POST", f"/v1/articles/{article}/text", edit)
    seen = await desk.ok("dos", "GET", f"/v1/articles/{article}")
    assert seen["text"]["links"]["tickets"] == [ticket], "an editor who cannot see a link does not cut it"


def _linking(ticket: str) -> dict[str, object]:
    return {"text": {"visibility": "L1", "en": PRINTER_EN, "links": {"tickets": [ticket]}}}


async def test_attempts_on_hidden_articles_are_in_the_log(desk: Desk) -> None:
    hidden = await desk.write("tres", visibility="L3", customer="acme", **words("avispa"))
    for move in ("text", "submit", "give-back", "publish", "retire", "helpful"):
        body = {"text": {"visibility": "L1", "en": PRINTER_EN}, "version": 1} if move == "text" else {}
        code = await desk.code("gil", "POST", f"/v1/articles/{hidden}/{move}", body)
        assert code == "not-found", move
    assert await desk.code("gil", "GET", f"/v1/articles/{hidden}/versions") == "not-found"
    records = await desk.world.audit(await desk.world.login("olga"))
    tried = [r for r in records if r["action"] == "access.refused" and hidden in str(r["facts"])]
    assert len(tried) == 7 and {r["actor"]["id"] for r in tried} == {"gil"}
