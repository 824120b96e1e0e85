"""Time as a value. Nothing here reads a clock: callers pass the time in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from protocol.errors import Code, RelevoError

_DURATION = re.compile(r"(\d{1,9})\s*([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOST_S = 100 * 366 * 86_400
"""From any year that anybody works in, this leads to another one of the calendar."""


def in_zone(moment: datetime, zone: tzinfo | None = UTC) -> datetime:
    """The moment in ``zone`` (None: this machine's). Never fails.

    The first and the last day of the calendar lie outside it in some zones: what somebody else wrote may be
    such a time. It becomes the first or the last moment that there is.
    """
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        edge = datetime.min if moment.year == 1 else datetime.max
        return edge.replace(tzinfo=zone or UTC)


def rfc3339(moment: datetime) -> str:
    """``2026-11-21T23:25:59.123456Z``: UTC, fraction only where there is one."""
    return in_zone(moment).isoformat().replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """The instant named by ``text``.

    Raises:
        RelevoError: ``usage`` if it is not RFC 3339 with a zone.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise RelevoError(Code.USAGE, f"time without zone: {text!r}")
        # In another zone the first and the last day of the calendar lie outside it.
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RelevoError(Code.USAGE, f"not a time: {text!r}") from error


def parse_duration(text: str) -> timedelta:
    """``90``, ``90s``, ``15m``, ``1h``, ``2d``, ``1w``; a hundred years at most.

    Raises:
        RelevoError: ``usage``.
    """
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise RelevoError(Code.USAGE, f"not a duration: {text!r}")
    seconds = int(found[1]) * _SECONDS[found[2]]
    if seconds > _MOST_S:
        raise RelevoError(Code.USAGE, f"too long a time: {text!r}")
    return timedelta(seconds=seconds)
