"""When somebody changes a ticket's state over there: what becomes of it here.

The rule: Relevo's transition table and guards decide, whoever asks. Where both sides changed since they last
agreed, Relevo's state stays and is told there; what was set there is recorded (docs/adr/0017).
"""

from __future__ import annotations

import enum

from sqlalchemy import exists, select

from broker.connectors import rows
from broker.connectors.channel import Channel, words_of
from broker.connectors.contract import RemoteTicket, StateSet, Wish
from broker.connectors.rows import Link
from broker.store.connector_tables import connector_echoes
from broker.store.engine import Tx
from broker.store.ticket_tables import ticket_events
from broker.tickets import steps
from broker.tickets.events import Doer, Told
from protocol.api import TicketView
from protocol.errors import Code, RelevoError
from protocol.tickets import FINAL_STATES, CauseCode, Party, PendingReason, State
from protocol.wire import facts


class Outcome(enum.StrEnum):
    """What became of an event from outside."""

    OPENED = "opened"
    FOLLOW_UP = "follow-up"
    REPLY = "reply"
    NOTE = "note"
    STATE = "state"
    AGREED = "agreed"
    """It is so here already."""
    SUPERSEDED = "superseded"
    """It is no longer so there."""
    CONFLICT = "conflict"
    REFUSED = "refused"
    OTHER_CUSTOMER = "other-customer"
    UNMAPPED = "unmapped"
    NOTHING = "nothing"
    KNOWN = "known"


def set_state(
    channel: Channel,
    tx: Tx,
    link: Link,
    ticket: TicketView,
    there: RemoteTicket,
    event: StateSet,
    by: str,
) -> tuple[TicketView, Outcome]:
    """Raises RelevoError: what the transition table or a guard says; nothing is changed then."""
    if there.status != event.after:
        return ticket, Outcome.SUPERSEDED
    rows.put_link(tx.conn, channel.name, link._replace(status=event.after))
    if event.after in channel.remote.tells[ticket.state]:
        return ticket, Outcome.AGREED
    if _untold(channel, tx, link):
        return ticket, Outcome.CONFLICT
    wish = channel.remote.wishes.get(event.after, Wish.NOTHING)
    if wish is Wish.NOTHING or ticket.state in FINAL_STATES:
        return ticket, Outcome.FOLLOW_UP if wish is Wish.GO_ON else Outcome.NOTHING
    return _MOVES[wish](channel, tx, ticket, event, by), Outcome.STATE


def _untold(channel: Channel, tx: Tx, link: Link) -> bool:
    """Did the state change here, too, since it was last told there?"""
    row = rows.find(tx.conn, channel.name)
    e, echo = ticket_events.c, connector_echoes.c
    own = exists(select(echo.log_index).where(echo.connector == channel.name, echo.log_index == e.log_index))
    wanted = (
        select(e.log_index)
        .where(
            e.ticket == int(link.ticket.removeprefix("T-")),
            e.log_index > (row.sent_cursor if row else -1),
            e.from_state != e.to_state,
            ~own,
        )
        .limit(1)
    )
    return tx.conn.execute(wanted).first() is not None


def _text(channel: Channel, ticket: TicketView, key: str, event: StateSet, by: str) -> str:
    words = words_of(ticket.language)
    return words(key, external=channel.external(event.remote), who=by, status=event.after)


def _doer(channel: Channel, by: str) -> Doer:
    return Doer(channel.actor, by, Party.CONNECTOR)


def _go_on(channel: Channel, tx: Tx, ticket: TicketView, event: StateSet, by: str) -> TicketView:
    broker, now, doer = channel.broker, channel.broker.clock(), _doer(channel, by)
    text = _text(channel, ticket, "connector.text.goes-on", event, by)
    if ticket.state is State.RESOLVED:
        return steps.reopen(broker, tx, ticket, text, doer, now)
    stated = facts(external=channel.external(event.remote))
    return steps.resume(broker, tx, ticket, doer, now, Told(text, public=False, facts=stated))


def _wait(channel: Channel, tx: Tx, ticket: TicketView, event: StateSet, by: str) -> TicketView:
    text = _text(channel, ticket, "connector.text.waits", event, by)
    # RT and its like park a ticket until the requester answers: so do we.
    reason = PendingReason.AWAITING_USER
    return steps.pend(tx, ticket, reason, None, text, _doer(channel, by), channel.broker.clock())


def _solved(channel: Channel, tx: Tx, ticket: TicketView, event: StateSet, by: str) -> TicketView:
    text = _text(channel, ticket, "connector.text.solved", event, by)
    broker, now, doer = channel.broker, channel.broker.clock(), _doer(channel, by)
    if ticket.state in (State.NEW, State.ASSIGNED):
        # Nobody here worked on it: it is not ours to count as solved.
        return steps.cancel(broker, tx, ticket, text, doer, now)
    return steps.resolve(
        broker,
        tx,
        ticket,
        resolution=text,
        cause=CauseCode.UNKNOWN,
        tier=ticket.tier,
        doer=doer,
        now=now,
    )


def _dropped(channel: Channel, tx: Tx, ticket: TicketView, event: StateSet, by: str) -> TicketView:
    if ticket.state is State.RESOLVED:
        raise RelevoError(Code.INVALID_TRANSITION, f"{event.after} of a resolved ticket")
    text = _text(channel, ticket, "connector.text.dropped", event, by)
    return steps.cancel(channel.broker, tx, ticket, text, _doer(channel, by), channel.broker.clock())


_MOVES = {Wish.GO_ON: _go_on, Wish.WAIT: _wait, Wish.SOLVED: _solved, Wish.DROPPED: _dropped}
