"""Item by item through the whole broker as somebody who belongs to another customer, or to a lower tier.

Everything that can be said about one customer is planted with words that occur nowhere else. Then every
route of the table is walked by everybody who has no business there, with bodies that would work for who
has: nothing of it may come back, and nothing of it may change. A route that is new fails here until it is
walked too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert, select

from broker.calls import Http, Open
from broker.routes import ROUTES
from broker.store.desk_tables import notices
from broker.store.schema import METADATA
from broker.store.signature_tables import signature_results
from broker.store.trend_tables import trend_warnings
from broker.tickets.rows import number_of
from protocol import ids
from protocol.api import (
    LegRequest,
    SessionEnd,
    SessionRequest,
    TicketMove,
    TicketNew,
    TicketResolve,
    TicketText,
)
from protocol.documents import Grant, Invitation
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.escalation import Handover, ReasonCode
from protocol.knowledge import (
    ArticleDraftFrom,
    ArticleEdit,
    ArticleHelped,
    ArticleNew,
    ArticleSearch,
    ArticleStep,
    ArticleText,
    Body,
    Visibility,
)
from protocol.known_errors import Outcome
from protocol.reports import ReportName
from protocol.scopes import Clearance, Role, Scope
from protocol.signature_api import MatchesPosted, MatchJudged, MatchSaid
from protocol.ticket_api import (
    TicketAssign,
    TicketEscalate,
    TicketInvite,
    TicketMerge,
    TicketPend,
    TicketReturn,
    TicketTriage,
)
from protocol.tickets import PendingReason
from protocol.trend_api import WarningJudged
from protocol.wire import Wire, to_json
from tests.support.broker_world import Answer
from tests.support.desk import Control, Desk, Machine, desk
from tests.support.streams import reading

WORD = "zqxwall"
"""Begins every planted word."""
HIGH = "zqxhigh"
"""Begins every word above R1 or tier 1."""
BOOKKEEPING = {
    "audit", "checkpoints", "logins", "login_nonces", "meta", "counters", "outgoing_cursors", "timers",
}  # fmt: skip
"""Tables that change by being used at all."""
KNOWN_ERROR = f"{WORD}-ke"
OUTSIDERS = ("gil", "nemo", "eve", "xenia", "pia")
"""Another customer's L2; no tier anywhere; an expert without invitation; one invited elsewhere; an approver."""
STREAMS = {"/v1/stream", "/v1/tickets/{ticket}/stream"}
UPLOADS = {"/v1/tickets/{ticket}/attachments"}
OWN_BUSINESS = {
    ("POST", "/v1/auth/logout"),  # ends the walker's own login
}


@dataclass
class Site:
    """The planted customer ``acme``, and the walkers' logins."""

    desk: Desk
    machine: Machine
    ticket: str = ""
    grant: Grant | None = None
    artifact: str = ""
    sealed: str = ""
    article: str = ""
    low_article: str = ""
    invitation: str = ""
    elsewhere: str = ""
    """A ticket of another customer."""
    notice: str = "1"
    tokens: dict[str, str] = field(default_factory=dict)

    def filled(self, path: str) -> str:
        parts = {
            "ticket": self.ticket,
            "agent": self.machine.agent,
            "grant": self.grant.grant if self.grant else "",
            "artifact": self.artifact,
            "article": self.article,
            "invitation": self.invitation,
            "notice": self.notice,
            "known_error": KNOWN_ERROR,
        }
        return re.sub(r"\{(\w+)(:path)?\}", lambda found: parts[found[1]], path)

    @property
    def names(self) -> tuple[str, ...]:
        """What identifies things of the customer."""
        assert self.grant is not None
        return (
            self.machine.agent,
            self.grant.grant,
            self.artifact,
            self.sealed,
            self.article,
            self.low_article,
        )


def invitation(site: Site, expert: str, ticket: str, by: str, agent: str, customer: str) -> Envelope:
    org, now = site.desk.world.org, site.desk.now
    document = Invitation(
        version=1,
        org=org.org,
        invitation=ids.new_grant_id(),
        ticket=ticket,
        customer=customer,
        agent=agent,
        expert=expert,
        scopes=(Scope.DIAGNOSE,),
        reason="zqxwall-invitation" if customer == "acme" else "help",
        by=by,
        by_key=org.keys[by].public_key.text,
        issued=now,
        until=now + timedelta(days=1),
    )
    return seal(document, org.keys[by])


def article_text(word: str, visibility: Visibility, customer: str | None) -> ArticleText:
    body = Body(title=f"{word}-title impresora", symptoms=f"{word}-symptoms", body=f"{word}-body")
    return ArticleText(visibility=visibility, customer=customer, en=body, es=body)


