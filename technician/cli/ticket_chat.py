"""`relevo ticket chat` and `watch`: a ticket as it happens, over the broker's event stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from protocol.api import TicketDetail, TicketText, TicketView
from protocol.conversation import Begun, Happened, Kind, Marks, Over, Said, Side
from protocol.drivers import saying
from protocol.drivers.chat import AGAIN, AGAIN_S, converse, on_terminal
from protocol.drivers.chat import Over as Left
from protocol.drivers.events import events
from protocol.drivers.shown import local_stamp, local_time
from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce
from protocol.sse import ServerEvent
from protocol.tickets import FINAL_STATES
from protocol.wire import from_json
from technician.cli.common import technician_options
from technician.cli.happenings import what, who
from technician.cli.ticket_common import path
from technician.login import Api, client

_PROMPT = "> "
_NOTE = "/note "
_LOOK_S = 60.0
"""The others see that somebody looks for a minute and a half after it was said last."""
_PATIENCE_S = 120.0
_KINDS: dict[str, type[Said | Marks | Begun | Over | Happened]] = {
    "said": Said,
    "marks": Marks,
    "begun": Begun,
    "over": Over,
    "happened": Happened,
}

Told = Said | Marks | Begun | Over | Happened


def follow(
    api: Api, path_: str, after: int | None, *, lost: Callable[[bool], None], seconds: float | None = None
) -> Iterator[Told]:
    """What a stream tells, over losses of the connection: nothing is left out and nothing comes twice.

    Args:
        lost: called with True when the connection is lost, and False when it is back.
        seconds: how long; None for as long as the caller takes.

    Raises:
        RelevoError: what is no passing trouble: ``not-found``, ``tier-too-low``, …
    """
    ends = None if seconds is None else time.monotonic() + seconds
    down_since: float | None = None
    while ends is None or time.monotonic() < ends:
        try:
            left = None if ends is None else max(0.05, ends - time.monotonic())
            for event in events(_logged_in(api).http, path_, after, seconds=left):
                if down_since is not None:
                    lost(False)
                    down_since = None
                told = _told(event)
                if isinstance(told, Over) and told.code is not None:
                    raise RelevoError(told.code, "the stream ended")
                after = event.index if event.index is not None else after
                if told is not None:
                    yield told
        except RelevoError as error:
            if error.code is Code.UNAUTHENTICATED and api.http.token is not None:
                api.http.token = None  # the login ended; the next round begins with a new one
            elif error.code not in AGAIN:
                raise
            if down_since is None:
                down_since = time.monotonic()
                lost(True)
            if time.monotonic() - down_since > _PATIENCE_S:
                raise
            time.sleep(AGAIN_S)


def _logged_in(api: Api) -> Api:
    if api.http.token is None:
        api.log_in()
    return api


def _told(event: ServerEvent) -> Told | None:
    """None for a kind that a newer broker knows and we do not."""
    kind = _KINDS.get(event.name)
    return None if kind is None else from_json(event.data, kind)


@click.command("chat", cls=Command, help="ticket.chat")
@click.argument("ticket_id", metavar="TICKET")
@option("--follow", "on", is_flag=True, help="option.chat-follow")
@option("--after", type=click.IntRange(0, 1 << 53), help="option.chat-after")
@option("--seconds", type=click.IntRange(1, 86_400), help="option.chat-seconds")
@technician_options
def chat(
    *, ticket_id: str, on: bool, after: int | None, seconds: int | None, home: Path, as_json: bool
) -> None:
    """Talk on a terminal; elsewhere print what was said, and with ``--follow`` what comes."""
    api = client(home)
    if on_terminal() and not (on or as_json):
        note(words()("chat.how-desk"))
        converse(_Talk(home, ticket_id, after), _PROMPT, new_nonce)
        return
    for told in follow(api, path(ticket_id, "/stream"), after, lost=_lost, seconds=seconds):
        if isinstance(told, Said) and _is_conversation(told):
            emit_json(told) if as_json else say(shown(told))
        elif isinstance(told, Marks) and not on:
            return  # the broker tells the marks after what there is


def _lost(down: bool) -> None:
    note(words()("chat.lost" if down else "chat.back"))


class _Talk:
    """``protocol.drivers.chat.Partner`` over the broker's API: one client to listen, one to speak."""

    def __init__(self, home: Path, ticket: str, after: int | None) -> None:
        self._listening, self._speaking = client(home), client(home)
        self._ticket = ticket
        self._after = after

    def follow(self, show: Callable[[str], None], over: Left) -> None:
        """Raises RelevoError: as ``follow``."""
        w, reading, begun = words(), _Reading(), False

        def lost(down: bool) -> None:
            show(w("chat.lost" if down else "chat.back"))

        stream = follow(self._listening, path(self._ticket, "/stream"), self._after, lost=lost)
        for told in stream:
            if over.is_set():
                return
            if isinstance(told, Begun) and told.title is not None and not begun:
                begun, state = True, w(f"state.{told.state}")
                show(w("chat.title", ticket=told.ticket, title=printable(told.title), state=state))
            elif isinstance(told, Said) and _is_conversation(told):
                show(shown(told))
                reading.said(told)
            elif isinstance(told, Marks) and (line := reading.marked(told)) is not None:
                show(line)

    def send(self, text: str, nonce: str) -> None:
        """A line that begins with ``/note`` is a note for colleagues."""
        kind = "/notes" if text.startswith(_NOTE) else "/replies"
        body = TicketText(text=text.removeprefix(_NOTE), nonce=nonce)
        self._speaking.post_json(path(self._ticket, kind), body, TicketView)


