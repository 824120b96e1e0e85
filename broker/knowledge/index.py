"""The index follows the stemmers: another release may cut words otherwise, and then old stems find nothing."""

from __future__ import annotations

import functools
from importlib.metadata import version

import structlog
from sqlalchemy import Connection, delete, insert, select

from broker.context import Broker
from broker.knowledge import rows
from broker.knowledge.searcher import SEARCHER
from broker.store.engine import Tx
from broker.store.knowledge_tables import articles
from broker.store.tables import meta
from protocol.errors import RelevoError

BATCH = 20
"""Articles of one transaction; each takes about two milliseconds, the longest some 0.6 s."""
_KEY = "article-index"
_SHAPE = 1
"""Counts changes of ours in how words are indexed."""
_log = structlog.get_logger("broker.knowledge")


def made_by() -> str:
    """What decides how a word is indexed."""
    return f"{_SHAPE} snowballstemmer {version('snowballstemmer')}"


async def refresh(broker: Broker) -> int:
    """Index every published article anew if it was indexed otherwise; how many were.

    Broken off, it begins again at the next start. A store that cannot be written keeps its old index.
    """
    wanted = made_by()
    if await broker.store.read(_made_by) == wanted:
        return 0
    last = done = 0
    try:
        while True:
            numbers = await broker.store.write(functools.partial(_again, after=last))
            if not numbers:
                break
            last, done = numbers[-1], done + len(numbers)
        await broker.store.write(lambda tx: _note(tx, wanted))
    except RelevoError as error:
        _log.error("index-not-refreshed", code=error.code.value, done=done)
    return done


def _made_by(conn: Connection) -> str | None:
    found: str | None = conn.execute(select(meta.c.value).where(meta.c.key == _KEY)).scalar_one_or_none()
    return found


def _again(tx: Tx, after: int) -> list[int]:
    """Index the next articles after this number; theirs."""
    wanted = (
        select(articles.c.number, articles.c.live_version)
        .where(articles.c.number > after, articles.c.live_version.is_not(None))
        .order_by(articles.c.number)
        .limit(BATCH)
    )
    found = tx.conn.execute(wanted).all()
    for row in found:
        text = rows.text_of(rows.version(tx.conn, row.number, row.live_version))
        SEARCHER.put(tx.conn, row.number, text.bodies())
    return [row.number for row in found]


def _note(tx: Tx, made: str) -> None:
    tx.conn.execute(delete(meta).where(meta.c.key == _KEY))
    tx.conn.execute(insert(meta).values(key=_KEY, value=made))
