"""Words as the index has them: without accents, as stems of their language; and queries taken apart.

The stemmers are Snowball's (docs/adr/0014). They promise that forms of one word meet (``impresoras`` and
``impresora``, ``printing`` and ``prints``), not that all words of a family do (``printer``).
"""

from __future__ import annotations

import functools
import itertools
import re
import threading
import unicodedata
from typing import NamedTuple

import snowballstemmer

LANGUAGES = ("en", "es")
MAX_TERMS = 10
"""Words and phrases of a query that are looked for. Of more words the longest: they say most."""
MAX_WORD = 60
_LEAST_PREFIX = 2
_WORD = re.compile(r"[^\W_]+")
_PHRASE = re.compile(r'"([^"]*)"|“([^”]*)”|«([^»]*)»')
_STEMMERS = {"en": snowballstemmer.stemmer("english"), "es": snowballstemmer.stemmer("spanish")}
_LOCK = threading.Lock()
"""A stemmer keeps the word it works on in itself, and several threads search."""

_ENGLISH = """
a an and are as at be been but by can cannot do does don for from had has have he her his how i if in into
is it its me my no not of on or our she so that the their them there these they this to was we were what
when where which who why will with you your
"""
_SPANISH = """
a al ante con como cual cuando de del desde donde e el ella en entre era es esta este esto estos fue ha han
hay la las le les lo los me mi mis muy nada ni no nos o para pero por porque que quien se ser si sin sobre
son su sus te tu tus un una uno unos y ya yo
"""
_STOP = {"en": frozenset(_ENGLISH.split()), "es": frozenset(_SPANISH.split())}
"""Words that say nothing about the problem; looked for only where a query has no others. Folded."""


class Term(NamedTuple):
    """One thing to look for.

    Attributes:
        shown: as it was typed.
        stems: the alternatives of each word in order; one word, or several for a phrase.
        prefix: the folded beginning of a word that may still be being typed, or None.
        quoted: it must be there.
    """

    shown: str
    stems: tuple[tuple[str, ...], ...]
    prefix: str | None = None
    quoted: bool = False

    def in_text(self, words: str) -> bool:
        """Whether a text, given as indexed words with a blank on each side, has it."""
        if len(self.stems) > 1:
            return f" {' '.join(alternatives[0] for alternatives in self.stems)} " in words
        if any(f" {stem} " in words for stem in self.stems[0]):
            return True
        return self.prefix is not None and f" {self.prefix}" in words


def fold(text: str) -> str:
    """Lower case without accents: ``Conexión`` as ``conexion``, ``año`` as ``ano``."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char))


@functools.lru_cache(1 << 16)
def stems(word: str, language: str) -> tuple[str, ...]:
    """The stem of a word as it is written, and of the word without its accents where that differs."""
    low = unicodedata.normalize("NFC", word.casefold())[:MAX_WORD]
    with _LOCK:
        found = [_STEMMERS[language].stemWord(form) for form in dict.fromkeys((low, fold(low)))]
    return tuple(dict.fromkeys(_letters(fold(stem)) for stem in found))


def _letters(folded: str) -> str:
    """Letters and digits only, and some: taking signs apart can bring others (``½`` is ``1⁄2``)."""
    return "".join(char for char in folded if char.isalnum()) or "0"


def place_of(text: str, number: int) -> int:
    """Where the word of this number begins, counted as they are indexed; 0 where there is none."""
    found = next(itertools.islice(_WORD.finditer(text), number, None), None)
    return 0 if found is None else found.start()


def indexed(text: str, language: str) -> tuple[str, str]:
    """A text as its stems, one for each word in order; and the second stems of words that have two."""
    each = [stems(word, language) for word in _WORD.findall(text)]
    return " ".join(one[0] for one in each), " ".join(stem for one in each for stem in one[1:])


def parse(query: str, language: str) -> tuple[Term, ...]:
    """What a query asks for in one language; empty where it holds no word at all.

    Nothing in it is an instruction: signs that mean something to a search engine only separate words.
    """
    phrases: list[Term] = []

    def take(match: re.Match[str]) -> str:
        phrase = next(group for group in match.groups() if group is not None)
        found = _WORD.findall(phrase)[:MAX_TERMS]
        if found:
            phrases.append(Term(" ".join(found), tuple(stems(word, language) for word in found), quoted=True))
        return " "

    rest = _PHRASE.sub(take, query)
    typed = _WORD.findall(rest)
    last = typed[-1] if typed and not rest[-1:].isspace() and rest.rstrip().endswith(typed[-1]) else None
    telling = [word for word in dict.fromkeys(typed) if fold(word) not in _STOP[language]]
    if not telling and not phrases:
        telling = list(dict.fromkeys(typed))
    words = [
        Term(
            word,
            (stems(word, language),),
            _letters(fold(word)) if word == last and len(word) >= _LEAST_PREFIX else None,
        )
        for word in _longest(telling, MAX_TERMS - len(phrases))
    ]
    return tuple([*phrases, *words][:MAX_TERMS])


def _longest(words: list[str], most: int) -> list[str]:
    """So many of the words, in their order."""
    kept = set(sorted(words, key=len, reverse=True)[: max(0, most)])
    return [word for word in words if word in kept]
