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
        parts.append(_expr(signature.expr, bundle, _facts_of(bundle), steps))
    if signature.log is not None:
        logs = _answered(bundle, LOGS)
        parts.append(
            unknown(LOGS, logs) if isinstance(logs, Why) else log_truth(signature.log, logs, platform, steps)
        )
    return verdict(all_of(parts))


def evaluate_expr(expr: Expr, bundle: Bundle) -> Verdict:
    """What a sound expression alone says about ``bundle``, such as the check after a fix."""
    return verdict(_expr(expr, bundle, _facts_of(bundle), Steps()))


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


def _expr(node: Expr, bundle: Bundle, look: _Look, steps: Steps) -> Truth:
    if node.all_ is not None:
        return all_of([_expr(part, bundle, look, steps) for part in node.all_])
    if node.any_ is not None:
        return any_of([_expr(part, bundle, look, steps) for part in node.any_])
    if node.not_ is not None:
        return negated(_expr(node.not_, bundle, look, steps))
    if node.table is not None and node.where is not None:
        return _table(node, node.where, bundle, steps)
    return _term(node, look, steps)


def _term(node: Expr, look: _Look, steps: Steps) -> Truth:
    where, seen = look(node.fact or node.column or "")
    if isinstance(seen, Why):
        return unknown(where, seen)
    if not steps.take():
        return unknown(where, Why.TOO_MUCH)
    op = node.op or ""
    answer = compare(op, seen, node.value)
    if isinstance(answer, Why):
        return unknown(where, answer)
    truth = decided(answer, where, op, shown(node.value), shown(seen))
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
    for row in _rows(name, table):
        truths.append(_expr(where, bundle, row, steps))
        if any(one.why is Why.TOO_MUCH for one in truths[-1].missing):
            break
    if table.dropped_rows or result.status is Status.PARTIAL:
        truths.append(unknown(name, Why.LEFT_OUT))
    if node.rows == "every":
        # What each of all rows is called would be a name for many values.
        truth = all_of([truth._replace(sets=((),)) for truth in truths])
        return decided(True, name, "rows", "every", str(len(table.rows))) if truth.value else truth
    truth = any_of(truths)
    return decided(False, name, "rows", "any", f"0/{len(table.rows)}") if truth.value is False else truth


def _rows(name: str, table: Table) -> Iterator[_Look]:
    places = {column.key: place for place, column in enumerate(table.columns)}

    def row_at(at: int) -> _Look:
        row = table.rows[at]

        def look(column: str) -> tuple[str, Cell | Why]:
            place = places.get(column, len(row))
            return f"{name}[{at}].{column}", row[place] if place < len(row) else Why.ABSENT

        return look

    return (row_at(at) for at in range(len(table.rows)))
