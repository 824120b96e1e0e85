"""One value of a bundle against one term of a signature, in three values.

What redaction replaced cannot be compared: ``hidden`` is unknown, unless visible words already hold.
"""

from __future__ import annotations

import ipaddress
import re

from protocol.diagnosis import Cell
from protocol.patterns import compiled
from protocol.redaction.pseudonyms import HEAD
from protocol.signature_model import Scalar, Value, Why

_HIDDEN = re.compile(
    r"<masked>|<secret:[a-z-]+>"
    rf"|\b{HEAD}"
)
"""Placeholders and pseudonyms as ``protocol.redaction`` writes them."""

_WORDS = frozenset({"contains", "startswith", "endswith", "re"})

Answer = bool | Why
"""Whether it holds, or why that is not known."""


def is_hidden(value: Cell) -> bool:
    """Whether redaction replaced the value or a part of it."""
    return isinstance(value, str) and _HIDDEN.search(value) is not None


def compare(op: str, seen: Cell, wanted: Value | None) -> Answer:
    """Whether ``seen op wanted`` holds. ``op`` and ``wanted`` are of a sound signature."""
    if op == "exists":
        return (seen is not None) is (wanted is True)
    if seen is None or wanted is None:
        return Why.NO_VALUE
    if op in _WORDS:
        found = _words(op, seen, str(wanted))
        return Why.HIDDEN if found is False and is_hidden(seen) else found
    return Why.HIDDEN if is_hidden(seen) else _measured(op, seen, wanted)


def _measured(op: str, seen: Cell, wanted: Value) -> Answer:
    if isinstance(wanted, tuple):
        return _any([_equal(seen, one) for one in wanted])
    if op in ("eq", "ne"):
        equal = _equal(seen, wanted)
        return equal if isinstance(equal, Why) or op == "eq" else not equal
    return _in_network(seen, str(wanted)) if op == "cidr" else _ordered(op, seen, wanted)


def _words(op: str, seen: Cell, wanted: str) -> Answer:
    """Case counts; ``re`` looks anywhere in the text, as Sigma's does."""
    if not isinstance(seen, str):
        return Why.NOT_COMPARABLE
    match op:
        case "contains":
            return wanted in seen
        case "startswith":
            return seen.startswith(wanted)
        case "endswith":
            return seen.endswith(wanted)
        case _:
            return compiled(wanted).search(seen) is not None


def _equal(seen: Cell, wanted: Scalar) -> Answer:
    """Truth is no number here, and a text equals no number: another kind of value is not comparable."""
    kinds = _kind(seen), _kind(wanted)
    return seen == wanted if kinds[0] is kinds[1] else Why.NOT_COMPARABLE


def _kind(value: Cell) -> type:
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else str


def _any(answers: list[Answer]) -> Answer:
    known = [answer for answer in answers if isinstance(answer, bool)]
    return any(known) if known else Why.NOT_COMPARABLE


def _ordered(op: str, seen: Cell, wanted: Scalar) -> Answer:
    if _kind(seen) is not float or _kind(wanted) is not float:
        return Why.NOT_COMPARABLE
    assert isinstance(seen, int | float) and isinstance(wanted, int | float)  # noqa: S101 - just seen
    return {"lt": seen < wanted, "lte": seen <= wanted, "gt": seen > wanted, "gte": seen >= wanted}[op]


def _in_network(seen: Cell, wanted: str) -> Answer:
    try:
        address = ipaddress.ip_address(str(seen).partition("%")[0])
    except ValueError:
        return Why.NOT_COMPARABLE
    network = ipaddress.ip_network(wanted, strict=False)
    return address.version == network.version and address in network
