"""The manifest of a fix and its parameters: what is refused before anybody can sign or run it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.assist import Parameter
from protocol.errors import Code, RelevoError
from protocol.fix_params import lies_in
from protocol.fixes import (
    Manifest,
    fill_in,
    manifest_json,
    params_sha256,
    parse_manifest,
    plan_sha256,
    read_manifest,
    step_input,
    validate_params,
)
from protocol.scopes import Risk

TOML = """
id = "stale-lock"
version = 3
owner = "Relevo"
platforms = ["linux"]
risk = "low"
reversible = "yes"
run_as = "user"
timeout_s = 20
title = {en = "Remove a stale lock", es = "Quitar un bloqueo obsoleto"}
description = {en = "d", es = "d"}
check = {run = ["lock.py", "check"]}
plan = {run = ["lock.py", "plan"]}
apply = {run = ["lock.py", "apply", "{path}"]}
snapshot = {files = ["{path}"]}

[[params]]
name = "path"
type = "path"
title = {en = "Lock file", es = "Archivo de bloqueo"}
roots = ["/var/lock", "/run/lock"]

[[params]]
name = "age"
type = "duration"
title = {en = "Age", es = "Antigüedad"}
default = "10m"
min = 60

[[params]]
name = "mode"
type = "enum"
title = {en = "Mode", es = "Modo"}
options = ["pid", "fcntl"]
default = "pid"

