"""Collector ``logs-summary``: how much went wrong lately, and what keeps repeating.

Messages are cut down to their shape (numbers, addresses and names in quotes become placeholders) and
counted; the newest of each shape are kept with their time, for the log signatures of known errors. The log
action gives the lines themselves, with its own consent.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from agent.collectors.base import Context, NotApplicable
from protocol.diagnosis import Cell, Column, FactClass, Output, Status, Table, fact, table

WINDOW_S = 3_600
_FILES = (
    "syslog",
    "messages",
    "kern.log",
    "auth.log",
    "secure",
    "daemon.log",
    "user.log",
    "mail.log",
    "dpkg.log",
)
_TAIL_BYTES = 4 << 20
_JOURNAL_BYTES = 24 << 20
_MAX_LINES = 50_000
_TOP = 20
_MESSAGE = 200
RECORDS = 400
OF_A_KIND = 20
"""Newest records kept in all, and of one kind of message; log signatures count at most so many."""
PRIORITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
_ERROR = 3
_WARNING = 4
_INFO = 6

_GUESS = (
    (2, re.compile(r"\b(?:panic|fatal|critical|segfault|out of memory|oom-killer)", re.IGNORECASE)),
    (3, re.compile(r"\b(?:error|err|failed|failure|cannot|denied|refused|unable)\b", re.IGNORECASE)),
    (4, re.compile(r"\b(?:warn|warning|timed out|timeout|deprecated)\b", re.IGNORECASE)),
)
_LINE = re.compile(
    r"^(?:<\d+>)?(?P<at>\d{4}-\d\d-\d\dT\S+|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) "
    r"(?:(?P<host>\S+) (?P<source>[\w@.()/-]+?)(?:\[\d+\])?: )?(?P<text>.*)$"
)
_SHAPES = (
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "UUID"),
    (re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", re.IGNORECASE), "MAC"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "IP"),
    (re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE), "IP"),
    (re.compile(r"\"[^\"]{1,200}\"|'[^']{1,200}'"), "TEXT"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{12,}\b", re.IGNORECASE), "HEX"),
    (re.compile(r"\d+"), "N"),
)


class Entry(NamedTuple):
    """One message: syslog priority 0 to 7, who wrote it, its text."""

    priority: int
    source: str
    text: str
    at_unix_s: float = 0.0


def logs_summary(context: Context) -> Output:
    """Counts per priority in the last hour and the most frequent messages of warning and worse."""
    entries = list(_journal(context))
    origin = "journal"
    unreadable: list[str] = []
    if not entries:
        files, unreadable = _files(context)
        entries, origin = list(files), "files"
    if not entries and not _any_log():
        raise NotApplicable("no-logs")
    counts = Counter(entry.priority for entry in entries)
    repeated: Counter[tuple[int, str, str]] = Counter()
    for entry in entries:
        if entry.priority <= _WARNING:
            repeated[entry.priority, entry.source, shape(entry.text)] += 1
    sources = Counter(entry.source for entry in entries if entry.priority <= _ERROR)
    records, kinds_dropped, records_dropped = newest(entries)
    return Output(
        status=Status.PARTIAL if unreadable else Status.OK,
        reason=f"needs-privilege: {len(unreadable)} log files" if unreadable else "",
        facts=(
            fact("window_s", WINDOW_S),
            fact("origin", origin),
            fact("line_count", len(entries)),
            fact("line_limit_reached", len(entries) >= _MAX_LINES),
            *(fact(f"{name}_count", counts[level]) for level, name in enumerate(PRIORITIES)),
            fact("dropped_kind_count", kinds_dropped),
        ),
        tables=(
            table(
                "repeated",
                ("priority", ("source", FactClass.TEXT), "count", ("message", FactClass.TEXT)),
                (
                    (PRIORITIES[priority], source, count, text)
                    for (priority, source, text), count in repeated.most_common(_TOP)
                ),
            ),
            table("error_sources", (("source", FactClass.TEXT), "count"), sources.most_common(_TOP)),
            Table(
                key="records",
                columns=(
                    Column(key="at_unix_s"),
                    Column(key="level"),
                    Column(key="priority"),
                    Column(key="source", cls=FactClass.TEXT),
                    Column(key="message", cls=FactClass.TEXT),
                ),
                rows=records,
                dropped_rows=records_dropped,
            ),
        ),
    )


def newest(entries: Sequence[Entry]) -> tuple[tuple[tuple[Cell, ...], ...], int, int]:
    """Records of warning and worse for log signatures, as the shapes of their messages, the newest first.

    The newest of each kind comes before a second one of any, so that a message that repeats a thousand
    times hides no other.

    Returns:
        Rows of time, level, priority, source, message; kinds of which none was kept; records not kept.
    """
    seen: Counter[tuple[int, str, str]] = Counter()
    ranked: list[tuple[int, int, Entry, str]] = []
    worse = [entry for entry in entries if entry.priority <= _WARNING]
    for at, entry in enumerate(sorted(worse, key=lambda entry: -entry.at_unix_s)):
        kind = (entry.priority, entry.source, shape(entry.text))
        seen[kind] += 1
        if seen[kind] <= OF_A_KIND:
            ranked.append((0 if seen[kind] == 1 else 1, at, entry, kind[2]))
    kept = sorted(sorted(ranked, key=lambda found: found[:2])[:RECORDS], key=lambda found: found[1])
    rows = tuple(
        (round(entry.at_unix_s, 3), entry.priority, PRIORITIES[entry.priority], entry.source, text)
        for _, _, entry, text in kept
    )
    return rows, max(0, len(seen) - RECORDS), len(worse) - len(rows)


def shape(text: str) -> str:
    """What stays the same when a message repeats."""
    text = text[:_MESSAGE]
    for pattern, word in _SHAPES:
        text = pattern.sub(word, text)
    return text


def _journal(context: Context) -> Iterator[Entry]:
    """journalctl's JSON export (systemd.journal-fields(7)); nothing where there is no journal."""
    done = context.run(
        "journalctl", "--no-pager", "--quiet", "-o", "json", f"--since=-{WINDOW_S}s", f"-n{_MAX_LINES}",
        "--output-fields=PRIORITY,MESSAGE,SYSLOG_IDENTIFIER,_COMM",
        timeout_s=8, limit=_JOURNAL_BYTES,
    )  # fmt: skip
    for line in done.stdout.splitlines() if done is not None else ():
        try:
            fields = json.loads(line)
        except ValueError:  # the line where the output was cut
            continue
        message = fields.get("MESSAGE")
        if isinstance(message, str):
            priority = str(fields.get("PRIORITY", _INFO))
            source = str(fields.get("SYSLOG_IDENTIFIER") or fields.get("_COMM") or "")
            yield Entry(
                int(priority) if priority in "01234567" else _INFO,
                source[:80],
                message,
                _microseconds(fields),
            )


