"""An identifier that ends in a line break is no identifier: Python's ``$`` alone would let it pass."""

from __future__ import annotations

import msgspec
import pytest

from protocol import ids, wire
from protocol.errors import RelevoError

GOOD = {
    "name": (wire.Name, "ana"),
    "hash": (wire.Sha256, "0" * 64),
    "nonce": (wire.Nonce, "0" * 64),
    "grant": (ids.GrantId, "ab" * 16),
    "agent": (ids.AgentId, "ag-" + "a" * 32),
    "ticket": (ids.TicketId, "T-1"),
    "artifact": (ids.ArtifactId, "art-" + "0" * 24),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_trailing_line_break_is_refused(name: str) -> None:
    kind, text = GOOD[name]
    assert wire.from_json(msgspec.json.encode(text), kind) == text
    for bad in (text + "\n", text + "\n\n", "\n" + text, text + "\r\n"):
        with pytest.raises(RelevoError):
            wire.from_json(msgspec.json.encode(bad), kind)
