"""What a user does with tickets on their own machine: ask for help, reply, look."""

from __future__ import annotations

import unicodedata

from sqlalchemy import Connection, insert, select

from broker.context import Broker
from broker.presence import Link
from broker.store.engine import Tx
from broker.store.tables import agents
from broker.store.ticket_tables import ticket_events, tickets, user_messages
from broker.tickets import ratings, rows, steps
from broker.tickets.creation import Origin, open_ticket
from broker.tickets.events import Doer, Event, write
from protocol.api import TicketNew, TicketView
from protocol.audit import Action, Actor, ActorKind
from protocol.documents import HelpRequest, UserReply
from protocol.dsse import open_envelope
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.link import TicketReplyRow, TicketRow
from protocol.sshkeys import PublicKey
from protocol.tickets import FINAL_STATES, Happening, Move, Party
from protocol.wire import facts, to_json

MAX_OPEN = 50
"""Open tickets of one machine."""
MAX_ROWS = 100
MAX_REPLIES = 20
"""Newest public replies of a ticket that the machine gets."""
MAX_ANSWER = 512 << 10
"""Bytes of text in one answer to the machine."""
_TITLE = 200


def title_of(text: str) -> str:
    """The user's first words as one printable line of at most 200 characters.

    Raises:
        RelevoError: ``parameter-invalid`` if there are no words.
    """
    printable = "".join(
        " " if unicodedata.category(c) in ("Zl", "Zp", "Zs") or c in "\t\r\n\v\f" else c for c in text[:2_000]
    )
    cleaned = "".join(c for c in printable if unicodedata.category(c)[0] != "C")
    title = " ".join(cleaned.split())
    if not title:
        raise RelevoError(Code.PARAMETER_INVALID, "the request has no words")
    return title if len(title) <= _TITLE else title[: _TITLE - 1].rstrip() + "…"


async def ask(
    broker: Broker, control: Link, envelope: Envelope, contact: str | None = None
) -> tuple[str, tuple[str, ...]]:
    """Open a ticket from a signed help request, and which of the machine's own tickets it may repeat; the
    same request again gives the same ticket.

    Raises:
        RelevoError: ``signature-invalid``, ``identity-mismatch``, ``parameter-invalid``,
            ``rate-limited`` when the machine has too many open tickets.
    """
    request = open_envelope(envelope, HelpRequest, [PublicKey.from_text(control.key)])
    if request.agent != control.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "a help request of another machine")
    new = TicketNew(
        title=title_of(request.text),
        description=request.text,
        agent=control.agent,
        urgency=request.urgency,
        language=request.language,
        follow_up_of=request.follow_up_of,
        category=_category(broker, request.category),
        contact_email=contact,
    )

    def unit(tx: Tx) -> tuple[str, tuple[str, ...]]:
        known = known_message(tx.conn, control.agent, request.nonce)
        if known is not None:
            return rows.id_of(known), ()
        if rows.open_count(tx.conn, control.agent, MAX_OPEN) >= MAX_OPEN:
            raise RelevoError(Code.RATE_LIMITED, f"{MAX_OPEN} open tickets of one machine")
        doer = user_of(tx.conn, control)
        if request.follow_up_of is not None:
            own_ticket(tx.conn, control.agent, request.follow_up_of, open_only=False)
        evidence = (to_json(envelope),)
        origin = Origin(
            control.customer, doer.name, "agent", doer, facts(language=request.language), evidence
        )
        ticket = open_ticket(broker, tx, new, origin)
        remember_message(tx.conn, control.agent, request.nonce, ticket.ticket)
        own = {d.ticket for d in ticket.duplicates if rows.load(tx.conn, d.ticket).agent == control.agent}
        return ticket.ticket, tuple(d.ticket for d in ticket.duplicates if d.ticket in own)

    return await broker.store.write(unit)


def _category(broker: Broker, stated: str | None) -> str | None:
    """The category of the user's guide, where the organisation has it; any while it has none."""
    known = {category.id for category in broker.organisation.require().desk.categories}
    return stated if not known or stated in known else None


