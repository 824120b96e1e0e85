"""Articles over HTTP: writing, reviewing, publishing, retiring, and saying that one helped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from broker.calls import Call
from broker.context import Broker
from broker.knowledge import articles, writing
from broker.knowledge.api import shown, standing_of, wanted_article
from broker.knowledge.articles import Standing
from broker.policy import Act, may_act, require_technician
from broker.store.engine import Tx
from broker.tickets import rows as ticket_rows
from protocol.knowledge import (
    ArticleEdit,
    ArticleHelped,
    ArticleMove,
    ArticleNew,
    ArticleStep,
    ArticleText,
    ArticleView,
)


async def create_article(broker: Broker, call: Call) -> ArticleView:
    """``POST /v1/articles``: a draft of the caller's. Raises RelevoError: as ``writing.create``."""
    body, standing = call.take(ArticleNew), standing_of(call)
    require_technician(call.who.person)
    _require_known(broker, body.text)
    return await _changed(
        broker,
        standing,
        lambda tx: writing.create(tx, body.text, body.review_by, standing, broker.clock()),
    )


def _require_known(broker: Broker, text: ArticleText) -> None:
    """Raises RelevoError: ``not-found`` for a customer or a category that is none."""
    org = broker.organisation.require()
    if text.customer is not None:
        org.roster.customer(text.customer)
    org.desk.require_category(text.category)


async def edit_article(broker: Broker, call: Call) -> ArticleView:
    """``POST /v1/articles/{article}/text``. Raises RelevoError: as ``writing.edit``."""
    body, standing, wanted = call.take(ArticleEdit), standing_of(call), wanted_article(call)
    _require_known(broker, body.text)

    def unit(tx: Tx) -> str:
        writing.edit(tx, wanted, body.text, body.version, body.review_by, standing, broker.clock())
        return wanted

    return await _changed(broker, standing, unit)


async def _step(broker: Broker, call: Call, move: ArticleMove, version: int | None = None) -> ArticleView:
    """``version``: what was looked at; None: what the body says."""
    body, standing, wanted = call.take(ArticleStep), standing_of(call), wanted_article(call)
    known = body.version if version is None else version

    def unit(tx: Tx) -> str:
        writing.step(tx, wanted, move, known, body.reason, standing, broker.clock())
        return wanted

    return await _changed(broker, standing, unit)


async def submit_article(broker: Broker, call: Call) -> ArticleView:
    """``POST /v1/articles/{article}/submit``: a second person may look at it."""
    return await _step(broker, call, ArticleMove.SUBMIT)


async def give_back_article(broker: Broker, call: Call) -> ArticleView:
    """``POST /v1/articles/{article}/give-back``, with what is still missing."""
    return await _step(broker, call, ArticleMove.GIVE_BACK)


async def publish_article(broker: Broker, call: Call) -> ArticleView:
    """``POST /v1/articles/{article}/publish``: readers have this text from now on.

    Raises:
        RelevoError: as ``writing.examine`` and ``writing.step``; ``stale-version`` also where somebody
            changed it since the caller read it, or the body does not say what was read.
    """
    body, standing, wanted = call.take(ArticleStep), standing_of(call), wanted_article(call)
    version, text = await broker.store.read(
        lambda conn: writing.ready_to_publish(conn, wanted, body.version, standing)
    )
    await asyncio.to_thread(writing.examine, text)
    return await _step(broker, call, ArticleMove.PUBLISH, version)


async def retire_article(broker: Broker, call: Call) -> ArticleView:
    """``POST /v1/articles/{article}/retire``: it is found no more, and kept."""
    return await _step(broker, call, ArticleMove.RETIRE)


async def _changed(broker: Broker, standing: Standing, change: Callable[[Tx], str]) -> ArticleView:
    def unit(tx: Tx) -> ArticleView:
        article = change(tx)
        return shown(tx.conn, articles.see(tx.conn, article, standing.reader, standing.person), standing)

    return await broker.store.write(unit)


async def article_helped(broker: Broker, call: Call) -> ArticleView:
    """``POST /v1/articles/{article}/helpful``: counted once per person and ticket.

    Raises:
        RelevoError: ``not-found`` for an article or a ticket that the caller may not see.
    """
    body, standing, wanted = call.take(ArticleHelped), standing_of(call), wanted_article(call)
    who = call.who

    def unit(tx: Tx) -> ArticleView:
        articles.see(tx.conn, wanted, standing.reader, standing.person, published=True)
        number = 0
        if body.ticket is not None:
            ticket = ticket_rows.load(tx.conn, body.ticket)
            may_act(who.person, ticket, Act.SEARCH)
            number = ticket_rows.number_of(body.ticket)
        writing.helped(tx.conn, wanted, standing.person, number, broker.clock())
        seen = articles.see(tx.conn, wanted, standing.reader, standing.person, published=True)
        return shown(tx.conn, seen, standing)

    return await broker.store.write(unit)
