"""Spans of time and sizes for people, the same on tickets and in tables."""

from __future__ import annotations

from protocol.wording import Words

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def duration(words: Words, seconds: float) -> str:
    """``about 5 days`` or, under two of them, ``about 31 hours``."""
    if seconds >= 2 * _DAY_S:
        return words("span.days", count=int(seconds // _DAY_S))
    if seconds >= 2 * _HOUR_S:
        return words("span.hours", count=int(seconds // _HOUR_S))
    return words("span.soon")


def size(amount: float) -> str:
    """Bytes for people: ``12.3 GiB``; a fall has a minus."""
    place, left = 0, abs(amount)
    while left >= 1024 and place < len(_UNITS) - 1:
        left, place = left / 1024, place + 1
    left = -left if amount < 0 else left
    return f"{left:.1f} {_UNITS[place]}" if place else f"{left:.0f} B"
