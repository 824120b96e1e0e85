"""`relevo-broker connector`: which outside ticket systems are connected, and how it goes with them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from broker.outgoing.command_parts import FILE, checked, config_of, data_options, read_store
from protocol.drivers.files import given
from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.wire import Count, Moment, Wire

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from broker.connectors.contract import Identity
    from broker.connectors.settings import ConnectorSettings, QueueOf

MAX_SHOWN = 50


class ParkedView(Wire, frozen=True):
    """Something that was set aside."""

    direction: str
    ticket: str
    code: str
    detail: str
    tries: Count


class StatusView(Wire, frozen=True):
    """How it goes with one system. ``behind``: events here that were not told there yet."""

    name: str
    state: str
    sent_cursor: int | None = None
    behind: Count = 0
    heard_cursor: int | None = None
    heard_at: Moment | None = None
    failing_since: Moment | None = None
    failures: Count = 0
    error: str | None = None
    detail: str | None = None
    links: Count = 0
    sent: Count = 0
    received: Count = 0
    kept: Count = 0
    parked: tuple[ParkedView, ...] = ()


@click.group("connector", cls=Group, help="connector")
def connector() -> None:
    """The commands below."""


@connector.command("add", help="connector.add")
@click.argument("system", type=click.Choice(["rt"]))
@option("--url", required=True, help="connector.option.url")
@option("--token-file", type=FILE, required=True, help="connector.option.token-file")
@option(
    "--queue", "queues", multiple=True, required=True, metavar="QUEUE=CUSTOMER", help="connector.option.queue"
)
@option("--poll", type=click.IntRange(1, 3_600), default=30, show_default=True, help="connector.option.poll")
@option("--notes", is_flag=True, help="connector.option.notes")
@option("--ca", type=FILE, help="connector.option.ca")
@option("--name", metavar="NAME", help="connector.option.name")
@data_options
def connector_add(
    *,
    system: str,
    url: str,
    token_file: Path,
    queues: tuple[str, ...],
    poll: int,
    notes: bool,
    ca: Path | None,
    name: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Write the settings; a running broker sees them within a second."""
    from broker.connectors import settings as files
    from broker.connectors.web import require_url

    config = config_of(data)
    with given(token_file):
        files.read_token(token_file)
    made = files.ConnectorSettings(
        name=name or system,
        system="rt",
        url=require_url(url),
        token_file=str(token_file.absolute()),
        queues=tuple(_queue(text) for text in queues),
        poll_s=poll,
        notes=notes,
        ca_file=str(ca.absolute()) if ca else None,
    )
    made = checked(made, "connector")
    files.check(made)
    files.save(config.data, made)
    _show_settings((made,), as_json)


def _queue(text: str) -> QueueOf:
    from broker.connectors.settings import QueueOf as Row

    queue, equals, customer = text.rpartition("=")
    if not equals or not queue:
        raise RelevoError(Code.USAGE, f"--queue takes QUEUE=CUSTOMER, not {text[:100]!r}")
    return Row(queue=queue, customer=customer)


@connector.command("list", help="connector.list")
@data_options
def connector_list(data: Path, as_json: bool) -> None:
    """What is configured."""
    from broker.connectors.settings import load_all

    found = load_all(config_of(data).data)
    if not found and not as_json:
        note(words()("connector.none"))
    _show_settings(found, as_json)


def _show_settings(found: tuple[ConnectorSettings, ...], as_json: bool) -> None:
    if as_json:
        emit_json(found)
        return
    for one in found:
        queues = ", ".join(f"{row.queue}={row.customer}" for row in one.queues)
        say(words()("connector.saved", name=one.name, url=printable(one.url), queues=printable(queues)))


@connector.command("remove", help="connector.remove")
@click.argument("name")
@data_options
def connector_remove(name: str, data: Path, as_json: bool) -> None:
    """Delete the settings; the broker stops within a second."""
    from broker.connectors.settings import remove

    remove(config_of(data).data, _known(name))
    if as_json:
        emit_json({"removed": name})
        return
    note(words()("connector.removed", name=name))