def _microseconds(fields: dict[str, object]) -> float:
    """journalctl's own time of the entry, as seconds since the epoch."""
    text = str(fields.get("__REALTIME_TIMESTAMP", ""))
    return int(text) / 1e6 if text.isascii() and text.isdecimal() and len(text) < 18 else 0.0


def _files(context: Context) -> tuple[list[Entry], list[str]]:
    """Lines of the last hour in the usual files, and the files that may not be read."""
    found: list[Entry] = []
    unreadable = []
    now = time.time()
    for name in _FILES:
        path = Path("/var/log") / name
        try:
            lines = _tail(path).splitlines()
        except FileNotFoundError:
            continue
        except OSError:
            unreadable.append(str(path))
            continue
        for line in lines:
            entry = parse_line(line, name, now)
            if entry is not None and len(found) < _MAX_LINES:
                found.append(entry)
    return found, unreadable


def parse_line(line: str, file: str, now_unix_s: float) -> Entry | None:
    """One line of a log file, if it is from the last hour. Files do not say a priority: it is guessed
    from words."""
    parts = _LINE.match(line)
    if not parts:
        return None
    at = _moment(parts["at"], now_unix_s)
    if at is None or not now_unix_s - WINDOW_S <= at <= now_unix_s + WINDOW_S:
        return None
    text = parts["text"]
    priority = next((level for level, pattern in _GUESS if pattern.search(text)), _INFO)
    return Entry(priority, (parts["source"] or file)[:80], text, at)


def _moment(text: str, now_unix_s: float) -> float | None:
    try:
        if text[:4].isdigit():
            return datetime.fromisoformat(text).timestamp()
        year = datetime.fromtimestamp(now_unix_s).year
        at = datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S").timestamp()
    except ValueError:
        return None
    # The year is not in the line: in January, December is the year before.
    return at if at <= now_unix_s + 86_400 else at - 365 * 86_400


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        return file.read(_TAIL_BYTES).decode("utf-8", "replace")


def _any_log() -> bool:
    return any((Path("/var/log") / name).exists() for name in _FILES)
