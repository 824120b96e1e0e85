"""How rows of a conversation look on a terminal, on both sides of it. Everything in them is escaped."""

from __future__ import annotations

import shutil
import sys
import textwrap
from datetime import datetime

from protocol.conversation import Attached
from protocol.drivers.shown import local_time
from protocol.drivers.terminal import printable, words

_WIDEST = 100
_INDENT = " " * 7
_KIB, _MIB = 1 << 10, 1 << 20


def message(at: datetime, who: str, text: str) -> str:
    """``17:30  Ana: text``, folded where there is a terminal, with the lines of the text kept."""
    return folded(f"{local_time(at)}  {printable(who)}: {printable(text, newlines=True)}")


def event(at: datetime, text: str) -> str:
    """``17:30  -- what happened``; ``text`` is made of our words and escaped names."""
    return folded(f"{local_time(at)}  -- {text}")


def folded(text: str) -> str:
    width = min(_WIDEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
    lines: list[str] = []
    for n, line in enumerate(text.split("\n")):
        indent = "" if n == 0 else _INDENT
        if width is None:
            lines.append(indent + line)
            continue
        lines += textwrap.wrap(
            line, max(20, width - 1), initial_indent=indent, subsequent_indent=_INDENT, break_on_hyphens=False
        ) or [""]
    return "\n".join(lines)


def size(count: int) -> str:
    """``950 B``, ``12 KiB``, ``3.4 MiB``."""
    if count < _KIB:
        return f"{count} B"
    return f"{count / _KIB:.0f} KiB" if count < _MIB else f"{count / _MIB:.1f} MiB"


def attached(file: Attached, command: str) -> str:
    """A file of the conversation and how to get it."""
    w = words()
    text = w("chat.attached", name=printable(file.name), size=size(file.size_bytes), command=command)
    return f"{text} ({w('chat.as-is')})" if file.as_is else text
