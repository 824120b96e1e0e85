"""Finding the names that this machine knows: of its people and its hosts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from urllib.parse import quote

from protocol.redaction.known import Known, Person
from protocol.redaction.wordlists import GENERIC_ACCOUNTS

_MANY = 128
_TILDE = "\u0303"


class Names:
    """Finds names as whole words, whatever their case; a hyphen or underscore ends a word.

    A few names are looked for one by one with ``str.find`` (ten times as fast as one expression with
    all of them); of many, one expression finds any.
    """

    def __init__(self, spellings: Iterable[str]) -> None:
        # The longest first: "pc-1.example.com" before "pc-1".
        self._names = sorted({name.lower() for name in spellings}, key=len, reverse=True)
        any_of = "|".join(re.escape(name) for name in self._names)
        self._any = re.compile(rf"(?<![^\W_])(?:{any_of})(?![^\W_])", re.IGNORECASE) if any_of else None

    def replace(self, text: str, new: Callable[[str], str]) -> str:
        """``text`` with ``new(found)`` in the place of each name."""
        if self._any is None:
            return text
        low = text.lower()
        if len(self._names) > _MANY or len(low) != len(text):
            return self._any.sub(lambda match: new(match[0]), text)
        for name in self._names:
            if name in low:
                text = _replace_one(text, low, name, new)
                low = text.lower()
        return text


def _replace_one(text: str, low: str, name: str, new: Callable[[str], str]) -> str:
    out: list[str] = []
    done = at = 0
    while (at := low.find(name, at)) >= 0:
        end = at + len(name)
        if not (at and low[at - 1].isalnum()) and not low[end : end + 1].isalnum():
            out += (text[done:at], new(text[at:end]))
            done = end
        at = end
    out.append(text[done:])
    return "".join(out)


def people_names(people: Iterable[Person]) -> tuple[Names, dict[str, tuple[str, Person]]]:
    """The names of people, and what each spelling (in lower case) stands for."""
    meaning: dict[str, tuple[str, Person]] = {}
    for person in people:
        for spelling in _full_names(person.full_name):
            meaning.setdefault(spelling.lower(), ("name", person))
    for person in people:
        if len(person.login) >= 3 and person.login.casefold() not in GENERIC_ACCOUNTS:
            meaning.setdefault(person.login.lower(), ("user", person))
    return Names(meaning), meaning


def _full_names(full: str) -> list[str]:
    parts = full.split()
    if full.casefold() in GENERIC_ACCOUNTS or len(full) < 4:
        return []
    found = [full, *(" ".join(parts[:n]) for n in range(2, len(parts)))]
    found += (
        [f"{parts[-1]}, {parts[0]}", *(part for part in parts if len(part) >= 5)] if len(parts) > 1 else []
    )
    found += [_without_accents(name, but) for name in found for but in ("", _TILDE)]
    forms = [unicodedata.normalize(form, name) for name in found for form in ("NFC", "NFD")]
    written = [_in_json(name) for form in forms for name in (form, form.upper())]
    written += [quote(name) for name in forms[::2] if not name.isascii()]
    return list(dict.fromkeys(forms + written))  # most are the same


def _without_accents(name: str, but: str) -> str:
    """As programs write it in an account's name, and people in capitals (who keep the tilde: NUÑEZ)."""
    apart = unicodedata.normalize("NFD", name)
    return unicodedata.normalize("NFC", "".join(c for c in apart if c in but or not unicodedata.combining(c)))


def _in_json(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")


def host_names(known: Known) -> Names:
    """The host names that this machine knows, short and qualified."""
    names = {name for name in known.hosts if _is_telling(name)}
    names |= {name.partition(".")[0] for name in names}
    return Names(name for name in names if _is_telling(name))


def _is_telling(name: str) -> bool:
    return len(name) >= 3 and not name.isdigit() and name.casefold() not in GENERIC_ACCOUNTS
