"""When a log line was written, read from the line itself.

Formats: RFC 5424 / RFC 3339 and ISO 8601 with blanks (dpkg, apt, PostgreSQL, Python), RFC 3164
without year, Apache and nginx access and error logs, ctime, Unix time (audit, squid, JSON).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_MONTHS = {
    month: number
    for number, month in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_HEAD = 320
"""A time stands in the first bytes of a line or nowhere."""
_CLOCK = r"(?P<{0}H>\d\d):(?P<{0}M>\d\d):(?P<{0}S>\d\d)"
_PATTERN = re.compile(
    # 2026-11-21T10:00:00.123+01:00, 2026-11-21 10:00:00,123, 2026/11/21 10:00:00 (nginx error log)
    r"(?:^.{0,40}?|\"(?:@?timestamp|time|ts|date|datetime)\"\s?:\s?\")"
    r"(?P<Y>\d{4})[-/](?P<m>\d\d)[-/](?P<d>\d\d)(?:T|\s{1,2})"
    + _CLOCK.format("i")
    + r"(?:[.,](?P<f>\d{1,9}))?\s?(?P<z>Z|UTC|GMT|[+-]\d\d:?\d\d)?"
    # Nov  1 10:00:00, with or without a priority <34>; Sat Nov 21 10:00:00.123 2026
    r"|^(?:<\d{1,3}>)?\[?(?:[A-Z][a-z]{2} )?(?P<b>[A-Z][a-z]{2}) {1,2}(?P<D>\d{1,2}) "
    + _CLOCK.format("s")
    + r"(?:\.\d{1,6})?(?: (?P<y>\d{4})\b)?"
    # [21/Nov/2026:10:00:00 +0100]
    r"|\[(?P<ad>\d\d)/(?P<ab>[A-Z][a-z]{2})/(?P<aY>\d{4}):" + _CLOCK.format("a") + r" (?P<az>[+-]\d{4})\]"
    # 1763719200.123 at the start, audit(1763719200.123:45), "ts":1763719200.1, milliseconds too
    r"|(?:^\[?|audit\(|\"(?:@?timestamp|time|ts|date)\"\s?:\s?)(?P<e>1\d{9}(?:\d{3})?)(?:\.(?P<ef>\d{1,9}))?(?!\d)"
)


def time_of(line: bytes, reference: datetime, zone: tzinfo | None = None) -> datetime | None:
    """The instant that a line names, in UTC, or None.

    Args:
        line: as read; only its beginning is looked at.
        reference: when the file was last written, with zone: a date without year is the latest one
            that is not more than a day after it.
        zone: of times without one; None means this machine's local zone.
    """
    found = _PATTERN.search(line[:_HEAD].decode("latin-1"))
    if found is None:
        return None
    try:
        if found["Y"]:
            return _iso(found, zone)
        if found["b"]:
            return _syslog(found, reference, zone)
        if found["ab"]:
            return _access(found)
        return _epoch(found)
    except (ValueError, OverflowError, OSError, KeyError):
        return None


def _iso(found: re.Match[str], zone: tzinfo | None) -> datetime:
    micro = int((found["f"] or "0")[:6].ljust(6, "0"))
    naive = datetime(
        int(found["Y"]), int(found["m"]), int(found["d"]), int(found["iH"]), int(found["iM"]), int(found["iS"]), micro
    )  # fmt: skip
    text = found["z"]
    if not text:
        return _local(naive, zone)
    return naive.replace(tzinfo=UTC if text in ("Z", "UTC", "GMT") else _offset(text)).astimezone(UTC)


def _syslog(found: re.Match[str], reference: datetime, zone: tzinfo | None) -> datetime:
    month = _MONTHS[found["b"].lower()]
    clock = (int(found["sH"]), int(found["sM"]), int(found["sS"]))
    if found["y"]:
        return _local(datetime(int(found["y"]), month, int(found["D"]), *clock), zone)
    last = reference.astimezone(UTC) + timedelta(days=1)
    for year in range(last.year + 1, last.year - 9, -1):
        try:
            moment = _local(datetime(year, month, int(found["D"]), *clock), zone)
        except ValueError:  # 29 February
            continue
        if moment <= last:
            return moment
    raise ValueError("no such day")


def _access(found: re.Match[str]) -> datetime:
    return datetime(
        int(found["aY"]), _MONTHS[found["ab"].lower()], int(found["ad"]),
        int(found["aH"]), int(found["aM"]), int(found["aS"]), tzinfo=_offset(found["az"]),
    ).astimezone(UTC)  # fmt: skip


def _epoch(found: re.Match[str]) -> datetime:
    digits = found["e"]
    if len(digits) == 13:
        return datetime.fromtimestamp(int(digits) / 1000, UTC)
    micro = int((found["ef"] or "0")[:6].ljust(6, "0"))
    return datetime.fromtimestamp(int(digits), UTC).replace(microsecond=micro)


def _offset(text: str) -> tzinfo:
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _local(naive: datetime, zone: tzinfo | None) -> datetime:
    return (naive.replace(tzinfo=zone) if zone is not None else naive).astimezone(UTC)
