"""From our tickets into the outside system: what happened, in the order of the log, each thing once.

``ticket_events`` (and the ends of sessions in the audit log) are the outbox; ``sent_cursor`` says how far it
was told. Every step looks before it acts: a ticket is found by our id, a message by its marker, a state by
what it is. So a step that was cut off anywhere is simply done again.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from broker.connectors import evidence, plain, rows
from broker.connectors.channel import Channel, words_of
from broker.connectors.contract import BROKEN, Attachment, Message, NewTicket, RemoteTicket
from broker.connectors.rows import Link
from broker.knowledge.secrets import without_secrets
from broker.store.engine import Tx
from broker.store.tables import audit
from broker.store.ticket_tables import ticket_events, tickets
from broker.tickets import rows as ticket_rows
from protocol.api import TicketView
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance
from protocol.tickets import FINAL_STATES, Move, Party
from protocol.wire import facts, to_json

AT_ONCE = 50
FAR = 1_000
"""Entries of the log that were no concern of the connector, after which its cursor moves on all the same."""
MAX_EARLIER = 50
"""Replies from before the ticket was known over there that go with its first words."""
CREATE, RESOLVE, CANCEL = (f"ticket.{move.value}" for move in (Move.CREATE, Move.RESOLVE, Move.CANCEL))
REPLY, NOTE = Action.TICKET_REPLY.value, Action.TICKET_NOTE.value
SESSION_ENDED = Action.SESSION_ENDED.value
_EVIDENCE = frozenset({RESOLVE, SESSION_ENDED})


class Step(NamedTuple):
    """One thing that happened here."""

    entry: int
    ticket: str
    kind: str
    text: str = ""
    public: bool = False
    by: str = ""
    party: str = ""
    moved: bool = False
    clearance: str = Clearance.R1.value

    @property
    def opens(self) -> bool:
        """Worth a ticket over there, where there is none."""
        return self.moved or self.kind == REPLY


class Known(NamedTuple):
    """What the store knows of it."""

    ticket: TicketView
    link: Link | None
    echo: bool
    earlier: tuple[Step, ...]


class Done(NamedTuple):
    what: tuple[str, ...]
    link: Link


async def tell(channel: Channel, cursor: int) -> int:
    """Tell what happened after ``cursor``, up to ``AT_ONCE`` things; how many there were.

    Raises:
        RelevoError: of ``HOLD_UP``; what was told until then stays told.
    """
    store, name, customers = channel.broker.store, channel.name, channel.settings.customers

    def look(conn: Connection) -> tuple[list[Step], int]:
        top = conn.execute(select(func.max(audit.c.idx))).scalar_one()
        return pending(conn, customers, cursor, AT_ONCE), -1 if top is None else top

    found, top = await store.read(look)
    for step in found:
        await take(channel, step)
    if found:
        await store.write(lambda tx: rows.told(tx.conn, name, found[-1].entry))
    elif top - cursor > FAR:
        await store.write(lambda tx: rows.told(tx.conn, name, top))
    return len(found)


async def take(channel: Channel, step: Step, *, aside: bool = False) -> bool:
    """Tell one thing; False when it had to be set aside.

    Args:
        aside: it was set aside before, and is again while the system cannot serve what it is about.

    Raises:
        RelevoError: of ``HOLD_UP``.
    """
    store = channel.broker.store
    try:
        done = await _tell(channel, step)
    except RelevoError as error:
        if not (aside and error.code in BROKEN) and not channel.gives_up(rows.OUT, str(step.entry), error):
            raise
        await store.write(functools.partial(_set_aside, channel, step, error))
        channel.counted["out", "set-aside"] += 1
        return False
    channel.stumbled.pop((rows.OUT, str(step.entry)), None)
    if done is not None:
        await store.write(lambda tx: _record(channel, tx, step, done))
        channel.counted.update(("out", what.partition(":")[0]) for what in done.what)
    return True


async def again(channel: Channel, index: int) -> None:
    """Try once more what was set aside. Raises RelevoError: of ``HOLD_UP``."""
    store, name = channel.broker.store, channel.name
    step = await store.read(lambda conn: _one(conn, channel.settings.customers, index))
    if step is None or await take(channel, step, aside=True):
        await store.write(lambda tx: rows.unpark(tx.conn, name, rows.OUT, str(index)))


# --- what happened here ------------------------------------------------------------------------


def pending(conn: Connection, customers: tuple[str, ...], cursor: int, most: int) -> list[Step]:
    """What is to be told after ``cursor``, oldest first."""
    e = ticket_events.c
    happened = (
        select(e.log_index, e.ticket, e.kind, e.text, e.public, e.by, e.party, e.from_state, e.to_state)
        .add_columns(e.clearance)
        .join(tickets, tickets.c.number == e.ticket)
        .where(e.log_index > cursor, tickets.c.customer.in_(customers))
        .order_by(e.log_index)
        .limit(most)
    )
    found = [
        Step(
            row.log_index,
            ticket_rows.id_of(row.ticket),
            row.kind,
            row.text,
            row.public,
            row.by,
            row.party,
            row.from_state != row.to_state,
            row.clearance,
        )
        for row in conn.execute(happened)
    ]
    a = audit.c
    ended = (
        select(a.idx, a.ticket)
        .where(a.idx > cursor, a.action == SESSION_ENDED, a.customer.in_(customers), a.ticket.is_not(None))
        .order_by(a.idx)
        .limit(most)
    )
    found += [Step(row.idx, row.ticket, SESSION_ENDED) for row in conn.execute(ended)]
    return sorted(found)[:most]


def _one(conn: Connection, customers: tuple[str, ...], index: int) -> Step | None:
    found = pending(conn, customers, index - 1, 1)
    return found[0] if found and found[0].entry == index else None


def _known(conn: Connection, name: str, step: Step) -> Known:
    ticket = ticket_rows.load(conn, step.ticket)
    link = rows.link_of(conn, name, step.ticket)
    earlier: tuple[Step, ...] = ()
    if link is None:
        e = ticket_events.c
        wanted = (
            select(e.log_index, e.kind, e.text, e.public, e.by, e.party)
            .where(
                e.ticket == ticket_rows.number_of(step.ticket),
                e.log_index < step.entry,
                e.kind == REPLY,
                e.public,
            )
            .order_by(e.log_index.desc())
            .limit(MAX_EARLIER)
        )
        earlier = tuple(
            Step(row.log_index, step.ticket, row.kind, row.text, row.public, row.by, row.party)
            for row in reversed(conn.execute(wanted).all())
        )
    return Known(ticket, link, rows.is_echo(conn, name, step.entry), earlier)


# --- what is done there ------------------------------------------------------------------------


async def _tell(channel: Channel, step: Step) -> Done | None:
    """None: there was nothing to do."""
    known = await channel.broker.store.read(lambda conn: _known(conn, channel.name, step))
    ticket, link, what = known.ticket, known.link, []
    if link is None:
        if not step.opens or ticket.state in FINAL_STATES:
            return None
        link, made = await _create(channel, known)
        what.append("created" if made else "found")
    messages = await _messages(channel, step, known)
    wanted = channel.remote.tells[ticket.state]
    if not what and not messages and link.marked and (not step.moved or link.status in wanted):
        return None
    before = await channel.remote.ticket(link.remote)
    if channel.settings.customer_of(before.queue) != ticket.customer:
        raise RelevoError(Code.REFUSED, f"{channel.external(link.remote)} is in a queue of another customer")
    if not link.marked:
        await channel.remote.mark(link.remote, ticket.ticket)
        link, what = link._replace(marked=True), [*what, "marked"]
    for message in messages:
        said = await channel.remote.say(link.remote, message, link.said)
        link, what = (
            link._replace(said=max(said, link.said)),
            [*what, "noted" if message.internal else "said"],
        )
    status = await _state(channel, step, ticket, before, bool(messages))
    if status is not None:
        what.append(f"state:{status}")
    if step.moved and link.status and before.status not in (link.status, *wanted):
        what.append(f"over:{before.status}")
    return Done(tuple(what), link._replace(status=status or before.status)) if what else None


async def _create(channel: Channel, known: Known) -> tuple[Link, bool]:
    """The link to a ticket over there: to the one that we made before being cut off, or to a new one."""
    ticket, remote = known.ticket, channel.remote
    wanted = remote.tells[ticket.state]
    found = await remote.find(ticket.ticket)
    made = found is None
    if found is None:
        words = words_of(ticket.language)
        head = words("connector.text.opened", ticket=ticket.ticket, priority=ticket.priority)
        parts = [
            head,
            without_secrets(ticket.description),
            *(_words(channel, step, known) for step in known.earlier),
        ]
        queue = channel.settings.queue_of(ticket.customer) or ""
        text = "\n\n".join(part for part in parts if part)[: 2 * plain.MAX_TEXT]
        new = NewTicket(queue, without_secrets(ticket.title), text, ticket.ticket, wanted[-1])
        found = await remote.create(new)
    link = Link(ticket.ticket, found, wanted[-1] if made else "", marked=True, said=0)
    await channel.broker.store.write(lambda tx: rows.put_link(tx.conn, channel.name, link))
    return link, made


async def _state(
    channel: Channel, step: Step, ticket: TicketView, before: RemoteTicket, said: bool
) -> str | None:
    """Set the state over there where it is ours to set; what it is then, None if it was left alone.

    A state that somebody set there meanwhile is left to ``inward``, unless the ticket changed here. A message
    may have moved it by itself: what was right before is set again.
    """
    wanted = channel.remote.tells[ticket.state]
    now = before if not said else await channel.remote.ticket(before.remote)
    ours = step.moved or before.status in wanted
    if now.status in wanted or not ours or not channel.remote.capabilities.states:
        return now.status if now.status != before.status else None
    await channel.remote.set_state(before.remote, wanted[0])
    return wanted[0]


async def _messages(channel: Channel, step: Step, known: Known) -> list[Message]:
    """What is to be said about it, with markers by which it is found again."""
    can, title, found = channel.remote.capabilities, without_secrets(known.ticket.title), []
    text = "" if known.echo else _words(channel, step, known)
    if text:
        internal = step.kind in (NOTE, CANCEL)
        if can.internal_notes if internal else can.replies:
            found.append(Message(f"relevo:{step.ticket}:{step.entry}", title, text, internal))
    if step.kind in _EVIDENCE and can.internal_notes:
        done = await channel.broker.store.read(
            lambda conn: evidence.collect(conn, step.ticket, step.entry, channel.broker.clock())
        )
        if not done.empty:
            file = Attachment(f"relevo-evidence-{step.ticket}.json", evidence.MEDIA_TYPE, to_json(done))
            said = evidence.in_words(done, words_of(known.ticket.language))
            files = (file,) if can.attachments else ()
            found.append(Message(f"relevo:{step.ticket}:{step.entry}:evidence", title, said, True, files))
    return found


def _words(channel: Channel, step: Step, known: Known) -> str:
    """The words of an event as they stand over there; empty where none are for there.

    A machine's name is a network identifier, above R1: its user stays without one. No secret goes there.
    """
    if not step.text or step.clearance != Clearance.R1.value:
        return ""
    words = words_of(known.ticket.language)
    if step.kind == REPLY and step.public:
        user = step.party == Party.USER.value
        head = words("connector.text.user") if user else words("connector.text.by", who=step.by)
    elif step.kind == RESOLVE and step.public:
        head = words("connector.text.resolved")
    elif step.kind == CANCEL and known.ticket.merged_into is None:
        head = words("connector.text.cancelled")
    elif step.kind == NOTE and channel.settings.notes:
        head = words("connector.text.note", who=step.by)
    else:
        return ""
    return f"{head}\n\n{without_secrets(step.text)}"


# --- what is written down ----------------------------------------------------------------------


def _record(channel: Channel, tx: Tx, step: Step, done: Done) -> None:
    name, ticket = channel.name, ticket_rows.load(tx.conn, step.ticket)
    over = next((one.partition(":")[2] for one in done.what if one.startswith("over:")), None)
    stated = facts(
        external=channel.external(done.link.remote),
        event=step.entry,
        kind=step.kind,
        what=" ".join(one for one in done.what if not one.startswith("over:")) or None,
        here=ticket.state.value,
    )
    channel.record(tx, Action.CONNECTOR_SENT, ticket, stated)
    if over is not None:
        # Both sides changed: Relevo's state stays, and what it took the place of is recorded.
        kept = facts(external=channel.external(done.link.remote), outcome="conflict", there=over)
        channel.record(tx, Action.CONNECTOR_KEPT, ticket, (*kept, *facts(here=ticket.state.value)))
        rows.count(tx.conn, name, "kept")
    rows.put_link(tx.conn, name, done.link)
    rows.count(tx.conn, name, "sent")
    rows.unpark(tx.conn, name, rows.OUT, str(step.entry))
    rows.told(tx.conn, name, step.entry)


def _set_aside(channel: Channel, step: Step, error: RelevoError, tx: Tx) -> None:
    name, now = channel.name, channel.broker.clock()
    if rows.park(tx.conn, name, rows.OUT, str(step.entry), step.ticket, error, now):
        stated = facts(event=step.entry, kind=step.kind, outcome="set-aside", why=error.code.value)
        channel.record(tx, Action.CONNECTOR_KEPT, ticket_rows.load(tx.conn, step.ticket), stated)
        rows.count(tx.conn, name, "kept")
    rows.told(tx.conn, name, step.entry)
