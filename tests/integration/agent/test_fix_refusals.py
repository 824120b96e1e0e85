"""Attacks on fixes: every paper forged, replayed or for something else; every parameter that carries code."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from agent.fixes.checks import CHALLENGE_LIFE
from protocol.documents import FixRequest
from protocol.dsse import countersign
from protocol.errors import Code
from protocol.scopes import Scope
from tests.support.fixing import AGENT_KEY, ISSUER, FixWorld, code_of, key

STEP = b"""
import json, os, sys
given = json.load(sys.stdin)
mark = given["params"]["mark"]
word = sys.argv[1]
if word == "check":
    sys.exit(1 if os.path.exists(mark) else 0)
if word == "plan":
    print("make", mark)
if word == "apply":
    with open(mark, "a") as file:
        file.write(given["params"]["text"] + "\\n")
"""
TOML = """
id = "mark"
version = 1
owner = "ops"
platforms = ["linux"]
risk = "low"
reversible = "yes"
run_as = "user"
timeout_s = 10
title = {{en = "t", es = "t"}}
description = {{en = "d", es = "d"}}
check = {{run = ["step.py", "check"]}}
plan = {{run = ["step.py", "plan"]}}
apply = {{run = ["step.py", "apply", "{{text}}"]}}
snapshot = {{files = ["{{mark}}"]}}
approval = {{consent = "none"}}
params = [
  {{name = "mark", type = "path", roots = ["{root}"], title = {{en = "m", es = "m"}}}},
  {{name = "text", type = "string", default = "x", max = 40, title = {{en = "m", es = "m"}}}},
]
"""


@pytest.fixture
def world(tmp_path: Path) -> FixWorld:
    made = FixWorld(tmp_path)
    (tmp_path / "ground").mkdir()
    made.served.add(TOML.format(root=tmp_path / "ground").encode(), {"step.py": STEP})
    return made


@pytest.fixture
def mark(world: FixWorld) -> Path:
    return world.folder / "ground" / "mark"


def with_risk(world: FixWorld, risk: str, version: int = 2, more: str = "") -> None:
    toml = TOML.format(root=world.folder / "ground").replace('"low"', f'"{risk}"')
    toml = toml.replace("version = 1", f"version = {version}").replace(
        'consent = "none"', f'consent = "none"{more}'
    )
    world.served.add(toml.encode(), {"step.py": STEP})


async def test_what_is_right_runs(world: FixWorld, mark: Path) -> None:
    assert (await world.run("mark", mark=str(mark))).state == "succeeded"
    assert mark.read_text() == "x\n"


# --- papers ------------------------------------------------------------------------------------


async def test_papers_that_do_not_hold_open_nothing(world: FixWorld, mark: Path) -> None:
    ana, minute = key("ana"), timedelta(minutes=1)
    wrong = [
        (world.papers(signers=(ISSUER,)), Code.SIGNATURE_INVALID),
        (world.papers(signers=(ana,)), Code.SIGNATURE_INVALID),
        (world.papers(signers=(key("eve"), ISSUER)), Code.SIGNATURE_INVALID),
        (world.papers(technician="eve"), Code.NOT_IN_ROSTER),
        (world.papers(technician="mallory"), Code.NOT_IN_ROSTER),
        (world.papers(org="org-" + "b" * 32), Code.IDENTITY_MISMATCH),
        (world.papers(agent="ag-" + "b" * 32), Code.IDENTITY_MISMATCH),
        (world.papers(customer="other"), Code.IDENTITY_MISMATCH),
        (world.papers(scopes=(Scope.DIAGNOSE,)), Code.SCOPE_NOT_GRANTED),
        (world.papers(consent={"scopes": (Scope.DIAGNOSE,)}), Code.SCOPE_NOT_GRANTED),
        (world.papers(consent={"scopes": (Scope.FIX, Scope.TERMINAL)}), Code.SCOPE_NOT_GRANTED),
        (world.papers(consent={"grant_sha256": "0" * 64}), Code.IDENTITY_MISMATCH),
        (world.papers(consent={"until": world.now + timedelta(hours=5)}), Code.SCOPE_NOT_GRANTED),
        (world.papers(consent={"until": world.now - minute}), Code.SESSION_ENDED),
        (world.papers(consent={"given": world.now + timedelta(minutes=5)}), Code.DOCUMENT_EXPIRED),
        (world.papers(consent_signer=ana), Code.IDENTITY_MISMATCH),
    ]
    for credentials, code in wrong:
        world.credentials = credentials
        assert await code_of(world.plan("mark", mark=str(mark))) is code
    assert not mark.exists()


async def test_consent_signed_by_another_key_under_the_agents_name_is_refused(
    world: FixWorld, mark: Path
) -> None:
    forged = world.papers(consent_signer=key("mallory"), consent={"agent_key": AGENT_KEY.public_key.text})
    world.credentials = forged
    assert await code_of(world.plan("mark", mark=str(mark))) is Code.SIGNATURE_INVALID


async def test_revocations_work_at_once(world: FixWorld, mark: Path) -> None:
    planned = await world.plan("mark", mark=str(mark))
    request = world.request(planned)
    world.served.revoke(keys=(key("ana").public_key.fingerprint,))
    assert await code_of(world.run_request(request, mark=str(mark))) is Code.REVOKED
    world.served.revoke(keys=(), fixes=("mark",))
    assert await code_of(world.run_request(request, mark=str(mark))) in (Code.REVOKED, Code.NOT_FOUND)
    world.served.revoke(fixes=(), agents=(world.machine.agent,))
    assert await code_of(world.run_request(request, mark=str(mark))) is Code.REVOKED
    assert not mark.exists()


async def test_a_session_that_is_over_runs_nothing(world: FixWorld, mark: Path) -> None:
    planned = await world.plan("mark", mark=str(mark))
    world.now += timedelta(minutes=31)
    assert await code_of(world.run_request(world.request(planned), mark=str(mark))) is Code.SESSION_ENDED


# --- requests ----------------------------------------------------------------------------------


async def test_a_request_runs_once(world: FixWorld, mark: Path) -> None:
    request = world.request(await world.plan("mark", mark=str(mark)))
    await world.run_request(request, mark=str(mark))
    mark.unlink()
    assert await code_of(world.run_request(request, mark=str(mark))) is Code.REPLAYED
    world.desk = world.new_desk()
    assert await code_of(world.run_request(request, mark=str(mark))) is Code.REPLAYED
    assert not mark.exists()


async def test_an_old_sequence_is_refused_also_by_a_new_process(world: FixWorld, mark: Path) -> None:
    early = await world.plan("mark", mark=str(mark))
    await world.run("mark", mark=str(mark))
    assert await code_of(world.run_request(world.request(early), mark=str(mark))) is Code.REPLAYED


async def test_a_request_for_anything_but_what_was_planned_is_refused(world: FixWorld, mark: Path) -> None:
    changes = [
        ({"challenge": "0" * 64}, Code.REPLAYED),
        ({"sequence": 99}, Code.REPLAYED),
        ({"sequence": 0}, Code.REPLAYED),
        ({"fix": "other"}, Code.HASH_MISMATCH),
        ({"fix_version": 2}, Code.HASH_MISMATCH),
        ({"fix_sha256": "0" * 64}, Code.HASH_MISMATCH),
        ({"params_sha256": "0" * 64}, Code.HASH_MISMATCH),
        ({"plan_sha256": "0" * 64}, Code.HASH_MISMATCH),
        ({"mode": "undo"}, Code.HASH_MISMATCH),
        ({"grant": "0" * 32}, Code.IDENTITY_MISMATCH),
    ]
    for change, code in changes:
        planned = await world.plan("mark", mark=str(mark))
        assert await code_of(world.run_request(world.request(planned, **change), mark=str(mark))) is code, (
            change
        )
    assert not mark.exists()


async def test_other_parameters_than_those_that_were_signed_are_refused(world: FixWorld, mark: Path) -> None:
    request = world.request(await world.plan("mark", mark=str(mark)))
    assert await code_of(world.run_request(request, mark=str(mark), text="y")) is Code.HASH_MISMATCH
    elsewhere = str(mark.with_name("else"))
    assert await code_of(world.run_request(request, mark=elsewhere)) is Code.HASH_MISMATCH


async def test_a_challenge_of_another_session_is_refused(world: FixWorld, mark: Path) -> None:
    planned = await world.plan("mark", mark=str(mark))
    world.credentials = world.papers()
    assert await code_of(world.run_request(world.request(planned), mark=str(mark))) is Code.IDENTITY_MISMATCH


async def test_a_plan_older_than_ten_minutes_must_be_made_again(world: FixWorld, mark: Path) -> None:
    planned = await world.plan("mark", mark=str(mark))
    world.now += CHALLENGE_LIFE + timedelta(seconds=1)
    refused = await code_of(world.run_request(world.request(planned), mark=str(mark)))
    assert refused is Code.DOCUMENT_EXPIRED


async def test_a_request_must_be_signed_by_the_sessions_technician(world: FixWorld, mark: Path) -> None:
    for signers in ((), (key("eve"),), (AGENT_KEY,), (ISSUER,)):
        request = world.request(await world.plan("mark", mark=str(mark)), signers=signers)
        assert await code_of(world.run_request(request, mark=str(mark))) is Code.SIGNATURE_INVALID


# --- tiers and approvals -----------------------------------------------------------------------


async def test_risk_above_the_tier_is_refused(world: FixWorld, mark: Path) -> None:
    with_risk(world, "medium")
    assert await code_of(world.plan("mark", mark=str(mark))) is Code.TIER_TOO_LOW


async def test_a_tier_that_the_manifest_wants_is_wanted(world: FixWorld, mark: Path) -> None:
    with_risk(world, "low", more=", min_tier = 2")
    assert await code_of(world.plan("mark", mark=str(mark))) is Code.TIER_TOO_LOW


@pytest.mark.parametrize("approver", ["bea", "dora", "eve", "ana", "agent", "issuer"])
async def test_only_another_approver_of_the_tier_counts(tmp_path: Path, approver: str) -> None:
    """bea asks herself, dora's tier is too low, eve is no approver, the others are not in the roster."""
    world = FixWorld(tmp_path, technician="bea")
    (tmp_path / "ground").mkdir()
    with_risk(world, "high")
    mark = str(tmp_path / "ground" / "mark")
    request = world.request(await world.plan("mark", mark=mark), signers=(key("bea"), key(approver)))
    assert await code_of(world.run_request(request, mark=mark)) is Code.APPROVAL_MISSING
    assert not Path(mark).exists()


