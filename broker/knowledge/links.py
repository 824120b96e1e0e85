"""Tickets that an article names: they show only to those who may see the ticket's customer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, select

from broker.store.ticket_tables import tickets
from broker.tickets.rows import id_of, number_of
from protocol.errors import Code, RelevoError
from protocol.ids import TicketId
from protocol.knowledge import ArticleText, Reader


def _visible(conn: Connection, named: Iterable[TicketId], reader: Reader) -> set[TicketId]:
    wanted = select(tickets.c.number, tickets.c.customer).where(
        tickets.c.number.in_([number_of(ticket) for ticket in named])
    )
    return {id_of(row.number) for row in conn.execute(wanted) if reader.tier(row.customer) >= 1}


def shown(conn: Connection, text: ArticleText, reader: Reader) -> ArticleText:
    """The text without the tickets that this reader may not see."""
    if not text.links.tickets:
        return text
    visible = _visible(conn, text.links.tickets, reader)
    return _with(text, tuple(ticket for ticket in text.links.tickets if ticket in visible))


def checked(conn: Connection, text: ArticleText, before: ArticleText | None, reader: Reader) -> ArticleText:
    """The text as it is kept: links that the writer could not see in ``before`` stay.

    Raises:
        RelevoError: ``not-found`` for a ticket that the writer may not see.
    """
    kept = before.links.tickets if before is not None else ()
    visible = _visible(conn, (*text.links.tickets, *kept), reader)
    for ticket in text.links.tickets:
        if ticket not in visible and ticket not in kept:
            raise RelevoError(Code.NOT_FOUND, f"ticket {ticket}")
    hidden = tuple(ticket for ticket in kept if ticket not in visible)
    return _with(text, tuple(dict.fromkeys((*text.links.tickets, *hidden))))


def _with(text: ArticleText, named: tuple[TicketId, ...]) -> ArticleText:
    links = msgspec.structs.replace(text.links, tickets=named)
    return msgspec.structs.replace(text, links=links)