[[params]]
name = "tag"
type = "string"
title = {en = "Tag", es = "Etiqueta"}
pattern = "[a-z]+"
default = "x"
max = 8
""".encode()
PAYLOAD = {"lock.py": b"print('lock')\n"}


def manifest() -> Manifest:
    return parse_manifest(TOML, PAYLOAD)


def params(**values: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name=name, value=value) for name, value in values.items())


def test_a_manifest_survives_being_signed_and_read_back() -> None:
    made = manifest()
    assert read_manifest(manifest_json(made)) == made
    assert made.file("lock.py").size_bytes == len(PAYLOAD["lock.py"])


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (b'risk = "low"', b'risk = "harmless"', "risk"),
        (b"timeout_s = 20", b"", "timeout_s"),
        (b"timeout_s = 20", b"timeout_s = 20\nsudo = true", "sudo"),
        (b'{run = ["lock.py", "check"]}', b'"rm -rf /"', "check"),
        (b'{run = ["lock.py", "check"]}', b'{run = ["sh", "-c"]}', "check"),
        (b'{run = ["lock.py", "check"]}', b'{run = ["/bin/sh", "-c"]}', "check"),
        (b'{run = ["lock.py", "check"]}', b'{run = ["other.py", "check"]}', "check"),
        (b'{run = ["lock.py", "check"]}', b"{}", "check"),
        (b'{run = ["lock.py", "check"]}', b'{run = ["lock.py"], builtin = "service.status"}', "check"),
        (b'{run = ["lock.py", "check"]}', b'{builtin = "shell.run"}', "check"),
        (b'{run = ["lock.py", "check"]}', b'{builtin = "service.status"}', "check"),
        (b'"apply", "{path}"', b'"apply", "{nothing}"', "apply"),
        (b'"apply", "{path}"', b'"apply", "--p={path}"', "apply"),
        (b'reversible = "yes"', b'reversible = "no"', "reversible"),
        (b'files = ["{path}"]', b'files = ["../etc/passwd"]', "snapshot"),
        (b'pattern = "[a-z]+"', b'pattern = "(?=a)"', "tag.pattern"),
        (b'default = "10m"', b'default = "5s"', "age.default"),
        (b'options = ["pid", "fcntl"]\n', b"", "mode.options"),
        (b'roots = ["/var/lock", "/run/lock"]', b'roots = ["var/lock"]', "path.roots"),
        (b'roots = ["/var/lock", "/run/lock"]\n', b"", "path.roots"),
        (b'name = "age"', b'name = "path"', "params"),
        (b'name = "age"', b'name = "Age!"', "params"),
        (b'owner = "Relevo"', b'owner = "Relevo"\npayload = []', "payload"),
        (b'owner = "Relevo"', b'owner = "Relevo', "manifest.toml"),
        (
            b'owner = "Relevo"',
            b'owner = "Relevo"\ninterrupts_user = true\napproval = {consent = "none"}',
            "approval",
        ),
        (b'owner = "Relevo"', b'owner = "Relevo"\nnetwork = "all"', "network"),
    ],
)
def test_a_wrong_manifest_is_refused_by_the_name_of_its_field(old: bytes, new: bytes, named: str) -> None:
    assert old in TOML
    with pytest.raises(RelevoError) as caught:
        parse_manifest(TOML.replace(old, new, 1), PAYLOAD)
    assert caught.value.code is Code.USAGE
    assert named in caught.value.detail


def test_parameters_become_canonical_and_complete() -> None:
    checked = validate_params(manifest(), params(path="/run/lock/a", age="2h"))
    assert {p.name: p.value for p in checked} == {
        "path": "/run/lock/a",
        "age": "7200",
        "mode": "pid",
        "tag": "x",
    }
    assert [p.name for p in checked] == sorted(p.name for p in checked)
    again = validate_params(manifest(), reversed(checked))
    assert params_sha256(again) == params_sha256(checked)
    assert step_input(manifest(), checked, None) == (
        b'{"params":{"age":7200,"mode":"pid","path":"/run/lock/a","tag":"x"},"state":null,"language":"en"}'
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", "/run/lock/../../etc/passwd"),
        ("path", "/run/lock/./a"),
        ("path", "/run/lock//a"),
        ("path", "/run/lock/a/"),
        ("path", "run/lock/a"),
        ("path", "/run/lockother/a"),
        ("path", "/etc/passwd"),
        ("path", "/run/lock/a\n/etc/passwd"),
        ("path", "/run/lock/a\x00"),
        ("path", "/run/lock/\u202egnp.exe"),
        ("tag", "a; rm -rf /"),
        ("tag", "$(id)"),
        ("tag", "a\n"),
        ("tag", "\na"),
        ("tag", "a\r"),
        ("tag", "-rf"),
        ("tag", ""),
        ("tag", "aaaaaaaaa"),
        ("tag", "x" * 5_000),
        ("mode", "PID"),
        ("age", "1"),
        ("age", "-1"),
        ("age", "99999999999999999999"),
        ("shell", "sh"),
    ],
)
def test_parameters_that_carry_code_or_leave_their_place_are_refused(name: str, value: str) -> None:
    given_ = {"path": "/run/lock/a", name: value}
    with pytest.raises((RelevoError, ValueError)) as caught:
        validate_params(manifest(), params(**given_))
    assert isinstance(caught.value, RelevoError)
    assert caught.value.code is Code.PARAMETER_INVALID


def test_a_parameter_given_twice_or_missing_is_refused() -> None:
    for wrong in ((*params(path="/run/lock/a"), *params(path="/run/lock/b")), ()):
        with pytest.raises(RelevoError) as caught:
            validate_params(manifest(), wrong)
        assert caught.value.code is Code.PARAMETER_INVALID


def test_a_placeholder_is_replaced_whole_or_not_at_all() -> None:
    filled = fill_in(("apply", "{path}", "x{path}"), params(path="{path} y", other="z"))
    assert filled == ("apply", "{path} y", "x{path}")


def test_the_plan_hash_binds_everything_it_names() -> None:
    base = {"fix_sha256": "a" * 64, "params": "b" * 64, "mode": "apply", "plan": "p", "subject": ""}
    others = [
        {"fix_sha256": "c" * 64},
        {"params": "c" * 64},
        {"mode": "undo"},
        {"plan": "q"},
        {"subject": "r"},
    ]
    hashes = {plan_sha256(**{**base, **change}) for change in [{}, *others]}  # type: ignore[arg-type]
    assert len(hashes) == len(others) + 1


def test_high_and_destructive_fixes_always_want_an_approver() -> None:
    for risk, needed in ((Risk.LOW, 0), (Risk.MEDIUM, 0), (Risk.HIGH, 1), (Risk.DESTRUCTIVE, 1)):
        made = parse_manifest(TOML.replace(b'"low"', f'"{risk}"'.encode()), PAYLOAD)
        assert made.approvers_needed == needed


@given(st.text(max_size=60))
def test_no_accepted_path_leaves_its_roots_or_holds_a_second_line(text: str) -> None:
    """Invariant: whatever is accepted lies, by its letters, below a root and is one plain line."""
    for value in (text, "/run/lock/" + text):
        try:
            checked = validate_params(manifest(), params(path=value))
        except RelevoError:
            continue
        path = next(p.value for p in checked if p.name == "path")
        assert any(lies_in(path, root) for root in ("/var/lock", "/run/lock"))
        assert ".." not in path.split("/")
        assert path.isprintable() or not any(ord(c) < 32 for c in path)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_never_a_manifest(data: bytes) -> None:
    """Invariant: a typed refusal, never another exception."""
    for read in (lambda: read_manifest(data), lambda: parse_manifest(data, PAYLOAD)):
        with pytest.raises(RelevoError):
            read()
