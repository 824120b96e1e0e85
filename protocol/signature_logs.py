"""A log signature against the log records that a bundle carries."""

from __future__ import annotations

from protocol.diagnosis import Cell, CollectorResult, Status, Table
from protocol.kleene import Steps, Truth, decided, shown, unknown
from protocol.sigma import LogSignature, enough, matches, parse_rule
from protocol.signature_model import Evidence, Platform, Why

COLLECTOR = "logs-summary"
RECORDS = "records"
"""Its table: the newest records of warning and worse, as the shapes of their messages."""
_MAX_EVIDENCE = 5


def log_truth(log: LogSignature, result: CollectorResult, platform: Platform, steps: Steps) -> Truth:
    """Whether enough records meet it; unknown where records that were left out could have.

    Args:
        result: of ``COLLECTOR``, which answered.
    """
    source = log.logsource
    if source.product not in (None, platform):
        return decided(False, "log", "product", source.product, platform)
    table = result.table(RECORDS)
    if table is None:
        return unknown(f"{COLLECTOR}.{RECORDS}", Why.ABSENT)
    rule = parse_rule(log)
    found: list[tuple[float, str]] = []
    for record in table.records():
        if not steps.take():
            return unknown("log", Why.TOO_MUCH)
        if _from_service(record, source.service) and matches(rule, record):
            found.append((_number(record.get("at_unix_s")), shown(record.get("message"))))
    wanted = str(log.count) if log.within_s is None else f"{log.count} in {log.within_s:g} s"
    if enough([at for at, _ in found], log.count, log.within_s):
        seen = (
            Evidence(where="log", op="count", wanted=wanted, seen=text) for _, text in found[:_MAX_EVIDENCE]
        )
        return Truth(True, ((),), tuple(seen))
    if not _saw_all(result, table, found=len(found), timed=log.within_s is not None):
        return unknown(f"{COLLECTOR}.{RECORDS}", Why.LEFT_OUT)
    return decided(False, "log", "count", wanted, str(len(found)))


def _from_service(record: dict[str, Cell], service: str | None) -> bool:
    return service is None or str(record.get("source") or "").casefold() == service.casefold()


def _saw_all(result: CollectorResult, table: Table, *, found: int, timed: bool) -> bool:
    """Whether records that the collector did not keep could not have changed the answer.

    It keeps the newest 20 of each kind of message (``count`` is at most that), so what it left out
    matters only for the time between records, or when a kind was left out wholly.
    """
    if result.status is not Status.OK or result.fact("line_limit_reached") is not False:
        return False
    if not table.dropped_rows:
        return True
    return result.fact("dropped_kind_count") == 0 and (found == 0 or not timed)


def _number(value: Cell) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else 0.0
