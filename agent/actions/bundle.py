"""From collectors' results to a bundle for one clearance: redacted, scanned, as JSON bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import msgspec

from agent.redaction import FactClass as RedactionClass
from agent.redaction import Redactor, residual
from agent.redaction.known import requester_here
from protocol import VERSION
from protocol.diagnosis import (
    MAX_BUNDLE,
    SCHEMA,
    Bundle,
    Cell,
    ClassCount,
    Clock,
    CollectorResult,
    FactClass,
    Item,
    Manifest,
    ManifestEntry,
    NamedFact,
    Status,
    Table,
)
from protocol.errors import Code, RelevoError
from protocol.ids import AgentId, GrantId, TicketId
from protocol.scopes import Clearance
from protocol.wire import to_json

POLICY = "relevo/1"
"""Names the set of redaction rules (4-domain.md) that ``agent.redaction`` implements."""
_MAX_CELL = 4_000
_MAX_NOTE = 400


@dataclass(frozen=True)
class RunOf:
    """Everything about a run but its results."""

    run: str
    ticket: TicketId | None
    grant: GrantId
    agent: AgentId
    os: str
    started: datetime
    ended: datetime
    clock: Clock


def make(
    of: RunOf, results: tuple[CollectorResult, ...], clearance: Clearance, pseudonym_key: bytes
) -> bytes:
    """The bundle as a technician of ``clearance`` may see it.

    A collector's result in which the last look still finds a secret is left out, and says so; the rest
    is looked at again.

    Raises:
        RelevoError: ``redaction-failed`` when the finished bytes still hold what they must not;
            ``too-large`` over ``MAX_BUNDLE``.
    """
    redacted = tuple(_result(result, clearance, pseudonym_key) for result in results)
    content = _encoded(of, redacted, clearance)
    try:
        residual(content)
    except RelevoError:
        content = _encoded(of, tuple(_clean_or_empty(result) for result in redacted), clearance)
        residual(content)
    return content


def bundle_of(of: RunOf, results: tuple[CollectorResult, ...], clearance: Clearance) -> Bundle:
    """The results as they are, behind their manifest. What leaves the machine is made by ``make``."""
    total: Counter[str] = Counter()
    for result in results:
        total.update({count.cls: count.count for count in result.redaction})
    manifest = Manifest(
        schema=SCHEMA,
        run=of.run,
        ticket=of.ticket,
        grant=of.grant,
        agent=of.agent,
        agent_version=VERSION,
        os=of.os,
        started=of.started,
        ended=of.ended,
        clock=of.clock,
        clearance=clearance,
        redaction_policy=POLICY,
        redaction=_counts(total),
        residual_scan="clean",
        collectors=tuple(_entry(result) for result in results),
    )
    return Bundle(manifest=manifest, results=results)


def _encoded(of: RunOf, results: tuple[CollectorResult, ...], clearance: Clearance) -> bytes:
    content = to_json(bundle_of(of, results, clearance))
    if len(content) > MAX_BUNDLE:
        raise RelevoError(Code.TOO_LARGE, f"bundle of {len(content)} bytes")
    return content


def _clean_or_empty(result: CollectorResult) -> CollectorResult:
    """The result, or only its name and why nothing else of it may leave the machine."""
    try:
        residual(to_json(result))
    except RelevoError:
        return CollectorResult(
            collector=result.collector,
            version=result.version,
            started=result.started,
            ended=result.ended,
            status=Status.FAILED,
            reason="redaction",
            privileges=result.privileges,
            cost=result.cost,
        )
    return result


class _Redaction:
    """One collector's values through the rules; equal texts are looked at once."""

    def __init__(self, clearance: Clearance, pseudonym_key: bytes) -> None:
        self._redactor = Redactor(clearance, pseudonym_key, requester=requester_here())
        self._seen: dict[tuple[FactClass, str], str] = {}

    @property
    def counts(self) -> Counter[str]:
        return Counter(self._redactor.counts)

    def cell(self, value: Cell, cls: FactClass) -> Cell:
        if not isinstance(value, str) or not value:
            return value
        known = self._seen.get((cls, value))
        if known is None:
            known = self._redacted(value, cls)[:_MAX_CELL]
            self._seen[cls, value] = known
        return known

    def _redacted(self, value: str, cls: FactClass) -> str:
        if cls is FactClass.TEXT:
            return self._redactor.text(value)
        if cls is FactClass.PATH:
            return self._redactor.name(value)
        return str(self._redactor.value(value, RedactionClass(cls.value)))

    def note(self, text: str) -> str:
        return self._redactor.text(text)[:_MAX_NOTE] if text else text


def _result(result: CollectorResult, clearance: Clearance, pseudonym_key: bytes) -> CollectorResult:
    redaction = _Redaction(clearance, pseudonym_key)
    changed = msgspec.structs.replace(
        result,
        reason=redaction.note(result.reason),
        facts=tuple(_fact(fact, redaction) for fact in result.facts),
        tables=tuple(_table(table, redaction) for table in result.tables),
        items=tuple(_item(item, clearance, redaction) for item in result.items),
        warnings=tuple(redaction.note(warning) for warning in result.warnings),
    )
    return msgspec.structs.replace(changed, redaction=_counts(redaction.counts))


def _fact(fact: NamedFact, redaction: _Redaction) -> NamedFact:
    return msgspec.structs.replace(fact, value=redaction.cell(fact.value, fact.cls))


def _table(table: Table, redaction: _Redaction) -> Table:
    classes = [column.cls for column in table.columns]
    rows = tuple(
        tuple(redaction.cell(cell, cls) for cell, cls in zip(row, classes, strict=True)) for row in table.rows
    )
    return msgspec.structs.replace(table, rows=rows)


def _item(item: Item, clearance: Clearance, redaction: _Redaction) -> Item:
    """A hash of a short file would let its content be guessed, so it is for R3 alone."""
    return msgspec.structs.replace(
        item,
        source=redaction.note(item.source),
        sha256=item.sha256 if clearance is Clearance.R3 else None,
    )


def _counts(counts: Counter[str]) -> tuple[ClassCount, ...]:
    return tuple(ClassCount(cls=cls.replace(":", "-"), count=n) for cls, n in sorted(counts.items()) if n)


def _entry(result: CollectorResult) -> ManifestEntry:
    facts = len(result.facts) + sum(len(table.rows) for table in result.tables)
    seconds = max(0.0, (result.ended - result.started).total_seconds())
    return ManifestEntry(
        collector=result.collector,
        status=result.status,
        items=len(result.items),
        facts=facts,
        seconds=round(seconds, 6),
    )
