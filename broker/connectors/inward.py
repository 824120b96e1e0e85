"""From the outside system into ours: each event once, in one transaction with its record.

Words and people are fetched and redacted first, then one unit of the store decides and writes. What our
rules refuse is recorded as kept; what cannot be taken in now is set aside (``rows.park``).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import func, select

from broker.connectors import plain, rows
from broker.connectors.channel import Channel, words_of
from broker.connectors.contract import (
    BROKEN,
    HOLD_UP,
    Changes,
    Event,
    Opened,
    RemoteTicket,
    Said,
    StateSet,
    Torn,
    Wish,
)
from broker.connectors.plain import Veil, Words
from broker.connectors.rows import Link
from broker.connectors.states import Outcome, set_state
from broker.store.databases import is_storage_fault
from broker.store.engine import Tx
from broker.store.tables import audit
from broker.store.ticket_tables import ticket_events
from broker.tickets import rows as ticket_rows
from broker.tickets import steps
from broker.tickets.creation import Origin, open_ticket
from broker.tickets.events import Doer, write
from broker.tickets.events import Event as TicketEvent
from protocol.api import TicketNew, TicketView
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance
from protocol.tickets import FINAL_STATES, Happening, Party
from protocol.wire import facts

_OVER = frozenset({Wish.SOLVED, Wish.DROPPED})
_NO_WORDS = Words("", "")
MAX_NAMED = 10
_log = structlog.get_logger("broker.connectors")
KINDS: dict[type[Event], str] = {Opened: "opened", Said: "said", StateSet: "state"}


@dataclass(frozen=True)
class Incoming:
    """An event with everything that is known about it, redacted."""

    event: Event
    ticket: RemoteTicket
    customer: str | None
    by: str
    requester: str
    people: str
    """R2: who asked, as they are known over there."""
    title: Words
    opening: Words
    said: Words


async def hear(channel: Channel, cursor: int) -> Changes:
    """Take in what happened there after ``cursor``, as far as one look goes.

    Raises:
        RelevoError: of ``HOLD_UP``; what was taken in until then stays.
    """
    changes = await channel.remote.changes(cursor)
    name, store = channel.name, channel.broker.store
    offered = [one.event for one in (*changes.events, *changes.torn)]
    fresh = await store.read(lambda conn: rows.unknown(conn, name, offered))
    held = await _torn(channel, [one for one in changes.torn if one.event in fresh])
    for event in changes.events:
        if held is not None and event.position > held.position:
            break
        if event.event in fresh:
            await take(channel, event)
    if held is not None:
        raise held.error
    if changes.cursor != cursor:
        await store.write(lambda tx: rows.heard(tx.conn, name, changes.cursor))
    return changes


async def _torn(channel: Channel, torn: Sequence[Torn]) -> Torn | None:
    """Set aside what was broken too often; the first that what comes after it waits for."""
    held = None
    for one in torn:
        if channel.gives_up(rows.IN, one.event, one.error):
            unit = functools.partial(_set_aside, channel, one, one.error)
            channel.counted["in", await channel.broker.store.write(unit)] += 1
        elif held is None:
            held = one
    return held


async def take(channel: Channel, event: Event, *, aside: bool = False) -> None:
    """Take in one event, or record why not.

    Args:
        aside: it was set aside before, and is again while the system cannot serve it.

    Raises:
        RelevoError: of ``HOLD_UP``.
    """
    store = channel.broker.store
    try:
        incoming = await _readable(channel, event)
    except RelevoError as error:
        if not (aside and error.code in BROKEN) and not channel.gives_up(rows.IN, event.event, error):
            raise
        outcome = await store.write(functools.partial(_set_aside, channel, event, error))
    else:
        channel.stumbled.pop((rows.IN, event.event), None)
        outcome = await _put(channel, incoming)
    channel.counted["in", outcome] += 1


async def _put(channel: Channel, incoming: Incoming) -> str:
    event, store = incoming.event, channel.broker.store
    try:
        return await store.write(lambda tx: _take(channel, tx, incoming))
    except RelevoError as error:
        if error.code in HOLD_UP:
            raise
        unit = _refused if isinstance(event, StateSet) else _set_aside
        return await store.write(functools.partial(unit, channel, event, error))


async def again(channel: Channel, aside: rows.Parked) -> None:
    """Try once more what was set aside. Raises RelevoError: of ``HOLD_UP``."""
    store, event = channel.broker.store, aside.key
    try:
        found = await channel.remote.event(event)
    except RelevoError as error:
        if error.code in HOLD_UP - BROKEN:
            raise
        failed, now = error, channel.broker.clock()
        await store.write(
            lambda tx: rows.park(tx.conn, channel.name, rows.IN, event, aside.ticket, failed, now)
        )
        return
    if found is None:
        await store.write(lambda tx: rows.unpark(tx.conn, channel.name, rows.IN, event))
        return
    await take(channel, found, aside=True)


# --- before the transaction --------------------------------------------------------------------


async def _readable(channel: Channel, event: Event) -> Incoming:
    """As ``_fetch``; words that find a fault of ours are set aside, or all that come after them would wait.

    Raises:
        RelevoError: as ``_fetch``; ``not-applicable``.
    """
    try:
        return await _fetch(channel, event)
    except RelevoError:
        raise
    except Exception as error:
        if is_storage_fault(error):
            raise
        _log.exception("bug", connector=channel.name, there=event.event)
        raise RelevoError(Code.NOT_APPLICABLE, f"a fault of ours: {type(error).__name__}") from error


async def _fetch(channel: Channel, event: Event) -> Incoming:
    remote = channel.remote
    ticket = await remote.ticket(event.remote)
    customer = channel.settings.customer_of(ticket.queue) if ticket.queue else None
    link = await channel.broker.store.read(lambda conn: rows.link_from(conn, channel.name, event.remote))
    if customer is None:
        return Incoming(event, ticket, None, "", "", "", _NO_WORDS, _NO_WORDS, _NO_WORDS)
    opening, said = "", ""
    if link is None and not ticket.own:
        opening = await remote.opening(event.remote)
    if isinstance(event, Said) and (link is not None or not event.internal):
        said = await remote.words(event)
    veil = Veil(channel.secret, customer, (*ticket.requesters, event.by))

    def prepare() -> Incoming:
        asking = ticket.requesters[0] if ticket.requesters else event.by
        people = ", ".join(person.email or person.name for person in ticket.requesters[:MAX_NAMED])
        return Incoming(
            event,
            ticket,
            customer,
            veil.pseudonym(event.by),
            veil.pseudonym(asking),
            plain.line(people, 1_000, "-"),
            veil.title(
                ticket.title,
                words_of("en")("connector.text.no-title", external=channel.external(event.remote)),
            ),
            veil.body(opening),
            veil.body(said),
        )

    return await asyncio.to_thread(prepare)


# --- in the transaction ------------------------------------------------------------------------


def _take(channel: Channel, tx: Tx, incoming: Incoming) -> str:
    event, name = incoming.event, channel.name
    if _known(tx, name, event):
        return Outcome.KNOWN
    top = tx.conn.execute(select(func.max(audit.c.idx))).scalar_one()
    ticket, outcome = _apply(channel, tx, incoming)
    written = (
        tx.conn.execute(
            select(ticket_events.c.log_index).where(ticket_events.c.log_index > (-1 if top is None else top))
        )
        .scalars()
        .all()
    )
    rows.echo(tx.conn, name, written)
    _record(channel, tx, event, ticket, outcome)
    return outcome


def _known(tx: Tx, name: str, event: Event) -> bool:
    """Was it taken in? What was set aside is taken off the list, and counts as not."""
    aside = rows.unpark(tx.conn, name, rows.IN, event.event)
    return not aside and not rows.unknown(tx.conn, name, [event.event])


def _record(
    channel: Channel, tx: Tx, event: Event, ticket: TicketView | None, outcome: str, why: str | None = None
) -> None:
    kept = outcome in (Outcome.CONFLICT, Outcome.REFUSED, Outcome.OTHER_CUSTOMER, Outcome.UNMAPPED)
    stated = facts(
        external=channel.external(event.remote),
        event=event.event,
        kind=KINDS.get(type(event), "moved"),
        outcome=outcome,
        there=event.after if isinstance(event, StateSet) else None,
        here=ticket.state.value if ticket else None,
        why=why,
    )
    action = Action.CONNECTOR_KEPT if kept else Action.CONNECTOR_RECEIVED
    index = channel.record(tx, action, ticket, stated)
    rows.took(tx.conn, channel.name, event.event, event.position, index)
    rows.count(tx.conn, channel.name, "kept" if kept else "received")


def _refused(channel: Channel, event: Event, error: RelevoError, tx: Tx) -> str:
    """Our rules do not let it: the ticket stays as it is, and both sides differ until one changes again."""
    if _known(tx, channel.name, event):
        return Outcome.KNOWN
    link = rows.link_from(tx.conn, channel.name, event.remote)
    ticket = None
    if link is not None and isinstance(event, StateSet):
        ticket = ticket_rows.load(tx.conn, link.ticket)
        rows.put_link(tx.conn, channel.name, link._replace(status=event.after))
    _record(channel, tx, event, ticket, Outcome.REFUSED, error.code.value)
    return Outcome.REFUSED


def _set_aside(channel: Channel, event: Event | Torn, error: RelevoError, tx: Tx) -> str:
    name, external = channel.name, channel.external(event.remote)
    first = rows.park(tx.conn, name, rows.IN, event.event, external, error, channel.broker.clock())
    if first and rows.unknown(tx.conn, name, [event.event]):
        stated = facts(external=external, event=event.event, outcome="set-aside", why=error.code.value)
        index = channel.record(tx, Action.CONNECTOR_KEPT, None, stated)
        # The cursor may pass it: from now on the parked row is what remembers it.
        rows.took(tx.conn, name, event.event, event.position, index)
    return "set-aside"


def _apply(channel: Channel, tx: Tx, incoming: Incoming) -> tuple[TicketView | None, str]:
    event = incoming.event
    if incoming.customer is None:
        return None, Outcome.UNMAPPED
    link = rows.link_from(tx.conn, channel.name, event.remote) or _adopted(channel, tx, incoming)
    if link is None:
        return _unlinked(channel, tx, incoming)
    return _linked(channel, tx, incoming, link)


def _linked(channel: Channel, tx: Tx, incoming: Incoming, link: Link) -> tuple[TicketView | None, str]:
    event, ticket = incoming.event, ticket_rows.load(tx.conn, link.ticket)
    if ticket.customer != incoming.customer:
        # Moved to a queue of another customer over there: nothing of theirs comes in here.
        return ticket, Outcome.OTHER_CUSTOMER
    if isinstance(event, Said):
        return _say(channel, tx, incoming, ticket)
    if not isinstance(event, StateSet):
        return ticket, Outcome.NOTHING
    after, outcome = set_state(channel, tx, link, ticket, incoming.ticket, event, incoming.by)
    if outcome is Outcome.FOLLOW_UP:
        return _open(channel, tx, incoming, follow_up_of=ticket.ticket), outcome
    return after, outcome


def _adopted(channel: Channel, tx: Tx, incoming: Incoming) -> Link | None:
    """A ticket that we made there and were killed before writing it down."""
    there = incoming.ticket
    if not there.own or there.ours is None:
        return None
    try:
        found = ticket_rows.find(tx.conn, there.ours)
    except RelevoError:
        return None
    if found is None or found.customer != incoming.customer:
        return None
    known = rows.link_of(tx.conn, channel.name, found.ticket)
    if known is not None:
        return None
    link = Link(found.ticket, there.remote, there.status, marked=True, said=0)
    rows.put_link(tx.conn, channel.name, link)
    return link


def _unlinked(channel: Channel, tx: Tx, incoming: Incoming) -> tuple[TicketView | None, str]:
    event, there = incoming.event, incoming.ticket
    if there.own:
        return None, Outcome.NOTHING
    if channel.remote.wishes.get(there.status) in _OVER or (isinstance(event, Said) and event.internal):
        return None, Outcome.NOTHING
    ticket = _open(channel, tx, incoming)
    if isinstance(event, Said):
        _say(channel, tx, incoming, ticket)
    return ticket, Outcome.OPENED


def _open(channel: Channel, tx: Tx, incoming: Incoming, follow_up_of: str | None = None) -> TicketView:
    """The ticket that goes with one over there. Who asks stands in an internal note from R2 on."""
    event, customer = incoming.event, incoming.customer or ""
    broker, now = channel.broker, channel.broker.clock()
    external = channel.external(event.remote)
    broker.organisation.require().roster.customer(customer)
    opening = incoming.said if follow_up_of is not None and incoming.said.r1 else incoming.opening
    new = TicketNew(
        title=incoming.title.r1, description=opening.r1, customer=customer, follow_up_of=follow_up_of
    )
    doer = Doer(channel.actor, incoming.requester, Party.CONNECTOR)
    stated = facts(connector=channel.name, external=external)
    made = open_ticket(broker, tx, new, Origin(customer, incoming.requester, channel.name, doer, stated))
    ticket = ticket_rows.load(tx.conn, made.ticket)
    link = Link(ticket.ticket, event.remote, incoming.ticket.status, marked=False, said=0)
    rows.put_link(tx.conn, channel.name, link)
    note = _who_asks(incoming, opening, external, ticket.language)
    kept = TicketEvent(
        Action.TICKET_NOTE, Action.TICKET_NOTE.value, note, False, stated, clearance=Clearance.R2
    )
    write(tx, ticket, ticket.state, kept, doer, now)
    return ticket


def _who_asks(incoming: Incoming, opening: Words, external: str, language: str) -> str:
    text = words_of(language)
    note = text("connector.text.came", external=external, people=incoming.people)
    if opening.r2 != opening.r1 or incoming.title.r2 != incoming.title.r1:
        note += f"\n\n{text('connector.text.more')}\n\n{incoming.title.r2}\n\n{opening.r2}"
    return note[: plain.MAX_TEXT]


def _say(channel: Channel, tx: Tx, incoming: Incoming, ticket: TicketView) -> tuple[TicketView, str]:
    event, now = incoming.event, channel.broker.clock()
    internal = isinstance(event, Said) and event.internal
    if internal and not channel.settings.notes:
        return ticket, Outcome.NOTHING
    if ticket.state in FINAL_STATES:
        if internal:
            return ticket, Outcome.NOTHING
        # Nothing is said on a ticket that is over: a later complaint is a new one (4-domain.md).
        return _open(channel, tx, incoming, follow_up_of=ticket.ticket), Outcome.FOLLOW_UP
    external = channel.external(event.remote)
    said = incoming.said.r1 or external
    party = Party.TECHNICIAN if event.by.staff else Party.USER
    doer = Doer(channel.actor, incoming.by, party)
    action = Action.TICKET_NOTE if internal else Action.TICKET_REPLY
    stated = facts(connector=channel.name, external=external)
    after = ticket_rows.touch(tx.conn, ticket, now)
    write(tx, after, ticket.state, TicketEvent(action, action.value, said, not internal, stated), doer, now)
    if not internal and not event.by.staff:
        awake = Doer(channel.actor, incoming.by, Party.CONNECTOR)
        after = steps.happened(channel.broker, tx, after, Happening.USER_REPLY, now, awake)
    return after, Outcome.NOTE if internal else Outcome.REPLY
