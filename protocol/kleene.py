"""Kleene's three values with what goes along: the names bound, what decided, and what is lacking."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from protocol.diagnosis import Cell
from protocol.signature_model import (
    MAX_EVIDENCE,
    MAX_MISSING,
    MAX_SETS,
    Binding,
    Evidence,
    Missing,
    Outcome,
    Value,
    Verdict,
    Why,
)

MAX_STEPS = 100_000
"""Comparisons in one look at a bundle; a machine cannot make it longer."""
SHOWN = 200


class Truth(NamedTuple):
    """A node's value (None: unknown), what it names, what decided it, and what it lacks."""

    value: bool | None
    sets: tuple[tuple[Binding, ...], ...] = ((),)
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()


class Steps:
    """How much may still be compared."""

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def take(self) -> bool:
        self._left -= 1
        return self._left >= 0


def all_of(parts: list[Truth]) -> Truth:
    """False where one is false, else unknown where one is unknown, else true, with every combination."""
    false = [part for part in parts if part.value is False]
    if false:
        return Truth(False, ((),), _evidence(false))
    unknown = [part for part in parts if part.value is None]
    if unknown:
        return Truth(None, ((),), _evidence(parts), _missing(unknown))
    sets = []
    for combination in product(*(part.sets for part in parts)):
        sets.append(tuple(binding for one in combination for binding in one))
        if len(sets) == MAX_SETS:
            break
    return Truth(True, tuple(sets), _evidence(parts))


def any_of(parts: list[Truth]) -> Truth:
    """True where one is true, with what each of those names, else unknown where one is, else false."""
    true = [part for part in parts if part.value is True]
    if true:
        named = tuple(one for part in true for one in part.sets if one)
        return Truth(True, named[:MAX_SETS] or ((),), _evidence(true))
    unknown = [part for part in parts if part.value is None]
    if unknown:
        return Truth(None, ((),), (), _missing(unknown))
    return Truth(False, ((),), _evidence(parts))


def negated(part: Truth) -> Truth:
    """The opposite; what was bound inside is not what was found."""
    return Truth(None if part.value is None else not part.value, ((),), part.evidence, part.missing)


def unknown(what: str, why: Why) -> Truth:
    return Truth(None, ((),), (), (Missing(what=what[:SHOWN], why=why),))


def decided(value: bool, where: str, op: str, wanted: str, seen: str) -> Truth:
    """A truth with one piece of evidence."""
    return Truth(value, ((),), (Evidence(where=where, op=op, wanted=wanted[:SHOWN], seen=seen[:SHOWN]),))


def verdict(truth: Truth) -> Verdict:
    """What is told of a truth."""
    match truth.value:
        case None:
            return Verdict(outcome=Outcome.UNKNOWN, evidence=truth.evidence, missing=truth.missing)
        case False:
            return Verdict(outcome=Outcome.NO_MATCH, evidence=truth.evidence)
    sets = tuple(dict.fromkeys(one for one in truth.sets if one))
    return Verdict(outcome=Outcome.MATCH, bindings=sets, evidence=truth.evidence)


def shown(value: Cell | Value) -> str:
    """A value or a list of them as a short text."""
    if isinstance(value, tuple):
        return ", ".join(as_text(one) for one in value)[:SHOWN]
    return as_text(value)[:SHOWN]


def as_text(value: Cell) -> str:
    """A value as text: whole numbers without a fraction, truth in small letters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "" if value is None else str(value)[:1_000]


def _evidence(parts: list[Truth]) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    for part in parts:
        found += part.evidence[: MAX_EVIDENCE - len(found)]
    return tuple(found)


def _missing(parts: list[Truth]) -> tuple[Missing, ...]:
    return tuple(dict.fromkeys(one for part in parts for one in part.missing))[:MAX_MISSING]
