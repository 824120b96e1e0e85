"""How times and long sentences are shown to people; programs get RFC 3339 and whole lines by ``--json``."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime

from protocol.columns import wrapped
from protocol.times import in_zone

_WIDEST = 100
"""Longer lines are hard to read, however wide the terminal is."""
_NARROWEST = 20


def local_time(moment: datetime | None, now: datetime | None = None) -> str:
    """``17:30`` today, ``2026-11-23 09:00`` on another day, in this machine's zone; ``-`` for None."""
    if moment is None:
        return "-"
    here = in_zone(moment, None)
    same_day = here.date() == (now or datetime.now().astimezone()).astimezone().date()
    return f"{here:%H:%M}" if same_day else f"{here:%Y-%m-%d %H:%M}"


def local_stamp(moment: datetime | None) -> str:
    """``2026-11-23 09:00:05`` in this machine's zone, for the columns of a table; ``-`` for None."""
    return f"{in_zone(moment, None):%Y-%m-%d %H:%M:%S}" if moment is not None else "-"


def folded(text: str, indent: str = "", width: int | None = None) -> str:
    """``text`` broken between words to fit the terminal; later lines begin with ``indent``.

    Args:
        width: columns; None takes those of the terminal, and breaks only at line ends of the text where
            there is none.
    """
    later = f"\n{indent}"
    if width is None:
        if not sys.stdout.isatty():
            return text.replace("\n", later)
        width = shutil.get_terminal_size().columns
    room = max(_NARROWEST, min(width, _WIDEST))
    return later.join(wrapped(text, room, room - len(indent)))
