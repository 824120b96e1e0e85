"""`relevo-agent ask`, `tickets` and `reply`: the user's side of the conversation."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from agent import identity, messages
from agent.cli.common import agent_options
from agent.folder import Folder
from agent.journal import Journal
from agent.localclient import ask as ask_agent
from protocol.addresses import require_address
from protocol.audit import Action
from protocol.documents import PROTOCOL_VERSION, HelpRequest, UserReply
from protocol.drivers.shown import local_time
from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce
from protocol.wire import facts

_URGENCY = {"high": 1, "medium": 2, "low": 3}
_MAX_TEXT = 20_000


@click.command(cls=Command, help="ask")
@click.argument("text")
@option("--urgency", type=click.Choice(list(_URGENCY)), default="medium", help="option.urgency")
@option("--follow-up-of", metavar="TICKET", help="option.follow-up-of")
@option("--email", metavar="ADDRESS", help="option.email")
@agent_options
def ask(
    text: str, urgency: str, follow_up_of: str | None, email: str | None, folder: Folder, as_json: bool
) -> None:
    """Open a ticket in the user's own words."""
    contact = None if email is None else require_address(email)
    folder.membership()
    signer = identity.load(folder)
    request = HelpRequest(
        version=PROTOCOL_VERSION,
        agent=identity.id_of(signer),
        nonce=new_nonce(),
        text=_words_of_user(text),
        urgency=_URGENCY[urgency],
        language=words().language,
        at=datetime.now(UTC),
        follow_up_of=follow_up_of,
    )
    journal = Journal(folder.journal, request.agent)
    journal.append(signer, Action.HELP_ASKED, facts=facts(urgency=urgency, nonce=request.nonce))
    journal.close()
    sealed = seal(request, signer)
    opened = ask_agent(folder, messages.AskHelp(request=sealed, contact=contact), messages.TicketOpened)
    if as_json:
        emit_json({"ticket": opened.ticket, "similar": opened.similar})
    else:
        say(opened.ticket)
        if opened.similar:
            note(words()("ask.similar", tickets=", ".join(opened.similar)))
        note(words()("ask.done"))


@click.command(cls=Command, help="tickets")
@agent_options
def tickets(folder: Folder, as_json: bool) -> None:
    """This machine's tickets and what was answered."""
    rows = ask_agent(folder, messages.TicketsWanted(), messages.TicketList).rows
    if as_json:
        emit_json(rows)
        return
    w = words()
    if not rows:
        note(w("tickets.none"))
    for row in rows:
        say(f"{row.ticket}  {w(f'state.{row.state}')}  {printable(row.title)}")
        for answer in row.replies:
            say(f"    {local_time(answer.at)} {printable(answer.by)}: {printable(answer.text)}")
        if row.rating_asked:
            note(f"    {w('tickets.rate', ticket=row.ticket)}")


@click.command(cls=Command, help="reply")
@click.argument("ticket")
@click.argument("text")
@agent_options
def reply(ticket: str, text: str, folder: Folder, as_json: bool) -> None:
    """Answer on a ticket."""
    folder.membership()
    signer = identity.load(folder)
    message = UserReply(
        version=PROTOCOL_VERSION,
        agent=identity.id_of(signer),
        nonce=new_nonce(),
        ticket=ticket,
        text=_words_of_user(text),
        at=datetime.now(UTC),
    )
    ask_agent(folder, messages.SendReply(reply=seal(message, signer)), messages.Ok)
    if as_json:
        emit_json({"ticket": ticket})
    else:
        note(words()("reply.done", ticket=printable(ticket)))


def _words_of_user(text: str) -> str:
    if not text.strip() or len(text) > _MAX_TEXT:
        raise RelevoError(Code.USAGE, f"1 to {_MAX_TEXT} characters of text are needed")
    return text
