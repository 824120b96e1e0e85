"""Private key blocks: whole, and cut at either end."""

from __future__ import annotations

import re

_NAME = r"(?:[A-Z0-9]{1,20} ){0,4}"
_BEGIN = re.compile(rf"-----BEGIN {_NAME}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d")
_END = re.compile(rf"-----END {_NAME}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: ?[0-9a-fA-F]+")
_BODY = re.compile(
    r"(?:(?:\\[nrt]|\s)*+(?:[A-Za-z-]{4,20}+: [^\n]{1,120}+\n|[A-Za-z0-9+/=]{4,}+(?![A-Za-z0-9 ,.:_])))*+"
)
_LINE = re.compile(r"[ \t]*[A-Za-z0-9+/=]*[ \t\r]*(?:\n|\\[nr]){0,2}")
MAX_BLOCK = 64 << 10
"""Longest block taken as one, in characters; a 16384-bit RSA key is 13 KB."""
PLACEHOLDER = "<secret:private-key>"


def remove_keys(text: str) -> tuple[str, int]:
    """``text`` without private keys, and how many there were.

    A block that begins and does not end is removed as far as it looks like one; a block whose
    beginning is missing is removed backwards from its end.
    """
    if "PRIVATE KEY" not in text and "PuTTY-User-Key-File" not in text:
        return text, 0
    out: list[str] = []
    at = count = 0
    begin, end = _BEGIN.search(text), _END.search(text)
    while True:
        # Each marker is looked for once: searching for a missing one again and again is quadratic.
        if begin is not None and begin.start() < at:
            begin = _BEGIN.search(text, at)
        if end is not None and end.start() < at:
            end = _END.search(text, at)
        if end is not None and (begin is None or end.start() < begin.start()):
            start = _back(text, at, end.start())
            stop = end.end()
        elif begin is not None:
            start = begin.start()
            stop = _stop(text, begin, end)
        else:
            break
        out += (text[at:start], PLACEHOLDER)
        at = stop
        count += 1
    out.append(text[at:])
    return "".join(out), count


def _stop(text: str, begin: re.Match[str], end: re.Match[str] | None) -> int:
    if end is not None and end.start() - begin.end() <= MAX_BLOCK:
        return end.end()
    body = _BODY.match(text, begin.end(), begin.end() + MAX_BLOCK)
    return body.end() if body else begin.end()


def _back(text: str, floor: int, start: int) -> int:
    """Where the key lines directly before ``start`` begin."""
    floor = max(floor, start - MAX_BLOCK)
    while start > floor:
        cut = max(text.rfind("\n", floor, start - 1), text.rfind("\\n", floor, start - 1))
        begin = floor if cut < 0 else cut + (1 if text[cut] == "\n" else 2)
        if not _LINE.fullmatch(text, begin, start):
            return start
        start = begin
    return start
