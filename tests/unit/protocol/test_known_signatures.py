"""Three values: what was not seen is unknown, and knowing more never turns a verdict around."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.comparing import compare, is_hidden
from protocol.diagnosis import MAX_ROWS, Bundle, Cell, CollectorResult, Column, Status, Table, fact, table
from protocol.errors import Code, RelevoError
from protocol.kleene import MAX_STEPS, Truth, all_of, any_of, negated
from protocol.signature_model import (
    MAX_DEPTH,
    MAX_EVIDENCE,
    MAX_SETS,
    MAX_TERMS,
    Expr,
    Outcome,
    Signature,
    Why,
    require_expr_sound,
    require_sound,
)
from protocol.signatures import evaluate, evaluate_expr
from protocol.wire import from_json, to_json
from tests.unit.protocol.test_findings import bundle, result

_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_SILENT = (Status.FAILED, Status.TIMEOUT, Status.DENIED, Status.SKIPPED)


def signature(**parts: Any) -> Signature:
    return msgspec.convert({"requires": ["a"], **parts}, Signature, strict=True)


def expr(**parts: Any) -> Expr:
    return msgspec.convert(parts, Expr, strict=True)


def said(wanted: dict[str, Any], *results: CollectorResult) -> Outcome:
    return evaluate_expr(msgspec.convert(wanted, Expr), bundle(*results)).outcome


# --- Kleene's laws ----------------------------------------------------------------------------------

_VALUES = (True, False, None)


@pytest.mark.parametrize(("left", "right"), list(itertools.product(_VALUES, _VALUES)))
def test_de_morgan_and_the_tables_of_kleene_hold(left: bool | None, right: bool | None) -> None:
    a, b = Truth(left), Truth(right)
    both, either = all_of([a, b]).value, any_of([a, b]).value
    assert both is (False if False in (left, right) else None if None in (left, right) else True)
    assert either is (True if True in (left, right) else None if None in (left, right) else False)
    assert negated(all_of([a, b])).value is any_of([negated(a), negated(b)]).value
    assert all_of([b, a]).value is both and any_of([b, a]).value is either
    assert negated(negated(a)).value is left


_FACTS = st.sampled_from(["a.x", "a.y", "b.x", "c.x"])
_OPS = st.sampled_from(["eq", "ne", "lt", "gte"])


def _exprs() -> st.SearchStrategy[dict[str, Any]]:
    term = st.builds(
        lambda name, op, value: {"fact": name, "op": op, "value": value}, _FACTS, _OPS, st.integers(0, 3)
    )
    row = st.builds(lambda op, value: {"column": "n", "op": op, "value": value}, _OPS, st.integers(0, 3))
    rows = st.builds(
        lambda rows, where: {"table": "b.t", "rows": rows, "where": where},
        st.sampled_from(["any", "every"]),
        row,
    )
    return st.recursive(
        st.one_of(term, rows),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=8,
    )


@st.composite
def _results(draw: st.DrawFn) -> list[CollectorResult]:
    made = []
    for name in ("a", "b", "c"):
        facts: dict[str, Cell] = {"x": draw(st.one_of(st.none(), st.integers(0, 3), st.just("text")))}
        facts |= {"y": draw(st.integers(0, 3))} if draw(st.booleans()) else {}
        rows: list[dict[str, Cell]] = [{"n": draw(st.integers(0, 3))} for _ in range(draw(st.integers(0, 3)))]
        one = result(name, facts, {"t": rows} if rows else None)
        if not rows:
            one = msgspec.structs.replace(one, tables=(table("t", ["n"], []),))
        made.append(one)
    return made


@given(_exprs(), _results(), st.sets(st.sampled_from(["a", "b", "c"])), st.sampled_from(_SILENT))
def test_a_bundle_that_knows_more_never_turns_a_verdict_around(
    wanted: dict[str, Any], results: list[CollectorResult], gone: set[str], how: Status
) -> None:
    whole = signature(expr=wanted)
    full = evaluate(whole, bundle(*results), _NOW).outcome
    without = evaluate(whole, bundle(*(one for one in results if one.collector not in gone)), _NOW).outcome
    silent = [
        msgspec.structs.replace(one, status=how, facts=(), tables=()) if one.collector in gone else one
        for one in results
    ]
    failed = evaluate(whole, bundle(*silent), _NOW).outcome
    assert without is failed
    assert without in (full, Outcome.UNKNOWN)


@given(_exprs(), _results())
def test_a_negation_says_the_opposite_and_leaves_unknown(
    wanted: dict[str, Any], results: list[CollectorResult]
) -> None:
    opposite = {
        Outcome.MATCH: Outcome.NO_MATCH,
        Outcome.NO_MATCH: Outcome.MATCH,
        Outcome.UNKNOWN: Outcome.UNKNOWN,
    }
    assert said({"not": wanted}, *results) is opposite[said(wanted, *results)]


# --- what is unknown --------------------------------------------------------------------------------

_X = {"fact": "a.x", "op": "gte", "value": 1}


@pytest.mark.parametrize("status", _SILENT)
def test_a_collector_that_did_not_answer_is_unknown_even_under_a_negation(status: Status) -> None:
    silent = result("a", {"x": 5}, status=status)
    assert said(_X, silent) is said({"not": _X}, silent) is Outcome.UNKNOWN
    verdict = evaluate(signature(expr=_X), bundle(silent), _NOW)
    assert (verdict.outcome, verdict.missing[0].what) == (Outcome.UNKNOWN, "a")


def test_a_required_collector_that_is_missing_makes_all_unknown_and_one_not_applicable_no_match() -> None:
    asked = signature(requires=["a", "b"], expr=_X)
    here = result("a", {"x": 5})
    assert evaluate(asked, bundle(here), _NOW).outcome is Outcome.UNKNOWN
    nothing = result("b", status=Status.NOT_APPLICABLE)
    assert evaluate(asked, bundle(here, nothing), _NOW).outcome is Outcome.NO_MATCH
    assert said({"fact": "b.x", "op": "exists", "value": False}, nothing) is Outcome.UNKNOWN


def test_an_old_bundle_and_one_from_the_future_are_unknown_and_another_platform_is_no_match() -> None:
    asked = signature(expr=_X, max_age_s=3600.0, platforms=["linux"])
    here = bundle(result("a", {"x": 5}))
    assert evaluate(asked, here, _NOW + timedelta(minutes=59)).outcome is Outcome.MATCH
    for late in (timedelta(minutes=61), timedelta(minutes=-6)):
        verdict = evaluate(asked, here, _NOW + late)
        assert (verdict.outcome, verdict.missing[0].why) == (Outcome.UNKNOWN, Why.TOO_OLD)
    windows = Bundle(
        manifest=msgspec.structs.replace(here.manifest, os="Windows (AMD64)"), results=here.results
    )
    assert evaluate(asked, windows, _NOW).outcome is Outcome.NO_MATCH


def test_rows_that_were_left_out_are_unknown_unless_a_row_decides() -> None:
    where = {"column": "n", "op": "eq", "value": 7}
    some = result("a", rows={"t": [{"n": 1}, {"n": 7}]})
    cut = msgspec.structs.replace(some, tables=(msgspec.structs.replace(some.tables[0], dropped_rows=3),))
    partial = msgspec.structs.replace(some, status=Status.PARTIAL)
    for one in (cut, partial):
        assert said({"table": "a.t", "where": where}, one) is Outcome.MATCH
        assert said({"table": "a.t", "where": {**where, "value": 9}}, one) is Outcome.UNKNOWN
        assert said({"table": "a.t", "rows": "every", "where": where}, one) is Outcome.NO_MATCH
        assert (
            said({"table": "a.t", "rows": "every", "where": {**where, "op": "gte", "value": 0}}, one)
            is Outcome.UNKNOWN
        )
    assert said({"table": "a.t", "where": {**where, "value": 9}}, some) is Outcome.NO_MATCH
    assert said({"table": "a.no", "where": where}, some) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "hidden", ["host-a1b2c3.dom-0f0f0f", "<masked>", "/home/user-aabbcc/x", "<secret:token>"]
)
def test_what_redaction_took_is_unknown_and_never_equal_or_different(hidden: str) -> None:
    assert is_hidden(hidden)
    for op, wanted in (("eq", "x"), ("ne", "x"), ("in", ("x", "y")), ("cidr", "10.0.0.0/8"), ("re", "^x$")):
        assert compare(op, hidden, wanted) is Why.HIDDEN
    assert compare("contains", f"sshd: {hidden}", "sshd") is True
    assert compare("exists", hidden, True) is True


@pytest.mark.parametrize(
    ("op", "seen", "wanted", "answer"),
    [
        ("eq", True, 1, Why.NOT_COMPARABLE),
        ("eq", 1, 1.0, True),
        ("eq", "1", 1, Why.NOT_COMPARABLE),
        ("eq", None, 1, Why.NO_VALUE),
        ("ne", 2, 1, True),
        ("lt", 10**400, 1.5, False),
        ("lt", "1", 2, Why.NOT_COMPARABLE),
        ("gte", True, 1, Why.NOT_COMPARABLE),
        ("in", "c", ("a", "b"), False),
        ("in", 1, ("a", 1), True),
        ("in", 1, ("a",), Why.NOT_COMPARABLE),
        ("contains", 12, "1", Why.NOT_COMPARABLE),
        ("cidr", "10.1.2.3", "10.0.0.0/8", True),
        ("cidr", "fe80::1%eth0", "fe80::/10", True),
        ("cidr", "10.1.2.3", "fe80::/10", False),
        ("cidr", "nonsense", "10.0.0.0/8", Why.NOT_COMPARABLE),
        ("exists", None, False, True),
        ("re", "a\nb", "^b", False),
    ],
)
def test_one_value_compared(op: str, seen: Cell, wanted: Any, answer: bool | Why) -> None:
    assert compare(op, seen, wanted) is answer


# --- bindings and evidence --------------------------------------------------------------------------


def test_each_row_that_fits_is_a_way_of_its_own_and_nothing_is_bound_by_a_negation() -> None:
    rows: list[dict[str, Cell]] = [{"n": f"s{at}", "up": at % 2 == 0} for at in range(40)]
    here = result("a", rows={"t": rows})
    where = {"all": [{"column": "up", "op": "eq", "value": True}, {"column": "n", "op": "exists", "value": True, "as": "name"}]}  # fmt: skip
    verdict = evaluate_expr(expr(table="a.t", where=where), bundle(here))
    assert [one[0].value for one in verdict.bindings] == [f"s{at}" for at in range(0, 2 * MAX_SETS, 2)]
    assert len(verdict.evidence) == MAX_EVIDENCE
    opposite = evaluate_expr(
        expr(**{"not": {"table": "a.t", "where": {"column": "n", "op": "eq", "value": "x", "as": "name"}}}),
        bundle(here),
    )
    assert (opposite.outcome, opposite.bindings) == (Outcome.MATCH, ())


def test_a_row_behind_many_unknown_ones_still_gives_its_name() -> None:
    rows: list[dict[str, Cell]] = [{"n": None} for _ in range(100)]
    here = result("a", rows={"t": [*rows, {"n": "x"}]})
    verdict = evaluate_expr(
        expr(table="a.t", where={"column": "n", "op": "eq", "value": "x", "as": "b"}), bundle(here)
    )
    assert [one.value for one in verdict.bindings[0]] == ["x"]
    assert verdict.evidence[0].where == "a.t[100].n"
    asked = expr(table="a.t", where={"column": "n", "op": "eq", "value": "y"})
    missing = evaluate_expr(asked, bundle(here)).missing
    assert (missing[0].what, missing[0].why) == ("a.t[0].n", Why.NO_VALUE)


# --- log signatures ---------------------------------------------------------------------------------

_LOG = {"detection": {"s": {"message|contains": "oom"}, "condition": "s"}}


def _logs(*messages: tuple[float, str], dropped: int = 0, kinds: int = 0, **changes: Any) -> CollectorResult:
    columns = ("at_unix_s", "level", "priority", "source", "message")
    rows = tuple((at, 3, "error", "kernel", text) for at, text in messages)
    records = Table(key="records", columns=table("x", columns, []).columns, rows=rows, dropped_rows=dropped)
    made = CollectorResult(
        collector="logs-summary",
        version=2,
        started=_NOW,
        ended=_NOW,
        status=Status.OK,
        facts=(fact("line_limit_reached", False), fact("dropped_kind_count", kinds)),
        tables=(records,),
    )
    return msgspec.structs.replace(made, **changes)


def _log_outcome(logs: CollectorResult | None, **log: Any) -> Outcome:
    asked = signature(log={**_LOG, **log})
    results = [result("a", {"x": 1}), *([logs] if logs else [])]
    return evaluate(asked, bundle(*results), _NOW).outcome


def test_a_log_signature_counts_records_and_is_unknown_where_they_were_not_all_seen() -> None:
    three = [(100.0, "OOM killed"), (110.0, "oom killed"), (500.0, "oom"), (501.0, "fine")]
    assert _log_outcome(_logs(*three)) is Outcome.MATCH
    assert _log_outcome(_logs(*three), count=3) is Outcome.MATCH
    assert _log_outcome(_logs(*three), count=4) is Outcome.NO_MATCH
    assert _log_outcome(_logs(*three), count=2, within_s=10.0) is Outcome.MATCH
    assert _log_outcome(_logs(*three), count=3, within_s=10.0) is Outcome.NO_MATCH
    assert _log_outcome(_logs(*three), logsource={"service": "Kernel"}) is Outcome.MATCH
    assert _log_outcome(_logs(*three), logsource={"service": "sshd"}) is Outcome.NO_MATCH
    assert _log_outcome(_logs(*three), logsource={"product": "windows"}) is Outcome.NO_MATCH
    assert _log_outcome(None) is Outcome.UNKNOWN
    assert _log_outcome(_logs(status=Status.PARTIAL)) is Outcome.UNKNOWN
    assert _log_outcome(_logs(facts=(fact("line_limit_reached", True),))) is Outcome.UNKNOWN
    assert _log_outcome(_logs(*three, dropped=5), count=4) is Outcome.NO_MATCH
    assert _log_outcome(_logs(*three, dropped=5), count=3, within_s=10.0) is Outcome.UNKNOWN
    assert _log_outcome(_logs((1.0, "fine"), dropped=5, kinds=1)) is Outcome.UNKNOWN
    assert _log_outcome(_logs(tables=())) is Outcome.UNKNOWN


# --- hostile signatures and hostile bundles ---------------------------------------------------------


def _deep(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = _X
    for _ in range(levels):
        made = {"not": made}
    return made


@pytest.mark.parametrize(
    "wanted",
    [
        _deep(MAX_DEPTH),
        {"all": [{"any": [_X] * 8}] * 8},
        {"fact": "a.x", "op": "re", "value": "(a{900}){900}"},
        {"fact": "a.x", "op": "re", "value": "a" * 501},
        {"fact": "a.x", "op": "re", "value": "(?=a)"},
        {"fact": "a.x", "op": "cidr", "value": "10.0.0.0/99"},
        {"fact": "a.x", "op": "lt", "value": "5"},
        {"fact": "a.x", "op": "lt", "value": True},
        {"fact": "a.x", "op": "in", "value": "abc"},
        {"fact": "a.x", "op": "eq", "value": ["abc"]},
        {"fact": "a.x", "op": "eq"},
        {"fact": "a.x", "op": "exists", "value": "yes"},
        {"fact": "a.x"},
        {"column": "n", "op": "eq", "value": 1},
        {"table": "a.t"},
        {"table": "a.t", "where": _X},
        {"table": "a.t", "where": {"table": "a.u", "where": {"column": "n", "op": "eq", "value": 1}}},
        {"fact": "a.x", "op": "eq", "value": 1, "all": [_X]},
        {"not": _X, "as": "name"},
        {},
    ],
)
def test_an_expression_that_cannot_be_meant_is_refused_before_it_is_signed(wanted: dict[str, Any]) -> None:
    with pytest.raises(RelevoError) as refused:
        require_expr_sound(msgspec.convert(wanted, Expr, strict=True))
    assert refused.value.code is Code.USAGE


@pytest.mark.parametrize("levels", [200, 100_000])
def test_an_expression_nested_without_end_is_malformed_not_a_crash(levels: int) -> None:
    text = '{"not":' * levels + to_json(expr(**_X)).decode() + "}" * levels
    with pytest.raises(RelevoError):
        require_expr_sound(from_json(text, Expr))


def test_the_widest_sound_expression_over_the_largest_tables_gives_up_in_bounded_work() -> None:
    part = {"column": "n", "op": "re", "value": "(a|aa)+$"}
    rows = tuple(("aaaa!",) for _ in range(MAX_ROWS))
    tables = tuple(Table(key=f"t{at}", columns=(Column(key="n"),), rows=rows) for at in range(8))
    here = bundle(msgspec.structs.replace(result("a"), tables=tables))
    one = expr(table="a.t0", where={"any": [part] * 16})
    require_expr_sound(one)
    assert evaluate_expr(one, here).outcome is Outcome.NO_MATCH
    over = [{"table": f"a.t{at}", "where": {"any": [part] * 17}} for at in range(3)]
    with pytest.raises(msgspec.ValidationError):
        expr(any=over)
    nested: dict[str, Any] = {"any": [{"any": [part] * 9}, {"any": [part] * 9}]}
    most = expr(any=[{"table": f"a.t{at}", "where": nested} for at in range(2)])
    require_expr_sound(most)
    assert 2 * 18 * MAX_ROWS <= MAX_STEPS < 2 * 26 * MAX_ROWS
    assert evaluate_expr(most, here).outcome is Outcome.NO_MATCH
    nested["any"].append({"any": [part] * 8})
    more = expr(any=[{"table": f"a.t{at}", "where": nested} for at in range(2)])
    require_expr_sound(more)
    verdict = evaluate_expr(more, here)
    assert (verdict.outcome, verdict.missing[0].why) == (Outcome.UNKNOWN, Why.TOO_MUCH)


_CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20))


@given(
    st.lists(st.lists(_CELLS, max_size=4), max_size=5),
    st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte", "in", "contains", "startswith", "re", "cidr"]),
)
def test_whatever_a_machine_says_the_answer_is_one_of_three(rows: list[list[Cell]], op: str) -> None:
    value: Any = {"in": ["a", 1], "lt": 1, "lte": 1, "gt": 1, "gte": 1, "cidr": "10.0.0.0/8"}.get(op, "a")
    ragged = Table(key="t", columns=table("t", ["n", "m"], []).columns, rows=tuple(map(tuple, rows)))
    here = msgspec.structs.replace(result("a"), tables=(ragged,))
    where = {"column": "m", "op": op, "value": value, "as": "b"}
    verdict = evaluate_expr(expr(table="a.t", where=where), bundle(here))
    assert from_json(to_json(verdict), type(verdict)) == verdict


def test_a_signature_wants_expr_or_log_and_a_collector() -> None:
    with pytest.raises(RelevoError):
        require_sound(signature())
    with pytest.raises(msgspec.ValidationError):
        signature(requires=[])
    require_sound(signature(expr={"all": [_X] * 16}))
    with pytest.raises(msgspec.ValidationError):
        signature(expr={"all": [_X] * 17})
    assert MAX_TERMS == 64
