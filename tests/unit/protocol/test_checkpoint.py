"""Signed notes, checkpoints, cosignatures and tiles: the specifications' own examples, and attacks."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from protocol import checkpoint, merkle, note, tiles
from protocol.checkpoint import Checkpoint
from protocol.errors import Code, RelevoError
from protocol.merkle import Tree
from protocol.note import COSIGNATURE_V1, VerifierKey
from protocol.tiles import Tile

V = json.loads((Path(__file__).parents[2] / "vectors" / "note.json").read_text())
OWN = V["own"]
PETER = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(V["private_key_hex"]))
LOG = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(OWN["log_seed_hex"]))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(OWN["witness_seed_hex"]))


def test_the_go_reference_note_is_reproduced_and_verifies() -> None:
    assert VerifierKey.of("PeterNeumann", PETER).text == V["verifier_key"]
    made = note.sign(V["text"], "PeterNeumann", PETER)
    assert made == V["text"] + "\n" + V["line"]
    both = made + V["line_2"]
    for key in (V["verifier_key"], V["verifier_key_2"]):
        note.verify(note.parse(both), VerifierKey.parse(key))
    assert note.joined([made, V["text"] + "\n" + V["line_2"]]) == both


def test_a_mangled_verifier_key_is_refused() -> None:
    text = V["verifier_key"]
    pieces = [text[i:j] for i in range(len(text) + 1) for j in range(i + 1, len(text) + 1)]
    bumped = [text[:i] + chr(ord(text[i]) + 1) + text[i + 1 :] for i in range(len(text))]
    for bad in [*pieces, *bumped, *V["bad_keys"], ""]:
        if bad != text:
            with pytest.raises(RelevoError) as caught:
                VerifierKey.parse(bad)
            assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize(
    "broken",
    [
        V["text"],
        V["text"] + "\n",
        V["text"] + "\n" + V["line"][:-1],
        "\x01" + V["text"] + "\n" + V["line"],
        V["text"] + "\n" + V["line"].replace("PeterNeumann", "Bad Name"),
        V["text"] + "\n" + V["line"] + "Unexpected line.\n",
        V["text"] + "\n" + V["line"] * 101,
        "x" * (note.MAX_NOTE + 1),
    ],
)
def test_a_broken_note_is_refused(broken: str) -> None:
    with pytest.raises(RelevoError):
        note.parse(broken)


def test_a_note_with_a_wrong_signature_by_a_known_key_is_refused_even_beside_a_right_one() -> None:
    wrong = note.signature_line(VerifierKey.of("PeterNeumann", PETER), bytes(64))
    with pytest.raises(RelevoError, match="signature-invalid"):
        note.verify(note.parse(V["text"] + "\n" + V["line"] + wrong), VerifierKey.parse(V["verifier_key"]))


def test_a_note_signed_only_by_others_is_refused() -> None:
    with pytest.raises(RelevoError, match="signature-invalid"):
        note.verify(note.parse(V["text"] + "\n" + V["line_2"]), VerifierKey.parse(V["verifier_key"]))


@given(st.text(max_size=300))
@example(V["spec_checkpoint"])
@example(OWN["cosigned_note"])
@example("a\n\n— b AAAAAAAA\n")
def test_parsing_a_note_gives_a_note_or_a_typed_error(text: str) -> None:
    try:
        parsed = note.parse(text)
    except RelevoError as error:
        assert error.code in (Code.MALFORMED, Code.TOO_LARGE)
        return
    assert text.startswith(parsed.text + "\n— ")


def test_the_checkpoint_of_the_specification_is_parsed() -> None:
    signed = note.parse(V["spec_checkpoint"])
    found = checkpoint.parse(signed.text)
    assert (found.origin, found.size) == (V["spec_origin"], V["spec_size"])
    assert [line.name for line in signed.signatures] == [V["spec_origin"], "witness.example.com/w1"]
    assert int.from_bytes(signed.signatures[1].signature[:8], "big") == V["spec_cosignature_time"]


def test_our_own_vectors_are_reproduced() -> None:
    here = Checkpoint(OWN["origin"], OWN["size"], bytes.fromhex(OWN["root_hex"]))
    assert checkpoint.verifier_key(OWN["origin"], LOG) == OWN["log_key"]
    made = checkpoint.sign(here, LOG)
    assert made == OWN["note"]
    assert checkpoint.verify(made, OWN["log_key"]) == here
    cosigned = checkpoint.cosign(made, "witness.example/w1", WITNESS, OWN["cosigned_at"])
    assert cosigned == OWN["cosigned_note"]
    assert checkpoint.verify(cosigned, OWN["log_key"]) == here
    assert checkpoint.verify_cosignature(cosigned, OWN["witness_key"]) == OWN["cosigned_at"]


def test_no_byte_of_a_checkpoint_can_be_changed() -> None:
    text = OWN["note"]
    for i in range(len(text)):
        changed = text[:i] + ("A" if text[i] != "A" else "B") + text[i + 1 :]
        with pytest.raises(RelevoError) as caught:
            checkpoint.verify(changed, OWN["log_key"])
        assert caught.value.code in (Code.SIGNATURE_INVALID, Code.MALFORMED)


def test_a_checkpoint_of_another_log_with_the_same_key_is_refused() -> None:
    other = checkpoint.sign(Checkpoint("relevo.example/other", 8, bytes(32)), LOG)
    with pytest.raises(RelevoError, match="signature-invalid"):
        checkpoint.verify(other, OWN["log_key"])
    foreign_origin = note.sign(Checkpoint("relevo.example/other", 8, bytes(32)).text, OWN["origin"], LOG)
    with pytest.raises(RelevoError, match="another log"):
        checkpoint.verify(foreign_origin, OWN["log_key"])


def test_a_cosignature_does_not_pass_for_the_logs_signature_nor_the_other_way_round() -> None:
    by_log = checkpoint.cosign(OWN["note"], OWN["origin"], LOG, 1)
    as_witness = VerifierKey.of(OWN["origin"], LOG, COSIGNATURE_V1).text
    assert checkpoint.verify_cosignature(by_log, as_witness) == 1
    with pytest.raises(RelevoError, match="signature-invalid"):
        checkpoint.verify_cosignature(OWN["note"], as_witness)
    with pytest.raises(RelevoError, match="signature-invalid"):
        checkpoint.verify_cosignature(OWN["note"], OWN["log_key"])
    with pytest.raises(RelevoError, match="signature-invalid"):
        checkpoint.verify(OWN["cosigned_note"], OWN["witness_key"])


def test_a_back_dated_cosignature_is_refused() -> None:
    line = OWN["cosigned_note"].removeprefix(OWN["note"])
    signed = note.parse(OWN["cosigned_note"]).signatures[-1].signature
    older = (OWN["cosigned_at"] - 1).to_bytes(8, "big") + signed[8:]
    forged = OWN["note"] + note.signature_line(VerifierKey.parse(OWN["witness_key"]), older)
    assert forged != OWN["note"] + line
    with pytest.raises(RelevoError, match="signature-invalid"):
        checkpoint.verify_cosignature(forged, OWN["witness_key"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        "origin\n01\n" + "A" * 43 + "=\n",
        "origin\n-1\n" + "A" * 43 + "=\n",
        "origin\n1\nAAAA\n",
        "\n1\n" + "A" * 43 + "=\n",
        "origin\n1\n" + "A" * 42 + "B=\n",
        "origin\n1\n" + "A" * 43 + "=",
        "origin\n9999999999999999999\n" + "A" * 43 + "=\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(RelevoError) as caught:
        checkpoint.parse(text)
    assert caught.value.code is Code.MALFORMED


@given(st.text(max_size=200))
def test_parsing_a_checkpoint_is_the_inverse_of_writing_it(text: str) -> None:
    try:
        assert checkpoint.parse(text).text == text
    except RelevoError as error:
        assert error.code is Code.MALFORMED


# --- tiles -------------------------------------------------------------------------------------


def test_paths_are_those_of_the_specification() -> None:
    assert tiles.number_path(1_234_067) == "x001/x234/067"
    assert Tile(0, 0).path == "tile/0/000"
    assert Tile(2, 1_234_067, 17).path == "tile/2/x001/x234/067.p/17"
    assert Tile(None, 3, 1).path == "tile/entries/003.p/1"


def test_a_tree_of_seventy_thousand_has_the_tiles_that_the_specification_counts() -> None:
    counted: dict[tuple[int | None, int], int] = {}
    for tile in tiles.tiles_of(70_000):
        counted[tile.level, tile.width] = counted.get((tile.level, tile.width), 0) + 1
    assert counted == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}
    assert [tile.path for tile in tiles.tiles_of(256)] == ["tile/0/000", "tile/1/000.p/1"]


def test_tiles_hold_the_roots_of_the_subtrees_below() -> None:
    tree = Tree(merkle.leaf_hash(b"%d" % i) for i in range(600))
    leaves = tiles.hashes(tiles.content(Tile(0, 1), tree.node_at))
    upper = tiles.hashes(tiles.content(Tile(1, 0, 2), tree.node_at))
    assert merkle.root_of(leaves) == upper[1]
    assert tiles.width_at(0, 2, 600) == 88
    assert tiles.width_at(1, 1, 600) == 0


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 10**15), st.integers(1, 256))
def test_a_path_names_its_tile_and_no_other(level: int | None, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert tiles.parse_path(tile.path) == tile


@given(st.text(alphabet="tile/x0123456789.pentrs", max_size=40))
@example("tile/0/x000/001")
@example("tile/0/000.p/256")
@example("tile/64/000")
@example("../tile/0/000")
def test_only_the_one_spelling_of_a_path_is_accepted(path: str) -> None:
    try:
        assert tiles.parse_path(path).path == path
    except RelevoError as error:
        assert error.code is Code.MALFORMED


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(32 * 257)])
def test_a_tile_of_a_wrong_size_is_refused(data: bytes) -> None:
    with pytest.raises(RelevoError):
        tiles.hashes(data)
