"""Inviting an outside expert to one ticket over HTTP, and taking it back."""

from __future__ import annotations

from datetime import datetime

from broker.calls import Call
from broker.context import Broker
from broker.policy import Act, may_act
from broker.sessions import lifecycle
from broker.store.engine import Tx
from broker.store.session_tables import sessions
from broker.tickets import invitations, rows, steps
from broker.tickets.doing import change, doer_of
from broker.tickets.events import Event, write
from protocol.api import InvitationView, TicketMove, TicketView
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.invitations import verify_invitation
from protocol.link import EndReason
from protocol.ticket_api import TicketInvite
from protocol.times import rfc3339
from protocol.wire import facts, to_json


async def invite_expert(broker: Broker, call: Call) -> TicketView:
    """``POST …/invitations`` by the assignee: the signed document is checked as the machine will check it.

    Raises:
        RelevoError: as ``protocol.invitations.verify_invitation``; ``identity-mismatch`` when it is not
            the caller's, or not for this ticket; ``already-exists``; ``ticket-closed``.
    """
    body, who, org = call.take(TicketInvite), call.who, broker.organisation.require()

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        steps.require_open(ticket)
        invitation = verify_invitation(body.invitation, org, now)
        meant = (ticket.ticket, ticket.customer, ticket.agent, who.person.id)
        if (invitation.ticket, invitation.customer, invitation.agent, invitation.by) != meant:
            raise RelevoError(
                Code.IDENTITY_MISMATCH, "the invitation is for another ticket or by another person"
            )
        document = to_json(body.invitation)
        invitations.add(tx, invitation, document)
        stated = facts(
            invitation=invitation.invitation,
            expert=invitation.expert,
            scopes=",".join(invitation.scopes),
            until=rfc3339(invitation.until),
        )
        said = f"{org.roster.technician(invitation.expert).name}: {invitation.reason}"
        event = Event(Action.EXPERT_INVITED, Action.EXPERT_INVITED.value, said, False, stated, (document,))
        after = rows.touch(tx.conn, ticket, now)
        write(tx, after, ticket.state, event, doer_of(who), now)
        return after

    return await change(broker, call, Act.INVITE, None, apply)


async def end_invitation(broker: Broker, call: Call) -> InvitationView:
    """``POST …/invitations/{invitation}/end``: the expert is out at once.

    Raises:
        RelevoError: ``not-found``; ``tier-too-low``.
    """
    body, who = call.take(TicketMove), call.who
    wanted, id_ = call.param("ticket"), call.param("invitation")

    def unit(tx: Tx) -> InvitationView:
        ticket, now = rows.load(tx.conn, wanted), broker.clock()
        call.about.ticket, call.about.customer = ticket.ticket, ticket.customer
        may_act(who.person, ticket, Act.TRIAGE)
        found = next((row for row in invitations.of_ticket(tx.conn, wanted) if row.invitation == id_), None)
        if found is None:
            raise RelevoError(Code.NOT_FOUND, f"invitation {id_[:40]!r}")
        if invitations.end(tx, id_, now):
            event = Event(
                Action.INVITATION_ENDED,
                Action.INVITATION_ENDED.value,
                f"{found.expert}: {body.reason}" if body.reason else found.expert,
                False,
                facts(invitation=id_, expert=found.expert),
            )
            write(tx, ticket, ticket.state, event, doer_of(who), now)
            theirs = (sessions.c.ticket == rows.number_of(wanted)) & (sessions.c.technician == found.expert)
            lifecycle.end_matching(broker, tx, theirs, EndReason.REVOKED, who.actor)
        return invitations.find(tx.conn, id_) or found

    return await broker.store.write(unit)
