"""`relevo ticket …`: what is asked, who has it, and everything that happened."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import click

from protocol.addresses import require_address
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
from protocol.drivers.terminal import Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.escalation import HandBack, HandBackKind
from protocol.knowledge import NEW_ARTICLE
from protocol.scopes import Clearance
from protocol.sla_views import SlaExplained
from protocol.tickets import CauseCode, State
from technician.cli import ticket_attach, ticket_chat, ticket_moves, ticket_sla, ticket_tiers
from technician.cli.common import show_rows, technician_options
from technician.cli.ticket_common import path, show_view, some
from technician.cli.ticket_moves import mover
from technician.cli.ticket_shown import show_detail
from technician.login import client

_MAX_TITLE = 200


@click.group(cls=Group, help="ticket")
def ticket() -> None:
    """Commands on tickets."""


@ticket.command("new", help="ticket.new")
@click.argument("title")
@option("--agent", metavar="AGENT", help="option.ticket-agent")
@option("--customer", metavar="CUSTOMER", help="option.ticket-customer")
@option("--description", default="", help="option.ticket-description")
@option("--impact", type=click.IntRange(1, 3), default=2, show_default=True, help="option.impact")
@option("--urgency", type=click.IntRange(1, 3), default=2, show_default=True, help="option.ticket-urgency")
@option("--category", metavar="CATEGORY", help="option.category")
@option("--language", type=click.Choice(["en", "es"]), help="option.language")
@option("--duplicate-of", metavar="TICKET", help="option.into")
@option("--follow-up-of", metavar="TICKET", help="option.follow-up-of")
@option("--contact-email", metavar="ADDRESS", help="option.contact-email")
@technician_options
def new(
    *,
    title: str,
    agent: str | None,
    customer: str | None,
    description: str,
    impact: int,
    urgency: int,
    category: str | None,
    language: str | None,
    duplicate_of: str | None,
    follow_up_of: str | None,
    contact_email: str | None,
    home: Path,
    as_json: bool,
) -> None:
    if not title.strip() or len(title) > _MAX_TITLE:
        raise RelevoError(Code.USAGE, f"a title of 1 to {_MAX_TITLE} characters is needed")
    body = TicketNew(
        title=title,
        description=description,
        agent=agent,
        customer=customer,
        impact=impact,
        urgency=urgency,
        category=category,
        language=language,
        duplicate_of=duplicate_of,
        follow_up_of=follow_up_of,
        contact_email=None if contact_email is None else require_address(contact_email),
    )
    view = client(home).post_json("/v1/tickets", body, TicketCreated)
    if as_json:
        emit_json(view)
        return
    say(view.ticket)
    if duplicate_of is None:
        for row in view.duplicates:
            state, title = words()(f"state.{row.state}"), printable(row.title)
            note(words()("ticket.similar", ticket=row.ticket, percent=row.percent, state=state, title=title))


@ticket.command("list", help="ticket.list")
@option("--state", type=click.Choice([state.value for state in State]), help="option.state")
@option("--mine", is_flag=True, help="option.mine")
@option("--customer", metavar="CUSTOMER", help="option.ticket-customer")
@option("--queue", metavar="QUEUE", help="option.in-queue")
@option("--category", metavar="CATEGORY", help="option.in-category")
@option("--tier", type=click.IntRange(1, 3), help="option.at-tier")
@option("--priority", type=click.IntRange(1, 5), help="option.at-priority")
@option("--unassigned", is_flag=True, help="option.unassigned")
@option("--due", is_flag=True, help="sla.option.due")
@option("--breached", is_flag=True, help="sla.option.breached")
@option("--external", metavar="RT#12", help="option.external")
@option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="option.limit")
@technician_options
def list_(
    *,
    state: str | None,
    mine: bool,
    customer: str | None,
    queue: str | None,
    category: str | None,
    tier: int | None,
    priority: int | None,
    unassigned: bool,
    due: bool,
    breached: bool,
    external: str | None,
    limit: int,
    home: Path,
    as_json: bool,
) -> None:
    wanted = {
        "state": state,
        "assignee": "none" if unassigned else "me" if mine else None,
        "customer": customer,
        "queue": queue,
        "category": category,
        "tier": tier,
        "priority": priority,
        "sort": "due" if due else None,
        "breached": "true" if breached else None,
        "external": external,
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
@option("--follow", is_flag=True, help="option.show-follow")
@technician_options
def show(ticket_id: str, sla: bool, follow: bool, home: Path, as_json: bool) -> None:
    if sla:
        told = client(home).get_json(path(ticket_id, "/sla"), SlaExplained)
        if as_json:
            emit_json(told)
        else:
            ticket_sla.show_explained(told)
        return
    detail = client(home).get_json(path(ticket_id, "?looking=1"), TicketDetail)
    if as_json:
        emit_json(detail)
    else:
        show_detail(detail)
    if follow:
        last = max((event.log_index or 0 for event in detail.timeline), default=0)
        ticket_chat.watch_ticket(client(home), ticket_id, last, None, as_json=as_json)


@ticket.command("take", help="ticket.take")
@click.argument("ticket_id", metavar="TICKET")
@option("--from", "colleague", metavar="PERSON", help="option.from")
@technician_options
def take(ticket_id: str, colleague: str | None, home: Path, as_json: bool) -> None:
    api, body = client(home), TicketMove()
    if colleague is not None:
        held = api.get_json(path(ticket_id), TicketDetail).ticket
        if held.assignee != colleague:
            raise RelevoError(Code.STALE_VERSION, f"{held.ticket} is with {held.assignee or 'nobody'}")
        body = TicketMove(version=held.version)
    show_view(api.post_json(path(ticket_id, "/take"), body, TicketView), as_json)


@ticket.command("note", help="ticket.note")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("text")
@option("--clearance", type=click.Choice([level.value for level in Clearance]), help="option.clearance")
@technician_options
def note_(ticket_id: str, text: str, clearance: str | None, home: Path, as_json: bool) -> None:
    body = TicketText(text=some(text), clearance=Clearance(clearance) if clearance else None)
    show_view(client(home).post_json(path(ticket_id, "/notes"), body, TicketView), as_json)


@ticket.command("reply", help="ticket.reply")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("text")
@technician_options
def reply(ticket_id: str, text: str, home: Path, as_json: bool) -> None:
    body = TicketText(text=some(text))
    show_view(client(home).post_json(path(ticket_id, "/replies"), body, TicketView), as_json)


@ticket.command("resolve", help="ticket.resolve")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("resolution")
@option("--cause", type=click.Choice([code.value for code in CauseCode]), default="unknown", show_default=True, help="option.cause")  # fmt: skip
@option("--article", metavar="ARTICLE", help="option.article")
@option("--no-article", metavar="REASON", help="option.no-article")
@option("--hand-back", type=click.Choice([kind.value for kind in HandBackKind]), help="option.hand-back")
@option("--known-error", metavar="ID", help="option.known-error")
@option("--fix", metavar="FIX", help="option.proposed-fix")
@option("--for-l1", default="", metavar="TEXT", help="option.for-l1")
@technician_options
def resolve(
    *,
    ticket_id: str,
    resolution: str,
    cause: str,
    article: str | None,
    no_article: str | None,
    hand_back: str | None,
    known_error: str | None,
    fix: str | None,
    for_l1: str,
    home: Path,
    as_json: bool,
) -> None:
    back = None
    if hand_back is not None:
        back = HandBack(
            kind=HandBackKind(hand_back), known_error=known_error, article=article, fix=fix, for_l1=for_l1
        )
    body = TicketResolve(
        resolution=some(resolution),
        cause=CauseCode(cause),
        article=article,
        no_article_reason=no_article,
        hand_back=back,
    )
    view = client(home).post_json(path(ticket_id, "/resolve"), body, TicketView)
    show_view(view, as_json)
    if article == NEW_ARTICLE and not as_json:
        note(words()("ticket.drafted", article=view.article))


COMMANDS: tuple[click.Command, ...] = (
    *(mover(name) for name in ("resume", "accept", "reopen", "close", "cancel")),
    ticket_moves.pend,
    ticket_moves.assign,
    ticket_moves.triage,
    ticket_moves.merge,
    ticket_chat.chat,
    ticket_chat.watch,
    ticket_attach.attach,
    ticket_moves.notices,
    ticket_tiers.escalate,
    ticket_tiers.return_,
    ticket_tiers.invite,
    ticket_tiers.uninvite,
)
for _command in COMMANDS:
    ticket.add_command(_command)
