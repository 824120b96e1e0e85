"""Log signatures mean what Sigma means: the same rules through pysigma, over generated records."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

from protocol.diagnosis import Cell
from protocol.errors import Code, RelevoError
from protocol.sigma import LogSignature, enough, matches, parse_rule, require_log_sound
from protocol.sigma_condition import parse_condition

Record = dict[str, Cell]

# --- the oracle: pysigma parses, and the tree it made is walked here ----------------------------------


def oracle(detection: dict[str, Any], record: Record) -> bool:
    rule = SigmaRule.from_dict({"title": "t", "logsource": {"product": "linux"}, "detection": detection})
    return _walk(rule.detection.parsed_condition[0].parsed, record)


def _walk(node: Any, record: Record) -> bool:
    match node:
        case ConditionAND():
            return all(_walk(part, record) for part in node.args)
        case ConditionOR():
            return any(_walk(part, record) for part in node.args)
        case ConditionNOT():
            return not _walk(node.args[0], record)
        case ConditionFieldEqualsValueExpression():
            return _field(node.value, record, node.field)
        case ConditionValueExpression():
            word = node.value if isinstance(node.value, SigmaString) else SigmaString(str(node.value))
            parts = [SpecialChars.WILDCARD_MULTI, *_parts(word), SpecialChars.WILDCARD_MULTI]
            return any(_like(parts, str(value).lower()) for value in record.values() if value is not None)
    raise AssertionError(node)


def _field(wanted: Any, record: Record, field: str) -> bool:
    value = record.get(field)
    if isinstance(wanted, SigmaExists):
        return (field in record) is bool(wanted)
    if isinstance(wanted, SigmaNull) or value is None:
        return value is None and isinstance(wanted, SigmaNull)
    match wanted:
        case SigmaCasedString():
            return _like(list(wanted.s), str(value))
        case SigmaString():
            return _like(_parts(wanted), str(value).lower())
        case SigmaRegularExpression():
            flags = 0
            for flag in wanted.flags:
                flags |= getattr(re, flag.name)
            # Python's ``$`` also stands before a last newline; RE2's, which is ours, only at the very end.
            pattern = str(wanted.regexp.original).replace("$", r"\Z")
            return re.search(pattern, str(value), flags) is not None
        case SigmaCompareExpression():
            number = wanted.number.number
            if not isinstance(value, int | float):
                return False
            return {
                CompareOperators.LT: value < number,
                CompareOperators.LTE: value <= number,
                CompareOperators.GT: value > number,
                CompareOperators.GTE: value >= number,
            }[wanted.op]
        case SigmaCIDRExpression():
            return _in_network(str(value), wanted.cidr)
        case SigmaNumber():
            return str(value) == str(wanted.number)
        case SigmaBool():
            return str(value).lower() == str(wanted.boolean).lower()
    raise AssertionError(wanted)


def _in_network(value: str, network: str) -> bool:
    """By hand, IPv4 only: the bits before the slash are the same."""
    words = value.split(".")
    if len(words) != 4 or not all(word.isdecimal() and len(word) < 4 and int(word) < 256 for word in words):
        return False
    base, _, length = network.partition("/")

    def bits(address: str) -> str:
        return "".join(f"{int(word):08b}" for word in address.split("."))

    return bits(value)[: int(length)] == bits(base)[: int(length)]


def _parts(text: SigmaString) -> list[Any]:
    return [part.lower() if isinstance(part, str) else part for part in text.s]


def _like(parts: list[Any], text: str) -> bool:
    """Wildcards by dynamic programming: the places in ``text`` that can be reached after each part."""
    reached = {0}
    for part in parts:
        if part is SpecialChars.WILDCARD_MULTI:
            reached = set(range(min(reached), len(text) + 1)) if reached else set()
        elif part is SpecialChars.WILDCARD_SINGLE:
            reached = {at + 1 for at in reached if at < len(text)}
        else:
            reached = {at + len(part) for at in reached if text.startswith(part, at)}
    return len(text) in reached


# --- generated rules and records ------------------------------------------------------------------

_WORDS = st.text("aAbB.*?\\ 1ñÑ", max_size=6)
_PLAIN = st.text("aAbB. 1ñÑ\n", max_size=8)
_NUMBERS = st.integers(-3, 8)
_REGEXES = st.sampled_from(["a+b", "^a", "b$", "[aA]\\.?", "1|a", "a.b", "(a|b){2}"])
_NETWORKS = st.sampled_from(["10.0.0.0/8", "192.0.2.0/24", "192.0.2.128/25", "0.0.0.0/0"])
_ADDRESSES = st.sampled_from(["10.1.2.3", "192.0.2.5", "192.0.2.200", "198.51.100.7", "x", "300.1.1.1"])
_RECORDS: st.SearchStrategy[Record] = st.fixed_dictionaries(
    {},
    optional={
        "message": st.one_of(_PLAIN, _ADDRESSES),
        "source": st.one_of(_PLAIN, st.none()),
        "level": _NUMBERS,
        "priority": st.sampled_from(["error", "warning", "ERROR"]),
    },
)


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[str, Any]:
    field = draw(st.sampled_from(["message", "source", "priority", "level"]))
    kind = draw(
        st.sampled_from(
            ["", "contains", "startswith", "endswith", "re", "re|i", "cidr", "exists", "lt", "gte"]
        )
    )
    if kind == "exists":
        return f"{field}|exists", draw(st.booleans())
    values = {"re": _REGEXES, "re|i": _REGEXES, "cidr": _NETWORKS, "lt": _NUMBERS, "gte": _NUMBERS}.get(kind)
    if values is None:
        values = _WORDS if kind else st.one_of(_WORDS, _NUMBERS, st.none())
    listed = draw(st.lists(values, min_size=1, max_size=3))
    every = len(listed) > 1 and kind in ("contains", "startswith", "endswith", "re") and draw(st.booleans())
    cased = kind in ("contains", "startswith", "endswith") and draw(st.booleans())
    key = "|".join(
        [field, *([kind] if kind else []), *(["cased"] if cased else []), *(["all"] if every else [])]
    )
    return key, listed if len(listed) > 1 else listed[0]


_MAPS = st.lists(_pairs(), min_size=1, max_size=3).map(dict)
_KEYWORDS = st.lists(st.one_of(_WORDS.filter(bool), _NUMBERS), min_size=1, max_size=3)
_SELECTIONS = st.one_of(_MAPS, st.lists(_MAPS, min_size=1, max_size=2), _KEYWORDS)
_NAMES = ("sel_a", "sel_b", "notsel", "_hidden")


def _conditions() -> st.SearchStrategy[str]:
    leaf = st.sampled_from(
        [*_NAMES, "1 of them", "all of them", "1 of sel_*", "all of sel_*", "any of *sel*", "1 of _*"]
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map(lambda part: f"not {part}"),
            inner.map(lambda part: f"({part})"),
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        ),
        max_leaves=5,
    )


@st.composite
def _rules(draw: st.DrawFn) -> dict[str, Any]:
    return {**{name: draw(_SELECTIONS) for name in _NAMES}, "condition": draw(_conditions())}


def ours(detection: dict[str, Any], record: Record) -> bool:
    signature = msgspec.convert({"detection": detection}, LogSignature, strict=True)
    return matches(parse_rule(signature), record)


@given(_rules(), st.lists(_RECORDS, max_size=3))
@example({"a": {"message": "a\\*b"}, "condition": "a"}, [{"message": "a*b"}, {"message": "axb"}])
@example({"a": {"message|contains": "b\\"}, "condition": "a"}, [{"message": "ab\\c"}, {"message": "ab"}])
@example({"a": {"message": "\\\\*"}, "condition": "a"}, [{"message": "\\x"}, {"message": "*"}])
@example({"a": {"message|re": "b$"}, "condition": "a"}, [{"message": "b\n"}])
@example({"a": {"source": None}, "condition": "not a"}, [{"source": None}, {}, {"source": ""}])
def test_every_rule_says_what_pysigma_makes_of_it(detection: dict[str, Any], records: list[Record]) -> None:
    for record in records:
        assert ours(detection, record) is oracle(detection, record)


@given(st.text("ab*", min_size=1, max_size=7), st.text("ab", min_size=1, max_size=7))
@example("a*a", "a")
@example("ab*ba", "aba")
def test_a_star_of_a_condition_stands_for_anything(pattern: str, name: str) -> None:
    shape = re.compile(pattern.replace("*", ".*"))
    try:
        parse_condition(f"1 of {pattern}", (name,))
        found = True
    except RelevoError:
        found = False
    assert found is (shape.fullmatch(name) is not None)


def test_many_stars_in_a_condition_took_years() -> None:
    with pytest.raises(RelevoError) as error:
        parse_condition("1 of " + "a*" * 200 + "b", ("a" * 60, "ab"))
    assert error.value.code is Code.USAGE


@pytest.mark.parametrize(
    "detection",
    [
        {"a": {"message": "x"}},
        {"a": {"message": "x"}, "condition": ""},
        {"a": {"message": "x"}, "condition": "b"},
        {"a": {"message": "x"}, "condition": "a and"},
        {"a": {"message": "x"}, "condition": "(a"},
        {"a": {"message": "x"}, "condition": "a a"},
        {"a": {"message": "x"}, "condition": "1 of b*"},
        {"a": {"message": "x"}, "condition": "a | count() > 5"},
        {"a": {"message": "x"}, "condition": "not " * 40 + "a"},
        {"a": {"message": "x"}, "condition": "(" * 40 + "a" + ")" * 40},
        {"a": {"message|base64": "x"}, "condition": "a"},
        {"a": {"message|re|contains": "x"}, "condition": "a"},
        {"a": {"message|all": "x"}, "condition": "a"},
        {"a": {"message|i": "x"}, "condition": "a"},
        {"a": {"message|exists": "yes"}, "condition": "a"},
        {"a": {"message|gte": "5"}, "condition": "a"},
        {"a": {"message|cidr": "10.0.0.1/8"}, "condition": "a"},
        {"a": {"message|re": "(a{900}){900}"}, "condition": "a"},
        {"a": {"message|re": "a\\1"}, "condition": "a"},
        {"a": {"messsage": "x"}, "condition": "a"},
        {"a": [], "condition": "a"},
        {"a": {}, "condition": "a"},
        {"a": {"message": ["x"] * 65}, "condition": "a"},
        {f"a{n}": {"message": ["x"] * 60} for n in range(6)} | {"condition": "a1"},
        {f"a{n}": {"message": "x"} for n in range(40)} | {"condition": "a1"},
    ],
)
def test_what_is_not_taken_is_refused_when_it_is_made(detection: dict[str, Any]) -> None:
    with pytest.raises((RelevoError, msgspec.ValidationError)) as refused:
        require_log_sound(msgspec.convert({"detection": detection}, LogSignature, strict=True))
    if isinstance(refused.value, RelevoError):
        assert refused.value.code is Code.USAGE


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(1, 6), st.one_of(st.none(), st.integers(1, 30)))
def test_count_within_looks_at_every_window(times: list[int], count: int, within: int | None) -> None:
    def in_window(start: int) -> int:
        return sum(start <= at <= start + within for at in times) if within else len(times)

    wanted = any(in_window(start) >= count for start in times)
    assert enough(times, count, within) is wanted
