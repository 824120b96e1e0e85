"""Names that this machine knows: patterns for its people and its hosts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from agent.redaction.known import Known, Person
from agent.redaction.wordlists import GENERIC_ACCOUNTS


def people_pattern(people: Iterable[Person]) -> tuple[re.Pattern[str] | None, dict[str, tuple[str, Person]]]:
    """One pattern for all names of people, and what each spelling (folded) stands for."""
    meaning: dict[str, tuple[str, Person]] = {}
    for person in people:
        for spelling in _full_names(person.full_name):
            meaning.setdefault(spelling.casefold(), ("name", person))
    for person in people:
        if len(person.login) >= 3 and person.login.casefold() not in GENERIC_ACCOUNTS:
            meaning.setdefault(person.login.casefold(), ("user", person))
    return _words(meaning), meaning


def _full_names(full: str) -> list[str]:
    parts = full.split()
    if full.casefold() in GENERIC_ACCOUNTS or len(full) < 4:
        return []
    found = [full, *(" ".join(parts[:n]) for n in range(2, len(parts)))]
    found += (
        [f"{parts[-1]}, {parts[0]}", *(part for part in parts if len(part) >= 5)] if len(parts) > 1 else []
    )
    forms = [unicodedata.normalize(form, name) for name in found for form in ("NFC", "NFD")]
    escaped = [name.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00") for name in forms]
    return list(dict.fromkeys(forms + escaped))


def hosts_pattern(known: Known) -> re.Pattern[str] | None:
    """One pattern for the host names this machine knows."""
    names = {
        name.casefold(): name
        for name in known.hosts
        if len(name) >= 3 and name.casefold() not in GENERIC_ACCOUNTS
    }
    for name in list(names.values()):
        short = name.partition(".")[0]
        if len(short) >= 3 and not short.isdigit() and short.casefold() not in GENERIC_ACCOUNTS:
            names.setdefault(short.casefold(), short)
    return _words(names)


def _words(spellings: Iterable[str]) -> re.Pattern[str] | None:
    """Longest first, as whole words; a hyphen or underscore ends a word, a pseudonym is none."""
    longest_first = sorted(spellings, key=len, reverse=True)
    if not longest_first:
        return None
    any_of = "|".join(re.escape(word) for word in longest_first)
    return re.compile(rf"(?<![^\W_])(?:{any_of})(?![^\W_])", re.IGNORECASE)
