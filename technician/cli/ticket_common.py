"""What the commands on tickets share: addresses, times, what is said after a change."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from protocol.api import TicketView
from protocol.drivers.terminal import emit_json, note, words
from protocol.errors import Code, RelevoError
from protocol.times import parse_duration, parse_rfc3339

_MAX_TEXT = 20_000


def path(id_: str, tail: str = "") -> str:
    return f"/v1/tickets/{quote(id_, safe='')}{tail}"


def show_view(view: TicketView, as_json: bool) -> None:
    if as_json:
        emit_json(view)
    else:
        note(words()("ticket.now", ticket=view.ticket, state=words()(f"state.{view.state}")))


def moment(text: str | None) -> datetime | None:
    """``2026-11-23T09:00:00Z``, or ``2h`` and ``3d`` from now.

    Raises:
        RelevoError: ``usage`` for what is neither.
    """
    if text is None:
        return None
    try:
        return datetime.now(UTC) + parse_duration(text)
    except RelevoError:
        return parse_rfc3339(text)


def some(text: str) -> str:
    """Raises RelevoError: ``usage`` for nothing but blanks, and for more than a ticket takes at once."""
    if not text.strip():
        raise RelevoError(Code.USAGE, "some text is needed")
    if len(text) > _MAX_TEXT:
        raise RelevoError(Code.USAGE, f"at most {_MAX_TEXT} characters of text")
    return text
