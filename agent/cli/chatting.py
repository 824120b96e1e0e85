"""`relevo-agent chat`: the user's side of the conversation on a ticket, as it happens."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import click

from agent import identity, messages
from agent.cli.common import agent_options, ticket_argument
from agent.folder import Folder
from agent.localclient import ask
from protocol.conversation import Kind, Said, Side
from protocol.documents import PROTOCOL_VERSION, UserReply
from protocol.drivers import saying
from protocol.drivers.chat import AGAIN, AGAIN_S, Over, converse, on_terminal
from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce

_WAIT_S = 15.0
_CALL_S = 45.0
_PROMPT = "> "
_NOT_LISTENED_S = 120.0


@click.command(cls=Command, help="chat")
@ticket_argument
@option("--follow", is_flag=True, help="option.chat-follow")
@option("--after", type=click.IntRange(0, 1 << 53), help="option.chat-after")
@option("--seconds", type=click.IntRange(1, 86_400), help="option.chat-seconds")
@agent_options
def chat(
    *, ticket: str, follow: bool, after: int | None, seconds: int | None, folder: Folder, as_json: bool
) -> None:
    """Talk on a terminal; elsewhere show what was said, and with ``--follow`` what comes."""
    folder.membership()
    if on_terminal() and not (follow or as_json):
        first = _page(folder, ticket, after, 0.0)
        _title(first)
        note(words()("chat.how"))
        converse(_Talk(folder, ticket, after), _PROMPT, new_nonce)
        return
    ends = None if seconds is None else time.monotonic() + seconds
    for page in pages(folder, ticket, after, follow=follow, ends=ends):
        if not as_json and not follow and not page.rows:
            _title(page)
        for row in page.rows:
            if as_json:
                emit_json(row)
            else:
                say(shown(row))
        mark_seen(folder, page)


class _Talk:
    """``protocol.drivers.chat.Partner`` over the agent's local socket."""

    def __init__(self, folder: Folder, ticket: str, after: int | None) -> None:
        self._folder = folder
        self._ticket = ticket
        self._after = after
        self._signer = identity.load(folder)
        self._signed: tuple[str, Envelope] | None = None

    def follow(self, show: Callable[[str], None], over: Over) -> None:
        """Raises RelevoError: the ticket is not there (any more)."""
        after, lost, wait_s = self._after, False, 0.0
        while not over.is_set():
            try:
                page = _page(self._folder, self._ticket, after, wait_s)
            except RelevoError as error:
                if error.code not in AGAIN:
                    raise
                if not lost:
                    show(words()("chat.lost"))
                lost = True
                over.wait(AGAIN_S)
                continue
            if lost:
                show(words()("chat.back"))
            lost, wait_s = False, _WAIT_S
            after = page.rows[-1].index if page.rows else _begun(after)
            for row in page.rows:
                show(shown(row))
            mark_seen(self._folder, page)

    def send(self, text: str, nonce: str) -> None:
        """The same words under the same nonce are the same signed bytes."""
        if self._signed is None or self._signed[0] != nonce:
            said = UserReply(
                version=PROTOCOL_VERSION,
                agent=identity.id_of(self._signer),
                nonce=nonce,
                ticket=self._ticket,
                text=text,
                at=datetime.now(UTC),
            )
            self._signed = (nonce, seal(said, self._signer))
        ask(self._folder, messages.SendReply(reply=self._signed[1]), messages.Ok)


def _begun(after: int | None) -> int:
    """Where to go on when there was nothing yet."""
    return 0 if after is None else after


def pages(
    folder: Folder, ticket: str, after: int | None, *, follow: bool, ends: float | None = None
) -> Iterator[messages.ChatPage]:
    """What was said after an index; with ``follow`` also what comes, over losses of the connection, until
    the time ``ends`` (monotonic).

    Raises:
        RelevoError: ``not-found``; what is no passing trouble, or any trouble without ``follow``.
    """
    first, patience = True, time.monotonic() + _NOT_LISTENED_S
    while True:
        left = _WAIT_S if ends is None else ends - time.monotonic()
        try:
            page = _page(folder, ticket, after, 0.0 if first else max(0.0, min(_WAIT_S, left)))
        except RelevoError as error:
            if not follow or first or error.code not in AGAIN or time.monotonic() > patience:
                raise
            time.sleep(AGAIN_S)
            continue
        patience = time.monotonic() + _NOT_LISTENED_S
        if (page.more and not page.rows) or any(
            row.index <= (-1 if after is None else after) for row in page.rows
        ):
            raise RelevoError(Code.MALFORMED, "a conversation that does not go on")
        yield page
        after = page.rows[-1].index if page.rows else _begun(after)
        first = first and page.more
        if not page.more and (not follow or (ends is not None and time.monotonic() >= ends)):
            return


def _page(folder: Folder, ticket: str, after: int | None, wait_s: float) -> messages.ChatPage:
    try:
        wanted = messages.ChatWanted(ticket=ticket, after=after, wait_s=wait_s)
        return ask(folder, wanted, messages.ChatPage, timeout_s=_CALL_S)
    except RelevoError as error:
        if error.code is Code.MALFORMED:
            raise RelevoError(Code.NOT_FOUND, ticket) from error
        raise


def mark_seen(folder: Folder, page: messages.ChatPage) -> None:
    """The desk sees that the user has read it; no harm where that does not get through."""
    if not page.rows or (page.read is not None and page.rows[-1].index <= page.read):
        return
    with contextlib.suppress(RelevoError):
        ask(folder, messages.ChatSeen(ticket=page.ticket, index=page.rows[-1].index), messages.Ok)


def _title(page: messages.ChatPage) -> None:
    w = words()
    say(w("chat.title", ticket=page.ticket, title=printable(page.title), state=w(f"state.{page.state}")))


def shown(row: Said) -> str:
    """One row for the user, escaped."""
    w = words()
    name = w("chat.you") if row.side is Side.USER else row.by
    if row.kind == Kind.REPLY:
        return saying.message(row.at, name, row.text)
    if row.kind == Kind.ATTACHED and row.attached is not None:
        if row.side is Side.USER:
            file = row.attached
            return saying.event(
                row.at, w("chat.attached-own", name=printable(file.name), size=saying.size(file.size_bytes))
            )
        command = f"relevo-agent fetch {row.attached.artifact} -o FILE"
        return saying.folded(f"{saying.message(row.at, name, saying.attached(row.attached, command))}")
    move = f"chat.move.{row.kind.removeprefix('ticket.')}"
    if not w.has(move):  # of a broker that knows more than we do
        return saying.message(row.at, name, row.text)
    text = printable(row.text, newlines=True) or (w(f"state.{row.state}") if row.state else "-")
    return saying.event(row.at, w(move, name=printable(name), text=text))
