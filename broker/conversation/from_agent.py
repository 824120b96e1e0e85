"""The user's side of the conversation, over the control link of their machine."""

from __future__ import annotations

from sqlalchemy import Connection

from broker.context import Broker
from broker.conversation import marks, rows
from broker.presence import Link
from broker.store.engine import Tx
from broker.tickets.from_agent import own_ticket
from protocol import link


async def conversation(broker: Broker, control: Link, asked: link.ConversationQuery) -> link.Conversation:
    """What the user may see of one of the machine's tickets after an index.

    Raises:
        RelevoError: ``not-found`` for a ticket of another machine, as for one that is none.
    """
    index = -1 if asked.after is None else asked.after

    def query(conn: Connection) -> tuple[link.Conversation, int | None]:
        ticket = own_ticket(conn, control.agent, asked.ticket, open_only=False)
        page, marked = rows.for_user(conn, ticket.ticket, index), marks.find(conn, ticket.ticket)
        told = link.Conversation(
            ref=asked.ref,
            ticket=ticket.ticket,
            title=ticket.title,
            state=ticket.state,
            rows=page.rows,
            more=page.more,
            read=marked.read,
        )
        return told, marked.delivered

    told, delivered = await broker.store.read(query)
    if told.rows and (delivered is None or told.rows[-1].index > delivered):
        await _mark(broker, told.ticket, told.rows[-1].index, read=False)
    return told


async def seen(broker: Broker, control: Link, said: link.Seen) -> None:
    """The user saw one of the machine's tickets up to an index. Raises RelevoError: ``not-found``."""

    def unit(tx: Tx) -> None:
        ticket = own_ticket(tx.conn, control.agent, said.ticket, open_only=False)
        marks.move_on(tx, ticket.ticket, said.index, broker.clock(), read=True)

    await broker.store.write(unit)


async def _mark(broker: Broker, ticket: str, index: int, *, read: bool) -> None:
    await broker.store.write(lambda tx: marks.move_on(tx, ticket, index, broker.clock(), read=read))
