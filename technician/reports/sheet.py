"""CSV that a spreadsheet opens without running anything of it (RFC 4180; CWE-1236).

Whether a cell is a number is decided by its type: a number is written as a number, negative or not, and a
text stays a text whatever it looks like. Nothing is guessed from letters, so nothing can be smuggled by them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from protocol.drivers.terminal import printable

Cell = str | int | float | None
BOM = "\ufeff"
"""Some spreadsheets read UTF-8 as something else without it."""
_FORMULA = frozenset("=+-@")
_QUOTES = frozenset("\"'`´")
_AGAIN = re.compile(r"(?<=[;|])")
"""A spreadsheet of another locale, or its import dialogue, may end a cell here."""


def csv(titles: Sequence[str], rows: Iterable[Sequence[Cell]], *, bom: bool = False) -> bytes:
    """The file, in UTF-8 with CRLF line ends."""
    lines = [",".join(_written(cell) for cell in row) for row in (titles, *rows)]
    return ((BOM if bom else "") + "".join(f"{line}\r\n" for line in lines)).encode()


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return repr(cell)
    text = harmless(cell)
    if text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def harmless(text: str) -> str:
    """``text`` as a cell that no spreadsheet takes for a formula, wherever it ends cells.

    Control and bidi characters become visible escapes and tabs become spaces, so a cell is one line. An apostrophe, which
    spreadsheets read as "this is text", goes before whatever would begin a formula.
    """
    parts = _AGAIN.split(printable(text))
    return "".join(f"'{part}" if _begins_formula(part) else part for part in parts)


def _begins_formula(text: str) -> bool:
    """Its first letter that is not blank, quote or invisible is a formula's, or looks and may work like one."""
    for char in text:
        if char.isspace() or char in _QUOTES or unicodedata.category(char) in ("Pi", "Pf", "Cf", "Mn"):
            continue
        alike = unicodedata.normalize("NFKC", char)[:1]
        return alike in _FORMULA or unicodedata.category(char) == "Pd" or char == "\u2212"
    return False
