"""Whether a known error shows in a bundle: match, no match, or unknown (Kleene's three values).

Nothing that was not seen counts as healthy: a collector that is missing, failed or timed out, a fact
without a value, rows that were left out and values that redaction took make a term unknown, and an
unknown term decides nothing. So a bundle that knows more never turns a match into no match, nor the other
way round. Pure; ``now`` is the moment of the judgement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from protocol.comparing import compare
from protocol.diagnosis import Bundle, Cell, CollectorResult, Status, Table
from protocol.kleene import Steps, Truth, all_of, any_of, as_text, decided, negated, shown, unknown, verdict
from protocol.signature_logs import COLLECTOR as LOGS
from protocol.signature_logs import log_truth
from protocol.signature_model import (
    MAX_MISSING,
    Binding,
    Evidence,
    Expr,
    Missing,
    Outcome,
    Platform,
    Signature,
    Verdict,
    Why,
    bindings_of,
    require_expr_sound,
    require_sound,
    split_name,
)

__all__ = [
    "Binding",
    "Evidence",
    "Expr",
    "Missing",
    "Outcome",
    "Signature",
    "Verdict",
    "Why",
    "bindings_of",
    "evaluate",
    "evaluate_expr",
    "platform_of",
    "require_expr_sound",
    "require_sound",
]

SKEW_S = 300.0
"""How far in the future a bundle's time may lie and still be called fresh."""

_ANSWERED = (Status.OK, Status.PARTIAL)
_WHY: dict[Status, Why] = {
    Status.FAILED: Why.FAILED,
    Status.TIMEOUT: Why.TIMEOUT,
    Status.DENIED: Why.DENIED,
    Status.SKIPPED: Why.SKIPPED,
    Status.NOT_APPLICABLE: Why.NOT_APPLICABLE,
}

_Look = Callable[[str], tuple[str, Cell | Why]]
"""A fact or column by name: where that is, and its value or why there is none."""
_QUIET = {True: Truth(True), False: Truth(False), None: Truth(None)}
"""Without evidence: most rows of a table decide nothing, and are looked at for their value alone."""
_MAX_TOLD = 24
"""Rows of a table, of each value, that are looked at again for their evidence."""


def evaluate(signature: Signature, bundle: Bundle, now: datetime) -> Verdict:
    """What ``signature``, which is sound, says about ``bundle`` at ``now``."""
    platform = platform_of(bundle)
    if signature.platforms and platform not in signature.platforms:
        return verdict(decided(False, "platform", "in", ",".join(signature.platforms), platform))
    for name in signature.requires:
        result = bundle.result(name)
        if result is not None and result.status is Status.NOT_APPLICABLE:
            return verdict(decided(False, name, "exists", "true", result.reason))
    missing = tuple(_required(signature, bundle, now))
    if missing:
        return Verdict(outcome=Outcome.UNKNOWN, missing=missing[:MAX_MISSING])
    steps, parts = Steps(), []
    if signature.expr is not None:
        parts.append(_expr(signature.expr, bundle, _facts_of(bundle), "", steps))
    if signature.log is not None:
        logs = _answered(bundle, LOGS)
        parts.append(
            unknown(LOGS, logs) if isinstance(logs, Why) else log_truth(signature.log, logs, platform, steps)
        )
    return verdict(all_of(parts))


def evaluate_expr(expr: Expr, bundle: Bundle) -> Verdict:
    """What a sound expression alone says about ``bundle``, such as the check after a fix."""
    return verdict(_expr(expr, bundle, _facts_of(bundle), "", Steps()))


def platform_of(bundle: Bundle) -> Platform:
    """The kind of machine, by the name that its system has in the manifest."""
    name = bundle.manifest.os.casefold()
    if name.startswith("windows"):
        return "windows"
    return "macos" if name.startswith(("darwin", "macos")) else "linux"


def _required(signature: Signature, bundle: Bundle, now: datetime) -> Iterator[Missing]:
    for name in signature.requires:
        result = _answered(bundle, name)
        if isinstance(result, Why):
            yield Missing(what=name, why=result)
        elif signature.max_age_s is not None:
            age = (now - result.ended).total_seconds()
            if not -SKEW_S <= age <= signature.max_age_s:
                yield Missing(what=name, why=Why.TOO_OLD)


