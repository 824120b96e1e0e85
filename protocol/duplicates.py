"""Is this the same complaint again? Word by word, in Spanish and English; a hint for people, never a verdict."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from protocol.tickets import OPEN_STATES, State

RECENT = timedelta(days=14)
THRESHOLD = 45
"""Percent from which a ticket is named as a possible duplicate."""
MOST = 5
_WORD = re.compile(r"[^\W_]{2,40}")
_MAX_WORDS = 400
_STEM = 7
"""Letters of a word that count once its ending is gone."""
_SHORTEST = 3
_ENDING_WORDS = "ciones cion iendo ando ings ing ados idos adas idas ado ido ada ida ers er ar ir ed es os as en an s e a o"
_ENDINGS = tuple(_ENDING_WORDS.split())
"""Endings of Spanish and English, the longer ones first; wrong for many a word, but alike wrong."""

# Words of both languages that say nothing about what is wrong.
_EMPTY_WORDS = """
a al algo ante aqui asi ayuda aun bien buenas buenos con como cuando de del desde dia dias donde el ella en
entre era es esa ese eso esta estan estar este esto favor fue gracias ha hace han hasta hay hola la las le
les lo los mas me mi mis mucho muy nada ni no nos o para pero poco por porque puede puedo que quiero se sea
ser si sin sobre solo son su sus tambien te tengo ti tiene todo tu un una uno unos usted ya yo
about after again all also am an and any are as at be because been but by can cannot could did do does doing
don for from get got had has have hello help hi how i if in into is it its just me my need not now of off on
one or our out please she so some still than thank thanks that the their them then there these they this to
too up us very was we were what when where which who why will with would you your
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


class Described(NamedTuple):
    """A ticket as far as it matters here."""

    ticket: str
    agent: str | None
    requester: str
    text: str
    state: State
    created: datetime


class Likeness(NamedTuple):
    """``percent`` of the meaning that two tickets share, and the words that show it."""

    ticket: str
    percent: int
    words: tuple[str, ...]


def stems(text: str) -> dict[str, str]:
    """What the text is about: stems, each with the first word that gave it. Case and accents do not count."""
    found: dict[str, str] = {}
    for word in _WORD.findall(text[:20_000].casefold()):
        plain = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
        if plain not in _EMPTY and not plain.isdecimal():
            found.setdefault(_stem(plain), word)
        if len(found) >= _MAX_WORDS:
            break
    return found


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            return word[: -len(ending)][:_STEM]
    return word[:_STEM]


def likeness(new: Described, old: Described) -> Likeness:
    """How alike two complaints are: the share of the shorter one's words that the other has too.

    Three fifths of it is that overlap, the rest how much of all words is common; a single common word is
    worth little, since everybody's printer is a printer.
    """
    ours, theirs = stems(new.text), stems(old.text)
    common = ours.keys() & theirs.keys()
    if not common:
        return Likeness(old.ticket, 0, ())
    contained = len(common) / min(len(ours), len(theirs))
    overall = len(common) / len(ours.keys() | theirs.keys())
    score = 0.6 * contained + 0.4 * overall
    if len(common) == 1 and max(len(ours), len(theirs)) > 1:
        score *= 0.5
    return Likeness(old.ticket, round(100 * score), tuple(sorted(ours[stem] for stem in common)))


def candidates(new: Described, known: Sequence[Described], now: datetime) -> tuple[Likeness, ...]:
    """Tickets that may be about the same, the likeliest first, at most ``MOST``.

    Only of the same machine or requester, and only open ones or those of the last ``RECENT``; cancelled
    ones never.
    """
    found = [
        likeness(new, old)
        for old in known
        if old.ticket != new.ticket and _related(new, old) and _matters(old, now)
    ]
    likely = [row for row in found if row.percent >= THRESHOLD]
    return tuple(sorted(likely, key=lambda row: (-row.percent, row.ticket))[:MOST])


def _related(new: Described, old: Described) -> bool:
    if new.agent is not None and new.agent == old.agent:
        return True
    return new.requester == old.requester and (new.agent is None or old.agent is None)


def _matters(old: Described, now: datetime) -> bool:
    if old.state is State.CANCELLED:
        return False
    return old.state in OPEN_STATES or now - old.created <= RECENT
