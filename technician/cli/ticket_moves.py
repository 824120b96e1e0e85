"""`relevo ticket pend|resume|assign|triage|merge|notices`: what is done with a ticket besides solving it."""

from __future__ import annotations

from pathlib import Path

import click

from protocol.api import TicketMove, TicketView
from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import Command, emit_json, option, words
from protocol.errors import Code, RelevoError
from protocol.ticket_api import Notices, TicketAssign, TicketMerge, TicketPend, TicketTriage
from protocol.tickets import PendingReason
from technician.cli.common import show_rows, technician_options
from technician.cli.ticket_common import moment, path, show_view
from technician.cli.ticket_sla import clock_name
from technician.login import client

_LEVEL = click.IntRange(1, 3)


@click.command("pend", cls=Command, help="ticket.pend")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("reason", type=click.Choice([reason.value for reason in PendingReason]), metavar="REASON")
@option("--until", metavar="TIME|DURATION", help="option.until")
@option("--text", default="", help="option.move-reason")
@technician_options
def pend(ticket_id: str, reason: str, until: str | None, text: str, home: Path, as_json: bool) -> None:
    body = TicketPend(reason=PendingReason(reason), resume_at=moment(until), text=text)
    show_view(client(home).post_json(path(ticket_id, "/pend"), body, TicketView), as_json)


def mover(name: str) -> click.Command:
    """Moves that take nothing but a reason differ in name and words only."""

    @click.command(name, cls=Command, help=f"ticket.{name}")
    @click.argument("ticket_id", metavar="TICKET")
    @option("--reason", default="", help="option.move-reason")
    @technician_options
    def command(ticket_id: str, reason: str, home: Path, as_json: bool) -> None:
        body = TicketMove(reason=reason)
        show_view(client(home).post_json(path(ticket_id, f"/{name}"), body, TicketView), as_json)

    return command


@click.command("assign", cls=Command, help="ticket.assign")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("person", required=False)
@option("--queue", metavar="QUEUE", help="option.queue")
@option("--by-rules", is_flag=True, help="option.by-rules")
@option("--reason", default="", help="option.move-reason")
@technician_options
def assign(
    ticket_id: str,
    person: str | None,
    queue: str | None,
    by_rules: bool,
    reason: str,
    home: Path,
    as_json: bool,
) -> None:
    if sum((person is not None, queue is not None, by_rules)) != 1:
        raise RelevoError(Code.USAGE, "name a person, or --queue, or --by-rules")
    body = TicketAssign(assignee=person, queue=queue, reason=reason)
    show_view(client(home).post_json(path(ticket_id, "/assign"), body, TicketView), as_json)


@click.command("triage", cls=Command, help="ticket.triage")
@click.argument("ticket_id", metavar="TICKET")
@option("--impact", type=_LEVEL, help="option.impact")
@option("--urgency", type=_LEVEL, help="option.ticket-urgency")
@option("--priority", type=click.IntRange(1, 5), help="option.priority")
@option("--by-matrix", is_flag=True, help="option.by-matrix")
@option("--category", metavar="CATEGORY", help="option.category")
@option("--language", type=click.Choice(["en", "es"]), help="option.language")
@option("--reason", default="", help="option.move-reason")
@technician_options
def triage(
    ticket_id: str,
    impact: int | None,
    urgency: int | None,
    priority: int | None,
    by_matrix: bool,
    category: str | None,
    language: str | None,
    reason: str,
    home: Path,
    as_json: bool,
) -> None:
    body = TicketTriage(
        impact=impact,
        urgency=urgency,
        priority=priority,
        by_matrix=by_matrix,
        category=category,
        language=language,
        reason=reason,
    )
    show_view(client(home).post_json(path(ticket_id, "/triage"), body, TicketView), as_json)


@click.command("merge", cls=Command, help="ticket.merge")
@click.argument("ticket_id", metavar="TICKET")
@option("--into", required=True, metavar="TICKET", help="option.into")
@option("--reason", default="", help="option.move-reason")
@technician_options
def merge(ticket_id: str, into: str, reason: str, home: Path, as_json: bool) -> None:
    body = TicketMerge(into=into, reason=reason)
    show_view(client(home).post_json(path(ticket_id, "/merge"), body, TicketView), as_json)


@click.command("notices", cls=Command, help="ticket.notices")
@option("--all", "everything", is_flag=True, help="option.all-notices")
@option("--seen", "tick", is_flag=True, help="option.tick")
@technician_options
def notices(everything: bool, tick: bool, home: Path, as_json: bool) -> None:
    """Targets that run out, as far as they concern me."""
    api = client(home)
    rows = api.get_json(f"/v1/notices{'?all=1' if everything else ''}", Notices).rows
    if as_json:
        emit_json(rows)
    else:
        w = words()
        show_rows(
            [w(f"column.{name}") for name in ("time", "ticket", "clock", "percent", "title")],
            ((local_stamp(n.at), n.ticket, clock_name(n.clock, w), f"{n.percent} %", n.title) for n in rows),
            "ticket.no-notices",
        )
    for notice in rows if tick else ():
        api.request("POST", f"/v1/notices/{notice.id}/seen", b"")
