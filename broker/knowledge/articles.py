"""Reading an article: which of its texts somebody gets, and what they learn of it. ``writing`` changes it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from broker.knowledge import rights, rows
from broker.policy import Hidden
from protocol.audit import Actor
from protocol.errors import Code, RelevoError
from protocol.knowledge import ArticleText, ArticleView, Reader, Visibility, reader_up_to
from protocol.scopes import ANY_CUSTOMER

_GONE = "article"
"""What is said of an article that is not there, and of one that is none of the asker's business."""


class Standing(NamedTuple):
    """Who does or reads something, and what they may read."""

    person: str
    actor: Actor
    reader: Reader


class Seen(NamedTuple):
    """An article with the text that this person gets.

    Attributes:
        workshop: they see the newest text and what happens to it; else only what is published.
    """

    head: Row[Any]
    written: Row[Any]
    workshop: bool

    @property
    def id(self) -> str:
        return rows.id_of(self.head.number)

    @property
    def text(self) -> ArticleText:
        return rows.text_of(self.written)

    def view(self, text: ArticleText) -> ArticleView:
        return rows.view(self.head, self.written, text, workshop=self.workshop)


def see(conn: Connection, article: str, reader: Reader, person: str = "", *, published: bool = False) -> Seen:
    """The article as this reader may see it.

    Args:
        published: the published text also for those who see a newer one.

    Raises:
        RelevoError: ``not-found``, in the same words for what is not there and what one may not see.
    """
    head = rows.find(conn, rows.number_of(article))
    if head is None:
        raise RelevoError(Code.NOT_FOUND, _GONE)
    open_to = head.live_version is not None and head.live_rank <= reader.tier(head.live_customer)
    open_to = open_to and reader.of(head.live_customer) is not None
    workshop = rights.in_workshop(reader, person, head.owner, head.rank, head.customer)
    if not workshop and not open_to:
        raise Hidden(head.customer or ANY_CUSTOMER, _GONE)
    newest = workshop and not (published and open_to)
    wanted = head.text_version if newest else head.live_version
    return Seen(head, rows.version(conn, head.number, wanted), newest)


def read_live(
    conn: Connection, article: str, ceiling: Visibility, customer: str | None = None
) -> ArticleText:
    """The published text, for somebody who may read up to ``ceiling`` at ``customer``.

    Raises:
        RelevoError: ``not-found``.
    """
    return see(conn, article, reader_up_to(ceiling, customer), published=True).text


def see_version(conn: Connection, article: str, standing: Standing, version: int) -> Seen:
    """An earlier text, for those who see the newest one and may read this one too.

    Raises:
        RelevoError: ``not-found``.
    """
    seen = see(conn, article, standing.reader, standing.person)
    if version == seen.written.version:
        return seen
    written = rows.version(conn, seen.head.number, version) if seen.workshop else None
    if written is None:
        raise RelevoError(Code.NOT_FOUND, _GONE)
    text = rows.text_of(written)
    if not standing.reader.may_read(text.visibility, text.customer):
        raise Hidden(text.customer or ANY_CUSTOMER, _GONE)
    return Seen(seen.head, written, True)