@connector.command("test", help="connector.test")
@click.argument("name")
@data_options
def connector_test(name: str, data: Path, as_json: bool) -> None:
    """Ask the system, with the token and the certificates as they are now."""
    from broker.connectors.settings import load

    one = load(config_of(data).data, _known(name))
    try:
        found = asyncio.run(_identify(one))
    except RelevoError as error:
        note(words()("connector.fails", name=name, code=error.code.value, detail=printable(error.detail)))
        raise
    if as_json:
        emit_json({"name": name, "user": found.user, "system": found.system, "queues": list(found.queues)})
        return
    shown = {"user": found.user, "system": found.system, "queues": ", ".join(found.queues)}
    say(words()("connector.answers", name=name, **{key: printable(text) for key, text in shown.items()}))


async def _identify(settings: ConnectorSettings) -> Identity:
    from broker.connectors.settings import make

    remote = make(settings, "test")
    try:
        return await remote.identify()
    finally:
        await remote.aclose()


@connector.command("status", help="connector.status")
@data_options
def connector_status(data: Path, as_json: bool) -> None:
    """From the database, beside a running broker."""
    from broker.connectors.settings import load_all

    config = config_of(data)
    configured = load_all(config.data)
    found = read_store(config, lambda conn: tuple(_status(conn, one) for one in configured))
    if as_json:
        emit_json(found)
        return
    if not found:
        note(words()("connector.none"))
    for one in found:
        _show_status(one)


def _status(conn: Connection, settings: ConnectorSettings) -> StatusView:
    from broker.connectors import outward, rows

    row = rows.find(conn, settings.name)
    if row is None:
        return StatusView(name=settings.name, state="waiting")
    waiting = outward.pending(conn, settings.customers, row.sent_cursor, 1_000)
    failing = row.error is not None
    return StatusView(
        name=settings.name,
        state="failing" if failing else "ok" if row.heard_at else "waiting",
        sent_cursor=row.sent_cursor,
        behind=len(waiting),
        heard_cursor=row.heard_cursor,
        heard_at=row.heard_at,
        failing_since=row.failing_since,
        failures=row.failures,
        error=row.error,
        detail=row.detail,
        links=rows.links(conn, settings.name),
        sent=row.sent,
        received=row.received,
        kept=row.kept,
        parked=tuple(
            ParkedView(
                direction=one.direction, ticket=one.ticket, code=one.code, detail=one.detail, tries=one.tries
            )
            for one in rows.parked(conn, settings.name, MAX_SHOWN)
        ),
    )


def _show_status(one: StatusView) -> None:
    w = words()
    state = w(f"connector.state.{one.state}") if one.state != "failing" else _failing(one)
    say(w("connector.line", name=one.name, state=state))
    if one.sent_cursor is None:
        return
    say(
        w(
            "connector.figures",
            sent_cursor=one.sent_cursor,
            behind=one.behind,
            heard_cursor="-" if one.heard_cursor is None else one.heard_cursor,
            heard_at=_stamp(one.heard_at),
        )
    )
    counts = {"links": one.links, "sent": one.sent, "received": one.received, "kept": one.kept}
    say(w("connector.counts", **counts, parked=len(one.parked)))
    for row in one.parked:
        shown = {"ticket": row.ticket, "code": row.code, "detail": row.detail}
        cells = {key: printable(text) for key, text in shown.items()}
        say(w("connector.parked", **cells, tries=row.tries))


def _failing(one: StatusView) -> str:
    return words()(
        "connector.state.failing",
        since=_stamp(one.failing_since),
        error=one.error,
        detail=printable(one.detail or ""),
        failures=one.failures,
    )


def _stamp(moment: datetime | None) -> str:
    return local_stamp(moment) if moment else words()("connector.never")


def _known(name: str) -> str:
    """A name that may be part of a path. Raises RelevoError: ``not-found``."""
    from broker.connectors.settings import is_name

    if not is_name(name):
        raise RelevoError(Code.NOT_FOUND, f"connector {name[:40]!a}")
    return name
