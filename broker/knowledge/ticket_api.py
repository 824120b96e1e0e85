"""The knowledge base on a ticket: what may help, a draft from it, and the article that resolved it."""

from __future__ import annotations

import asyncio

import msgspec
from sqlalchemy import Connection

from broker.calls import Call, Caller
from broker.context import Broker
from broker.guests import clearance_at
from broker.knowledge import articles, drafting, rows, suggest, writing
from broker.knowledge.api import count, shown, standing_of
from broker.policy import Act, may_act
from broker.store.engine import Tx
from broker.tickets import rows as ticket_rows
from protocol.api import TicketResolve, TicketView
from protocol.escalation import HandBack
from protocol.knowledge import NEW_ARTICLE, ArticleDraftFrom, ArticleText, ArticleView, Suggestions, reader_at
from protocol.organisation import tier_for


async def suggest_for_ticket(broker: Broker, call: Call) -> Suggestions:
    """``GET /v1/tickets/{ticket}/suggestions``: what may help, the surest first, each with its reason.

    It is no search: passing a ticket on asks for one that somebody made.

    Raises:
        RelevoError: ``not-found``; ``role-missing``.
    """
    who, wanted, now = call.who, call.param("ticket"), broker.clock()
    org = broker.organisation.require()

    def query(conn: Connection) -> Suggestions:
        ticket = ticket_rows.load(conn, wanted)
        may_act(who.person, ticket, Act.SEARCH)
        reader = reader_at(who.person, ticket.customer)
        found = suggest.ordered(
            suggest.by_signatures(conn, org, ticket, reader, clearance_at(org, who.person, ticket.customer)),
            suggest.by_words(conn, ticket, reader),
            suggest.by_resolutions(conn, ticket, reader, now),
        )
        return Suggestions(ticket=ticket.ticket, rows=found)

    suggested = await broker.store.read(query)
    await count(broker, "shown", suggest.numbers(suggested.rows))
    return suggested


async def draft_article(broker: Broker, call: Call) -> ArticleView:
    """``POST /v1/tickets/{ticket}/article``: a draft of the caller's from what the ticket tells.

    Raises:
        RelevoError: ``not-found``; ``role-missing``.
    """
    body, who, wanted = call.take(ArticleDraftFrom), call.who, call.param("ticket")
    text = await _draft(broker, who, wanted, Act.SEARCH, language=body.language)
    standing = standing_of(call)

    def unit(tx: Tx) -> ArticleView:
        ticket = ticket_rows.load(tx.conn, wanted)
        may_act(who.person, ticket, Act.SEARCH)
        article = _kept(broker, tx, who, ticket, text)
        return shown(tx.conn, articles.see(tx.conn, article, standing.reader, standing.person), standing)

    return await broker.store.write(unit)


async def _draft(
    broker: Broker,
    who: Caller,
    wanted: str,
    act: Act,
    *,
    language: str | None = None,
    resolution: str | None = None,
    cause: str | None = None,
) -> ArticleText:
    """A draft's text, made before the transaction that keeps it. Raises RelevoError: as ``may_act``."""
    org = broker.organisation.require()

    def query(conn: Connection) -> drafting.Material:
        ticket = ticket_rows.load(conn, wanted)
        may_act(who.person, ticket, act)
        return drafting.material(conn, org, ticket)

    known = await broker.store.read(query)
    found = await drafting.findings_of(broker, wanted)
    ticket = known.ticket
    stated = ticket.cause.value if ticket.cause else None
    return await asyncio.to_thread(
        drafting.draft,
        known,
        found,
        language=language or ticket.language,
        tier=tier_for(who.person, ticket.customer),
        resolution=resolution or ticket.resolution or "",
        cause=cause or stated,
    )


def _kept(broker: Broker, tx: Tx, who: Caller, ticket: TicketView, text: ArticleText) -> str:
    standing = articles.Standing(who.person.id, who.actor, reader_at(who.person, ticket.customer))
    return writing.create(tx, text, None, standing, broker.clock())


# --- resolving ---------------------------------------------------------------------------------


async def prepared(broker: Broker, call: Call, body: TicketResolve) -> ArticleText | None:
    """The draft that a resolution asks for, made before the transaction."""
    if body.article != NEW_ARTICLE:
        return None
    return await _draft(
        broker,
        call.who,
        call.param("ticket"),
        Act.RESOLVE,
        resolution=body.resolution,
        cause=body.cause.value,
    )


def resolved_by(
    broker: Broker, tx: Tx, who: Caller, ticket: TicketView, body: TicketResolve, draft: ArticleText | None
) -> tuple[str | None, HandBack | None]:
    """The article that a resolution names, counted as having solved it; and what goes back to the other
    tiers. Both name the draft where one was asked for.

    Raises:
        RelevoError: ``not-found`` for one that is not there, or that the resolver may not see.
    """
    reader = reader_at(who.person, ticket.customer)
    named = body.article or None
    if draft is not None:
        named = _kept(broker, tx, who, ticket, draft)
    elif named is not None:
        articles.see(tx.conn, named, reader, who.person.id)
    back = body.hand_back
    if back is not None and back.article == NEW_ARTICLE:
        back = msgspec.structs.replace(back, article=named)
    elif back is not None and back.article is not None:
        articles.see(tx.conn, back.article, reader, who.person.id)
    if named is not None and named != ticket.article:
        rows.count(tx.conn, "solved", [rows.number_of(named)])
    return named, back
