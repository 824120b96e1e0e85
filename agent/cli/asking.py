"""`relevo-agent ask`, `tickets` and `reply`: the user's side of the conversation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import click

from agent import identity, messages
from agent.cli.common import agent_options, tell_agent, ticket_argument
from agent.folder import Folder
from agent.journal import Journal
from agent.localclient import ask as ask_agent
from protocol.addresses import require_address
from protocol.audit import Action
from protocol.documents import PROTOCOL_VERSION, HelpRequest, UserReply
from protocol.drivers.shown import folded, local_time
from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce
from protocol.wire import facts

_URGENCY = {"high": 1, "medium": 2, "low": 3}
_MAX_TEXT = 20_000
_YES_NO = click.Choice(["yes", "no"])


@click.command(cls=Command, help="ask")
@click.argument("text")
@option("--urgency", type=click.Choice(list(_URGENCY)), default="medium", help="option.urgency")
@option("--follow-up-of", metavar="TICKET", help="option.follow-up-of")
@option("--email", metavar="ADDRESS", help="option.email")
@option("--direct", "--no-guide", "direct", is_flag=True, help="option.direct")
@option("--diagnose", type=_YES_NO, help="option.diagnose")
@option("--guide", metavar="GUIDE|none", help="option.guide")
@option("--answer", "answers", metavar="STEP=ANSWER", multiple=True, help="option.answer")
@option("--fix", metavar="FIX|none", help="option.fix")
@option("--param", "params", metavar="NAME=VALUE", multiple=True, help="option.param")
@option("--solved", type=_YES_NO, help="option.solved")
@option("--attach", type=_YES_NO, help="option.attach")
@agent_options
def ask(
    text: str,
    urgency: str,
    follow_up_of: str | None,
    email: str | None,
    direct: bool,
    folder: Folder,
    as_json: bool,
    **beforehand: Any,
) -> None:
    """Look for a solution with the user first, where somebody is there to answer; else open a ticket."""
    from agent.cli.selfhelp import Beforehand, help_first, is_wanted

    contact = None if email is None else require_address(email)
    folder.membership()
    request = _Request(_words_of_user(text), urgency, follow_up_of, contact)
    answers = Beforehand(**beforehand)
    if is_wanted(answers, direct=direct or follow_up_of is not None, as_json=as_json):
        help_first(folder, text, answers, lambda category: _open(folder, request, category), as_json=as_json)
        return
    opened = _open(folder, request, None)
    if as_json:
        emit_json({"ticket": opened.ticket, "similar": opened.similar})
    else:
        say(opened.ticket)
        if opened.similar:
            note(words()("ask.similar", tickets=", ".join(opened.similar)))
        note(words()("ask.done"))


class _Request(NamedTuple):
    text: str
    urgency: str
    follow_up_of: str | None
    contact: str | None


def _open(folder: Folder, asked: _Request, category: str | None) -> messages.TicketOpened:
    """Open the ticket; the asking is in the journal first."""
    signer = identity.load(folder)
    request = HelpRequest(
        version=PROTOCOL_VERSION,
        agent=identity.id_of(signer),
        nonce=new_nonce(),
        text=asked.text,
        urgency=_URGENCY[asked.urgency],
        language=words().language,
        at=datetime.now(UTC),
        follow_up_of=asked.follow_up_of,
        category=category,
    )
    journal = Journal(folder.journal, request.agent)
    journal.append(signer, Action.HELP_ASKED, facts=facts(urgency=asked.urgency, nonce=request.nonce))
    journal.close()
    sealed = seal(request, signer)
    return ask_agent(folder, messages.AskHelp(request=sealed, contact=asked.contact), messages.TicketOpened)


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
        if row.merged_into:
            say(f"    {w('tickets.merged', ticket=row.merged_into)}")
        for answer in row.replies:
            said = f"{printable(answer.by)}: {printable(answer.text, newlines=True)}"
            say(folded(f"    {local_time(answer.at)} {said}", " " * 10))
        if row.rating_asked:
            note(f"    {w('tickets.rate', ticket=row.ticket)}")


@click.command(cls=Command, help="reply")
@ticket_argument
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
    tell_agent(folder, ticket, messages.SendReply(reply=seal(message, signer)))
    if as_json:
        emit_json({"ticket": ticket})
    else:
        note(words()("reply.done", ticket=printable(ticket)))


def _words_of_user(text: str) -> str:
    if not text.strip() or len(text) > _MAX_TEXT:
        raise RelevoError(Code.USAGE, f"1 to {_MAX_TEXT} characters of text are needed")
    return text
