"""Verification of the whole log against this client's own keys and memory.

The broker serves entries and a signed checkpoint; everything else is worked out here. Reading is
streamed: what is kept of an entry is its 32-byte leaf hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from protocol import checkpoint as checkpoints
from protocol.api import AuditEntryView
from protocol.checkpoint import Checkpoint
from protocol.errors import Code, RelevoError
from protocol.merkle import HASH_SIZE, Frontier, leaf_hash
from protocol.organisation import Organisation
from technician.audit.findings import Counts, Fault, Finding, Notice, Remark, Verdict
from technician.audit.keys import Keyring, learn
from technician.audit.memory import Memory, Remembered, split
from technician.audit.rules import LogRules
from technician.audit.source import Source, pages

ALL_SIGNATURES_UP_TO = 50_000
"""Entries; in a longer log one journal signature in ``_STRIDE`` is checked (see ``chains``)."""
_STRIDE = 64

Progress = Callable[[int, int], None]


class _Read(NamedTuple):
    leaves: bytearray
    finding: Finding | None
    counts: Counts
    remarks: tuple[Remark, ...]


def verify(
    source: Source,
    organisation: Organisation,
    memory: Memory,
    now: datetime,
    *,
    ticket: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Verdict:
    """Check every entry of the log, and that it continues the log that was seen before.

    On success the new checkpoint and leaves are remembered; otherwise the memory stays as it was.

    Args:
        ticket: also count this ticket's entries.
        progress: called with entries done and their total.

    Raises:
        RelevoError: ``signature-invalid`` when the checkpoint is not signed by the roster's log key;
            ``not-connected`` when the roster names no broker; ``malformed``; and the source's own.
    """
    broker = organisation.roster.broker
    if broker is None:
        raise RelevoError(Code.NOT_CONNECTED, "the roster names no broker")
    known = learn(memory.known(), organisation)
    remembered = memory.load()
    note = source.checkpoint()
    head = checkpoints.verify(note, broker.log_key)
    read = _read(source, head, remembered, Keyring(known, organisation), now, ticket, progress)
    finding = _continuity(source, broker.log_key, head, remembered, read)
    remarks = (*_about(remembered), *read.remarks)
    if finding is None:
        memory.save(note, bytes(read.leaves), len(remembered.leaves))
        memory.save_known(known)
    return Verdict(
        ok=finding is None,
        size=head.size,
        root=head.root.hex(),
        first_bad=finding.at if finding else None,
        fault=finding.fault if finding else None,
        reason=finding.detail if finding else "",
        warnings=remarks,
        counts=read.counts,
    )


def _read(
    source: Source,
    head: Checkpoint,
    remembered: Remembered,
    keys: Keyring,
    now: datetime,
    ticket: str | None,
    progress: Progress,
) -> _Read:
    """Every entry up to the checkpoint. After the first wrong entry only leaves are collected, as
    long as indexes fit, so that an earlier one may still be named by its leaf."""
    rules = LogRules(keys, now, stride=1 if head.size <= ALL_SIGNATURES_UP_TO else _STRIDE)
    leaves, cached = bytearray(), remembered.leaves
    finding: Finding | None = None
    of_ticket = 0
    for page in pages(source, head.size):
        for entry in page:
            at = len(leaves) // HASH_SIZE
            misplaced = _misplaced(entry, at)
            if misplaced:
                return _Read(
                    leaves, _first(finding, misplaced, rules.finish()), rules.counts(), rules.remarks()
                )
            leaf = leaf_hash(entry.leaf)
            known_leaf = cached[at * HASH_SIZE : (at + 1) * HASH_SIZE]
            leaves += leaf
            if finding is None:
                record, finding = rules.check(entry)
                of_ticket += record is not None and record.ticket == ticket
            if known_leaf and known_leaf != leaf:
                finding = _first(finding, Finding(at, Fault.LEAF_CHANGED))
        progress(len(leaves) // HASH_SIZE, head.size)
    served = len(leaves) // HASH_SIZE
    if served < head.size:
        finding = _first(finding, Finding(served, Fault.TRUNCATED, f"{served} of {head.size} served"))
    counts = msgspec.structs.replace(rules.counts(), of_ticket=of_ticket if ticket else None)
    return _Read(leaves, _first(finding, rules.finish()), counts, rules.remarks())


def _misplaced(entry: AuditEntryView, at: int) -> Finding | None:
    if entry.index != at:
        return Finding(at, Fault.NOT_CONTIGUOUS, f"entry {entry.index} was served")
    if len(entry.leaf) != HASH_SIZE:
        return Finding(at, Fault.MALFORMED, "leaf is not 32 bytes")
    return None


def _continuity(
    source: Source, log_key: str, head: Checkpoint, remembered: Remembered, read: _Read
) -> Finding | None:
    """What was found in the entries, or that the leaves do not give the signed roots.

    A wrong root only says that some entry before its size is wrong. What is known to be sound
    narrows that down: leaves equal to remembered ones, and smaller checkpoints that do fit.
    """
    before = remembered.checkpoint
    if before is not None and before.size > head.size:
        return _first(
            read.finding, Finding(head.size, Fault.SHRUNK, f"{before.size} entries were signed before")
        )
    served = len(read.leaves) // HASH_SIZE
    common = _common(read.leaves, remembered.leaves)
    if before is not None and before.size <= served and first_wrong([before], read.leaves):
        # The broker's own history is no help against a fork: it may be the other branch's.
        return _prefer(read.finding, Fault.FORK, common, before.size)
    if head.size > served or first_wrong([head], read.leaves) is None:
        return read.finding
    history = [point for point in _history(source, log_key) if point.size <= served]
    start, point = first_wrong([head, *history], read.leaves) or (0, head)
    return _prefer(read.finding, Fault.ROOT_MISMATCH, max(start, common), point.size)


def _prefer(found: Finding | None, fault: Fault, start: int, size: int) -> Finding:
    """What was found in an entry, if it lies where the roots say that something is wrong."""
    end = max(start, size - 1)
    if found is not None and start <= found.at <= end:
        return found
    about = Finding(start, fault, f"one of the entries {start} to {end}")
    return min(about, found or about, key=lambda finding: finding.at)


def _common(leaves: bytearray, cached: bytes) -> int:
    """How many leading leaves are the remembered ones."""
    count = min(len(leaves), len(cached)) // HASH_SIZE
    if leaves[: count * HASH_SIZE] == cached[: count * HASH_SIZE]:
        return count
    pairs = zip(split(leaves[: count * HASH_SIZE]), split(cached), strict=False)
    return next(at for at, (here, there) in enumerate(pairs) if here != there)


def first_wrong(signed: Iterable[Checkpoint], leaves: bytearray) -> tuple[int, Checkpoint] | None:
    """The smallest signed checkpoint whose root these leaves do not give, and the size of the
    largest one before it that they do give: the first bad entry is not below that."""
    frontier, sound = Frontier(), 0
    pieces = split(leaves)
    for point in sorted(signed, key=lambda point: point.size):
        frontier.extend(pieces[frontier.size : point.size])
        if frontier.root() != point.root:
            return sound, point
        sound = point.size
    return None


def _history(source: Source, log_key: str) -> Sequence[Checkpoint]:
    """Earlier checkpoints that verify. They only narrow a fault down, so their lack changes nothing."""
    try:
        served = source.checkpoints()
    except RelevoError:
        return ()
    found = []
    for note in served:
        try:
            found.append(checkpoints.verify(note, log_key))
        except RelevoError:  # not signed by the log: says nothing
            continue
    return found


def _first(*findings: Finding | None) -> Finding | None:
    found = [finding for finding in findings if finding is not None]
    return min(found, key=lambda finding: finding.at) if found else None


def _about(remembered: Remembered) -> tuple[Remark, ...]:
    if remembered.checkpoint is None:
        return (Remark(notice=Notice.FIRST_SIGHT, count=1),)
    return (Remark(notice=Notice.CACHE_DAMAGED, count=1),) if remembered.damaged else ()