# --- what a POST would carry -------------------------------------------------------------------

_MOVE = TicketMove(reason="because")
_STEP = ArticleStep(reason="because")


def bodies(site: Site) -> dict[tuple[str, str], Wire]:
    """A body for every route that takes one, as the right person would send it."""
    assert site.grant is not None
    org, ticket = site.desk.world.org, "/v1/tickets/{ticket}"
    text = article_text("other", Visibility.L2, "acme")
    grant = site.desk.grant(site.machine, site.ticket, "gil")
    moves = {
        ("POST", f"{ticket}/{move}"): _MOVE
        for move in ("take", "start", "resume", "reopen", "close", "cancel", "accept")
    }
    steps: dict[tuple[str, str], Wire] = {
        ("POST", f"/v1/articles/{{article}}/{step}"): _STEP
        for step in ("submit", "give-back", "publish", "retire")
    }
    handover = Handover(symptom="x", question="y")
    return {
        **moves,
        **steps,
        ("POST", "/v1/tickets"): TicketNew(title="x", customer="acme", agent=site.machine.agent),
        ("POST", f"{ticket}/assign"): TicketAssign(reason="x"),
        ("POST", f"{ticket}/triage"): TicketTriage(impact=1, reason="x"),
        ("POST", f"{ticket}/merge"): TicketMerge(into=site.ticket, reason="x"),
        ("POST", f"{ticket}/notes"): TicketText(text="x"),
        ("POST", f"{ticket}/replies"): TicketText(text="x"),
        ("POST", f"{ticket}/pend"): TicketPend(reason=PendingReason.AWAITING_USER, text="x"),
        ("POST", f"{ticket}/resolve"): TicketResolve(resolution="x", no_article_reason="x"),
        ("POST", f"{ticket}/escalate"): TicketEscalate(
            to=3, reason_code=ReasonCode.SECURITY, handover=handover, no_diagnostics_reason="x"
        ),
        ("POST", f"{ticket}/return"): TicketReturn(reason="x"),
        ("POST", f"{ticket}/invitations"): TicketInvite(
            invitation=invitation(site, "eve", site.ticket, "gil", site.machine.agent, "acme")
        ),
        ("POST", f"{ticket}/invitations/{{invitation}}/end"): _MOVE,
        ("POST", f"{ticket}/kb-searches"): ArticleSearch(query=f"{WORD} impresora"),
        ("POST", f"{ticket}/article"): ArticleDraftFrom(),
        ("POST", f"{ticket}/warning"): WarningJudged(right=True),
        ("POST", f"{ticket}/matches"): MatchesPosted(
            artifact=site.artifact,
            rows=(MatchSaid(known_error=KNOWN_ERROR, version=1, verdict=Outcome.MATCH),),
        ),
        ("POST", f"{ticket}/matches/{{known_error}}"): MatchJudged(feedback="wrong"),
        ("POST", "/v1/sessions"): SessionRequest(grant=seal(grant, org.keys["gil"])),
        ("POST", "/v1/sessions/{grant}/legs"): LegRequest(),
        ("POST", "/v1/sessions/{grant}/end"): SessionEnd(reason="x"),
        ("POST", "/v1/articles"): ArticleNew(text=text),
        ("POST", "/v1/articles/search"): ArticleSearch(query=f"{WORD} impresora"),
        ("POST", "/v1/articles/{article}/text"): ArticleEdit(text=text, version=1),
        ("POST", "/v1/articles/{article}/helpful"): ArticleHelped(ticket=site.ticket),
    }


def queries(site: Site, row: Http) -> Iterator[str]:
    """The path with no query, and with each one that names something of the customer."""
    if row.path == "/v1/reports/{name}":
        for name in ReportName:
            yield f"/v1/reports/{name}"
            yield f"/v1/reports/{name}?customer=acme"
        return
    if row.path == "/v1/audit/tile/{path:path}":
        yield "/v1/audit/tile/0/000"
        return
    path = site.filled(row.path)
    yield path
    values = {"customer": "acme", "ticket": site.ticket, "agent": site.machine.agent, "assignee": "toni"}
    for key in row.query:
        if key in values:
            yield f"{path}?{key}={values[key]}"
        elif key == "all":
            yield f"{path}?all=1"


# --- planting ----------------------------------------------------------------------------------


async def ok(site: Site, who: str, path: str, body: Wire) -> Any:
    answer = await site.desk.call("POST", path, body, site.tokens[who])
    assert answer.status < 300, (path, answer.body)
    return answer.json if answer.body else None


