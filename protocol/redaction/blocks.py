"""Secrets whose value stands on the lines below their name (YAML)."""

from __future__ import annotations

import re

import re2

_KEY = (
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|clave)[\w-]{0,24}[\"']?:[ \t]*"
)
_BLOCKS = re.compile(
    r"^(?P<indent>[ \t]*+)(?:- )?[\"']?[\w.-]{0,60}?" + _KEY + r"(?:[|>][+-]?\d?[ \t]*\r?\n"
    r"(?P<block>(?:(?P=indent)[ \t]+(?!<secret:)[^\n]*+(?:\n|\Z))++)"
    r"|\r?\n(?P=indent)[ \t]+(?:- )?(?P<next>[^\s:\"'<][^\s:]*+)[ \t]*(?=\r?$))",
    re.IGNORECASE | re.MULTILINE,
)
_options = re2.Options()
_options.case_sensitive = False
_TRIGGER = re2.compile(_KEY + r"(?:[|>][+\-0-9]*[ \t]*)?\r?\n", _options)


def remove_blocks(text: str) -> tuple[str, int]:
    """``text`` without secrets that follow their name on lines of their own, and how many."""
    if "\n" not in text or not _TRIGGER.search(text):
        return text, 0
    return _BLOCKS.subn(_replace, text)


def _replace(match: re.Match[str]) -> str:
    group = "block" if match["block"] is not None else "next"
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    indent = "" if group == "next" else f"{match['indent']}  "
    tail = "\n" if match[group].endswith("\n") else ""
    return f"{match[0][:start]}{indent}<secret:secret>{tail}{match[0][end:]}"
