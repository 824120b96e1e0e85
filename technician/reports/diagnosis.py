"""A bundle for people: what is wrong first, with its evidence, then what was looked at.

Everything in a bundle came from another machine: each text is made harmless before it is shown, and
nothing of it is ever read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from protocol.diagnosis import Bundle, CollectorResult, Status, Table
from protocol.drivers.figures import reason, sentence, shown
from protocol.drivers.terminal import printable
from protocol.findings import Finding, Severity, findings
from protocol.times import rfc3339
from protocol.wording import Words

_STYLE = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}
_STATUS_STYLE = {Status.OK: "green", Status.NOT_APPLICABLE: "dim", Status.PARTIAL: "yellow"}
_INDENT = (0, 0, 0, 4)
_PIPE_WIDTH = 120
_BRIEF: dict[str, tuple[str, ...]] = {
    "uptime": ("uptime_s", "load_1m"),
    "system": ("os_name", "kernel", "virtualisation"),
    "cpu": ("logical_count", "used_percent", "load_5m"),
    "memory": ("total_bytes", "available_bytes", "swap_used_bytes"),
    "disks": ("file_system_count", "fullest_percent"),
    "caches": ("cache_count", "caches_bytes"),
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


def show(bundle: Bundle, words: Words, *, everything: bool = False, known_errors: Sequence[str] = ()) -> None:
    """Print the report on stdout.

    Args:
        everything: all facts and tables, not one line a collector.
        known_errors: lines about known errors that match, harmless already; they follow the findings.
    """
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, emoji=False, width=_PIPE_WIDTH)
    _head(bundle, words, console)
    _findings(findings(bundle), words, console)
    for line in known_errors:
        # Not folded: a command in it is there to be copied.
        console.print(Text(line), soft_wrap=True)
    if known_errors:
        console.print()
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
