"""What every `relevo-agent` command shares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from agent import messages
from agent.folder import Folder
from agent.localclient import ask
from protocol.drivers.terminal import common_options, option
from protocol.errors import Code, RelevoError
from protocol.ids import TicketId

F = TypeVar("F", bound=Callable[..., Any])


def folder_from(context: click.Context, _parameter: click.Parameter, value: str | None) -> Folder:
    """``--data`` here or before the command, ``RELEVO_AGENT_DATA``, else the platform's place."""
    chosen = value or context.find_root().params.get("data_everywhere")
    if chosen:
        return Folder(Path(chosen).expanduser().absolute())
    import platformdirs

    return Folder(Path(platformdirs.user_data_dir("relevo-agent")))


def agent_options(function: F) -> F:
    """``--data``, ``--json``, ``--lang``, ``--debug``; passes ``folder`` and ``as_json``."""
    function = option("--data", "folder", metavar="DIR", callback=folder_from, help="option.data")(function)
    return common_options(function)


def _known_form(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """What is no ticket's number is refused here: the broker takes it for a broken agent and hangs up."""
    if value is None:
        return None
    try:
        return msgspec.convert(value, TicketId)
    except msgspec.ValidationError as error:
        raise RelevoError(Code.NOT_FOUND, f"ticket {value[:20]!r}") from error


_ABOUT_IT = frozenset({Code.NOT_FOUND, Code.CONFLICT, Code.INVALID_TRANSITION})


def tell_agent(folder: Folder, ticket: str, said: messages.LocalRequest) -> None:
    """Say something about a ticket.

    Raises:
        RelevoError: as ``localclient.ask``; what the broker refuses for the ticket's sake names it.
    """
    try:
        ask(folder, said, messages.Ok)
    except RelevoError as error:
        if error.code in _ABOUT_IT:
            raise RelevoError(error.code, ticket) from error
        raise


ticket_argument = click.argument("ticket", callback=_known_form)
