"""`relevo-agent solved`, `reopen`, `close`, `cancel` and `rate`: the user decides about their own tickets."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from agent import identity, messages
from agent.cli.common import agent_options, tell_agent, ticket_argument
from agent.folder import Folder
from protocol.documents import PROTOCOL_VERSION, UserMove, UserRating
from protocol.drivers.terminal import Command, emit_json, note, printable, words
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce

_MAX_TEXT = 4_000
_NEED_WORDS = frozenset({"reopen", "cancel"})


def _mover(name: str, move: str) -> click.Command:
    """The four moves differ in name, in words, and in whether words are needed."""
    # A required argument must have no default at all: None would count as given.
    needed = move in _NEED_WORDS
    words_given = click.argument("text") if needed else click.argument("text", required=False, default="")

    @click.command(name, cls=Command, help=name)
    @ticket_argument
    @words_given
    @agent_options
    def command(ticket: str, text: str, folder: Folder, as_json: bool) -> None:
        folder.membership()
        signer = identity.load(folder)
        if len(text) > _MAX_TEXT or (needed and not text.strip()):
            raise RelevoError(Code.USAGE, f"1 to {_MAX_TEXT} characters of text are needed")
        said = UserMove(
            version=PROTOCOL_VERSION,
            agent=identity.id_of(signer),
            nonce=new_nonce(),
            ticket=ticket,
            move=move,
            text=text,
            at=datetime.now(UTC),
        )
        tell_agent(folder, ticket, messages.SendMove(move=seal(said, signer)))
        _told(as_json, ticket, f"decision.{name}")

    return command


solved = _mover("solved", "resolve")
reopen = _mover("reopen", "reopen")
close = _mover("close", "close")
cancel = _mover("cancel", "cancel")


@click.command(cls=Command, help="rate")
@ticket_argument
@click.argument("score", type=click.IntRange(1, 5))
@click.argument("text", required=False, default="")
@agent_options
def rate(ticket: str, score: int, text: str, folder: Folder, as_json: bool) -> None:
    """How it went, from 1 to 5."""
    folder.membership()
    signer = identity.load(folder)
    if len(text) > _MAX_TEXT:
        raise RelevoError(Code.USAGE, f"at most {_MAX_TEXT} characters of text")
    said = UserRating(
        version=PROTOCOL_VERSION,
        agent=identity.id_of(signer),
        nonce=new_nonce(),
        ticket=ticket,
        score=score,
        text=text,
        at=datetime.now(UTC),
    )
    try:
        tell_agent(folder, ticket, messages.SendRating(rating=seal(said, signer)))
    except RelevoError as error:
        if error.code is Code.ALREADY_EXISTS:
            raise RelevoError(Code.CONFLICT, f"{ticket} was rated before") from error
        raise
    _told(as_json, ticket, "rate.done")


def _told(as_json: bool, ticket: str, key: str) -> None:
    if as_json:
        emit_json({"ticket": ticket})
    else:
        note(words()(key, ticket=printable(ticket)))
