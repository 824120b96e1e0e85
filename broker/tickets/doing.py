"""What every change of a ticket over HTTP has in common: load, decide, apply, in one unit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from broker.calls import Call, Caller
from broker.context import Broker
from broker.policy import Act, may_act, require_version
from broker.sla.views import with_clock
from broker.store.engine import Tx
from broker.tickets import rows
from broker.tickets.events import Doer
from protocol.api import TicketView
from protocol.tickets import Party

Change = Callable[[Tx, TicketView, datetime], TicketView]


def doer_of(caller: Caller) -> Doer:
    return Doer(caller.actor, caller.person.name, Party.TECHNICIAN)


async def change(broker: Broker, call: Call, act: Act, version: int | None, apply: Change) -> TicketView:
    """Change the ticket of the call's path.

    Raises:
        RelevoError: whatever the decision or the change says; nothing is changed then.
    """
    who, wanted = call.who, call.param("ticket")

    def unit(tx: Tx) -> TicketView:
        ticket = rows.load(tx.conn, wanted)
        call.about.ticket, call.about.customer = ticket.ticket, ticket.customer
        may_act(who.person, ticket, act)
        require_version(ticket, version)
        return with_clock(broker, tx.conn, apply(tx, ticket, broker.clock()))

    return await broker.store.write(unit)
