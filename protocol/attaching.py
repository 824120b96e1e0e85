"""Files that people put on tickets: how large, how many, and what they may be called."""

from __future__ import annotations

import re
import unicodedata

MAX_FILE = 25 << 20
"""Bytes of one file, before it is sealed."""
MAX_TEXT_FILE = 5 << 20
"""Bytes of a text: the rules take seconds for each megabyte, and the user waits. Longer logs are searched, not sent."""
MAX_SEALED = MAX_FILE + (1 << 20)
"""Bytes of one sealed file: age adds a header for each recipient and 16 bytes for each 64 KiB."""
MAX_OF_TICKET = 50
MAX_TICKET_BYTES = 256 << 20
MAX_NAME = 120
_UNNAMED = "file"
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)


def plain_name(name: str) -> str:
    """The last part of ``name`` as one that is harmless to show and to write on any system: no separators,
    control or direction characters, no leading dots or dashes, no device of Windows, ``MAX_NAME`` characters
    with the ending kept.
    """
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join("_" if unicodedata.category(char)[0] in "CZ" and char != " " else char for char in last)
    shown = re.sub(r'[<>:"|?*]', "_", shown).strip(" .-")
    if not shown or _DEVICES.match(shown):
        shown = f"{_UNNAMED}_{shown}" if shown else _UNNAMED
    if len(shown) <= MAX_NAME:
        return shown
    stem, dot, ending = shown.rpartition(".")
    if not dot or len(ending) > 10:
        return shown[:MAX_NAME].rstrip(" .")
    return f"{stem[: MAX_NAME - len(ending) - 1].rstrip(' .')}.{ending}"