async def reply(broker: Broker, control: Link, envelope: Envelope) -> None:
    """Store the user's reply on one of the machine's tickets; it resumes a ticket that waits for it.

    Raises:
        RelevoError: ``signature-invalid``, ``identity-mismatch``, ``not-found``, ``ticket-closed``.
    """
    message = open_envelope(envelope, UserReply, [PublicKey.from_text(control.key)])
    if message.agent != control.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "a reply of another machine")

    def unit(tx: Tx) -> None:
        if known_message(tx.conn, control.agent, message.nonce) is not None:
            return
        ticket = own_ticket(tx.conn, control.agent, message.ticket)
        now, doer = broker.clock(), user_of(tx.conn, control)
        remember_message(tx.conn, control.agent, message.nonce, ticket.ticket)
        after = rows.touch(tx.conn, ticket, now)
        action = Action.TICKET_REPLY
        event = Event(action, action.value, message.text, True, (), (to_json(envelope),))
        write(tx, after, ticket.state, event, doer, now)
        steps.happened(broker, tx, after, Happening.USER_REPLY, now, doer)

    await broker.store.write(unit)


async def tickets_of(broker: Broker, agent: str) -> tuple[TicketRow, ...]:
    """The machine's own tickets, newest first, with the replies that the user may see."""

    def query(conn: Connection) -> tuple[TicketRow, ...]:
        room, found = MAX_ANSWER, []
        for ticket in rows.page(conn, [tickets.c.agent == agent], None, MAX_ROWS):
            row = TicketRow(
                ticket=ticket.ticket,
                title=ticket.title,
                state=ticket.state,
                updated=ticket.updated,
                replies=_replies(conn, ticket.ticket),
                rating_asked=_rating_asked(conn, ticket.ticket),
                merged_into=ticket.merged_into,
            )
            room -= len(to_json(row))
            if room < 0:
                break
            found.append(row)
        return tuple(found)

    return await broker.store.read(query)


def _rating_asked(conn: Connection, ticket: str) -> bool:
    found = ratings.find(conn, ticket)
    return found is not None and found.answered is None


def _replies(conn: Connection, ticket: str) -> tuple[TicketReplyRow, ...]:
    wanted = (
        select(ticket_events.c.at, ticket_events.c.by, ticket_events.c.text)
        .where(
            ticket_events.c.ticket == rows.number_of(ticket),
            ticket_events.c.public,
            ticket_events.c.kind.in_([Action.TICKET_REPLY.value, f"ticket.{Move.RESOLVE.value}"]),
        )
        .order_by(ticket_events.c.log_index.desc())
        .limit(MAX_REPLIES)
    )
    return tuple(
        TicketReplyRow(at=row.at, by=row.by, text=row.text) for row in reversed(conn.execute(wanted).all())
    )


def user_of(conn: Connection, control: Link) -> Doer:
    hostname = conn.execute(
        select(agents.c.hostname).where(agents.c.agent == control.agent)
    ).scalar_one_or_none()
    return Doer(Actor(kind=ActorKind.USER, id=control.agent), hostname or control.agent, Party.USER)


def own_ticket(conn: Connection, agent: str, ticket: str, *, open_only: bool = True) -> TicketView:
    found = rows.find(conn, ticket)
    if found is None or found.agent != agent:
        raise RelevoError(Code.NOT_FOUND, ticket)
    if open_only and found.state in FINAL_STATES:
        raise RelevoError(Code.TICKET_CLOSED, ticket)
    return found


def known_message(conn: Connection, agent: str, nonce: str) -> int | None:
    return conn.execute(
        select(user_messages.c.ticket).where(user_messages.c.agent == agent, user_messages.c.nonce == nonce)
    ).scalar_one_or_none()


def remember_message(conn: Connection, agent: str, nonce: str, ticket: str) -> None:
    conn.execute(insert(user_messages).values(agent=agent, nonce=nonce, ticket=rows.number_of(ticket)))