@asynccontextmanager
async def planted(folder: Path) -> AsyncIterator[Site]:
    async with desk(folder) as served:
        org = served.world.org
        org.add("lena", Role.TECHNICIAN, tiers={"acme": 3})
        org.add("leo", Role.TECHNICIAN, tiers={"acme": 3})
        org.add("nemo", Role.TECHNICIAN)
        org.add("eve", Role.EXPERT)
        org.add("xenia", Role.EXPERT)
        org.add("ivan", Role.EXPERT)
        assert (await served.world.publish(org.next(), await served.world.login("ada"))).status == 200
        machine = await served.enrol()
        site = Site(served, machine)
        for person in org.people:
            site.tokens[person.id] = await served.world.login(person.id)
        async with served.link(machine) as control:
            await _fill(site, control)
            served.world.clock.forward(minutes=1)  # a report's period ends before now
            yield site


async def _fill(site: Site, control: Control) -> None:
    new = TicketNew(
        title=f"{WORD}-title impresora", description=f"{WORD}-description", agent=site.machine.agent,
        contact_email=f"{HIGH}@acme.example",
    )  # fmt: skip
    site.ticket = (await ok(site, "toni", "/v1/tickets", new))["ticket"]
    path = f"/v1/tickets/{site.ticket}"
    await ok(site, "toni", f"{path}/take", TicketMove())
    await ok(site, "toni", f"{path}/replies", TicketText(text=f"{WORD}-reply"))
    await ok(site, "toni", f"{path}/notes", TicketText(text=f"{WORD}-note", clearance=Clearance.R1))
    await ok(site, "lena", f"{path}/notes", TicketText(text=f"{HIGH}-note", clearance=Clearance.R3))
    invited = invitation(site, "ivan", site.ticket, "toni", site.machine.agent, "acme")
    await ok(site, "toni", f"{path}/invitations", TicketInvite(invitation=invited))
    site.invitation = json.loads(invited.payload)["invitation"]
    await _session(site, control)
    await _articles(site)
    await _rows(site)
    await _elsewhere(site)


async def _session(site: Site, control: Control) -> None:
    """A session of the customer's technician, and two results: clear, and sealed above tier 1.

    A result's name is redacted where it is made, for whoever may know that there is a result at all.
    """
    grant, _ = await site.desk.consented(control, site.ticket, reason=f"{WORD}-reason")
    site.grant = grant
    for word, more in (
        (WORD, {}),
        (HIGH, {"clearance": Clearance.R3, "sealed": True, "media_type": "application/age"}),
    ):
        content = f"{word}-bundle".encode()
        manifest = site.machine.manifest(grant, content, site.desk.now, name=f"{WORD}.json", **more)
        answer = await site.desk.upload(site.machine, manifest, content)
        assert answer.status == 200, answer.body
        if word == WORD:
            site.artifact = manifest.artifact
        else:
            site.sealed = manifest.artifact


async def _articles(site: Site) -> None:
    """One that only the customer's third tier reads, one of the customer's first."""
    for word, visibility in ((HIGH, Visibility.L3), (WORD, Visibility.L1)):
        made = await ok(site, "lena", "/v1/articles", ArticleNew(text=article_text(word, visibility, "acme")))
        path = f"/v1/articles/{made['article']}"
        await ok(site, "lena", f"{path}/submit", ArticleStep())
        await ok(site, "leo", f"{path}/publish", ArticleStep(version=2))
        if word == HIGH:
            site.article = made["article"]
        else:
            site.low_article = made["article"]


async def _rows(site: Site) -> None:
    """What the broker finds out by itself, as it would store it."""
    number, now, agent = number_of(site.ticket), site.desk.now, site.machine.agent

    def unit(tx: Any) -> None:
        tx.conn.execute(
            insert(trend_warnings).values(
                id=1,
                agent=agent,
                customer="acme",
                kind="disk",
                subject=f"{WORD}-mount",
                opened=now,
                ticket=number,
                eta_s=3600.0,
                r2=0.9,
                severity=1,
                told=now,
                evidence="{}",
            )
        )
        tx.conn.execute(
            insert(signature_results).values(
                ticket=number,
                artifact=site.artifact,
                agent=agent,
                customer="acme",
                known_error=KNOWN_ERROR,
                version=1,
                verdict="match",
                evidence="[]",
                bindings="[]",
                missing="[]",
                clearance="R1",
                at=now,
            )
        )
        tx.conn.execute(
            insert(notices).values(
                id=1, receiver="toni", ticket=number, clock="resolution", percent=50, at=now
            )
        )

    await site.desk.world.broker.store.write(unit)


