"""Reading a served log: every entry for who may see all, else all hashes and the visible entries.

What is kept of an entry is its 32-byte leaf hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from protocol.api import AuditEntryView
from protocol.merkle import HASH_SIZE, leaf_hash
from technician.audit.findings import Counts, Fault, Finding, Remark
from technician.audit.rules import LogRules
from technician.audit.source import Source, leaf_hashes, pages

Progress = Callable[[int, int], None]


class Read(NamedTuple):
    leaves: bytearray
    """Merkle leaf hashes as served, in order."""
    finding: Finding | None
    counts: Counts
    remarks: tuple[Remark, ...]


class _Reader:
    """Rules, counts and the first finding while entries pass by."""

    def __init__(self, rules: LogRules, cached: bytes, ticket: str | None) -> None:
        self.leaves = bytearray()
        self.finding: Finding | None = None
        self._rules = rules
        self._cached = cached
        self._ticket = ticket
        self._of_ticket = 0

    def leaf(self, hashed: bytes) -> None:
        """The next leaf hash; it must be the remembered one where there is one."""
        at = len(self.leaves)
        known = self._cached[at : at + HASH_SIZE]
        self.leaves += hashed
        if known and known != hashed:
            self.found(Finding(at // HASH_SIZE, Fault.LEAF_CHANGED))

    def entry(self, entry: AuditEntryView) -> None:
        """After the first wrong entry nothing more is judged: its consequences are no news."""
        if self.finding is None:
            record, finding = self._rules.check(entry)
            self._of_ticket += record is not None and record.ticket == self._ticket
            self.found(finding)

    def found(self, finding: Finding | None) -> None:
        self.finding = first(self.finding, finding)

    def done(self) -> Read:
        self.found(self._rules.finish())
        of_ticket = self._of_ticket if self._ticket else None
        counts = msgspec.structs.replace(self._rules.counts(), of_ticket=of_ticket)
        return Read(self.leaves, self.finding, counts, self._rules.remarks())


def read_all(
    source: Source, size: int, rules: LogRules, cached: bytes, ticket: str | None, progress: Progress
) -> Read:
    """Every entry below ``size``.

    Leaves are collected beyond a wrong entry, as long as the indexes fit, so that an earlier one may
    still be named by its leaf.
    """
    reader = _Reader(rules, cached, ticket)
    for page in pages(source, size):
        for entry in page:
            at = len(reader.leaves) // HASH_SIZE
            if entry.index != at:
                reader.found(Finding(at, Fault.NOT_CONTIGUOUS, f"entry {entry.index} was served"))
                return reader.done()
            reader.leaf(leaf_hash(entry.leaf))
            reader.entry(entry)
        progress(len(reader.leaves) // HASH_SIZE, size)
    served = len(reader.leaves) // HASH_SIZE
    if served < size:
        reader.found(Finding(served, Fault.TRUNCATED, f"{served} of {size} served"))
    return reader.done()


def read_visible(
    source: Source, size: int, rules: LogRules, cached: bytes, ticket: str | None, progress: Progress
) -> Read:
    """All leaf hashes, and the entries that this person may see; each must be in the tree."""
    reader = _Reader(rules, cached, ticket)
    for hashes in leaf_hashes(source, size):
        for hashed in hashes:
            reader.leaf(hashed)
        progress(len(reader.leaves) // HASH_SIZE, size)
    last = -1
    for page in pages(source, size):
        for entry in page:
            if entry.index <= last:
                reader.found(Finding(entry.index, Fault.NOT_CONTIGUOUS, f"after entry {last}"))
                return reader.done()
            last = entry.index
            place = slice(last * HASH_SIZE, (last + 1) * HASH_SIZE)
            if reader.leaves[place] != leaf_hash(entry.leaf):
                reader.found(Finding(last, Fault.PROOF_MISMATCH))
            reader.entry(entry)
    return reader.done()


def first(*findings: Finding | None) -> Finding | None:
    """The one with the lowest index."""
    found = [finding for finding in findings if finding is not None]
    return min(found, key=lambda finding: finding.at) if found else None
