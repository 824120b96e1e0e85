"""Log signatures in Sigma's shape (SigmaHQ specification 2.0): logsource, detection, condition.

What is taken: named selections (maps, lists of maps, keywords), the modifiers of ``_KINDS`` with ``all``,
``cased`` and the flags of ``re``, wildcards ``*`` and ``?``, conditions with and / or / not / 1 of / all of,
and beside Sigma ``count`` and ``within_s``. Anything else of Sigma is refused when the signature is made,
not skipped when it is used. ``pysigma`` is the oracle of the tests.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from protocol.diagnosis import Cell
from protocol.errors import Code, RelevoError
from protocol.patterns import Pattern, compiled, literal
from protocol.sigma_condition import MAX_CONDITION, Node, holds, parse_condition
from protocol.wire import Wire

MAX_TESTS = 256
"""Values that one rule compares with."""
CONDITION = "condition"
FIELDS = frozenset({"message", "source", "priority", "level"})
"""What a record of a bundle has: ``level`` is the syslog number, 0 (emergency) to 7 (debug)."""

SelectionName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,60}$(?!\n)")]
FieldKey = Annotated[str, Meta(pattern=r"^[a-z_]{1,20}(\|[a-z]{1,12}){0,4}$(?!\n)")]
"""A field with its modifiers: ``message|contains|all``."""
Literally = bool | int | float | Annotated[str, Meta(max_length=240)] | None
FieldValue = Literally | Annotated[tuple[Literally, ...], Meta(min_length=1, max_length=64)]
FieldMap = Annotated[dict[FieldKey, FieldValue], Meta(min_length=1, max_length=16)]
Keyword = int | Annotated[str, Meta(min_length=1, max_length=200)]
Selection = (
    FieldMap
    | Annotated[tuple[FieldMap | Keyword, ...], Meta(min_length=1, max_length=32)]
    | Annotated[str, Meta(max_length=MAX_CONDITION)]
)
Detection = Annotated[dict[SelectionName, Selection], Meta(min_length=2, max_length=33)]


class LogSource(Wire, frozen=True, omit_defaults=True):
    product: Literal["linux", "macos", "windows"] | None = None
    service: Annotated[str, Meta(min_length=1, max_length=80)] | None = None
    """The program that wrote the record, as the log names it; case does not matter."""


class LogSignature(Wire, frozen=True, omit_defaults=True):
    detection: Detection
    """Selections by name, and ``condition``."""
    logsource: LogSource = LogSource()
    count: Annotated[int, Meta(ge=1, le=20)] = 1
    """Records that it takes."""
    within_s: Annotated[float, Meta(ge=1, le=3_600)] | None = None
    """That many within so many seconds of one another."""


class Test(NamedTuple):
    """One value to compare with. Which of the parts are set follows from ``kind``."""

    kind: str
    pattern: Pattern | None = None
    wanted: Literally = None


class Item(NamedTuple):
    """A field (None: any field, for keywords) and its values."""

    field: str | None
    tests: tuple[Test, ...]
    every: bool


class Rule(NamedTuple):
    """A log signature ready to be used: ``condition`` over selections, each an OR of ANDs of items."""

    condition: Node
    selections: Mapping[str, tuple[tuple[Item, ...], ...]]


Record = Mapping[str, Cell]

_KINDS = frozenset({"contains", "startswith", "endswith", "re", "cidr", "exists", "lt", "lte", "gt", "gte"})
_FLAGS = frozenset({"i", "m", "s"})
_AROUND = {"contains": ("*", "*"), "startswith": ("", "*"), "endswith": ("*", ""), "match": ("", "")}


def parse_rule(signature: LogSignature) -> Rule:
    """Raises RelevoError: ``usage`` naming what is wrong, or what of Sigma is not taken here."""
    condition = signature.detection.get(CONDITION)
    if not isinstance(condition, str):
        raise _wrong(CONDITION, "is missing")
    selections = {name: _selection(value) for name, value in signature.detection.items() if name != CONDITION}
    tests = sum(len(item.tests) for parts in selections.values() for items in parts for item in items)
    if tests > MAX_TESTS:
        raise _wrong("detection", f"more than {MAX_TESTS} values")
    return Rule(parse_condition(condition, tuple(selections)), selections)


def require_log_sound(signature: LogSignature) -> None:
    """As ``parse_rule``; and every field is one that a record has, or the rule would quietly never match."""
    for parts in parse_rule(signature).selections.values():
        for item in (item for items in parts for item in items):
            if item.field is not None and item.field not in FIELDS:
                raise _wrong(item.field, f"records have {', '.join(sorted(FIELDS))}")


def matches(rule: Rule, record: Record) -> bool:
    """Whether one record meets the condition. A field that is missing meets no test but absence."""

    def selected(name: str) -> bool:
        return any(all(_item_holds(item, record) for item in items) for items in rule.selections[name])

    return holds(rule.condition, selected)


def enough(times: Sequence[float], count: int, within_s: float | None) -> bool:
    """Whether ``count`` of the moments (seconds, any order) lie within ``within_s`` of one another."""
    if len(times) < count:
        return False
    if within_s is None:
        return True
    ordered = sorted(times)
    return any(last - first <= within_s for first, last in zip(ordered, ordered[count - 1 :], strict=False))


def _selection(value: Selection) -> tuple[tuple[Item, ...], ...]:
    if isinstance(value, dict):
        return (_items(value),)
    if isinstance(value, str):
        return ((_keyword(value),),)
    return tuple(_items(one) if isinstance(one, dict) else (_keyword(one),) for one in value)


def _keyword(value: str | int) -> Item:
    return Item(None, (Test("match", _wildcards(str(value), ("*", "*"), cased=False)),), every=False)


def _items(given: dict[str, FieldValue]) -> tuple[Item, ...]:
    return tuple(_item(key, value) for key, value in given.items())


def _item(key: str, value: FieldValue) -> Item:
    field, *modifiers = key.split("|")
    kinds = [one for one in modifiers if one in _KINDS]
    others = set(modifiers) - set(kinds) - {"all", "cased"} - _FLAGS
    kind = kinds[0] if kinds else "match"
    if others or len(kinds) > 1 or len(set(modifiers)) < len(modifiers):
        raise _wrong(key, "modifiers that are not taken")
    if (_FLAGS & set(modifiers) and kind != "re") or (
        "cased" in modifiers and kind not in ("match", "contains", "startswith", "endswith")
    ):
        raise _wrong(key, "modifiers that do not go together")
    values = value if isinstance(value, tuple) else (value,)
    if "all" in modifiers and len(values) < 2:
        raise _wrong(key, "all wants a list")
    tests = tuple(_test(key, kind, one, frozenset(modifiers)) for one in values)
    return Item(field, tests, "all" in modifiers)


def _test(key: str, kind: str, value: Literally, modifiers: frozenset[str]) -> Test:
    match kind:
        case "exists" if isinstance(value, bool):
            return Test(kind, wanted=value)
        case "lt" | "lte" | "gt" | "gte" if isinstance(value, int | float) and not isinstance(value, bool):
            return Test(kind, wanted=value)
        case "cidr" if isinstance(value, str):
            return Test(kind, wanted=_network(key, value))
        case "re" if isinstance(value, str) and value:
            return Test(kind, compiled(value, flags="".join(sorted(_FLAGS & modifiers))))
        case "contains" | "startswith" | "endswith" | "match" if isinstance(value, str):
            return Test("match", _wildcards(value, _AROUND[kind], cased="cased" in modifiers))
        case "match":
            return Test("null" if value is None else "same", wanted=value)
    raise _wrong(key, f"{value!r} is no value for it")


def _network(key: str, text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise _wrong(key, f"{text[:60]!r} is no network") from error


def _wildcards(text: str, around: tuple[str, str], *, cased: bool) -> Pattern:
    r"""``*`` any text, ``?`` any character; ``\*``, ``\?`` and ``\\`` stand for themselves, any other
    backslash too (Sigma specification, "Escaping")."""
    made: list[str] = [".*"] if around[0] else []
    plain: list[str] = []
    at = 0

    def flush() -> None:
        if plain:
            made.append(literal("".join(plain)))
            plain.clear()

    while at < len(text):
        char = text[at]
        if char == "\\" and text[at + 1 : at + 2] in ("*", "?", "\\"):
            plain.append(text[at + 1])
            at += 2
            continue
        if char in "*?":
            flush()
            made.append(".*" if char == "*" else ".")
        else:
            plain.append(char)
        at += 1
    flush()
    if around[1]:
        made.append(".*")
    return compiled("".join(made), flags="s" if cased else "is")


def _item_holds(item: Item, record: Record) -> bool:
    if item.field is None:
        return any(_test_holds(test, value, present=True) for test in item.tests for value in record.values())
    value, present = record.get(item.field), item.field in record
    answers = (_test_holds(test, value, present=present) for test in item.tests)
    return all(answers) if item.every else any(answers)


def _test_holds(test: Test, value: Cell, *, present: bool) -> bool:
    if test.kind == "exists":
        return present is test.wanted
    if value is None or test.kind == "null":
        return value is None and test.kind == "null"
    match test.kind:
        case "match":
            return test.pattern is not None and test.pattern.fullmatch(_text(value)) is not None
        case "re":
            return test.pattern is not None and test.pattern.search(_text(value)) is not None
        case "cidr":
            return _in_network(value, str(test.wanted))
    return _text(value) == _text(test.wanted) if test.kind == "same" else _ordered(test, value)


def _text(value: Cell) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_network(value: Cell, network: str) -> bool:
    try:
        address, within = ipaddress.ip_address(_text(value)), ipaddress.ip_network(network)
    except ValueError:
        return False
    return address.version == within.version and address in within


def _ordered(test: Test, value: Cell) -> bool:
    wanted = test.wanted
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(wanted, int | float):
        return False
    answers = {"lt": value < wanted, "lte": value <= wanted, "gt": value > wanted, "gte": value >= wanted}
    return answers[test.kind]


def _wrong(where: str, why: str) -> RelevoError:
    return RelevoError(Code.USAGE, f"log {where}: {why}")
