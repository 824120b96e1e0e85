"""RFC 6962 trees: published vectors, pymerkle as the oracle, and attacks on every proof."""

import json
from pathlib import Path

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from protocol import merkle
from protocol.errors import Code, RelevoError
from protocol.merkle import EMPTY_ROOT, Frontier, Tree

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "merkle.json").read_text())
LEAVES = [merkle.leaf_hash(bytes.fromhex(text)) for text in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(text) for text in VECTORS["roots"]]

contents = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def hexes(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in values]


def test_published_roots_are_reproduced() -> None:
    assert bytes.fromhex(VECTORS["empty_root"]) == EMPTY_ROOT == merkle.root_of([])
    for size, root in enumerate(ROOTS, start=1):
        assert merkle.root_of(LEAVES[:size]) == root
        assert Tree(LEAVES).root(size) == root


@pytest.mark.parametrize("row", VECTORS["inclusion"])
def test_published_inclusion_proofs_are_reproduced(row: dict[str, object]) -> None:
    index, size, proof = int(str(row["index"])), int(str(row["size"])), hexes(row["proof"])  # type: ignore[arg-type]
    assert merkle.inclusion_proof(index, size, Tree(LEAVES).node_at) == proof
    merkle.verify_inclusion(index, size, LEAVES[index], proof, ROOTS[size - 1])


@pytest.mark.parametrize("row", VECTORS["consistency"])
def test_published_consistency_proofs_are_reproduced(row: dict[str, object]) -> None:
    old, new, proof = int(str(row["old"])), int(str(row["new"])), hexes(row["proof"])  # type: ignore[arg-type]
    assert merkle.consistency_proof(old, new, Tree(LEAVES).node_at) == proof
    merkle.verify_consistency(old, new, ROOTS[old - 1], ROOTS[new - 1], proof)


@given(contents, st.data())
def test_roots_and_proofs_agree_with_pymerkle(data: list[bytes], draw: st.DataObject) -> None:
    oracle = InmemoryTree()
    oracle.append_entries(data)
    tree = Tree(merkle.leaf_hash(item) for item in data)
    size = draw.draw(st.integers(1, len(data)))
    index = draw.draw(st.integers(0, size - 1))
    old = draw.draw(st.integers(1, size))
    assert tree.root(size) == oracle.get_root(size)
    inclusion = oracle.prove_inclusion(index + 1, size).serialize()["path"]
    assert merkle.inclusion_proof(index, size, tree.node_at) == hexes(inclusion[1:])
    pymerkle.verify_consistency(tree.root(old), tree.root(size), oracle.prove_consistency(old, size))
    ours = merkle.consistency_proof(old, size, tree.node_at)
    merkle.verify_consistency(old, size, oracle.get_root(old), oracle.get_root(size), ours)


@given(contents, st.data())
def test_every_proof_verifies_and_no_altered_one_does(data: list[bytes], draw: st.DataObject) -> None:
    tree = Tree(merkle.leaf_hash(item) for item in data)
    size = draw.draw(st.integers(1, len(data)))
    index = draw.draw(st.integers(0, size - 1))
    old = draw.draw(st.integers(0, size))
    leaf, root = tree.node_at(0, index), tree.root(size)
    inclusion = merkle.inclusion_proof(index, size, tree.node_at)
    merkle.verify_inclusion(index, size, leaf, inclusion, root)
    consistency = merkle.consistency_proof(old, size, tree.node_at)
    merkle.verify_consistency(old, size, tree.root(old), root, consistency)
    other = bytes(32)
    for proof in altered(inclusion):
        with pytest.raises(RelevoError, match="proof-invalid"):
            merkle.verify_inclusion(index, size, leaf, proof, root)
    for proof in altered(consistency):
        with pytest.raises(RelevoError, match="proof-invalid"):
            merkle.verify_consistency(old, size, tree.root(old), root, proof)
    with pytest.raises(RelevoError, match="proof-invalid"):
        merkle.verify_inclusion(index, size, other, inclusion, root)
    with pytest.raises(RelevoError, match="proof-invalid"):
        merkle.verify_consistency(old, size, other, root, consistency)
    if old:  # every tree continues the empty one; any root does then
        with pytest.raises(RelevoError, match="proof-invalid"):
            merkle.verify_consistency(old, size, tree.root(old), other, consistency)


def altered(proof: list[bytes]) -> list[list[bytes]]:
    flipped = [[*proof[:i], bytes(b ^ 1 for b in proof[i]), *proof[i + 1 :]] for i in range(len(proof))]
    shorter = [proof[1:], proof[:-1]] if proof else []
    return [*flipped, *shorter, [*proof, bytes(32)], [*proof[:-1], b"short"] if proof else [b"short"]]


@given(contents, st.data())
def test_a_stored_frontier_goes_on_where_it_stopped(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(item) for item in data]
    cut = draw.draw(st.integers(0, len(leaves)))
    first = Frontier()
    first.extend(leaves[:cut])
    resumed = Frontier(first.size, first.hashes)
    for leaf in leaves[cut:]:
        resumed.append(leaf)
    assert (resumed.size, resumed.root()) == (len(leaves), Tree(leaves).root())
    assert first.root() == Tree(leaves).root(cut)
    assert len(first.hashes) == cut.bit_count()


@pytest.mark.parametrize(("size", "hashes"), [(3, [bytes(32)]), (-1, []), (1, [b"short"]), (0, [bytes(32)])])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, hashes: list[bytes]) -> None:
    with pytest.raises(RelevoError) as caught:
        Frontier(size, hashes)
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_no_proof_for_a_leaf_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(RelevoError):
        merkle.inclusion_proof(index, size, Tree(LEAVES).node_at)
    with pytest.raises(RelevoError, match="proof-invalid"):
        merkle.verify_inclusion(index, size, LEAVES[0], [], ROOTS[0])


def test_a_tree_cannot_be_shown_to_continue_a_larger_one() -> None:
    with pytest.raises(RelevoError):
        merkle.consistency_proof(5, 4, Tree(LEAVES).node_at)
    with pytest.raises(RelevoError, match="proof-invalid"):
        merkle.verify_consistency(5, 4, ROOTS[4], ROOTS[3], [])


def test_a_leaf_cannot_pose_as_an_inner_node() -> None:
    """RFC 6962's prefixes: the content that looks like two hashes is no subtree."""
    pair = LEAVES[0] + LEAVES[1]
    assert merkle.leaf_hash(pair) != merkle.node_hash(LEAVES[0], LEAVES[1])
    with pytest.raises(RelevoError, match="proof-invalid"):
        merkle.verify_inclusion(0, 1, merkle.leaf_hash(pair), [], ROOTS[1])
