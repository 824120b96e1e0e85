"""Artifacts are what the agent signed, stored whole or not at all, and read by those who may."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path
from typing import Any

import pytest

from broker import artifacts
from protocol import ids
from protocol.documents import Grant
from protocol.link import EndReason, SessionEnded
from protocol.scopes import Clearance, Role
from tests.support.broker_world import new_key
from tests.support.desk import Desk, Machine, desk

CONTENT = os.urandom(3 << 20)


def _files(site: Desk) -> list[str]:
    folder = site.world.broker.config.artifacts
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


async def test_what_the_agent_stored_is_what_the_technician_gets(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            grant, _ = await site.consented(control, ticket)
            manifest = machine.manifest(grant, CONTENT, site.now)
            for _ in range(2):
                stored = await site.upload(machine, manifest, CONTENT)
                assert stored.status == 200, stored.body
            token = await site.world.login("toni")
            listed = await site.call("GET", f"/v1/tickets/{ticket}/artifacts", token=token)
            assert [row["artifact"] for row in listed.json["rows"]] == [manifest.artifact]
            got = await site.call("GET", f"/v1/artifacts/{manifest.artifact}", token=token)
            assert got.body == CONTENT
            assert got.headers["content-type"] == "application/octet-stream"
            mode = (site.world.broker.config.artifacts / manifest.artifact).stat().st_mode
            assert stat.S_IMODE(mode) == 0o600
            actions = await site.actions()
            assert (actions.count("artifact.stored"), actions.count("artifact.read")) == (1, 1)


async def _refused(site: Desk, machine: Machine, grant: Grant, how: str) -> tuple[str, int]:
    content = b"some bytes"
    changes: dict[str, dict[str, Any]] = {
        "other bytes": {"sha256": "ab" * 32},
        "fewer bytes": {"size_bytes": len(content) + 1},
        "more bytes": {"size_bytes": len(content) - 1},
        "too many bytes": {"size_bytes": artifacts.MAX_BYTES + 1},
        "a scope not granted": {"kind": "screenshot"},
        "another ticket": {"ticket": "T-999"},
        "no such grant": {"grant": ids.new_grant_id()},
        "another machine": {"agent": (await site.enrol()).agent},
    }
    manifest = machine.manifest(grant, content, site.now, **changes.get(how, {}))
    signer = new_key() if how == "another key" else None
    answer = await site.upload(machine, manifest, content, signer)
    return answer.code, answer.status


_REFUSALS = [
    ("other bytes", "hash-mismatch"),
    ("fewer bytes", "hash-mismatch"),
    ("more bytes", "hash-mismatch"),
    ("too many bytes", "too-large"),
    ("a scope not granted", "scope-not-granted"),
    ("another ticket", "identity-mismatch"),
    ("no such grant", "identity-mismatch"),
    ("another key", "signature-invalid"),
    ("another machine", "signature-invalid"),
]


@pytest.mark.parametrize(("how", "code"), _REFUSALS)
async def test_what_does_not_hold_is_refused_recorded_and_leaves_no_file(
    tmp_path: Path, how: str, code: str
) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            assert (await _refused(site, machine, grant, how))[0] == code
            assert _files(site) == []
            refused = await site.records("artifact.refused")
            assert [len(record["evidence"]) for record in refused] == [1]


@pytest.mark.parametrize("header", ["", "no base64!", "e30", "x" * 20_000])
async def test_without_a_manifest_nothing_is_stored(tmp_path: Path, header: str) -> None:
    async with desk(tmp_path) as site:
        answer = await site.call("PUT", "/v1/artifacts", b"x", headers={"relevo-manifest": header})
        assert answer.code == "malformed"
        assert _files(site) == []


async def test_after_the_session_nothing_more_is_stored(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            await control.send(SessionEnded(grant=grant.grant, why=EndReason.USER_STOP))
            assert await control.alive()
            answer = await site.upload(machine, machine.manifest(grant, b"late", site.now), b"late")
            assert answer.code == "consent-withdrawn"
            assert _files(site) == []


async def test_an_artifact_is_never_replaced(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            first = machine.manifest(grant, b"first", site.now)
            assert (await site.upload(machine, first, b"first")).status == 200
            second = machine.manifest(grant, b"other", site.now, artifact=first.artifact)
            assert (await site.upload(machine, second, b"other")).code == "already-exists"
            token = await site.world.login("toni")
            got = await site.call("GET", f"/v1/artifacts/{first.artifact}", token=token)
            assert got.body == b"first"


async def test_a_disk_that_takes_no_more_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            manifest = machine.manifest(grant, CONTENT, site.now)
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) - 1, hard))
            try:
                answer = await site.upload(machine, manifest, CONTENT)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert (answer.status, answer.code) == (507, "cannot-record")
            assert _files(site) == []
            assert (await site.upload(machine, manifest, CONTENT)).status == 200


async def test_clearance_decides_who_reads_and_customers_who_even_sees(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        site.world.org.add("tere", Role.TECHNICIAN, tiers={"acme": 2})
        await site.world.publish(site.world.org.next(), await site.world.login("ada"))
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            manifest = machine.manifest(grant, b"R2", site.now, clearance=Clearance.R2)
            assert (await site.upload(machine, manifest, b"R2")).status == 200
            path = f"/v1/artifacts/{manifest.artifact}"
            expected = {
                "toni": "tier-too-low",
                "gil": "not-found",
                "ada": "role-missing",
                "olga": "role-missing",
            }
            for who, code in expected.items():
                assert (await site.call("GET", path, token=await site.world.login(who))).code == code
            got = await site.call("GET", path, token=await site.world.login("tere"))
            assert got.body == b"R2"
            read = await site.records("artifact.read")
            assert [record["actor"]["id"] for record in read] == ["tere"]


async def test_what_a_killed_broker_left_behind_is_swept_at_the_next_start(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        folder = site.world.broker.config.artifacts
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / ".incoming-1").write_bytes(b"half")
        (folder / ids.new_artifact_id()).write_bytes(b"no record")
        await artifacts.sweep(site.world.broker)
        assert _files(site) == []
