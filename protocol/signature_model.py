"""The signature of a known error as it is written down, and what a look at a bundle says.

A signature is data, never code. Its limits are in the types where a type can hold them; what a type
cannot hold (depth, number of terms, names that must be there) ``require_sound`` checks, before anybody
signs a signature and again before anybody evaluates one.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from protocol.diagnosis import Key
from protocol.errors import Code, RelevoError
from protocol.patterns import MAX_PATTERN, compiled
from protocol.sigma import LogSignature, require_log_sound
from protocol.wire import Name, Wire

MAX_DEPTH = 8
"""Levels of all / any / not / where."""
MAX_TERMS = 64
MAX_PARTS = 16
MAX_SETS = 8
"""Ways in which a signature may match one bundle that are told apart: eight stale locks, not eighty."""
MAX_EVIDENCE = 24
MAX_MISSING = 24

Platform = Literal["linux", "macos", "windows"]
BindingName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)")]
FactName = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\.[a-z][a-z0-9_]{0,59}$(?!\n)", max_length=124)
]
"""``collector.fact`` or ``collector.table``; the last dot parts them."""
Scalar = bool | int | float | Annotated[str, Meta(max_length=1_000)]
Value = Scalar | Annotated[tuple[Scalar, ...], Meta(min_length=1, max_length=64)]
Op = Literal[
    "eq", "ne", "lt", "lte", "gt", "gte", "in", "contains", "startswith", "endswith", "re", "cidr", "exists"
]


class Expr(Wire, frozen=True, omit_defaults=True):
    """One node: exactly one of ``all``, ``any``, ``not``, ``fact``, ``table``, ``column``.

    A ``table`` asks ``rows`` (``any`` or ``every``) of it whether ``where`` holds; inside ``where`` the
    terms name a ``column`` of the row. A term of a fact or a column may give its value a name with ``as``.
    """

    all_: Annotated[tuple[Expr, ...], Meta(min_length=1, max_length=MAX_PARTS)] | None = msgspec.field(
        name="all", default=None
    )
    any_: Annotated[tuple[Expr, ...], Meta(min_length=1, max_length=MAX_PARTS)] | None = msgspec.field(
        name="any", default=None
    )
    not_: Expr | None = msgspec.field(name="not", default=None)
    fact: FactName | None = None
    table: FactName | None = None
    rows: Literal["any", "every"] = "any"
    where: Expr | None = None
    column: Key | None = None
    op: Op | None = None
    value: Value | None = None
    as_: BindingName | None = msgspec.field(name="as", default=None)


class Signature(Wire, frozen=True, omit_defaults=True):
    """By what a known error is recognised in a bundle: ``expr`` and ``log`` must both hold where both are."""

    requires: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=20)]
    """Collectors that must have answered; without one of them nothing is said. One that answered that this
    machine has no such thing makes it ``no_match``."""
    platforms: Annotated[tuple[Platform, ...], Meta(max_length=3)] = ()
    """Empty: any."""
    max_age_s: Annotated[float, Meta(ge=1, le=30 * 86_400)] | None = None
    """The most time between the look and the judgement; older facts are unknown."""
    expr: Expr | None = None
    log: LogSignature | None = None


class Outcome(enum.StrEnum):
    MATCH = "match"
    NO_MATCH = "no_match"
    UNKNOWN = "unknown"


class Binding(Wire, frozen=True):
    """A value of the machine under the name that the signature gave it, as text."""

    name: BindingName
    value: Annotated[str, Meta(max_length=1_000)]


class Evidence(Wire, frozen=True):
    """One term that decided: where it looked, what it asked and what it saw."""

    where: Annotated[str, Meta(max_length=200)]
    """``locks.stale_count``, ``locks.locks[3].path``, ``log``."""
    op: Annotated[str, Meta(max_length=20)]
    wanted: Annotated[str, Meta(max_length=200)]
    seen: Annotated[str, Meta(max_length=200)]


class Why(enum.StrEnum):
    """Why something is not known."""

    ABSENT = "absent"
    """The collector did not run, or does not know this fact."""
    FAILED = "failed"
    TIMEOUT = "timeout"
    DENIED = "denied"
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not_applicable"
    NO_VALUE = "no_value"
    HIDDEN = "hidden"
    """Redaction replaced it for this clearance."""
    NOT_COMPARABLE = "not_comparable"
    LEFT_OUT = "left_out"
    """The collector kept only a part of what there was."""
    TOO_OLD = "too_old"
    TOO_MUCH = "too_much"
    """The bundle is so large that looking through it was given up."""


class Missing(Wire, frozen=True):
    what: Annotated[str, Meta(max_length=200)]
    why: Why


class Verdict(Wire, frozen=True):
    """What a signature says about a bundle."""

    outcome: Outcome
    bindings: Annotated[tuple[tuple[Binding, ...], ...], Meta(max_length=MAX_SETS)] = ()
    """One set for each way in which it matches; empty unless it is a match that names values."""
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=MAX_EVIDENCE)] = ()
    missing: Annotated[tuple[Missing, ...], Meta(max_length=MAX_MISSING)] = ()
    """Only with ``unknown``."""


def split_name(name: str) -> tuple[str, str]:
    """Collector and fact of ``collector.fact``."""
    collector, _, key = name.rpartition(".")
    return collector, key


def bindings_of(signature: Signature) -> frozenset[str]:
    """Every name that the signature may give a value."""
    return frozenset(node.as_ for node, _ in _nodes(signature.expr) if node.as_ is not None)


def require_sound(signature: Signature) -> None:
    """The rules that no single field's type can hold.

    Raises:
        RelevoError: ``usage`` naming what is wrong.
    """
    _require(signature.expr is not None or signature.log is not None, "signature", "wants expr or log")
    if signature.expr is not None:
        require_expr_sound(signature.expr)
    if signature.log is not None:
        require_log_sound(signature.log)


def require_expr_sound(expr: Expr) -> None:
    """As ``require_sound``, of an expression alone."""
    for terms, (node, in_row) in enumerate(_nodes(expr), start=1):
        _require(terms <= MAX_TERMS, "expr", f"more than {MAX_TERMS} terms")
        _require_node(node, in_row=in_row)


def _nodes(expr: Expr | None) -> Iterator[tuple[Expr, bool]]:
    """Every node, and whether it is inside a ``where``.

    Raises:
        RelevoError: ``usage`` deeper than ``MAX_DEPTH``.
    """
    waiting = [(expr, 1, False)] if expr is not None else []
    while waiting:
        node, depth, in_row = waiting.pop()
        _require(depth <= MAX_DEPTH, "expr", f"deeper than {MAX_DEPTH} levels")
        yield node, in_row
        below = [*(node.all_ or ()), *(node.any_ or ())]
        if node.not_ is not None:
            below.append(node.not_)
        waiting += [(child, depth + 1, in_row) for child in below]
        if node.where is not None:
            waiting.append((node.where, depth + 1, True))


def _require_node(node: Expr, *, in_row: bool) -> None:
    kinds = {
        "all": node.all_, "any": node.any_, "not": node.not_,
        "fact": node.fact, "table": node.table, "column": node.column,
    }  # fmt: skip
    given = [name for name, value in kinds.items() if value is not None]
    _require(len(given) == 1, "expr", f"one of {', '.join(kinds)} a node, not {given or 'none'}")
    kind = given[0]
    _require(kind != "column" or in_row, "expr", "column is for the where of a table")
    _require(kind not in ("fact", "table") or not in_row, "expr", f"{kind} has no place in a where")
    _require((kind == "table") == (node.where is not None), "expr", "a table, and only a table, has a where")
    _require(node.rows == "any" or kind == "table", "expr", "rows is for a table")
    term = kind in ("fact", "column")
    _require(term == (node.op is not None), "expr", "a fact or column, and nothing else, has an op")
    _require(term or node.value is None, "expr", "a value without an op")
    _require(term or node.as_ is None, "expr", "as is for a fact or column")
    if term:
        _require_value(node)


def _require_value(node: Expr) -> None:
    op, value = node.op, node.value
    where = node.fact or node.column or ""
    if op == "exists":
        _require(isinstance(value, bool), where, "exists wants true or false")
        return
    _require(value is not None, where, f"{op} wants a value")
    _require((op == "in") == isinstance(value, tuple), where, "in, and only in, takes a list")
    if op in ("contains", "startswith", "endswith", "re", "cidr"):
        _require(isinstance(value, str) and bool(value), where, f"{op} wants a text")
    if op in ("lt", "lte", "gt", "gte"):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        _require(number, where, f"{op} wants a number")
    if op == "re":
        _require(len(str(value)) <= MAX_PATTERN, where, f"a pattern has at most {MAX_PATTERN} characters")
        compiled(str(value))
    if op == "cidr":
        try:
            ipaddress.ip_network(str(value), strict=False)
        except ValueError as error:
            raise RelevoError(Code.USAGE, f"{where}: {value!r} is no network") from error


def _require(holds: bool, where: str, why: str) -> None:
    if not holds:
        raise RelevoError(Code.USAGE, f"{where}: {why}")
