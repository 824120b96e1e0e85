"""Do the leaves give the signed roots, and is this the log that was seen before? And if not: where?

A wrong root only says that some entry before its size is wrong. Two things narrow that down: leaves
that equal remembered ones, and smaller signed checkpoints that do fit.
"""

from __future__ import annotations

from collections.abc import Callable

from protocol.checkpoint import Checkpoint
from protocol.merkle import HASH_SIZE, Tree
from technician.audit.findings import Fault, Finding
from technician.audit.memory import Remembered, split
from technician.audit.reading import Read, first

CheckpointAfter = Callable[[int], Checkpoint | None]
"""The log's signed checkpoint of the smallest tree larger than that size."""


def judge(head: Checkpoint, remembered: Remembered, read: Read, after: CheckpointAfter) -> Finding | None:
    """What was found in the entries, or where the tree cannot be right."""
    before = remembered.checkpoint
    if before is not None and before.size > head.size:
        shrunk = Finding(head.size, Fault.SHRUNK, f"{before.size} entries were signed before")
        return first(read.finding, shrunk)
    served = len(read.leaves) // HASH_SIZE
    tree = Tree(split(read.leaves))
    common = _common(read.leaves, remembered.leaves)
    if before is not None and before.size <= served and tree.root(before.size) != before.root:
        # The broker's own history is no help against a fork: it may be the other branch's.
        return _prefer(read.finding, Fault.FORK, common, before.size)
    if head.size > served or tree.root(head.size) == head.root:
        return read.finding
    start, size = narrow(tree, head.size, after)
    return _prefer(read.finding, Fault.ROOT_MISMATCH, max(start, common), size)


def narrow(tree: Tree, wrong: int, after: CheckpointAfter) -> tuple[int, int]:
    """By bisection: the largest signed size that fits the leaves, and the smallest that does not.

    ``wrong`` is a size whose signed root does not fit. The first bad entry lies between the two.
    """
    sound, top = 0, wrong
    while top - sound > 1:
        middle = (sound + top - 1) // 2
        point = after(middle)
        if point is None or not middle < point.size < top:
            top = middle + 1
        elif tree.root(point.size) == point.root:
            sound = point.size
        else:
            wrong, top = point.size, middle + 1
    return sound, wrong


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