async def test_an_approval_by_another_person_over_the_same_bytes_opens_a_high_fix(tmp_path: Path) -> None:
    world = FixWorld(tmp_path, technician="bea")
    (tmp_path / "ground").mkdir()
    with_risk(world, "high", more=", approver_tier = 3")
    mark = str(tmp_path / "ground" / "mark")
    planned = await world.plan("mark", mark=mark)
    approved = countersign(world.request(planned, signers=(key("bea"),)), FixRequest, key("carl"))
    forged = msgspec.structs.replace(
        approved,
        signatures=(
            approved.signatures[0],
            msgspec.structs.replace(approved.signatures[1], sig=approved.signatures[0].sig),
        ),
    )
    assert await code_of(world.run_request(forged, mark=mark)) is Code.SIGNATURE_INVALID
    assert (await world.run_request(approved, mark=mark)).state == "succeeded"


async def test_one_person_with_two_signatures_is_one_approver(tmp_path: Path) -> None:
    world = FixWorld(tmp_path, technician="bea")
    (tmp_path / "ground").mkdir()
    with_risk(world, "high", more=", approvers = 2")
    mark = str(tmp_path / "ground" / "mark")
    planned = await world.plan("mark", mark=mark)
    request = world.request(planned, signers=(key("bea"), key("carl"), key("carl")))
    assert await code_of(world.run_request(request, mark=mark)) is Code.APPROVAL_MISSING


