r"""Escapes that stand right before a word and look like a part of it: ``\n10.0.0.7``, ``%20ana``, colours.

Text inside JSON, URLs and what was written for a terminal has them. Rules and names want a word to begin, so
every text that has escapes is looked at once more with a mark behind each of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from protocol.redaction.pseudonyms import HEAD

MARK = "\ufdd0"
"""A noncharacter for a process's own use (Unicode 15, section 23.7): neither a letter nor a space."""
_ESCAPE = re.compile(
    # A pseudonym stays as it is: the backslash before ``file-3f9a1c`` begins no escape.
    rf"(?!\\{HEAD})"
    r"(?:(?:\x1b|\\(?:x1b|u001b|033|e)|\^\[)\[[0-9;:?]{0,24}[A-Za-z]"  # ECMA-48 CSI, as it is or escaped
    r"|\\(?:[abefnrtv]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[0-7]{3})"
    r"|%[0-9A-Fa-f]{2})"
    rf"(?![\s\"'<]|{HEAD})(?=.)",
    re.DOTALL,
)


def without_marks(text: str) -> str:
    """``text`` in which a mark can only be ours."""
    return text.replace(MARK, "\ufffd") if MARK in text else text


def also_apart(text: str, redact: Callable[[str], str]) -> str:
    """What ``redact`` leaves of ``text`` when its escapes are no part of the words behind them.

    Args:
        text: without marks.
    """
    if "\\" not in text and "%" not in text and "\x1b" not in text and "^[" not in text:
        return text
    parted = _ESCAPE.sub(rf"\g<0>{MARK}", text)
    return text if len(parted) == len(text) else redact(parted).replace(MARK, "")