def _answered(bundle: Bundle, collector: str) -> CollectorResult | Why:
    """What a collector found, or why there is nothing from it."""
    result = bundle.result(collector)
    if result is None:
        return Why.ABSENT
    return result if result.status in _ANSWERED else _WHY[result.status]


def _expr(node: Expr, bundle: Bundle, look: _Look, where: str | None, steps: Steps) -> Truth:
    """``where``: goes before the name of what is looked at; None: only the value is wanted."""
    if node.all_ is not None:
        return all_of([_expr(part, bundle, look, where, steps) for part in node.all_])
    if node.any_ is not None:
        return any_of([_expr(part, bundle, look, where, steps) for part in node.any_])
    if node.not_ is not None:
        return negated(_expr(node.not_, bundle, look, where, steps))
    if node.table is not None and node.where is not None:
        return _table(node, node.where, bundle, steps)
    return _term(node, look, where, steps)


def _term(node: Expr, look: _Look, where: str | None, steps: Steps) -> Truth:
    what, seen = look(node.fact or node.column or "")
    op = node.op or ""
    if not steps.take():
        return unknown(what, Why.TOO_MUCH)
    answer = seen if isinstance(seen, Why) else compare(op, seen, node.value)
    if where is None:
        return _QUIET[None if isinstance(answer, Why) else answer]
    if isinstance(answer, Why) or isinstance(seen, Why):
        return unknown(f"{where}{what}", answer if isinstance(answer, Why) else Why.NO_VALUE)
    truth = decided(answer, f"{where}{what}", op, shown(node.value), shown(seen))
    if not answer or node.as_ is None or seen is None:
        return truth
    return truth._replace(sets=((Binding(name=node.as_, value=as_text(seen)),),))


def _facts_of(bundle: Bundle) -> _Look:
    def look(name: str) -> tuple[str, Cell | Why]:
        collector, key = split_name(name)
        result = _answered(bundle, collector)
        if isinstance(result, Why):
            return collector, result
        fact = next((fact for fact in result.facts if fact.key == key), None)
        if fact is None:
            return name, Why.ABSENT
        if fact.value is None and result.status is Status.PARTIAL:
            return name, Why.LEFT_OUT
        return name, fact.value

    return look


def _table(node: Expr, where: Expr, bundle: Bundle, steps: Steps) -> Truth:
    name = node.table or ""
    collector, key = split_name(name)
    result = _answered(bundle, collector)
    if isinstance(result, Why):
        return unknown(collector, result)
    table = result.table(key)
    if table is None:
        return unknown(name, Why.ABSENT)
    truths = []
    telling: dict[bool | None, int] = dict.fromkeys((True, False, None), _MAX_TOLD)
    ordinary = node.rows == "every"  # the value of rows that decide nothing
    for at, row in enumerate(_rows(table)):
        truth = _expr(where, bundle, row, None, steps)
        if truth.value is not ordinary and telling[truth.value]:
            telling[truth.value] -= 1
            truth = _expr(where, bundle, row, f"{name}[{at}].", steps)
        truths.append(truth)
        if any(one.why is Why.TOO_MUCH for one in truth.missing):
            break
    if table.dropped_rows or result.status is Status.PARTIAL:
        truths.append(unknown(name, Why.LEFT_OUT))
    if node.rows == "every":
        # What each of all rows is called would be a name for many values.
        truth = all_of([truth._replace(sets=((),)) for truth in truths])
        return decided(True, name, "rows", "every", str(len(table.rows))) if truth.value else truth
    truth = any_of(truths)
    return decided(False, name, "rows", "any", f"0/{len(table.rows)}") if truth.value is False else truth


def _rows(table: Table) -> Iterator[_Look]:
    places = {column.key: place for place, column in enumerate(table.columns)}

    def row_at(row: tuple[Cell, ...]) -> _Look:
        def look(column: str) -> tuple[str, Cell | Why]:
            place = places.get(column, len(row))
            return column, row[place] if place < len(row) else Why.ABSENT

        return look

    return map(row_at, table.rows)
