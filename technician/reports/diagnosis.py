"""A bundle for people: what is wrong first, with its evidence, then what was looked at.

Everything in a bundle came from another machine: each text is made harmless before it is shown, and
nothing of it is ever read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from protocol.diagnosis import Bundle, Cell, CollectorResult, Status, Table
from protocol.drivers.terminal import printable
from protocol.findings import Finding, Severity, findings
from protocol.times import rfc3339
from protocol.wording import Words

_STYLE = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}
_STATUS_STYLE = {Status.OK: "green", Status.NOT_APPLICABLE: "dim", Status.PARTIAL: "yellow"}
_INDENT = (0, 0, 0, 4)
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_PIPE_WIDTH = 120
_BRIEF: dict[str, tuple[str, ...]] = {
    "uptime": ("uptime_s", "load_1m"),
    "system": ("os_name", "kernel", "virtualisation"),
    "cpu": ("logical_count", "used_percent", "load_5m"),
    "memory": ("total_bytes", "available_bytes", "swap_used_bytes"),
    "disks": ("file_system_count", "fullest_percent"),
    "disk-io": ("drive_count", "pressure_full_60s_percent"),
    "processes": ("process_count", "zombie_count"),
    "services": ("service_count", "running_count", "failed_count"),
    "network": ("up_count", "established_count", "listening_count"),
    "dns": ("server_count", "answering_server_count"),
    "hosts-file": ("entry_count", "override_count"),
    "reachability": ("gateway_answers", "broker_tls_ok", "broker_certificate_days_left"),
    "packages": ("installed_count", "upgradable_count", "security_upgradable_count"),
    "time": ("zone", "synchronised", "daemon_offset_s"),
    "logs-summary": ("line_count", "error_count", "warning_count"),
    "certificates": ("authority_count", "certificate_count", "expired_count"),
    "accounts": ("person_count", "locked_count", "expired_count"),
    "printing": ("queue_count", "job_count"),
    "locks": ("lock_count", "stale_count"),
    "agent": ("version", "online", "journal_entry_count"),
}
"""What the short form says of each collector."""


def show(bundle: Bundle, words: Words, *, everything: bool = False) -> None:
    """Print the report on stdout. ``everything``: all facts and tables, not one line a collector."""
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, emoji=False, width=_PIPE_WIDTH)
    _head(bundle, words, console)
    _findings(findings(bundle), words, console)
    console.print(Text(words("report.facts"), style="bold"))
    for result in bundle.results:
        _section(result, words, console, everything=everything)
    if not everything:
        console.print()
        console.print(Text(words("report.hint"), style="dim"))


def _head(bundle: Bundle, words: Words, console: Console) -> None:
    manifest = bundle.manifest
    console.print(Text(words("report.title", os=printable(manifest.os)), style="bold"))
    console.print(
        Text(
            words(
                "report.made",
                at=rfc3339(manifest.ended.replace(microsecond=0)),
                clearance=manifest.clearance,
                agent=manifest.agent,
            )
        )
    )
    replaced = sum(count.count for count in manifest.redaction)
    console.print(Text(words("report.redacted", count=replaced), style="dim"))
    console.print()


def _findings(found: tuple[Finding, ...], words: Words, console: Console) -> None:
    console.print(Text(words("report.findings"), style="bold"))
    if not found:
        console.print(Padding(Text(words("report.nothing"), style="green"), (0, 0, 0, 2), expand=False))
    for finding in found:
        line = Text("  ")
        line.append(words(f"severity.{finding.severity}"), style=_STYLE[finding.severity])
        line.append(f"  {_title(finding.collector, words)}: ", style="bold")
        line.append(sentence(finding, words))
        console.print(line)
        if words.has(f"finding.{finding.rule}.do"):
            console.print(
                Padding(Text(words(f"finding.{finding.rule}.do"), style="dim"), (0, 0, 0, 6), expand=False)
            )
    console.print()


def sentence(finding: Finding, words: Words) -> str:
    """What is wrong, with the values filled in and made harmless."""
    values = {fact.key: _evidence(fact.key, fact.value, words) for fact in finding.values}
    return words(f"finding.{finding.rule}", **values) if values else words(f"finding.{finding.rule}")


def _evidence(key: str, value: str, words: Words) -> str:
    if key == "status" and words.has(f"status.{value}"):
        return words(f"status.{value}")
    if key in ("reason", "error"):
        return reason(value, words)
    if not key.endswith(_FIGURES):
        return printable(value)
    try:
        return shown(key, float(value), words)
    except ValueError:
        return printable(value)


def _section(result: CollectorResult, words: Words, console: Console, *, everything: bool) -> None:
    head = Text("  ")
    head.append(_title(result.collector, words), style="bold")
    head.append("  ")
    head.append(words(f"status.{result.status}"), style=_STATUS_STYLE.get(result.status, "red"))
    if result.reason:
        head.append(f": {reason(result.reason, words)}", style="dim")
    facts = [fact for fact in result.facts if fact.value is not None]
    if not everything:
        brief = [fact for fact in facts if fact.key in _BRIEF.get(result.collector, ())]
        said = [f"{_label(fact.key, words)} {shown(fact.key, fact.value, words)}" for fact in brief]
        head.append(f"  {' · '.join(said)}" if said else "")
        console.print(head)
        return
    console.print(head)
    if facts:
        grid = Grid.grid(padding=(0, 2))
        for fact in facts:
            grid.add_row(Text(_label(fact.key, words), style="dim"), Text(shown(fact.key, fact.value, words)))
        console.print(Padding(grid, _INDENT, expand=False))
    for table in result.tables:
        if table.rows:
            _rows(table, words, console)
    for warning in result.warnings:
        console.print(Padding(Text(reason(warning, words), style="yellow"), _INDENT, expand=False))
    console.print()


def _rows(table: Table, words: Words, console: Console) -> None:
    name = f"table.{table.key}"
    grid = Grid(
        title=Text(words(name) if words.has(name) else printable(table.key.replace("_", " "))),
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    columns = range(len(table.columns))
    telling = [at for at in columns if any(row[at] not in (None, "", False) for row in table.rows)]
    for at in telling:
        number = all(isinstance(row[at], int | float | None) for row in table.rows)
        label = Text(_label(table.columns[at].key, words), style="dim")
        grid.add_column(label, justify="right" if number else "left", overflow="fold")
    for row in table.rows:
        cells = (row[at] for at in telling)
        keys = (table.columns[at].key for at in telling)
        pairs = zip(keys, cells, strict=True)
        grid.add_row(*(Text("" if cell is None else shown(key, cell, words)) for key, cell in pairs))
    console.print(Padding(grid, _INDENT, expand=False))
    if table.dropped_rows:
        text = words("report.dropped", count=table.dropped_rows)
        console.print(Padding(Text(text, style="dim"), _INDENT, expand=False))


def _title(collector: str, words: Words) -> str:
    key = f"collector.{collector}"
    return words(key) if words.has(key) else printable(collector)


def _label(key: str, words: Words) -> str:
    name = f"fact.{key}"
    return words(name) if words.has(name) else printable(key.replace("_", " "))


def reason(text: str, words: Words) -> str:
    """``code`` or ``code: detail`` in words; what has none is shown as it is."""
    code, _, detail = text.partition(":")
    key = f"reason.{code.strip()}"
    known = words(key) if words.has(key) else printable(code.strip())
    return f"{known}: {printable(detail.strip())}" if detail.strip() else known


def shown(key: str, value: Cell, words: Words) -> str:
    """A value with the unit that its key carries, and the language's decimal mark."""
    match value:
        case None:
            return words("report.none")
        case bool():
            return words("report.yes") if value else words("report.no")
        case str():
            return printable(value)
    if key.endswith("_unix_s"):
        return _moment(value)
    text = next((form(value) for ending, form in _FORMS if key.endswith(ending)), _short(value))
    return text.replace(".", ",") if words.language == "es" else text