async def _elsewhere(site: Site) -> None:
    """Another customer's ticket, to which one of the experts is invited."""
    machine = await site.desk.enrol("globex")
    ticket = await site.desk.ticket(machine, "gil")
    invited = invitation(site, "xenia", ticket, "gil", machine.agent, "globex")
    await ok(site, "gil", f"/v1/tickets/{ticket}/invitations", TicketInvite(invitation=invited))
    site.elsewhere = ticket


# --- looking for what came through -------------------------------------------------------------


def layers(data: bytes) -> Iterator[bytes]:
    """The bytes, and whatever stands base64-coded in their JSON strings, to any depth."""
    yield data
    try:
        waiting: list[Any] = [json.loads(data)]
    except ValueError:
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and len(value) >= 8:
            try:
                inner = base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                continue
            yield from layers(inner)


def came_through(answer: Answer, words: tuple[str, ...]) -> list[str]:
    everything = [*layers(answer.body), json.dumps(answer.headers).encode()]
    return [
        data[max(0, found - 60) : found + 40].decode(errors="replace")
        for word in words
        for data in everything
        if (found := data.find(word.encode())) >= 0
    ]


async def contents(site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """Every table that is not bookkeeping, whole."""

    def read(conn: Any) -> dict[str, list[tuple[Any, ...]]]:
        return {
            name: [tuple(row) for row in conn.execute(select(table))]
            for name, table in METADATA.tables.items()
            if name not in BOOKKEEPING
        }

    return await site.desk.world.broker.store.read(read)


def members_only() -> Iterator[Http]:
    for row in ROUTES:
        if isinstance(row, Http) and not isinstance(row.access, Open):
            yield row


# --- the walks ---------------------------------------------------------------------------------


async def test_the_walk_knows_every_route(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        known = bodies(site)
        takes = {(row.method, row.path) for row in members_only() if row.takes is not None}
        assert takes - set(known) == {("POST", "/v1/org/publish")}, "walk it: give it a body"
        assert set(known) <= takes
        streaming = {row.path for row in members_only() if row.gives == "text/event-stream"}
        assert streaming == STREAMS
        assert {row.path for row in members_only() if row.streams} == UPLOADS


async def test_who_belongs_to_another_customer_finds_nothing_and_changes_nothing(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        known, before = bodies(site), await contents(site)
        for row in members_only():
            if row.path in STREAMS | UPLOADS or (row.method, row.path) in OWN_BUSINESS:
                continue
            for who in OUTSIDERS:
                for path in queries(site, row):
                    body = known.get((row.method, row.path))
                    answer = await site.desk.call(row.method, path, body, site.tokens[who])
                    told = f"{who}: {row.method} {path}: {answer.status} {answer.body[:300]!r}"
                    named = () if "{" in row.path and "{name}" not in row.path else site.names
                    assert came_through(answer, (WORD, HIGH, *named)) == [], told
                    if "{" in row.path and not {"{name}", "{path:path}"} & set(row.path.split("/")):
                        assert answer.status in (403, 404), told
        assert await contents(site) == before


async def test_what_is_not_theirs_looks_like_what_is_not_there(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        for row in members_only():
            if row.method != "GET" or "{" not in row.path or row.path in STREAMS:
                continue
            if {"{name}", "{path:path}"} & set(row.path.split("/")):
                continue
            theirs = await site.desk.call("GET", site.filled(row.path), token=site.tokens["gil"])
            path = row.path.replace("{ticket}", "T-99999").replace("{agent}", "z" * 32)
            none = re.sub(r"\{(article)\}", "KB-99999", re.sub(r"\{(grant|artifact)\}", "0" * 32, path))
            absent = await site.desk.call("GET", none, token=site.tokens["gil"])
            assert (theirs.status, theirs.code) == (absent.status, absent.code), row.path


async def test_streams_tell_outsiders_nothing(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        for who in OUTSIDERS:
            answer = await site.desk.call("GET", f"/v1/tickets/{site.ticket}/stream", token=site.tokens[who])
            assert (answer.status, answer.code) == (404, "not-found"), who
        async with AsyncExitStack() as stack:
            readers = {
                who: await stack.enter_async_context(
                    reading(site.desk.world, "/v1/stream?after=0", site.tokens[who])
                )
                for who in OUTSIDERS
            }
            for reader in readers.values():
                await reader.until("begun")
            await ok(site, "toni", f"/v1/tickets/{site.ticket}/replies", TicketText(text=f"{WORD}-later"))
            await ok(site, "gil", f"/v1/tickets/{site.elsewhere}/replies", TicketText(text="later"))
            for who in ("gil", "xenia"):
                await readers[who].until("happened")
            for who, reader in readers.items():
                assert WORD.encode() not in reader.raw, who
                assert f'"{site.ticket}"'.encode() not in reader.raw, who


async def test_no_figure_counts_what_is_not_theirs(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        for name in ReportName:
            path = f"/v1/reports/{name}"
            acme = await site.desk.call("GET", path, token=site.tokens["toni"])
            assert acme.json["tickets"] or name in (ReportName.SELF_SERVICE, ReportName.CSAT), (
                "something to count"
            )
            everything = await site.desk.call("GET", path, token=site.tokens["gil"])
            own = await site.desk.call("GET", f"{path}?customer=globex", token=site.tokens["gil"])
            none = await site.desk.call("GET", path, token=site.tokens["nemo"])
            for part in ("tickets", "customers", "figures", "series", "problems"):
                assert everything.json[part] == own.json[part], (name, part)
            assert (none.json["tickets"], none.json["customers"], none.json["problems"]) == (0, [], [])
            assert not any(figure["n"] for figure in none.json["figures"]), name


async def test_a_file_of_an_outsider_is_not_attached(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        before = await contents(site)
        content = b"x"
        manifest = site.machine.manifest(
            site.grant,
            content,
            site.desk.now,
            sha256=hashlib.sha256(content).hexdigest(),  # type: ignore[arg-type]
        )
        header = base64.urlsafe_b64encode(to_json(seal(manifest, site.desk.world.org.keys["gil"]))).decode()
        for who in OUTSIDERS:
            answer = await site.desk.call(
                "PUT", f"/v1/tickets/{site.ticket}/attachments", content, site.tokens[who],
                headers={"relevo-manifest": header},
            )  # fmt: skip
            assert answer.status in (400, 403, 404), (who, answer.body)
            assert came_through(answer, (WORD, HIGH)) == []
        assert await contents(site) == before


async def test_a_lower_tier_of_the_same_customer_reads_nothing_above_it(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        for row in members_only():
            if row.method != "GET" or row.path in STREAMS:
                continue
            for path in queries(site, row):
                answer = await site.desk.call("GET", path, token=site.tokens["toni"])
                assert came_through(answer, (HIGH,)) == [], f"{path}: {answer.body[:400]!r}"
        search = ArticleSearch(query=f"{HIGH} {WORD} impresora", limit=50)
        for path in ("/v1/articles/search", f"/v1/tickets/{site.ticket}/kb-searches"):
            found = await site.desk.call("POST", path, search, site.tokens["toni"])
            assert came_through(found, (f"{HIGH}-",)) == []
            assert [hit["article"] for hit in found.json["hits"]] == [site.low_article]
        sealed = await site.desk.call("GET", f"/v1/artifacts/{site.sealed}", token=site.tokens["toni"])
        assert sealed.code == "tier-too-low"


async def test_the_stream_of_a_ticket_withholds_what_is_above_the_listener(tmp_path: Path) -> None:
    async with planted(tmp_path) as site:
        for who in ("toni", "ivan", "lena"):
            path = f"/v1/tickets/{site.ticket}/stream"
            async with reading(site.desk.world, path, site.tokens[who]) as reader:
                await reader.until("marks")
                assert WORD.encode() in reader.raw
                assert (HIGH.encode() in reader.raw) is (who == "lena"), who


async def test_an_invited_expert_sees_that_ticket_at_the_least_clearance_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with planted(tmp_path) as site:
        shown = await site.desk.call("GET", f"/v1/tickets/{site.ticket}", token=site.tokens["ivan"])
        assert shown.status == 200
        assert came_through(shown, (f"{WORD}-description",)) != []
        before = await contents(site)
        for row in members_only():
            if row.path in STREAMS | UPLOADS or (row.method, row.path) in OWN_BUSINESS:
                continue
            if row.path in ("/v1/tickets/{ticket}/notes", "/v1/sessions", "/v1/sessions/{grant}/legs"):
                continue  # what an expert is asked for
            body = bodies(site).get((row.method, row.path))
            for path in queries(site, row):
                answer = await site.desk.call(row.method, path, body, site.tokens["ivan"])
                assert came_through(answer, (HIGH,)) == [], f"{row.method} {path}: {answer.body[:300]!r}"
        after = await contents(site)
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= {"articles", "article_statistics"}, changed


def test_the_layers_of_an_answer_are_opened() -> None:
    inner = base64.b64encode(json.dumps({"a": base64.b64encode(b"zqxwall deep").decode()}).encode()).decode()
    answer = Answer(200, {}, msgspec.json.encode({"entries": [{"record": inner}]}))
    assert came_through(answer, (WORD,)) == ["zqxwall deep"]
