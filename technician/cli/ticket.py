"""`relevo ticket …`: what is asked, who has it, and everything that happened."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

import click

from protocol.api import (
    TicketCreated,
    TicketDetail,
    TicketMove,
    TicketNew,
    TicketResolve,
    Tickets,
    TicketText,
    TicketView,
)
from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import Command, Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.sla_views import SlaExplained
from protocol.tickets import CauseCode, State
from technician.cli import ticket_sla
from technician.cli.common import Table, show_rows, technician_options
from technician.login import Api, client

_MAX_TITLE = 200


@click.group(cls=Group, help="ticket")
def ticket() -> None:
    """Commands on tickets."""


def _path(id_: str, tail: str = "") -> str:
    return f"/v1/tickets/{quote(id_, safe='')}{tail}"


def _show_view(view: TicketView, as_json: bool) -> None:
    if as_json:
        emit_json(view)
    else:
        note(words()("ticket.now", ticket=view.ticket, state=words()(f"state.{view.state}")))


@ticket.command("new", help="ticket.new")
@click.argument("title")
@option("--agent", metavar="AGENT", help="option.ticket-agent")
@option("--customer", metavar="CUSTOMER", help="option.ticket-customer")
@option("--description", default="", help="option.ticket-description")
@option("--impact", type=click.IntRange(1, 3), default=2, show_default=True, help="option.impact")
@option("--urgency", type=click.IntRange(1, 3), default=2, show_default=True, help="option.ticket-urgency")
@technician_options
def new(
    title: str,
    agent: str | None,
    customer: str | None,
    description: str,
    impact: int,
    urgency: int,
    home: Path,
    as_json: bool,
) -> None:
    if not title.strip() or len(title) > _MAX_TITLE:
        raise RelevoError(Code.USAGE, f"a title of 1 to {_MAX_TITLE} characters is needed")
    body = TicketNew(
        title=title, description=description, agent=agent, customer=customer, impact=impact, urgency=urgency
    )
    view = client(home).post_json("/v1/tickets", body, TicketCreated)
    if as_json:
        emit_json(view)
    else:
        say(view.ticket)


@ticket.command("list", help="ticket.list")
@option("--state", type=click.Choice([state.value for state in State]), help="option.state")
@option("--mine", is_flag=True, help="option.mine")
@option("--customer", metavar="CUSTOMER", help="option.ticket-customer")
@option("--due", is_flag=True, help="sla.option.due")
@option("--breached", is_flag=True, help="sla.option.breached")
@option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="option.limit")
@technician_options
def list_(
    state: str | None,
    mine: bool,
    customer: str | None,
    due: bool,
    breached: bool,
    limit: int,
    home: Path,
    as_json: bool,
) -> None:
    wanted = {
        "state": state,
        "assignee": "me" if mine else None,
        "customer": customer,
        "sort": "due" if due else None,
        "breached": "true" if breached else None,
        "limit": limit,
    }
    query = urlencode({key: value for key, value in wanted.items() if value is not None})
    found = client(home).get_json(f"/v1/tickets?{query}", Tickets)
    if as_json:
        emit_json(found.rows)
        return
    w = words()
    titles = [
        w(f"column.{name}") for name in ("ticket", "priority", "state", "customer", "assignee", "title")
    ]
    titles[5:5] = [w(f"sla.column.{name}") for name in ticket_sla.COLUMNS]
    rows = [
        (
            row.ticket,
            f"P{row.priority}",
            w(f"state.{row.state}"),
            row.customer,
            row.assignee or "-",
            *ticket_sla.cells(row),
            row.title,
        )
        for row in found.rows
    ]
    show_rows(titles, rows, "ticket.none")


@ticket.command("show", help="ticket.show")
@click.argument("ticket_id", metavar="TICKET")
@option("--sla", is_flag=True, help="sla.option.explain")
@technician_options
def show(ticket_id: str, sla: bool, home: Path, as_json: bool) -> None:
    if sla:
        told = client(home).get_json(_path(ticket_id, "/sla"), SlaExplained)
        if as_json:
            emit_json(told)
        else:
            ticket_sla.show_explained(told)
        return
    detail = client(home).get_json(_path(ticket_id), TicketDetail)
    if as_json:
        emit_json(detail)
    else:
        _show_detail(detail)


def _show_detail(detail: TicketDetail) -> None:
    w, view = words(), detail.ticket
    say(f"{view.ticket}  {printable(view.title)}")
    lines = {
        "state": w(f"state.{view.state}"),
        "priority": f"P{view.priority}",
        "customer": view.customer,
        "agent": view.agent or "-",
        "requester": view.requester,
        "assignee": f"{view.assignee} (L{view.tier})" if view.assignee else "-",
        "created": local_stamp(view.created),
        "resolution": view.resolution,
        "cause": view.cause,
    }
    for name, value in lines.items():
        if value:
            say(f"  {w(f'column.{name}'):<14}{printable(str(value))}")
    if view.description and view.description != view.title:
        say()
        say(printable(view.description, newlines=True))
    say()
    timeline = Table(w("column.time"), w("column.by"), w("column.event"), "")
    for event in detail.timeline:
        timeline.add(local_stamp(event.at), event.by, event.kind, event.text[:160])
    timeline.show()
    if detail.artifacts:
        say()
        artifacts = Table(
            w("column.artifact"), w("column.kind"), w("column.clearance"), w("column.bytes"), w("column.name")
        )
        for item in detail.artifacts:
            artifacts.add(item.artifact, item.kind, item.clearance, item.size_bytes, item.name)
        artifacts.show()


@ticket.command("take", help="ticket.take")
@click.argument("ticket_id", metavar="TICKET")
@technician_options
def take(ticket_id: str, home: Path, as_json: bool) -> None:
    _show_view(client(home).post_json(_path(ticket_id, "/take"), TicketMove(), TicketView), as_json)


@ticket.command("note", help="ticket.note")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("text")
@technician_options
def note_(ticket_id: str, text: str, home: Path, as_json: bool) -> None:
    _text(client(home), ticket_id, "notes", text, as_json)


@ticket.command("reply", help="ticket.reply")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("text")
@technician_options
def reply(ticket_id: str, text: str, home: Path, as_json: bool) -> None:
    _text(client(home), ticket_id, "replies", text, as_json)


def _text(api: Api, ticket_id: str, tail: str, text: str, as_json: bool) -> None:
    if not text.strip():
        raise RelevoError(Code.USAGE, "some text is needed")
    _show_view(api.post_json(_path(ticket_id, f"/{tail}"), TicketText(text=text), TicketView), as_json)


@ticket.command("resolve", help="ticket.resolve")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("resolution")
@option("--cause", type=click.Choice([code.value for code in CauseCode]), default="unknown", show_default=True, help="option.cause")  # fmt: skip
@option("--article", metavar="ARTICLE", help="option.article")
@option("--no-article", metavar="REASON", help="option.no-article")
@technician_options
def resolve(
    ticket_id: str,
    resolution: str,
    cause: str,
    article: str | None,
    no_article: str | None,
    home: Path,
    as_json: bool,
) -> None:
    if not resolution.strip():
        raise RelevoError(Code.USAGE, "say how it was resolved")
    body = TicketResolve(
        resolution=resolution, cause=CauseCode(cause), article=article, no_article_reason=no_article
    )
    _show_view(client(home).post_json(_path(ticket_id, "/resolve"), body, TicketView), as_json)


def _move(name: str) -> click.Command:
    """`close`, `reopen` and `cancel` differ in name and words only."""

    @click.command(name, cls=Command, help=f"ticket.{name}")
    @click.argument("ticket_id", metavar="TICKET")
    @option("--reason", default="", help="option.move-reason")
    @technician_options
    def command(ticket_id: str, reason: str, home: Path, as_json: bool) -> None:
        body = TicketMove(reason=reason)
        _show_view(client(home).post_json(_path(ticket_id, f"/{name}"), body, TicketView), as_json)

    return command


for _name in ("close", "reopen", "cancel"):
    ticket.add_command(_move(_name))
