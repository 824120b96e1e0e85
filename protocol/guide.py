"""Scripted guides for common complaints: questions and branches as data, walked as a state machine.

A guide is a graph of steps. Whatever a step is (a question, a check of what the diagnosis saw, a look for
articles, an approved fix), it has named outcomes and each leads on: to another step, to ``solved`` or to
``ticket`` (a person takes over). Pure: values in, values out; whoever shows a guide does the rest.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from protocol.assist import Parameter
from protocol.errors import Code, RelevoError
from protocol.fix_params import Bilingual
from protocol.wire import Name, Wire

SOLVED = "solved"
TICKET = "ticket"
ENDS = frozenset({SOLVED, TICKET})
MAX_STEPS = 60
MAX_PATH = 64
"""Steps that one walk may take; then a person takes over, whatever the guide says."""
MAX_GUIDE = 256 << 10
YES, NO, UNSURE, UNKNOWN, MORE = "yes", "no", "unsure", "unknown", "more"
_COMMON = 4
"""Letters that two words must share from their beginning to count as the same word."""

Text = Annotated[str, Meta(min_length=1, max_length=100)]


class Answer(Wire, frozen=True):
    id: Name
    label: Bilingual
    next: Name


class Check(Wire, frozen=True):
    """Whether the quick diagnosis found one of these; ``unknown`` where nobody could look."""

    collector: Name
    findings: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=16)]
    """Rules of ``protocol.findings``."""
    yes: Name
    no: Name
    unknown: Name


class Lookup(Wire, frozen=True):
    """Public articles for these words; ``more``: none of them helped."""

    words: Bilingual
    more: Name


class Offer(Wire, frozen=True):
    """An approved fix that users may run themselves; ``more``: it is not there, or did not help."""

    fix: Name
    more: Name
    params: Annotated[tuple[Parameter, ...], Meta(max_length=16)] = ()


class Step(Wire, frozen=True, omit_defaults=True):
    """Exactly one of ``ask``, ``check``, ``articles`` and ``fix``.

    A question is answered by ``yes``, ``no`` and ``unsure`` where those are there, else by ``answers``.
    """

    ask: Bilingual | None = None
    yes: Name | None = None
    no: Name | None = None
    unsure: Name | None = None
    answers: Annotated[tuple[Answer, ...], Meta(max_length=9)] = ()
    check: Check | None = None
    articles: Lookup | None = None
    fix: Offer | None = None


class Keywords(Wire, frozen=True):
    """Words by which a complaint is known, per language."""

    en: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=64)]
    es: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=64)]


class Guide(Wire, frozen=True):
    id: Name
    version: Annotated[int, Meta(ge=1, le=999_999)]
    category: Name
    """What runs of it are counted under; the ticket's category where the organisation has one of that name."""
    title: Bilingual
    keywords: Keywords
    start: Name
    steps: Annotated[dict[Name, Step], Meta(min_length=1, max_length=MAX_STEPS)]


class Visit(Wire, frozen=True):
    """One step that was taken, and how it came out."""

    step: Name
    outcome: Name


class State(NamedTuple):
    """Where a walk is: at a step, or at an end of ``ENDS``."""

    at: str
    path: tuple[Visit, ...] = ()

    @property
    def ended(self) -> bool:
        return self.at in ENDS


class Seen(NamedTuple):
    """What the diagnosis said: rules that found something, and collectors that answered."""

    rules: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()


# --- walking -----------------------------------------------------------------------------------


def branches(step: Step) -> dict[str, str]:
    """Outcome to what follows it."""
    if step.check is not None:
        return {YES: step.check.yes, NO: step.check.no, UNKNOWN: step.check.unknown}
    if step.articles is not None:
        return {SOLVED: SOLVED, MORE: step.articles.more}
    if step.fix is not None:
        return {SOLVED: SOLVED, MORE: step.fix.more}
    named = {YES: step.yes, NO: step.no, UNSURE: step.unsure}
    short = {outcome: target for outcome, target in named.items() if target is not None}
    return short | {answer.id: answer.next for answer in step.answers}


def begin(guide: Guide, seen: Seen) -> State:
    """The first step that somebody has to answer."""
    return settle(guide, State(guide.start), seen)


def step_of(guide: Guide, state: State) -> Step:
    """The step that waits. Raises RelevoError: ``conflict`` at an end."""
    if state.ended:
        raise RelevoError(Code.CONFLICT, f"the guide has ended: {state.at}")
    return guide.steps[state.at]


def advance(guide: Guide, state: State, outcome: str, seen: Seen) -> State:
    """The walk after this outcome of the step that waits; checks on the way answer themselves.

    Raises:
        RelevoError: ``parameter-invalid`` for an outcome that the step does not have; ``conflict`` at an end.
    """
    return settle(guide, _taken(guide, state, outcome), seen)


def settle(guide: Guide, state: State, seen: Seen) -> State:
    """Pass over every check that comes next."""
    while not state.ended and (check := guide.steps[state.at].check) is not None:
        state = _taken(guide, state, judge(check, seen))
    return state


def judge(check: Check, seen: Seen) -> str:
    """``yes``, ``no``, or ``unknown``: a collector that did not answer is never healthy."""
    if seen.rules.intersection(check.findings):
        return YES
    return NO if check.collector in seen.answered else UNKNOWN


def _taken(guide: Guide, state: State, outcome: str) -> State:
    follows = branches(step_of(guide, state))
    if outcome not in follows:
        raise RelevoError(
            Code.PARAMETER_INVALID,
            f"{guide.id}/{state.at} has no answer {outcome[:40]}: {', '.join(follows)}",
        )
    path = (*state.path, Visit(step=state.at, outcome=outcome))
    return State(follows[outcome] if len(path) < MAX_PATH else TICKET, path)


# --- finding the guide -------------------------------------------------------------------------


def suggest(guides: Iterable[Guide], text: str) -> tuple[Guide, ...]:
    """The guides whose keywords the user's words have, the best first; both languages count."""
    words = _words(text)
    plain = " ".join(words)
    scored = [(_score(guide, words, plain), guide) for guide in guides]
    return tuple(guide for score, guide in sorted(scored, key=lambda row: -row[0]) if score > 0)


def _score(guide: Guide, words: list[str], plain: str) -> int:
    score = 0
    for keyword in (*guide.keywords.en, *guide.keywords.es):
        wanted = _words(keyword)
        if len(wanted) > 1:
            score += 3 * (f" {' '.join(wanted)} " in f" {plain} ")
        elif wanted:
            score += any(_same(word, wanted[0]) for word in words)
    return score


def _same(word: str, keyword: str) -> bool:
    """Equal, or a form of it: ``printer`` for ``print``."""
    return word == keyword or (len(keyword) > _COMMON and word.startswith(keyword))


def _words(text: str) -> list[str]:
    """Lower case, without accents, letters and figures only."""
    flat = unicodedata.normalize("NFKD", text[:2_000].casefold())
    kept = (char if char.isalnum() else "" if unicodedata.combining(char) else " " for char in flat)
    return "".join(kept).split()


# --- what is written ---------------------------------------------------------------------------


def parse_guide(toml: bytes) -> Guide:
    """A guide as its author wrote it.

    Raises:
        RelevoError: ``usage`` naming the field that is missing, unknown or wrong; ``too-large``.
    """
    if len(toml) > MAX_GUIDE:
        raise RelevoError(Code.TOO_LARGE, f"guide of {len(toml)} bytes")
    try:
        return msgspec.convert(tomllib.loads(toml.decode()), Guide, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise RelevoError(Code.USAGE, f"guide: {ascii(str(error))[1:-1][:300]}") from error
