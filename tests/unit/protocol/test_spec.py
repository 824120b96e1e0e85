"""protocol/SPEC.md says what the types say, and its vectors are reproduced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from protocol import assist, fixes, link
from protocol.assist import Parameter
from protocol.frames import FrameReader, frame
from protocol.wire import from_msgpack, to_json, to_msgpack
from tests.support import spec

_VECTORS = Path(__file__).parents[2] / "vectors"
MESSAGES = json.loads((_VECTORS / "messages.json").read_text())["messages"]
FIX = json.loads((_VECTORS / "fix.json").read_text())
UNIONS: dict[str, Any] = {
    "from-broker": link.FromBroker,
    "from-agent": link.FromAgent,
    "request": assist.Request,
    "event": assist.Event,
}


def test_the_tables_are_those_of_the_types() -> None:
    """Where this fails: ``.venv/bin/python -m tests.support.spec``, and look at what changed on the wire."""
    text = spec.SPEC.read_text()
    assert spec.generated(text) == text


@pytest.mark.parametrize("row", MESSAGES, ids=lambda row: f"{row['union']}-{row['message']['type']}")
def test_messages_are_reproduced_byte_for_byte(row: dict[str, Any]) -> None:
    union = UNIONS[row["union"]]
    message = from_msgpack(bytes.fromhex(row["hex"]), union)
    assert json.loads(to_json(message)) == row["message"]
    read = msgspec.json.decode(json.dumps(row["message"]), type=union)
    assert to_msgpack(read).hex() == row["hex"]
    if "framed_hex" in row:
        framed = bytes.fromhex(row["framed_hex"])
        assert frame(to_msgpack(message)) == framed
        assert FrameReader().feed(framed) == [bytes.fromhex(row["hex"])]


def test_every_channel_direction_has_vectors_of_its_own() -> None:
    for name, union in UNIONS.items():
        shown = {row["message"]["type"] for row in MESSAGES if row["union"] == name}
        assert shown <= {str(kind.__struct_config__.tag) for kind in get_args(union)}
        assert len(shown) >= 4


def test_hashes_of_parameters_and_plans_are_those_of_the_vectors() -> None:
    params = tuple(Parameter(name=row["name"], value=row["value"]) for row in FIX["params"])
    assert to_json(params).decode() == FIX["params_json"]
    assert fixes.params_sha256(params) == FIX["params_sha256"]
    assert fixes.params_sha256(()) == FIX["no_params_sha256"]
    for row in FIX["plans"]:
        made = fixes.plan_sha256(
            fix_sha256=row["fix_sha256"],
            params=row["params_sha256"],
            mode=row["mode"],
            plan=row["plan"],
            subject=row["subject"],
        )
        assert made == row["plan_sha256"]
