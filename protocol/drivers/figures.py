"""Findings and the figures in them as sentences for people, in their language and harmless to a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from protocol.diagnosis import Cell
from protocol.drivers.terminal import printable
from protocol.findings import Finding
from protocol.times import rfc3339
from protocol.wording import Words

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


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
