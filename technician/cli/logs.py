"""`relevo logs`: search and follow the logs of the user's machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from protocol import assist
from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.times import in_zone, parse_duration, parse_rfc3339
from technician.assist import exchange, find_session
from technician.cli.common import Progress, progress, technician_options

_SILENCE_S = 180.0
_SHOWN_UNREADABLE = 8


def moment_from(text: str | None, now: datetime) -> datetime | None:
    """``1h`` (before now), an RFC 3339 time, or a date and time without zone, then local.

    Raises:
        RelevoError: ``usage``.
    """
    if text is None:
        return None
    for parse in (_before(now), parse_rfc3339, _local):
        try:
            return parse(text)
        except (RelevoError, ValueError, OverflowError):
            continue
    raise RelevoError(Code.USAGE, words()("logs.not-a-time", text=printable(text)))


def _before(now: datetime) -> Callable[[str], datetime]:
    return lambda text: now - parse_duration(text)


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@click.command("logs", cls=Command, help="logs")
@click.argument("ticket")
@option("--since", metavar="1h|TIME", help="option.since")
@option("--until", metavar="1h|TIME", help="option.until")
@option("--source", metavar="S", help="option.source")
@option("--grep", "pattern", metavar="RE", help="option.grep")
@option("--limit", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="option.lines")
@option("--follow", "-f", is_flag=True, help="option.follow")
@technician_options
def logs(
    ticket: str,
    since: str | None,
    until: str | None,
    source: str | None,
    pattern: str | None,
    limit: int,
    follow: bool,
    home: Path,
    as_json: bool,
) -> None:
    if follow and until is not None:
        raise RelevoError(Code.USAGE, words()("logs.follow-until"))
    now = datetime.now(UTC)
    request = _request(
        since=moment_from(since, now),
        until=moment_from(until, now),
        source=source,
        pattern=pattern,
        limit=limit,
        follow=follow,
    )
    held = find_session(home, ticket)
    with progress() as line:
        events = exchange(held, request, timeout_s=None if follow else _SILENCE_S)
        try:
            show(events, line, as_json)
        except KeyboardInterrupt:
            if not follow:
                raise


def _request(
    *,
    since: datetime | None,
    until: datetime | None,
    source: str | None,
    pattern: str | None,
    limit: int,
    follow: bool,
) -> assist.Logs:
    if len(pattern or "") > 1_000 or len(source or "") > 200:
        raise RelevoError(Code.USAGE, words()("logs.too-long"))
    if since is not None and until is not None and since > until:
        raise RelevoError(Code.USAGE, words()("logs.order"))
    return assist.Logs(since=since, until=until, source=source, pattern=pattern, limit=limit, follow=follow)


def show(events: Iterator[assist.Event], line: Progress, as_json: bool) -> None:
    """Print lines as they come; what is no line goes to stderr, or into the JSON Lines."""
    for event in events:
        match event:
            case assist.LogLines():
                line.clear()
                for found in event.lines:
                    _show_line(found, as_json)
            case assist.Progress():
                line.update(words()("logs.searching"), event.done, event.total)
            case assist.LogSummary():
                line.clear()
                _show_summary(event, as_json)
            case assist.Stored():
                if not as_json:
                    note(words()("logs.stored", artifact=event.artifact, name=printable(event.name)))
            case _:
                continue


def _show_line(found: assist.LogLine, as_json: bool) -> None:
    if as_json:
        emit_json(found)
        return
    at = in_zone(found.at).strftime("%Y-%m-%d %H:%M:%SZ") if found.at else "-" * 20
    say(f"{at}  {printable(found.source)}  {printable(found.text)}")


def _show_summary(summary: assist.LogSummary, as_json: bool) -> None:
    if as_json:
        emit_json(summary)
        return
    w = words()
    note(w("logs.summary", sent=summary.sent, matched=summary.matched, sources=len(summary.sources)))
    if summary.truncated:
        note(w("logs.truncated", sent=summary.sent))
    if summary.secrets_removed:
        note(w("logs.secrets", count=summary.secrets_removed))
    for name in summary.unreadable[:_SHOWN_UNREADABLE]:
        note(w("logs.unreadable", name=printable(name)))
    if len(summary.unreadable) > _SHOWN_UNREADABLE:
        note(w("logs.unreadable-more", count=len(summary.unreadable) - _SHOWN_UNREADABLE))