# --- bytes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["payload", "manifest"])
async def test_one_altered_byte_is_seen_when_it_is_read(world: FixWorld, mark: Path, what: str) -> None:
    planned = await world.plan("mark", mark=str(mark))
    fix = world.served.held[0]
    if what == "payload":
        fix.payload["step.py"] = STEP.replace(b"make", b"fake")
    else:
        fix.manifest = fix.manifest.replace(b'"ops"', b'"oqs"')
    request = world.request(planned)
    assert await code_of(world.run_request(request, mark=str(mark))) is Code.HASH_MISMATCH
    assert await code_of(world.plan("mark", mark=str(mark))) is Code.HASH_MISMATCH


async def test_another_version_under_the_same_number_is_not_what_was_planned(
    world: FixWorld, mark: Path
) -> None:
    planned = await world.plan("mark", mark=str(mark))
    world.served.held.clear()
    toml = TOML.format(root=world.folder / "ground").replace('"ops"', '"other"')
    world.served.add(toml.encode(), {"step.py": STEP})
    assert await code_of(world.run_request(world.request(planned), mark=str(mark))) is Code.HASH_MISMATCH


# --- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["; touch pwned", "$(touch pwned)", "`touch pwned`", "| touch pwned", "&& touch pwned", "{mark}", "%s"],
)
async def test_text_that_would_be_code_in_a_shell_is_only_text(
    world: FixWorld, mark: Path, text: str
) -> None:
    assert (await world.run("mark", mark=str(mark), text=text)).state == "succeeded"
    assert mark.read_text() == text + "\n"
    assert not list(world.folder.rglob("pwned"))


