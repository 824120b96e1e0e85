"""The document of a known error, what it proposes, and that its guide can be followed."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.drivers.terminal import printable
from protocol.errors import Code, RelevoError
from protocol.known_errors import (
    MAX_DOCUMENT,
    FixProposal,
    KnownError,
    is_gone,
    known_error_json,
    parse_known_error,
    proposals,
    read_known_error,
    try_out,
)
from protocol.signature_model import Binding, Expr, Signature, require_sound
from technician.org.known_errors import read_directory
from technician.reports.matches import plan_line
from tests.support.known_errors import STARTERS, known_error, real_bundle
from tests.support.world import ROOT


def _code(content: bytes, id_: str = "stale-lock") -> Code:
    with pytest.raises(RelevoError) as caught:
        read_known_error(content, id_)
    return caught.value.code


def test_what_is_read_is_what_was_signed_and_only_at_its_own_path() -> None:
    known = known_error()
    content = known_error_json(known)
    assert read_known_error(content, "stale-lock") == known
    assert _code(content, "other") is Code.IDENTITY_MISMATCH
    assert _code(content + b" " * MAX_DOCUMENT) is Code.TOO_LARGE
    assert _code(content[:-1] + b',"run":["sh"]}') is Code.MALFORMED
    assert (
        _code(content.replace(b'"schema":1,', b"").replace(b'{"id"', b'{"schema":2,"id"')) is Code.MALFORMED
    )
    assert _code(content.replace(b'"op":"eq"', b'"op":"__class__"')) is Code.MALFORMED
    assert _code(b'{"signature":' * 9_000) is Code.MALFORMED


_DOCUMENT = known_error_json(known_error())


@given(st.integers(0, len(_DOCUMENT)), st.integers(0, 60), st.binary(max_size=30))
def test_a_damaged_document_is_refused_or_sound_and_never_a_crash(at: int, cut: int, put: bytes) -> None:
    try:
        known = read_known_error(_DOCUMENT[:at] + put + _DOCUMENT[at + cut :], "stale-lock")
    except RelevoError as error:
        assert error.code in (Code.MALFORMED, Code.USAGE, Code.IDENTITY_MISMATCH)
    else:
        assert read_known_error(known_error_json(known), "stale-lock") == known


def test_a_pattern_that_nobody_could_compile_is_refused_when_it_is_read() -> None:
    bomb = Expr(fact="a.b", op="re", value="(x{900}){900}")
    signature = Signature(requires=("a",), expr=bomb)
    content = known_error_json(known_error(signature=signature, fixes=(), self_service=False))
    assert _code(content) is Code.USAGE


def test_a_test_bundle_that_is_not_the_one_it_was_made_with_is_refused() -> None:
    known, bundles = read_directory(STARTERS / "stale-lock")
    assert all(one.passed for one in try_out(known, bundles))
    name = next(iter(bundles))
    with pytest.raises(RelevoError) as caught:
        try_out(known, {**bundles, name: bundles[name] + b" "})
    assert caught.value.code is Code.HASH_MISMATCH


def test_the_error_is_gone_when_the_signature_says_so_or_its_own_check_does() -> None:
    known = known_error()
    there, gone = real_bundle(), real_bundle("stale-lock/negative-held.json")
    assert is_gone(known, there, there.manifest.ended) is False
    assert is_gone(known, gone, gone.manifest.ended) is True
    nothing = msgspec.structs.replace(gone, results=())
    assert is_gone(known, nothing, gone.manifest.ended) is None
    checked = msgspec.structs.replace(known, verify=Expr(fact="locks.stale_count", op="eq", value=0))
    assert is_gone(checked, gone, gone.manifest.ended) is True
    assert is_gone(checked, nothing, gone.manifest.ended) is None


def test_a_hidden_value_is_asked_for_and_never_filled_in() -> None:
    known = known_error("wrong-hosts-entry")
    bound = (Binding(name="host", value="host-aabbcc"), Binding(name="address", value="192.0.2.7"))
    (made,) = proposals(known, bound)
    assert [param.value for param in made.params] == ["192.0.2.7"]
    assert made.missing == ("host",)
    assert (
        plan_line("T-1", made) == "relevo fix plan T-1 hosts-entry --param address=192.0.2.7 --param host=…"
    )


def test_fixed_and_bound_values_of_a_fix_go_together() -> None:
    fix = FixProposal(fix="clean-cache", params_from={"folder": "path"}, params={"older_than": "7d"})
    (made,) = proposals(known_error(fixes=(fix,)), (Binding(name="path", value="/var/cache/x"),))
    assert [(one.name, one.value) for one in made.params] == [
        ("folder", "/var/cache/x"),
        ("older_than", "7d"),
    ]


@given(st.text(min_size=1, max_size=40))
def test_whatever_a_machine_calls_its_file_the_command_is_one_line_with_one_argument(value: str) -> None:
    (made,) = proposals(known_error(), (Binding(name="path", value=value),))
    line = plan_line("T-1", made)
    assert line == printable(line)
    words = shlex.split(line)
    if not made.missing:
        assert len(words) == 7 and words[:6] == ["relevo", "fix", "plan", "T-1", "stale-lock", "--param"]
        assert words[6].startswith("path=")


@pytest.mark.parametrize("directory", sorted(STARTERS.iterdir()), ids=lambda path: path.name)
def test_each_starter_binds_every_parameter_that_its_fix_must_have(directory: Path) -> None:
    known, bundles = read_directory(directory)
    for fix in known.fixes:
        manifest = tomllib.loads((ROOT / "fixes" / fix.fix / "manifest.toml").read_text())
        needed = {param["name"] for param in manifest["params"] if "default" not in param}
        assert needed <= {*fix.params_from, *fix.params}
    matched = next(one for one in try_out(known, bundles) if one.verdict.bindings)
    assert proposals(known, matched.verdict.bindings[0])


def test_the_examples_of_the_guide_are_known_errors() -> None:
    text = (ROOT / "docs" / "known-errors.md").read_text()
    whole, logs = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    known = parse_known_error(whole.encode(), {"positive-a.json": b"", "negative-a.json": b""})
    assert isinstance(known, KnownError)
    require_sound(msgspec.convert(tomllib.loads(logs)["signature"], Signature, strict=True))
