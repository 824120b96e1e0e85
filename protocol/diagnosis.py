"""What collectors found, as typed facts, and the bundle that carries it (5-diagnosis-and-fixes.md).

A fact is one value whose key carries its unit (``used_bytes``, ``age_s``, ``used_percent``); a table
holds the rows of things that a machine has several of. Every fact and every column states its
redaction class, so that the agent knows what to do with it without knowing what it means.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta

from protocol.ids import AgentId, GrantId, TicketId
from protocol.scopes import Clearance
from protocol.wire import Count, Line, Moment, Name, Sha256, Wire

SCHEMA = 1
MAX_ROWS = 2_000
MAX_BUNDLE = 16 << 20
"""Bytes of a bundle as JSON."""
BUNDLE_MEDIA_TYPE = "application/vnd.relevo.bundle+json"


class FactClass(enum.StrEnum):
    """Redaction class of a value (4-domain.md, "Redaction classes")."""

    TECHNICAL = "technical"
    PERSON = "person"
    NETWORK = "network"
    BUSINESS = "business"
    TEXT = "text"
    """Free words, such as a log message, that may hold any of the above: each part by its own class."""
    PATH = "path"
    """A path: folders of the system are technical, what people named is theirs."""


class Status(enum.StrEnum):
    """How a collector ended."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    TIMEOUT = "timeout"
    DENIED = "denied"
    NOT_APPLICABLE = "not_applicable"
    SKIPPED = "skipped"


Key = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,59}$(?!\n)")]
Cell = bool | int | float | Annotated[str, Meta(max_length=4_000)] | None
Note = Annotated[str, Meta(max_length=400)]
"""``code`` or ``code: detail``; the codes have words in ``protocol.wording.diagnosis``."""


class NamedFact(Wire, frozen=True):
    key: Key
    value: Cell
    cls: FactClass = FactClass.TECHNICAL


class Column(Wire, frozen=True):
    key: Key
    cls: FactClass = FactClass.TECHNICAL


class Table(Wire, frozen=True):
    """Rows of like things. Every row has one cell per column (``ragged`` finds one that has not)."""

    key: Key
    columns: Annotated[tuple[Column, ...], Meta(min_length=1, max_length=40)]
    rows: Annotated[tuple[tuple[Cell, ...], ...], Meta(max_length=MAX_ROWS)] = ()
    dropped_rows: Count = 0
    """Rows that the machine had and the limit left out."""

    def records(self) -> Iterator[dict[str, Cell]]:
        """Each row by column key."""
        keys = [column.key for column in self.columns]
        for row in self.rows:
            yield dict(zip(keys, row, strict=False))


class Cut(Wire, frozen=True):
    """Bytes kept at the head and the tail of something too long, and bytes left out."""

    head: Count
    tail: Count
    dropped_bytes: Count


class Item(Wire, frozen=True):
    """One thing that was read to get the facts: a file or a program's output."""

    kind: Annotated[str, Meta(pattern=r"^(file|command)$(?!\n)")]
    source: Annotated[str, Meta(max_length=500)]
    """Path, or argv joined by spaces."""
    rc: int | None = None
    read_bytes: Count = 0
    sha256: Sha256 | None = None
    """Of the bytes as read. Left out below R3: a short secret could be guessed from it."""
    truncated: Cut | None = None


class Output(Wire, frozen=True):
    """What a collector hands back from its own process; nothing in it is trusted before decoding."""

    status: Status = Status.OK
    reason: Note = ""
    facts: Annotated[tuple[NamedFact, ...], Meta(max_length=500)] = ()
    tables: Annotated[tuple[Table, ...], Meta(max_length=40)] = ()
    items: Annotated[tuple[Item, ...], Meta(max_length=400)] = ()
    warnings: Annotated[tuple[Note, ...], Meta(max_length=100)] = ()


class Cost(Wire, frozen=True):
    """What the collector's process and its children used."""

    cpu_ms: Count = 0
    rss_peak_bytes: Count = 0
    read_bytes: Count = 0


