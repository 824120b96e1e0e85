"""`relevo-broker outgoing`: what waits, what was given up, and trying that again."""

from __future__ import annotations

from pathlib import Path

import click

from broker.outgoing.command_parts import config_of, data_options, read_store, show_table
from protocol.drivers.terminal import Group, emit_json, note, option, words
from protocol.errors import Code, RelevoError
from protocol.times import rfc3339

MAX_SHOWN = 1_000
_WAIT_S = 5.0


@click.group("outgoing", cls=Group, help="broker.outgoing")
def outgoing() -> None:
    """The commands below."""


@outgoing.command("list", help="broker.outgoing.list")
@option("--failed", is_flag=True, help="broker.option.failed")
@option("--all", "every", is_flag=True, help="broker.option.outgoing-all")
@option(
    "--limit", type=click.IntRange(1, MAX_SHOWN), default=50, show_default=True, help="broker.option.limit"
)
@data_options
def outgoing_list(failed: bool, every: bool, limit: int, data: Path, as_json: bool) -> None:
    """Deliveries, the newest first."""
    from broker.outgoing import queue

    states = [queue.FAILED] if failed else [queue.QUEUED, queue.FAILED]
    if every:
        states = [queue.QUEUED, queue.SENT, queue.FAILED, queue.DROPPED]
    rows = read_store(config_of(data), lambda conn: queue.listed(conn, states, limit))
    if as_json:
        emit_json([row._asdict() for row in rows])
        return
    if not rows:
        note(words()("broker.outgoing.none"))
        return
    show_table(
        words()("broker.outgoing.titles").split("|"),
        (
            (
                row.id,
                row.ticket,
                row.kind,
                row.target,
                row.receiver or "-",
                words()(f"broker.outgoing.{row.state}"),
                row.attempts,
                rfc3339(row.ended or max(row.next_try, row.hold_until)),
                row.error or "-",
            )
            for row in rows
        ),
    )


@outgoing.command("retry", help="broker.outgoing.retry")
@click.argument("ids", nargs=-1, type=click.IntRange(min=1), metavar="[ID]…")
@option("--all-failed", is_flag=True, help="broker.option.all-failed")
@data_options
def outgoing_retry(ids: tuple[int, ...], all_failed: bool, data: Path, as_json: bool) -> None:
    """Try again what was given up."""
    from broker.outgoing import queue

    if bool(ids) == all_failed:
        raise RelevoError(Code.USAGE, "either ids of deliveries or --all-failed")
    if all_failed:
        ask_retry(data, None, as_json=as_json)
        return
    failed = read_store(config_of(data), lambda conn: queue.listed(conn, [queue.FAILED], MAX_SHOWN))
    missing = set(ids) - {row.id for row in failed}
    if missing:
        raise RelevoError(Code.NOT_FOUND, f"no failed delivery {min(missing)}")
    ask_retry(data, ids, as_json=as_json)


def ask_retry(data: Path, ids: tuple[int, ...] | None, *, as_json: bool) -> None:
    """Leave the request for the broker and see whether it takes it."""
    from broker.outgoing.requests import Retry, is_taken, leave

    taken = ids == () or is_taken(leave(config_of(data).data, Retry(ids=ids)), _WAIT_S)
    if as_json:
        emit_json({"ids": ids, "taken": taken})
        return
    note(words()("broker.outgoing.retried" if taken else "broker.outgoing.later"))
