"""Public articles for the user of a machine. What was asked is neither stored nor logged."""

from __future__ import annotations

from sqlalchemy import Connection

from broker.context import Broker
from broker.knowledge import articles, rows, search
from broker.presence import Link
from broker.store.engine import Tx
from protocol.errors import RelevoError
from protocol.knowledge import Visibility
from protocol.link import MAX_ARTICLE, MAX_ARTICLES, ArticlesQuery, ShownArticle

MAX_ANSWER = 512 << 10
"""Bytes of text in one answer."""


async def find(broker: Broker, control: Link, wanted: ArticlesQuery) -> tuple[ShownArticle, ...]:
    """Published public articles for everybody and for the machine's customer, the best first."""

    def query(conn: Connection) -> tuple[ShownArticle, ...]:
        hits = search.find(
            conn,
            wanted.words,
            wanted.language,
            Visibility.PUBLIC,
            MAX_ARTICLES,
            customer=control.customer,
        )
        room, found = MAX_ANSWER, []
        for hit in hits:
            shown = _shown(conn, hit.article, wanted.language, control.customer)
            if shown is None:
                continue
            room -= len(shown.text.encode())
            if room >= 0:
                found.append(shown)
        return tuple(found)

    found = await broker.store.read(query)
    if found:
        numbers = [rows.number_of(article.article) for article in found]

        def count(tx: Tx) -> None:
            rows.count(tx.conn, "shown", numbers)

        await broker.store.write(count)
    return found


def _shown(conn: Connection, article: str, language: str, customer: str) -> ShownArticle | None:
    try:
        text = articles.read_live(conn, article, Visibility.PUBLIC, customer)
    except RelevoError:
        return None
    _, body = text.best(language)
    return ShownArticle(
        article=article, title=body.title, text=body.body[:MAX_ARTICLE], fixes=text.links.fixes[:8]
    )
