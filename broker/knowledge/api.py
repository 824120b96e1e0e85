"""Articles over HTTP: listing, reading, searching, and what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import structlog
from sqlalchemy import ColumnElement, Connection, and_, or_

from broker.calls import Call
from broker.context import Broker
from broker.guests import clearance_at
from broker.knowledge import articles, links, rights, rows, search
from broker.knowledge.articles import Seen, Standing
from broker.policy import Act, may_act
from broker.store.engine import Tx
from broker.store.knowledge_tables import articles as table
from broker.tickets import evidence, steps
from broker.tickets import rows as ticket_rows
from broker.tickets.doing import doer_of
from protocol.api import TicketView
from protocol.errors import Code, RelevoError
from protocol.knowledge import (
    Articles,
    ArticleSearch,
    ArticleState,
    ArticleVersions,
    ArticleView,
    Found,
    Hit,
    reader_at,
    reader_of,
)
from protocol.wire import facts

PAGE = 50
MAX_PAGE = 500
MAX_VERSIONS = 200
_FALLBACK = "en"
_log = structlog.get_logger("broker.knowledge")


def standing_of(call: Call) -> Standing:
    who = call.who
    return Standing(who.person.id, who.actor, reader_of(who.person))


def wanted_article(call: Call) -> str:
    """The article of the path; a refusal of the call names it."""
    article = call.param("article")
    call.about.facts = facts(article=article[:40])
    return article


def shown(conn: Connection, seen: Seen, standing: Standing) -> ArticleView:
    """The article for this reader, without the tickets that they may not see."""
    return seen.view(links.shown(conn, seen.text, standing.reader))


async def count(broker: Broker, counter: str, numbers: Sequence[int]) -> None:
    """Count a use. Reading goes on where that cannot be written: it is a figure, not a record."""
    if not numbers:
        return
    try:
        await broker.store.write(lambda tx: rows.count(tx.conn, counter, numbers))
    except RelevoError as error:
        _log.warning("use-not-counted", counter=counter, code=error.code.value)


# --- reading -----------------------------------------------------------------------------------


async def list_articles(broker: Broker, call: Call) -> Articles:
    """``GET /v1/articles``: the newest first, of those that the caller may see.

    ``state``: as the caller sees it, ``published`` for mere readers; ``mine=1``; ``due=1``: published and to
    be looked at again by now.

    Raises:
        RelevoError: ``usage`` for a filter that means nothing.
    """
    limit = call.query_int("limit", PAGE, 1, MAX_PAGE)
    after, language = call.query("after"), call.query("language") or _FALLBACK
    before = None if after is None else rows.number_of(after)
    standing = standing_of(call)
    workshop = rights.workshop(standing.reader, standing.person)
    condition = and_(
        or_(workshop, rights.live(standing.reader)), *_filters(call, workshop, broker.clock().date())
    )

    def query(conn: Connection) -> Articles:
        found = rows.page(conn, workshop, condition, before, limit + 1)
        listed = tuple(rows.row_view(row, language) for row in found[:limit])
        return Articles(rows=listed, next=listed[-1].article if len(found) > limit else None)

    return await broker.store.read(query)


def _filters(call: Call, workshop: ColumnElement[bool], today: date) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    state = call.query("state")
    if state is not None:
        if state not in {one.value for one in ArticleState}:
            raise RelevoError(Code.USAGE, f"no such state: {state}")
        as_is = and_(workshop, table.c.state == state)
        # To whoever only reads, an article that is being edited is simply published.
        reads = and_(~workshop, table.c.live_version.is_not(None))
        conditions.append(or_(as_is, reads) if state == ArticleState.PUBLISHED else as_is)
    if call.query("mine") == "1":
        conditions.append(table.c.owner == call.who.person.id)
    if call.query("due") == "1":
        conditions += [table.c.live_version.is_not(None), table.c.review_by <= today]
    return conditions


async def show_article(broker: Broker, call: Call) -> ArticleView:
    """``GET /v1/articles/{article}``; ``version=N`` an earlier text, ``published=1`` what readers have.

    Raises:
        RelevoError: ``not-found``, also for what one may not see.
    """
    standing, wanted = standing_of(call), wanted_article(call)
    version = call.query_int("version", 0, 1, 1 << 40) if call.query("version") is not None else None

    def query(conn: Connection) -> tuple[ArticleView, bool]:
        if version is None:
            only = call.query("published") == "1"
            seen = articles.see(conn, wanted, standing.reader, standing.person, published=only)
        else:
            seen = articles.see_version(conn, wanted, standing, version)
        opened = seen.written.version == seen.head.live_version and seen.head.owner != standing.person
        return shown(conn, seen, standing), opened

    view, opened = await broker.store.read(query)
    await count(broker, "opened", [rows.number_of(wanted)] if opened else [])
    return view


async def list_versions(broker: Broker, call: Call) -> ArticleVersions:
    """``GET /v1/articles/{article}/versions``: every text that the caller may read, the newest first."""
    standing, wanted = standing_of(call), wanted_article(call)

    def query(conn: Connection) -> ArticleVersions:
        seen = articles.see(conn, wanted, standing.reader, standing.person)
        if not seen.workshop:
            return ArticleVersions(rows=(rows.version_view(seen.written, seen.text),))
        kept = rows.versions(conn, seen.head.number, MAX_VERSIONS)
        readable = [
            (row, text) for row, text in kept if standing.reader.may_read(text.visibility, text.customer)
        ]
        return ArticleVersions(rows=tuple(rows.version_view(row, text) for row, text in readable))

    return await broker.store.read(query)


async def search_articles(broker: Broker, call: Call) -> Found:
    """``POST /v1/articles/search``: what the caller may read anywhere."""
    body, reader = call.take(ArticleSearch), standing_of(call).reader
    language = body.language or _FALLBACK
    hits = await broker.store.read(
        lambda conn: search.find_for(conn, body.query, language, reader, body.limit)
    )
    await count(broker, "shown", _numbers(hits))
    return Found(hits=hits)


async def search_for_ticket(broker: Broker, call: Call) -> Found:
    """``POST /v1/tickets/{ticket}/kb-searches``: what the caller may read at the ticket's customer; that it
    was looked for is noted on the ticket, which passing it on asks for.

    Raises:
        RelevoError: ``not-found``; ``role-missing``; ``ticket-closed``.
    """
    body, who, org = call.take(ArticleSearch), call.who, broker.organisation.require()
    wanted = call.param("ticket")

    def query(conn: Connection) -> tuple[Hit, ...]:
        ticket = ticket_rows.load(conn, wanted)
        _may_search(call, ticket)
        reader = reader_at(who.person, ticket.customer)
        return search.find_for(conn, body.query, body.language or ticket.language, reader, body.limit)

    hits = await broker.store.read(query)

    def unit(tx: Tx) -> None:
        ticket, now = ticket_rows.load(tx.conn, wanted), broker.clock()
        _may_search(call, ticket)
        clearance = clearance_at(org, who.person, ticket.customer)
        found = tuple(hit.article for hit in hits)
        evidence.record_search(tx, ticket, body.query, found, doer_of(who), now, clearance)
        rows.count(tx.conn, "shown", _numbers(hits))

    await broker.store.write(unit)
    return Found(hits=hits)


def _may_search(call: Call, ticket: TicketView) -> None:
    call.about.ticket, call.about.customer = ticket.ticket, ticket.customer
    may_act(call.who.person, ticket, Act.SEARCH)
    steps.require_open(ticket)


def _numbers(hits: Sequence[Hit]) -> list[int]:
    return [rows.number_of(hit.article) for hit in hits]
