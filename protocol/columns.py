"""How many columns of a terminal a text takes, and lines that fit them: wide characters count two."""

from __future__ import annotations

import re
import unicodedata

_WORDS = re.compile(r" *[^ ]+")
"""Words, each with the blanks before it."""
_LEAST = 2
"""A wide character has to fit."""


def columns(char: str) -> int:
    """0, 1 or 2 columns of one character."""
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def width(text: str) -> int:
    """Columns of one line."""
    return len(text) if text.isascii() else sum(map(columns, text))


def padded(text: str, wanted: int) -> str:
    """``text`` with blanks behind it up to ``wanted`` columns."""
    return text + " " * (wanted - width(text))


def wrapped(text: str, first: int, room: int) -> list[str]:
    """``text`` broken between words into lines of at most ``room`` columns, the first of ``first``.

    Line ends of the text stay. A word that is too long for a line of its own is cut where it ends. Nothing
    is lost but blanks where a line is broken.
    """
    out: list[str] = []
    for line in text.split("\n"):
        out += _broken(line, room if out else first, room)
    return out


def _broken(line: str, first: int, room: int) -> list[str]:
    done: list[str] = []
    text, left = "", max(_LEAST, first)
    for found in _WORDS.findall(line):
        word = found
        if width(word) > left and text.strip():
            done.append(text)
            text, left, word = "", max(_LEAST, room), word.lstrip(" ")
        for char in word:
            if columns(char) > left:
                done.append(text)
                text, left = "", max(_LEAST, room)
            text += char
            left -= columns(char)
    return [*done, text]