@pytest.mark.parametrize("text", ["-rf", "--help", "a\nb", "a\rb", "\x1b[2J", "a\x7f", ""])
async def test_options_and_second_lines_are_no_parameters(world: FixWorld, mark: Path, text: str) -> None:
    assert await code_of(world.plan("mark", mark=str(mark), text=text)) is Code.PARAMETER_INVALID


async def test_paths_never_leave_their_root_nor_go_through_a_link(world: FixWorld, mark: Path) -> None:
    ground = mark.parent
    (ground / "deep").mkdir()
    (ground / "way-out").symlink_to(world.folder)
    (ground / "file-link").symlink_to(world.folder / "elsewhere")
    (ground / "chain").symlink_to(ground / "way-out")
    (ground / "inside").symlink_to(ground / "deep")
    bad = [
        "/etc/passwd",
        str(world.folder / "x"),
        f"{ground}/../x",
        f"{ground}/deep/../../x",
        f"{ground}//x",
        f"{ground}/way-out/x",
        f"{ground}/chain/x",
        f"{ground}/inside/x",
        f"{ground}/file-link",
        f"{ground}-other/x",
        "mark",
        "~/x",
    ]
    for path in bad:
        assert await code_of(world.plan("mark", mark=path)) is Code.PARAMETER_INVALID, path


async def test_a_link_put_in_the_way_after_the_plan_stops_the_run(world: FixWorld, mark: Path) -> None:
    folder = mark.parent / "deep"
    folder.mkdir()
    path = str(folder / "mark")
    request = world.request(await world.plan("mark", mark=path))
    os.rename(folder, mark.parent / "was-deep")
    folder.symlink_to(world.folder)
    assert await code_of(world.run_request(request, mark=path)) is Code.PARAMETER_INVALID
    assert not (world.folder / "mark").exists()


async def test_a_root_that_is_reached_through_a_link_is_still_that_root(tmp_path: Path) -> None:
    world = FixWorld(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "lock").symlink_to(tmp_path / "real")
    world.served.add(TOML.format(root=tmp_path / "lock").encode(), {"step.py": STEP})
    assert (await world.run("mark", mark=str(tmp_path / "lock" / "m"))).state == "succeeded"
    assert (tmp_path / "real" / "m").exists()