class _Reading:
    """What of ours the user has read; said once for each of our messages, not for the user's own."""

    def __init__(self) -> None:
        self._waits: int | None = None

    def said(self, row: Said) -> None:
        if row.public and row.side is Side.TECHNICIAN and row.kind in (Kind.REPLY, Kind.ATTACHED):
            self._waits = row.index

    def marked(self, marks: Marks) -> str | None:
        """A line for the screen, if the user has now read what we said last."""
        if self._waits is None or marks.read is None or marks.read_at is None or marks.read < self._waits:
            return None
        self._waits = None
        return saying.event(marks.read_at, words()("chat.read", at=local_time(marks.read_at)))


def _is_conversation(row: Said) -> bool:
    """What people said, and how the ticket went on; not each record of the log."""
    return row.kind in (Kind.REPLY, Kind.NOTE, Kind.ATTACHED) or row.state is not None


def shown(row: Said) -> str:
    """One row for the desk, escaped."""
    w = words()
    name = w("chat.user", name=row.by) if row.side is Side.USER else row.by
    if row.kind == Kind.NOTE:
        text = row.text if row.withheld is None else w("chat.withheld", clearance=row.withheld)
        return saying.message(row.at, w("chat.note-by", name=row.by), text)
    if row.kind == Kind.REPLY:
        return saying.message(row.at, name, row.text)
    if row.kind == Kind.ATTACHED and row.attached is not None:
        command = f"relevo artifact get {row.attached.artifact} -o FILE"
        return saying.message(row.at, name, saying.attached(row.attached, command))
    state = w(f"state.{row.state}") if row.state else row.kind
    move = printable(row.kind.removeprefix("ticket."))
    text = w("chat.now", what=move, state=state, name=printable(row.by))
    said = f": {printable(row.text, newlines=True)}" if row.text else ""
    return saying.event(row.at, text + said)


@click.command("watch", cls=Command, help="ticket.watch")
@click.argument("ticket_id", metavar="TICKET", required=False)
@option("--after", type=click.IntRange(0, 1 << 53), help="option.chat-after")
@option("--seconds", type=click.IntRange(1, 86_400), help="option.seconds")
@technician_options
def watch(ticket_id: str | None, after: int | None, seconds: int | None, home: Path, as_json: bool) -> None:
    """What happens, as it happens: on one ticket, or on all that one may see."""
    api = client(home)
    if ticket_id is None:
        for told in follow(api, "/v1/stream", after, lost=_lost, seconds=seconds):
            if isinstance(told, Happened):
                emit_json(told) if as_json else say(_happened(told))
        return
    watch_ticket(api, ticket_id, after, seconds, as_json=as_json)


def watch_ticket(api: Api, ticket_id: str, after: int | None, seconds: int | None, *, as_json: bool) -> None:
    """Everything on one ticket until it is over; the others see that somebody is looking."""
    looked = 0.0
    try:
        for told in follow(api, path(ticket_id, "/stream"), after, lost=_lost, seconds=seconds):
            if time.monotonic() - looked > _LOOK_S or not looked:
                looked = time.monotonic()
                _look(api, ticket_id, quiet=as_json)
            if not isinstance(told, Said):
                continue
            emit_json(told) if as_json else say(_row(told))
            if told.state in FINAL_STATES:
                return
    finally:
        if looked:
            _leave(api, ticket_id)


def _row(row: Said) -> str:
    text = words()("chat.withheld", clearance=row.withheld) if row.withheld else printable(row.text)
    return f"{local_stamp(row.at)}  {printable(who(row.by))}  {printable(what(row.kind))}  {text}".rstrip()


def _happened(row: Happened) -> str:
    state = words()(f"state.{row.state}")
    holder = printable(row.assignee or row.queue)
    return f"{local_stamp(row.at)}  {row.ticket}  P{row.priority}  {state}  {holder}  {printable(what(row.kind))}  {printable(who(row.by))}"


def _look(api: Api, ticket_id: str, *, quiet: bool) -> None:
    detail = api.get_json(path(ticket_id, "?looking=1"), TicketDetail)
    for looker in () if quiet else detail.looking:
        note(words()("ticket.looking", name=printable(looker.name), since=local_stamp(looker.since)))


def _leave(api: Api, ticket_id: str) -> None:
    try:
        api.get_json(path(ticket_id, "?looking=0"), TicketDetail)
    except RelevoError as error:
        note(words()("ticket.not-left", code=error.code))
