"""What a product team is told of a recurring problem besides its counts: systems, packages, evidence.

From the newest matches and their bundles as the broker has them: R1, redacted on the machine. Evidence that
names a person's machine holds pseudonyms, which differ from ticket to ticket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import select

from broker.artifact_files import ArtifactFiles
from broker.reports.figures import Period
from broker.reports.loading import Reader
from broker.reports.run_metrics import Evaluated, is_match
from broker.store.session_tables import artifacts
from broker.store.signature_tables import signature_results
from protocol.diagnosis import Bundle
from protocol.drivers.files import read_file
from protocol.errors import RelevoError
from protocol.reports import RecurringProblem, Seen
from protocol.scopes import Clearance
from protocol.signature_model import Binding, Evidence
from protocol.wire import from_json

MAX_DETAILED = 40
"""Problems whose bundles are looked at, the first of the report."""
MACHINES_OF_ONE = 10
"""Of each problem the newest match of so many machines."""
MAX_LINES = 12
MAX_SEEN = 20
MAX_BUNDLE = 4 << 20
_VERSIONS = (("broken", "version"), ("upgradable", "installed"))
"""Tables of the collector ``packages``, and the column that tells which version the machine has."""


class _Found(NamedTuple):
    """One match in full. ``bundle`` None: it is not here, or cannot be read."""

    result: Evaluated
    evidence: tuple[Evidence, ...]
    bindings: tuple[tuple[Binding, ...], ...]
    bundle: Bundle | None


async def with_details(
    reader: Reader,
    files: ArtifactFiles,
    problems: Sequence[RecurringProblem],
    results: Sequence[Evaluated],
    period: Period,
) -> list[RecurringProblem]:
    """The same problems; the first ``MAX_DETAILED`` with what their newest matches tell."""
    newest: dict[str, dict[str, Evaluated]] = {}
    for result in sorted(results, key=lambda one: -one.id):
        if period.holds(result.at) and is_match(result):
            machines = newest.setdefault(result.known_error, {})
            if len(machines) < MACHINES_OF_ONE:
                machines.setdefault(result.agent, result)
    told = []
    for i, problem in enumerate(problems):
        wanted = list(newest.get(problem.known_error, {}).values()) if i < MAX_DETAILED else []
        told.append(_detailed(problem, await _load(reader, files, wanted)) if wanted else problem)
    return told


def _detailed(problem: RecurringProblem, found: Sequence[_Found]) -> RecurringProblem:
    lines = dict.fromkeys(
        f"{e.where} {e.op} {e.wanted}: {e.seen}".strip() for one in found for e in one.evidence
    )
    return msgspec.structs.replace(
        problem,
        evidence=tuple(lines)[:MAX_LINES],
        systems=_counted([_systems(one) for one in found]),
        packages=_counted([_packages(one) for one in found]),
    )


def _counted(of_machines: Sequence[Sequence[str]]) -> tuple[Seen, ...]:
    counts: dict[str, int] = {}
    for values in of_machines:
        for value in dict.fromkeys(values):
            counts[value] = counts.get(value, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Seen(value=value[:200], machines=count) for value, count in ordered[:MAX_SEEN])


def _systems(found: _Found) -> list[str]:
    if found.bundle is None:
        return []
    system = found.bundle.result("system")
    named = [] if system is None else [system.fact("os_name"), system.fact("kernel")]
    return [" / ".join(str(part) for part in named if part) or found.bundle.manifest.os]


def _packages(found: _Found) -> list[str]:
    """Packages that the evidence or a binding names, with the version that the machine has."""
    packages = None if found.bundle is None else found.bundle.result("packages")
    if packages is None:
        return []
    said = {e.seen for e in found.evidence} | {b.value for row in found.bindings for b in row}
    versions = []
    for key, column in _VERSIONS:
        table = packages.table(key)
        versions += [
            f"{record['name']} {record.get(column) or '?'}"
            for record in (() if table is None else table.records())
            if str(record.get("name")) in said
        ]
    return versions


async def _load(reader: Reader, files: ArtifactFiles, wanted: Sequence[Evaluated]) -> list[_Found]:
    """Only what lies here in clear: a result about a sealed bundle has no evidence and no bundle."""
    by_id = {result.id: result for result in wanted}
    r, a = signature_results.c, artifacts.c
    rows = (
        select(r.id, r.evidence, r.bindings, a.artifact, a.size_bytes)
        .join_from(signature_results, artifacts, r.artifact == a.artifact)
        .where(r.id.in_(by_id), r.clearance == Clearance.R1.value, a.sealed.is_(False))
    )
    found = []
    for id_, evidence, bindings, artifact, size, _ in reversed(await reader.rows(rows, r.id)):
        bundle = await asyncio.to_thread(_read, files, artifact) if size <= MAX_BUNDLE else None
        found.append(
            _Found(
                by_id[id_],
                msgspec.json.decode(evidence, type=tuple[Evidence, ...]),
                msgspec.json.decode(bindings, type=tuple[tuple[Binding, ...], ...]),
                bundle,
            )
        )
        reader.budget.spend(0)
    return found


def _read(files: ArtifactFiles, artifact: str) -> Bundle | None:
    try:
        return from_json(read_file(files.path(artifact), MAX_BUNDLE), Bundle)
    except RelevoError:
        # An artifact that was lost or erased takes nothing from the counts: the report says less.
        return None
