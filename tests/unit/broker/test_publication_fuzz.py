"""Invariant: whatever is done to a publication's bytes, it is refused with a code, or it says the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.keys import load_identity
from broker.publication import Held, Own, verify
from broker.repository import Repository
from protocol.errors import RelevoError
from tests.support.broker_world import Org, new_broker


class Nothing:
    def has(self, path: str) -> bool:
        return False

    def read(self, path: str) -> bytes | None:
        return None


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], Own]:
    config, pairing = new_broker(Path(tmp_path_factory.mktemp("broker")) / "b")
    return Org(pairing).files(), Repository(config.repository, load_identity(config)).own


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_changed_byte_changes_what_is_accepted(
    signed: tuple[dict[str, bytes], Own], data: st.DataObject
) -> None:
    files, own = signed
    now = datetime.now(UTC)
    good = verify(Held(), files, own, now, Nothing())
    path = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[path])
    at = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "drop", "rename"]))
    changed = dict(files)
    if kind == "flip":
        content[at] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del content[at:]
    elif kind == "insert":
        content[at:at] = data.draw(st.binary(min_size=1, max_size=8))
    changed[path] = bytes(content)
    if kind == "drop":
        del changed[path]
    elif kind == "rename":
        changed[data.draw(st.text(max_size=60))] = changed.pop(path)
    try:
        accepted = verify(Held(), changed, own, now, Nothing())
    except RelevoError:
        return
    assert accepted.organisation == good.organisation


@settings(max_examples=100, deadline=None)
@given(files=st.dictionaries(st.text(max_size=80), st.binary(max_size=200), max_size=4))
def test_rubbish_is_refused_with_a_code(
    signed: tuple[dict[str, bytes], Own], files: dict[str, bytes]
) -> None:
    with pytest.raises(RelevoError):
        verify(Held(), files, signed[1], datetime.now(UTC), Nothing())
