"""What the commands of this room share: options, reading the database beside a running broker, printing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from broker.config import Config, load_config
from broker.outgoing.pace import End, Outcome
from protocol.columns import padded, width
from protocol.drivers.files import given, read_file
from protocol.drivers.terminal import common_options, option, printable, say
from protocol.errors import Code, RelevoError
from protocol.wire import Wire, from_json, to_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
W = TypeVar("W", bound=Wire)
FILE = click.Path(path_type=Path)
_MAX_PEM = 1 << 20


def data_options(function: F) -> F:
    """``--data`` and what every command has."""
    function = option("--data", type=FILE, required=True, help="broker.option.data")(function)
    return common_options(function)


def checked(value: W, about: str) -> W:
    """``value`` held to the limits of its type. Raises RelevoError: ``usage`` naming what is wrong."""
    try:
        return from_json(to_json(value), type(value))
    except RelevoError as error:
        raise RelevoError(Code.USAGE, f"{about}: {error.detail}") from error


def pem(path: Path | None) -> str | None:
    """Certificates to trust. Raises RelevoError: ``not-found``; ``usage`` for a file without any."""
    if path is None:
        return None
    from broker.outgoing.webhooks import client_context

    with given(path):
        text = read_file(path, _MAX_PEM).decode("ascii", "replace")
    client_context(text)
    return text


def read_store(config: Config, query: Callable[[Connection], T]) -> T:
    """Run ``query`` in one snapshot; a broker may be running.

    Raises:
        RelevoError: ``conflict`` for another schema; ``cannot-record`` when the database cannot be read.
    """
    from sqlalchemy.exc import DBAPIError

    from broker.store import schema
    from broker.store.databases import make_engine

    schema.require_current(config.database_url)
    engine = make_engine(config.database_url, writer=False)
    try:
        with engine.begin() as conn:
            return query(conn)
    except DBAPIError as error:
        raise RelevoError(Code.CANNOT_RECORD, type(error.orig).__name__) from error
    finally:
        engine.dispose()


def config_of(data: Path) -> Config:
    """Raises RelevoError: ``not-found`` where there is no broker."""
    return load_config(data)


def require_sent(outcome: Outcome) -> None:
    """Raises RelevoError: ``unreachable`` or ``refused`` with what the other side said."""
    if outcome.end is End.DOWN:
        raise RelevoError(Code.UNREACHABLE, outcome.why)
    if outcome.end is not End.SENT:
        raise RelevoError(Code.REFUSED, outcome.why)


def show_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns, escaped cells."""
    shown = [tuple(titles), *(tuple(printable(str(cell)) for cell in row) for row in rows)]
    widths = [max(width(row[i]) for row in shown) for i in range(len(titles))]
    for row in shown:
        say("  ".join(padded(cell, wanted) for cell, wanted in zip(row, widths, strict=True)).rstrip())
