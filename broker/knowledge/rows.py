"""Articles in the store: rows, and the values that they become."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, select, update

from broker.store.knowledge_tables import article_versions, articles
from protocol.errors import Code, RelevoError
from protocol.knowledge import (
    ArticleRow,
    ArticleState,
    ArticleText,
    ArticleVersion,
    ArticleView,
    Statistics,
)
from protocol.wire import from_json

COUNTERS = {
    "shown": articles.c.shown,
    "opened": articles.c.opened,
    "solved": articles.c.solved,
    "helpful": articles.c.helpful,
}
_ID = re.compile(r"kb-([1-9][0-9]{0,11})")


def number_of(article: str) -> int:
    """``kb-12`` as 12. Raises RelevoError: ``not-found`` for what is no article's id."""
    found = _ID.fullmatch(article)
    if not found:
        raise RelevoError(Code.NOT_FOUND, f"article {article[:20]!r}")
    return int(found[1])


def id_of(number: int) -> str:
    return f"kb-{number}"


def find(conn: Connection, number: int) -> Row[Any] | None:
    return conn.execute(select(articles).where(articles.c.number == number)).one_or_none()


def version(conn: Connection, number: int, wanted: int) -> Row[Any]:
    """A text with its author. Raises RelevoError: ``not-found``."""
    found = conn.execute(
        select(article_versions).where(
            article_versions.c.article == number, article_versions.c.version == wanted
        )
    ).one_or_none()
    if found is None:
        raise RelevoError(Code.NOT_FOUND, f"{id_of(number)} has no text of version {wanted}")
    return found


def text_of(row: Row[Any]) -> ArticleText:
    return from_json(row.content, ArticleText)


def statistics(row: Row[Any]) -> Statistics:
    return Statistics(shown=row.shown, opened=row.opened, solved=row.solved, helpful=row.helpful)


def view(head: Row[Any], written: Row[Any], text: ArticleText, *, workshop: bool) -> ArticleView:
    """The article with one of its texts.

    Args:
        text: of ``written``, as far as the reader may see its links.
        workshop: False for those who only read: they learn nothing of what is not published.
    """
    state = ArticleState(head.state) if workshop else ArticleState.PUBLISHED
    return ArticleView(
        article=id_of(head.number),
        state=state,
        version=head.version if workshop else head.live_version,
        text=text,
        text_version=written.version,
        live_version=head.live_version,
        owner=head.owner,
        by=written.by,
        at=written.at,
        created=head.created,
        updated=head.updated if workshop else written.at,
        review_by=head.review_by,
        published_by=head.published_by,
        reason=head.reason if workshop else "",
        statistics=statistics(head),
    )


def page(
    conn: Connection,
    workshop: ColumnElement[bool],
    condition: ColumnElement[bool],
    before: int | None,
    limit: int,
) -> list[Row[Any]]:
    """Heads with the text that the reader gets, the newest first.

    Args:
        workshop: of which articles the reader sees the newest text; of the others the published one.
    """
    wanted = (
        select(articles, article_versions.c.content, workshop.label("workshop"))
        .join_from(
            articles,
            article_versions,
            and_(
                article_versions.c.article == articles.c.number,
                article_versions.c.version == _text_for(workshop),
            ),
        )
        .where(condition)
        .order_by(articles.c.number.desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(articles.c.number < before)
    return list(conn.execute(wanted).all())


def _text_for(workshop: ColumnElement[bool]) -> ColumnElement[int]:
    return case((workshop, articles.c.text_version), else_=articles.c.live_version)


def row_view(row: Row[Any], language: str) -> ArticleRow:
    text = text_of(row)
    return ArticleRow(
        article=id_of(row.number),
        state=ArticleState(row.state) if row.workshop else ArticleState.PUBLISHED,
        kind=text.kind,
        visibility=text.visibility,
        customer=text.customer,
        title=text.best(language)[1].title,
        owner=row.owner,
        updated=row.updated,
        review_by=row.review_by,
        live_version=row.live_version,
        statistics=statistics(row),
    )


def versions(conn: Connection, number: int, limit: int) -> list[tuple[Row[Any], ArticleText]]:
    wanted = (
        select(article_versions)
        .where(article_versions.c.article == number)
        .order_by(article_versions.c.version.desc())
        .limit(limit)
    )
    return [(row, text_of(row)) for row in conn.execute(wanted).all()]


def version_view(row: Row[Any], text: ArticleText) -> ArticleVersion:
    return ArticleVersion(
        version=row.version,
        by=row.by,
        at=row.at,
        visibility=text.visibility,
        title=text.best("en")[1].title,
    )


def count(conn: Connection, counter: str, numbers: Sequence[int]) -> None:
    """One more of a statistic for each of these articles."""
    column = COUNTERS[counter]
    conn.execute(update(articles).where(articles.c.number.in_(numbers)).values({column: column + 1}))
