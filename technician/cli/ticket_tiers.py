"""`relevo ticket escalate|return|invite|uninvite`: help from other tiers and from outside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import click
import msgspec

from protocol.api import InvitationView, TicketDetail, TicketMove, TicketView
from protocol.documents import PROTOCOL_VERSION, Invitation
from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import Command, emit_json, note, option, printable, words
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.escalation import Handover, ReasonCode
from protocol.ids import new_grant_id
from protocol.invitations import LONGEST
from protocol.organisation import Organisation
from protocol.scopes import Role, parse_scopes
from protocol.ticket_api import TicketEscalate, TicketInvite, TicketReturn
from technician.cli.common import technician_options
from technician.cli.ticket_common import moment, path, show_view, some
from technician.login import client


@click.command("escalate", cls=Command, help="ticket.escalate")
@click.argument("ticket_id", metavar="TICKET")
@option("--to", type=click.IntRange(2, 3), required=True, help="option.to-tier")
@option(
    "--reason-code",
    type=click.Choice([code.value for code in ReasonCode]),
    required=True,
    help="option.reason-code",
)
@option("--question", required=True, help="option.question")
@option("--symptom", help="option.symptom")
@option("--impact", help="option.handover-impact")
@option("--hypothesis", default="", help="option.hypothesis")
@option("--step", "steps", multiple=True, help="option.step")
@option("--no-diagnostics", default="", metavar="REASON", help="option.no-diagnostics")
@option("--skip-reason", default="", metavar="REASON", help="option.skip-reason")
@technician_options
def escalate(
    *,
    ticket_id: str,
    to: int,
    reason_code: str,
    question: str,
    symptom: str | None,
    impact: str | None,
    hypothesis: str,
    steps: tuple[str, ...],
    no_diagnostics: str,
    skip_reason: str,
    home: Path,
    as_json: bool,
) -> None:
    """The hand-over is filled in from the timeline; what is named here goes before it."""
    api = client(home)
    draft = api.get_json(path(ticket_id, "/handover"), Handover)
    handover = msgspec.structs.replace(
        draft,
        symptom=symptom or draft.symptom,
        impact=impact or draft.impact,
        steps_tried=(*draft.steps_tried, *steps),
        hypothesis=hypothesis,
        question=some(question),
    )
    body = TicketEscalate(
        to=to,
        reason_code=ReasonCode(reason_code),
        handover=handover,
        no_diagnostics_reason=no_diagnostics,
        skip_reason=skip_reason,
    )
    show_view(api.post_json(path(ticket_id, "/escalate"), body, TicketView), as_json)


@click.command("return", cls=Command, help="ticket.return")
@click.argument("ticket_id", metavar="TICKET")
@option("--reason", required=True, help="option.move-reason")
@technician_options
def return_(ticket_id: str, reason: str, home: Path, as_json: bool) -> None:
    body = TicketReturn(reason=some(reason))
    show_view(client(home).post_json(path(ticket_id, "/return"), body, TicketView), as_json)


@click.command("invite", cls=Command, help="ticket.invite")
@click.argument("ticket_id", metavar="TICKET")
@option("--expert", required=True, metavar="ID", help="option.expert")
@option("--scope", required=True, metavar="SCOPE,…", help="option.expert-scope")
@option("--until", required=True, metavar="TIME|DURATION", help="option.until")
@option("--reason", required=True, help="option.move-reason")
@technician_options
def invite(
    ticket_id: str, expert: str, scope: str, until: str, reason: str, home: Path, as_json: bool
) -> None:
    """Sign an invitation with our own key: the machine believes that key and nobody else."""
    api, end = client(home), moment(until)
    ticket = api.get_json(path(ticket_id), TicketDetail).ticket
    if ticket.agent is None or end is None:
        raise RelevoError(Code.NOT_APPLICABLE, f"{ticket.ticket} names no machine")
    require_expert(api.repository().refresh(datetime.now(UTC)), expert)
    issued = datetime.now(UTC)
    if not issued < end <= issued + LONGEST:
        raise RelevoError(Code.USAGE, f"--until is a time from now to {LONGEST.days} days from now")
    signer = api.signer()
    invitation = Invitation(
        version=PROTOCOL_VERSION,
        org=api.config.org,
        invitation=new_grant_id(),
        ticket=ticket.ticket,
        customer=ticket.customer,
        agent=ticket.agent,
        expert=expert,
        scopes=parse_scopes(scope),
        reason=some(reason)[:500],
        by=api.config.technician,
        by_key=signer.public_key.text,
        issued=issued,
        until=end,
    )
    body = TicketInvite(invitation=seal(invitation, signer))
    api.post_json(path(ticket_id, "/invitations"), body, TicketView)
    if as_json:
        emit_json({"invitation": invitation.invitation, "expert": expert, "until": end})
    else:
        text = words()("ticket.invited", expert=printable(expert), until=local_stamp(end))
        note(f"{text} {invitation.invitation}")


def require_expert(organisation: Organisation, expert: str) -> None:
    """The broker and the machine check it too; here the right words for it are at hand.

    Raises:
        RelevoError: ``not-found``; ``usage`` for a colleague.
    """
    found = next((person for person in organisation.roster.technicians if person.id == expert), None)
    if found is None:
        raise RelevoError(Code.NOT_FOUND, f"expert {expert}")
    if Role.EXPERT not in found.roles:
        raise RelevoError(Code.USAGE, f"{expert} has not the role expert; colleagues are not invited")


@click.command("uninvite", cls=Command, help="ticket.uninvite")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("invitation")
@option("--reason", default="", help="option.move-reason")
@technician_options
def uninvite(ticket_id: str, invitation: str, reason: str, home: Path, as_json: bool) -> None:
    where = path(ticket_id, f"/invitations/{quote(invitation, safe='')}/end")
    view = client(home).post_json(where, TicketMove(reason=reason), InvitationView)
    if as_json:
        emit_json(view)
    else:
        note(words()("ticket.uninvited", expert=printable(view.expert)))
