"""Which parts of a path say something about the user's own work."""

from __future__ import annotations

import re
from collections.abc import Callable

from protocol.redaction.identifiers import clear_part
from protocol.redaction.pseudonyms import is_pseudonym

_TECHNICAL = re.compile(
    r"(?:/(?:bin|boot|dev|etc|lib|lib32|lib64|opt|proc|root|run|sbin|sys|usr|var|tmp|snap|nix|System|Library|Applications)(?:/|$)"
    r"|[A-Za-z]:\\+(?:Windows|Program Files(?: \(x86\))?|ProgramData)(?:\\|$)|/$)"
)
_SEPARATOR = re.compile(r"(\\{1,4}|/|%2f|%5c)", re.IGNORECASE)
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")
BLANK = "\ue0a0"
"""Stands for a blank inside one path, so that the rule for home folders takes it whole."""


def is_technical(path: str) -> bool:
    """Whether a path belongs to the system rather than to a user's documents."""
    return _TECHNICAL.match(path) is not None


def masked(path: str, hide: Callable[[str], str]) -> str:
    """Each component replaced by ``hide`` (its ending kept), except those that name no content."""
    parts = _SEPARATOR.split(path)
    parts[0::2] = [part if _stays(part) else _hidden(part, hide) for part in parts[0::2]]
    return "".join(parts)


def one_word(path: str) -> str:
    return path.replace(" ", BLANK)


def _stays(part: str) -> bool:
    return clear_part(part) or is_pseudonym(part) or part.startswith(("<secret:", "<masked>"))


def _hidden(part: str, hide: Callable[[str], str]) -> str:
    ending = _ENDING.search(part)
    return hide(part) + (ending[0] if ending else "")
