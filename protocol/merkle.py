"""The Merkle tree of RFC 6962 section 2 (RFC 9162 section 2.1): roots, proofs and their verification.

Hashes are 32 bytes (SHA-256). A *node* is named by level and index: node ``(level, index)`` is the
root of the complete subtree over leaves ``[index * 2**level, (index + 1) * 2**level)``. Proofs are
made from such nodes only, so any store that can look one up (tiles, a table, ``Tree``) can prove.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from protocol.errors import Code, RelevoError

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_SIZE = 1 << 62

NodeAt = Callable[[int, int], bytes]
"""``node_at(level, index)``: the hash of a complete subtree."""

_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf's content."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return _sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes, in order."""
    frontier = Frontier()
    frontier.extend(leaf_hashes)
    return frontier.root()


class Frontier:
    """All that is needed to go on appending: the complete subtrees on the right edge.

    For a size with k bits set it holds k hashes, largest subtree first, so it can be stored in one
    row and costs no memory however long the log is.
    """

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Resume from a stored frontier.

        Raises:
            RelevoError: ``malformed`` when the number of hashes does not belong to ``size``.
        """
        if not 0 <= size <= MAX_SIZE or len(hashes) != size.bit_count():
            raise RelevoError(Code.MALFORMED, f"{len(hashes)} hashes for a tree of {size}")
        if any(len(piece) != HASH_SIZE for piece in hashes):
            raise RelevoError(Code.MALFORMED, "a hash is not 32 bytes")
        self._size = size
        self._stack = list(hashes)

    @property
    def size(self) -> int:
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        return tuple(self._stack)

    def append(self, leaf: bytes) -> None:
        """Add one leaf *hash*."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes; about a microsecond each."""
        stack, size = self._stack, self._size
        for leaf in leaves:
            node, merging = leaf, size
            while merging & 1:
                node = _sha256(b"\x01" + stack.pop() + node).digest()
                merging >>= 1
            stack.append(node)
            size += 1
        self._size = size

    def root(self) -> bytes:
        """The root of the tree so far."""
        return _fold(self._stack)

    def copy(self) -> Frontier:
        return Frontier(self._size, self._stack)


class Tree:
    """A whole tree in memory, 64 bytes a leaf: for proofs without a store of nodes."""

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = [bytearray()]
        self._size = 0
        self.extend(leaf_hashes)

    @property
    def size(self) -> int:
        return self._size

    def append(self, leaf: bytes) -> None:
        self.extend((leaf,))

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        levels = self._levels
        for leaf in leaf_hashes:
            levels[0] += leaf
            level, count = 0, self._size + 1
            while not count & 1:
                pair = bytes(levels[level][-2 * HASH_SIZE :])
                level, count = level + 1, count >> 1
                if level == len(levels):
                    levels.append(bytearray())
                levels[level] += _sha256(b"\x01" + pair).digest()
            self._size += 1

    def node_at(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree. Raises RelevoError: ``not-found`` if there is none yet."""
        row = self._levels[level] if 0 <= level < len(self._levels) else bytearray()
        piece = bytes(row[index * HASH_SIZE : (index + 1) * HASH_SIZE]) if index >= 0 else b""
        if len(piece) != HASH_SIZE:
            raise RelevoError(Code.NOT_FOUND, f"node {level}/{index}")
        return piece

    def root(self, size: int | None = None) -> bytes:
        """The root now, or when the tree had ``size`` leaves."""
        return root_at(self._size if size is None else size, self.node_at)


def root_at(size: int, node_at: NodeAt) -> bytes:
    """The root of the first ``size`` leaves, from stored nodes."""
    return _range_hash(0, size, node_at) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node_at: NodeAt) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 2.1.1: sibling hashes from the leaf upwards.

    Raises:
        RelevoError: ``usage`` if the leaf is not in a tree of that size.
    """
    if not 0 <= index < size:
        raise RelevoError(Code.USAGE, f"leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_hash(middle, end, node_at))
            end = middle
        else:
            proof.append(_range_hash(start, middle, node_at))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, node_at: NodeAt) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962 2.1.2; empty when ``old`` is 0 or equal to ``new``.

    Raises:
        RelevoError: ``usage`` if ``old`` is larger than ``new`` or negative.
    """
    if not 0 <= old <= new:
        raise RelevoError(Code.USAGE, f"from {old} to {new}")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end, known = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_hash(middle, end, node_at))
            end = middle
        else:
            proof.append(_range_hash(start, middle, node_at))
            start, known = middle, False
    if not known:
        proof.append(_range_hash(start, end, node_at))
    return proof[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 2.1.3.2: ``leaf`` (a leaf hash) is number ``index`` of the tree with this root.

    Raises:
        RelevoError: ``proof-invalid``.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise RelevoError(Code.PROOF_INVALID, f"leaf {index} in a tree of {size}")
    node, at, last = leaf, index, size - 1
    for sibling in proof:
        if len(sibling) != HASH_SIZE or last == 0:
            raise RelevoError(Code.PROOF_INVALID, "inclusion proof has the wrong shape")
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    if last != 0 or node != root:
        raise RelevoError(Code.PROOF_INVALID, f"leaf {index} is not in the tree of {size}")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 2.1.4.2: the tree of ``new`` leaves starts with the tree of ``old`` leaves.

    Raises:
        RelevoError: ``proof-invalid``.
    """
    if not 0 <= old <= new <= MAX_SIZE or any(len(piece) != HASH_SIZE for piece in proof):
        raise RelevoError(Code.PROOF_INVALID, f"consistency from {old} to {new}")
    if old in (0, new):
        same = old_root == new_root if old else old_root == EMPTY_ROOT
        if proof or not same:
            raise RelevoError(Code.PROOF_INVALID, f"two roots for a tree of {old}")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise RelevoError(Code.PROOF_INVALID, "consistency proof is empty")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for piece in path[1:]:
        if last == 0:
            raise RelevoError(Code.PROOF_INVALID, "consistency proof is too long")
        if at & 1 or at == last:
            first, second = node_hash(piece, first), node_hash(piece, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, piece)
        at, last = at >> 1, last >> 1
    if last != 0 or first != old_root or second != new_root:
        raise RelevoError(Code.PROOF_INVALID, f"the tree of {new} does not continue the tree of {old}")


def _split(size: int) -> int:
    """The largest power of two smaller than ``size`` (RFC 6962's k)."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_hash(start: int, end: int, node_at: NodeAt) -> bytes:
    return _fold([node_at(level, index) for level, index in _cover(start, end)])


def _cover(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Complete subtrees of leaves [start, end), left to right; ``start`` is where a subtree begins."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _fold(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root