def size(count: float) -> str:
    """Bytes in binary units: ``12.3 GiB``."""
    amount, unit = float(count), 0
    while abs(amount) >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} {_UNITS[0]}" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """The two largest units of a time span: ``3 d 4 h``, ``12 min 5 s``, ``0.25 s``."""
    sign, left = ("-" if seconds < 0 else ""), abs(seconds)
    if left < 60 or not math.isfinite(left):
        return f"{sign}{_short(left)} s"
    parts = []
    rest = int(left)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {unit}")
    return sign + " ".join(parts[:2])


def _moment(seconds: float) -> str:
    try:
        return rfc3339(datetime.fromtimestamp(int(seconds), UTC))
    except (ValueError, OverflowError, OSError):
        return _short(seconds)


def _short(value: float) -> str:
    if not math.isfinite(value) or value == int(value):
        return str(value).removesuffix(".0")
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


_FORMS: tuple[tuple[str, Callable[[float], str]], ...] = (
    ("_bytes_per_s", lambda value: f"{size(value)}/s"),
    ("_per_s", _short),
    ("_bytes", size),
    ("_percent", lambda value: f"{_short(value)} %"),
    ("_ms", lambda value: f"{_short(value)} ms"),
    ("_s", duration),
)
"""By the ending of a key; the first that fits counts."""
_FIGURES = ("_bytes", "_percent", "_ms", "_s", "_5m", "_days", "days_left")
"""Keys of evidence that hold a figure; a name that only looks like one stays as it is."""