class ClassCount(Wire, frozen=True):
    cls: Annotated[str, Meta(max_length=40)]
    count: Count


class CollectorResult(Wire, frozen=True):
    collector: Name
    version: Annotated[int, Meta(ge=1, le=10_000)]
    started: Moment
    ended: Moment
    status: Status
    reason: Note = ""
    facts: Annotated[tuple[NamedFact, ...], Meta(max_length=500)] = ()
    tables: Annotated[tuple[Table, ...], Meta(max_length=40)] = ()
    items: Annotated[tuple[Item, ...], Meta(max_length=400)] = ()
    redaction: Annotated[tuple[ClassCount, ...], Meta(max_length=64)] = ()
    """How many values of each class were replaced or removed here."""
    privileges: Annotated[str, Meta(max_length=20)] = "user"
    """``user`` or ``root``: what the collector could see follows from it."""
    cost: Cost = Cost()
    warnings: Annotated[tuple[Note, ...], Meta(max_length=100)] = ()

    def fact(self, key: str) -> Cell:
        """The value of a fact, None when it is not there."""
        for fact in self.facts:
            if fact.key == key:
                return fact.value
        return None

    def table(self, key: str) -> Table | None:
        for table in self.tables:
            if table.key == key:
                return table
        return None


class Clock(Wire, frozen=True):
    """The machine's own clocks when the run began: wall, time since boot, zone."""

    wall: Moment
    mono_s: float
    zone: Annotated[str, Meta(max_length=80)] = ""
    offset_ms: float | None = None
    """Against the time service, where one says."""


class ManifestEntry(Wire, frozen=True):
    collector: Name
    status: Status
    items: Count
    facts: Count
    seconds: float


class Manifest(Wire, frozen=True):
    """First in the bundle: what is in it, how it was made and what was taken out."""

    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)]
    run: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]
    ticket: TicketId | None
    """None while the machine's user looks at it alone; what is put on a ticket names it."""
    grant: GrantId
    agent: AgentId
    agent_version: Annotated[str, Meta(max_length=40)]
    os: Line
    started: Moment
    ended: Moment
    clock: Clock
    clearance: Clearance
    redaction_policy: Annotated[str, Meta(max_length=80)]
    redaction: Annotated[tuple[ClassCount, ...], Meta(max_length=64)]
    residual_scan: Annotated[str, Meta(pattern=r"^clean$(?!\n)")]
    """A bundle whose scan found something never comes to be."""
    collectors: Annotated[tuple[ManifestEntry, ...], Meta(max_length=64)]


class Bundle(Wire, frozen=True):
    manifest: Manifest
    results: Annotated[tuple[CollectorResult, ...], Meta(max_length=64)]

    def result(self, collector: str) -> CollectorResult | None:
        for result in self.results:
            if result.collector == collector:
                return result
        return None


def fact(key: str, value: Cell, cls: FactClass = FactClass.TECHNICAL) -> NamedFact:
    return NamedFact(key=key, value=value, cls=cls)


def table(
    key: str,
    columns: Iterable[tuple[str, FactClass] | str],
    rows: Iterable[tuple[Cell, ...]],
    *,
    limit: int = 200,
) -> Table:
    """A table of the first ``limit`` rows; the rest is counted, not kept."""
    made = tuple(
        Column(key=column) if isinstance(column, str) else Column(key=column[0], cls=column[1])
        for column in columns
    )
    kept: list[tuple[Cell, ...]] = []
    dropped = 0
    for row in rows:
        if len(kept) < min(limit, MAX_ROWS):
            kept.append(row)
        else:
            dropped += 1
    return Table(key=key, columns=made, rows=tuple(kept), dropped_rows=dropped)


def ragged(output: Output) -> str | None:
    """The key of a table that has a row of another width than its columns, else None."""
    for found in output.tables:
        if any(len(row) != len(found.columns) for row in found.rows):
            return found.key
    return None
