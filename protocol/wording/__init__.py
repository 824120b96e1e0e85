"""Words for people, in Spanish and English. Every text a user sees comes from one of the tables.

A table maps a key to ``(English, Spanish)``. Each program passes the tables it needs; nothing is
looked up by module name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "es"]
Table = Mapping[str, tuple[str, str]]
LANGUAGE_VARIABLE = "RELEVO_LANGUAGE"
"""Set by the agent for its workers: the language of the user whose machine this is."""


class Words:
    """The chosen language's words over some tables."""

    def __init__(self, language: Language, *tables: Table) -> None:
        self.language: Language = language
        self._column = 1 if language == "es" else 0
        self._tables = tables

    def __call__(self, key: str, **values: object) -> str:
        """The text for ``key`` with ``{name}`` filled in. A key that no table has is our bug."""
        for table in self._tables:
            if key in table:
                text = table[key][self._column]
                return text.format(**values) if values else text
        raise KeyError(key)

    def add(self, *tables: Table) -> None:
        """Words of a part of the program that was loaded later; earlier tables win."""
        self._tables = (*self._tables, *tables)

    def has(self, key: str) -> bool:
        return any(key in table for table in self._tables)


def language_from(option: str | None, environment: Mapping[str, str]) -> Language:
    """``--lang`` where given, else the locale variables in POSIX order, else English."""
    if option in ("en", "es"):
        return "es" if option == "es" else "en"
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return "es" if value.lower().startswith("es") else "en"
    return "en"
