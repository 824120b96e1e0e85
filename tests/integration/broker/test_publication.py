"""What the broker takes into the organisation repository, and the many things that it does not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from broker.repository import TIMESTAMP_FRESH
from protocol.drivers.repository import Repository
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation, Revoked
from protocol.publication import PairRequest
from protocol.scopes import Role
from tests.support.broker_world import (
    Org,
    World,
    new_key,
    paired,
    person,
    publication,
    restarted,
    stored,
    tuf_signer,
    unpaired,
)

Files = dict[str, bytes]


async def _pair(world: World, files: Files, secret: str | None = None) -> tuple[int, str]:
    request = PairRequest(secret=secret or world.org.pairing.secret, publication=publication(files))
    answer = await world.call("POST", "/v1/org/pair", request)
    return answer.status, "" if answer.status == 200 else answer.code


async def _publish(world: World, files: Files) -> tuple[int, str]:
    answer = await world.publish(files, await world.login("ada"))
    return answer.status, "" if answer.status == 200 else answer.code


def reader(world: World, folder: Path) -> Callable[[], Organisation]:
    """What an agent sees: python-tuf's own client against what the broker serves."""
    import hashlib

    loop = asyncio.get_running_loop()

    def fetch(path: str, limit: int) -> bytes:
        answer = asyncio.run_coroutine_threadsafe(world.call("GET", f"/repo/{path}"), loop).result(20)
        if answer.status != 200:
            raise RelevoError(Code(answer.code), path)
        assert len(answer.body) <= limit
        return answer.body

    pin = hashlib.sha256(world.org.first_root).hexdigest()
    client = Repository(folder, pin, fetch)
    return lambda: client.refresh(world.clock())


async def test_a_paired_broker_serves_a_repository_that_pythons_own_tuf_client_accepts(
    tmp_path: Path,
) -> None:
    async with paired(tmp_path / "broker") as world:
        refresh = reader(world, tmp_path / "client")
        seen = await asyncio.to_thread(refresh)
        assert seen == world.broker.organisation.current
        world.org.customers.append("initech")
        assert await _publish(world, world.org.next()) == (200, "")
        seen = await asyncio.to_thread(refresh)
        assert [c.id for c in seen.roster.customers] == ["acme", "globex", "initech"]


async def test_a_new_roster_counts_at_once_and_listeners_hear_of_it(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        heard: list[Organisation] = []
        world.broker.organisation.listeners.append(heard.append)
        key = world.org.add("bea", Role.TECHNICIAN, tiers={"acme": 2})
        assert await _publish(world, world.org.next()) == (200, "")
        assert [org.roster.holder_of(key.public_key).id for org in heard] == ["bea"]
        assert await world.login("bea")


async def test_the_pairing_secret_works_once(tmp_path: Path) -> None:
    async with unpaired(tmp_path) as world:
        files = world.org.files()
        assert await _pair(world, files, "0" * 64) == (401, "unauthenticated")
        assert world.broker.organisation.current is None
        assert await _pair(world, files) == (200, "")
        other = Org(world.org.pairing, now=world.org.now)
        assert (await _pair(world, other.files()))[0] == 409
        world.org.customers.append("initech")
        assert await _pair(world, world.org.next()) == (409, "token-used")
        assert await _publish(world, world.org.files()) == (200, "")


async def test_pairing_again_after_a_lost_answer_changes_nothing(tmp_path: Path) -> None:
    async with unpaired(tmp_path) as world:
        assert await _pair(world, world.org.files()) == (200, "")
        size = world.broker.store.log_size
        assert await _pair(world, world.org.files()) == (200, "")
        assert world.broker.store.log_size == size


async def test_publishing_needs_a_paired_broker(tmp_path: Path) -> None:
    async with unpaired(tmp_path) as world:
        answer = await world.publish(world.org.files(), "relevo_" + "0" * 64)
        assert answer.code == "not-connected"
        assert (await world.call("GET", "/repo/metadata/timestamp.json")).code == "not-found"
        assert (await world.call("GET", "/repo/metadata/1.root.json")).code == "not-found"


def _by(org: Org, files: Files, path: str, content: bytes | None) -> Files:
    changed = dict(files)
    if content is None:
        del changed[path]
    else:
        changed[path] = content
    return changed


def _flip(data: bytes) -> bytes:
    return data.replace(b'"version": 2', b'"version": 3').replace(b'"version":2', b'"version":3')


def _altered_targets(org: Org) -> Files:
    files = org.next()
    return _by(org, files, "metadata/2.targets.json", _flip(files["metadata/2.targets.json"]))


def _targets_by_a_stranger(org: Org) -> Files:
    org.targets = tuf_signer()
    return org.next()


def _root_by_a_stranger(org: Org) -> Files:
    org.root = tuf_signer()
    return {**org.next(), "metadata/3.root.json": org.make_root(3)}


def _root_not_signed_by_the_old_one(org: Org) -> Files:
    old = org.root
    org.root = tuf_signer()
    assert old is not org.root
    return {**org.next(), "metadata/3.root.json": org.make_root(3, signers=[org.root])}


def _root_that_skips_a_version(org: Org) -> Files:
    return {**org.next(), "metadata/4.root.json": org.make_root(4)}


def _another_second_root(org: Org) -> Files:
    return {**org.next(), "metadata/2.root.json": org.make_root(2, life=timedelta(days=9))}


def _broker_key_taken_out(org: Org) -> Files:
    return {**org.next(), "metadata/3.root.json": org.make_root(3, timestamp=org.root.public_key)}


def _same_version_other_bytes(org: Org) -> Files:
    org.customers.append("initech")
    return org.files()


def _older_targets(org: Org) -> Files:
    files = org.files()
    org.version = 0
    documents = org.documents()
    del files["metadata/1.targets.json"]
    return {
        **files,
        "metadata/1.targets.json": org.make_targets(documents, version=1, life=timedelta(days=2)),
    }


def _expired_targets(org: Org) -> Files:
    files = org.next()
    documents = org.documents()
    return {**files, "metadata/2.targets.json": org.make_targets(documents, life=timedelta(days=-1))}


def _target_altered(org: Org) -> Files:
    org.customers.append("initech")
    files = org.next()
    path = next(p for p in files if p.endswith(".roster.json"))
    return _by(org, files, path, files[path] + b" ")


def _target_missing(org: Org) -> Files:
    org.customers.append("initech")
    files = org.next()
    return _by(org, files, next(p for p in files if p.endswith(".roster.json")), None)


def _unnamed_target(org: Org) -> Files:
    return {**org.next(), **stored({"fixes/low/evil/1.json": b"{}"})}


def _no_policy(org: Org) -> Files:
    documents = org.documents()
    del documents["policy.json"]
    org.version += 1
    return {"metadata/2.targets.json": org.make_targets(documents), **stored(documents)}


def _other_issuer(org: Org) -> Files:
    assert org.broker_keys
    org.broker_keys = msgspec.structs.replace(org.broker_keys, issuer_key=new_key().public_key.text)
    return org.next()


def _other_log(org: Org) -> Files:
    assert org.broker_keys
    org.broker_keys = msgspec.structs.replace(
        org.broker_keys, log_key=org.broker_keys.log_key.replace("A", "B", 1)
    )
    return org.next()


def _other_certificate(org: Org) -> Files:
    assert org.broker_keys
    org.broker_keys = msgspec.structs.replace(org.broker_keys, tls_sha256=("0" * 64,))
    return org.next()


def _no_broker(org: Org) -> Files:
    org.broker_keys = None
    return org.next()


def _two_people_with_one_key(org: Org) -> Files:
    org.people.append(person("eve", org.keys["ada"], Role.TECHNICIAN))
    return org.next()


def _no_administrator(org: Org) -> Files:
    org.people = [p for p in org.people if Role.ADMIN not in p.roles]
    return org.next()


def _a_key_that_is_none(org: Org) -> Files:
    org.people.append(msgspec.structs.replace(org.people[0], id="eve", keys=("ssh-rsa AAAA",)))
    return org.next()


def _own_snapshot(org: Org) -> Files:
    return {**org.next(), "metadata/9.snapshot.json": b"{}"}


def _timestamp(org: Org) -> Files:
    return {**org.next(), "metadata/timestamp.json": b"{}"}


def _two_versions_of_targets(org: Org) -> Files:
    return {**org.next(), "metadata/3.targets.json": org.make_targets(org.documents(), version=3)}


def _wrong_file_name(org: Org) -> Files:
    files = org.next()
    return {**files, "metadata/2.targets.json": org.make_targets(org.documents(), version=7)}


def _not_json(org: Org) -> Files:
    return {**org.next(), "metadata/2.targets.json": b"\xff{"}


def _root_as_targets(org: Org) -> Files:
    return {**org.next(), "metadata/2.targets.json": org.make_root(2)}


def _low_fix(org: Org, *signers: int, path: str = "fixes/low/lock/1.json", role: str = "low") -> Files:
    fix = {path: b'{"fix": 1}'}
    signed = org.make_role(1, fix, *(org.fixers[n] for n in signers))
    return {**org.next(), f"metadata/1.{role}.json": signed, **stored(fix)}


BAD: list[tuple[Callable[[Org], Files], str]] = [
    (_altered_targets, "signature-invalid"),
    (_targets_by_a_stranger, "signature-invalid"),
    (_root_by_a_stranger, "signature-invalid"),
    (_root_not_signed_by_the_old_one, "signature-invalid"),
    (_root_that_skips_a_version, "malformed"),
    (_another_second_root, "rollback"),
    (_broker_key_taken_out, "identity-mismatch"),
    (_same_version_other_bytes, "rollback"),
    (_older_targets, "rollback"),
    (_expired_targets, "document-expired"),
    (_target_altered, "hash-mismatch"),
    (_target_missing, "malformed"),
    (_unnamed_target, "malformed"),
    (_no_policy, "malformed"),
    (_other_issuer, "identity-mismatch"),
    (_other_log, "identity-mismatch"),
    (_other_certificate, "identity-mismatch"),
    (_no_broker, "identity-mismatch"),
    (_two_people_with_one_key, "refused"),
    (_no_administrator, "refused"),
    (_a_key_that_is_none, "malformed"),
    (_own_snapshot, "malformed"),
    (_timestamp, "malformed"),
    (_two_versions_of_targets, "malformed"),
    (_wrong_file_name, "malformed"),
    (_not_json, "malformed"),
    (_root_as_targets, "malformed"),
    (lambda org: _low_fix(org, 0, path="fixes/high/lock/1.json"), "refused"),
    (lambda org: _low_fix(org, 0, path="roster.json"), "refused"),
    (lambda org: _low_fix(org, 0, path="fixes/high/x/1.json", role="high"), "signature-invalid"),
    (lambda org: _low_fix(org, 0, 0, path="fixes/high/x/1.json", role="high"), "signature-invalid"),
    (lambda org: _low_fix(org, 0, role="unheard"), "refused"),
    (_low_fix, "signature-invalid"),
]


@pytest.mark.parametrize(("make", "code"), BAD, ids=lambda value: getattr(value, "__name__", None))
async def test_a_bad_publication_is_refused_and_changes_nothing(
    tmp_path: Path, make: Callable[[Org], Files], code: str
) -> None:
    async with paired(tmp_path) as world:
        before = world.broker.organisation.current
        admin = await world.login("ada")
        served = (await world.call("GET", "/repo/metadata/1.snapshot.json")).body
        answer = await world.publish(make(world.org), admin)
        assert answer.code == code
        assert world.broker.organisation.current is before
        assert (await world.call("GET", "/repo/metadata/2.snapshot.json")).status == 404
        assert (await world.call("GET", "/repo/metadata/1.snapshot.json")).body == served
    async with restarted(tmp_path, world.org, world.clock) as again:
        assert again.broker.organisation.current == before


@pytest.mark.parametrize(("role", "signers"), [("low", (0,)), ("low", (1,)), ("high", (0, 1))])
async def test_a_fix_signed_by_enough_people_is_published(
    tmp_path: Path, role: str, signers: tuple[int, ...]
) -> None:
    async with paired(tmp_path) as world:
        path = f"fixes/{role}/lock/1.json"
        files = _low_fix(world.org, *signers, path=path, role=role)
        assert await _publish(world, files) == (200, "")
        for name, content in files.items():
            assert (await world.call("GET", f"/repo/{name}")).body == content


async def test_a_signer_who_leaves_voids_the_role_but_does_not_block_the_rest(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        assert await _publish(world, _low_fix(world.org, 0)) == (200, "")
        world.org.fixers = [tuf_signer()]
        world.org.revoked = Revoked(keys=(world.org.keys["toni"].public_key.fingerprint,))
        assert await _publish(world, world.org.next()) == (200, "")
        current = world.broker.organisation.current
        assert current is not None
        assert current.revoked.keys
        renewed = _low_fix(world.org, 0)
        assert (await _publish(world, renewed))[0] == 409, "a role's version must rise"


async def test_a_rotated_root_is_accepted_and_old_roots_stay_served(tmp_path: Path) -> None:
    async with paired(tmp_path / "broker") as world:
        refresh = reader(world, tmp_path / "client")
        await asyncio.to_thread(refresh)
        old, world.org.root = world.org.root, tuf_signer()
        third = world.org.make_root(3, signers=[old, world.org.root])
        assert await _publish(world, {**world.org.next(), "metadata/3.root.json": third}) == (200, "")
        for version in (1, 2, 3):
            assert (await world.call("GET", f"/repo/metadata/{version}.root.json")).status == 200
        await asyncio.to_thread(refresh)


async def test_the_timestamp_is_renewed_when_it_is_old_and_its_version_only_rises(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        first = json.loads((await world.call("GET", "/repo/metadata/timestamp.json")).body)
        again = json.loads((await world.call("GET", "/repo/metadata/timestamp.json")).body)
        assert again == first
        world.clock.now += TIMESTAMP_FRESH
        renewed = json.loads((await world.call("GET", "/repo/metadata/timestamp.json")).body)
        assert renewed["signed"]["version"] > first["signed"]["version"]
        world.clock.forward(days=-30)
        back = json.loads((await world.call("GET", "/repo/metadata/timestamp.json")).body)
        assert back["signed"]["version"] > renewed["signed"]["version"]


async def test_a_snapshot_that_runs_out_is_signed_again(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        world.clock.forward(days=310)
        await world.call("GET", "/repo/metadata/timestamp.json")
        assert (await world.call("GET", "/repo/metadata/2.snapshot.json")).status == 200
    async with restarted(tmp_path, world.org, world.clock) as again:
        assert again.broker.repository.current is not None
        assert again.broker.repository.current.snapshot_version == 2


async def test_what_was_written_before_a_crash_but_not_recorded_is_not_served(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        world.org.customers.append("initech")
        files = {**world.org.next(), "metadata/3.root.json": world.org.make_root(3)}
        repository = world.broker.repository
        accepted = repository.examine(files, world.clock())
        repository.prepare(accepted, world.clock())
    async with restarted(tmp_path, world.org, world.clock) as again:
        assert (await again.call("GET", "/repo/metadata/3.root.json")).status == 404
        assert (await again.call("GET", "/repo/metadata/2.targets.json")).status == 404
        assert (await again.call("GET", "/repo/metadata/2.snapshot.json")).status == 404
        assert await _publish(again, files) == (200, "")
        assert (await again.call("GET", "/repo/metadata/3.root.json")).status == 200


@pytest.mark.parametrize(
    "name", ["metadata/1.targets.json", "metadata/2.root.json", "metadata/1.snapshot.json"]
)
async def test_a_stored_repository_that_was_altered_is_not_believed(tmp_path: Path, name: str) -> None:
    async with paired(tmp_path) as world:
        pass
    path = tmp_path / "repository" / name
    path.write_bytes(re.sub(rb'("expires": ?)"2', rb'\1"3', path.read_bytes()))
    with pytest.raises(RelevoError) as caught:
        async with restarted(tmp_path, world.org, world.clock):
            pass
    assert caught.value.code is Code.SIGNATURE_INVALID


async def test_a_stored_roster_that_was_altered_is_not_believed(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        pass
    path = next((tmp_path / "repository" / "targets").glob("*.roster.json"))
    path.write_bytes(path.read_bytes().replace(b'"auditor"', b'"admin"'))
    with pytest.raises(RelevoError) as caught:
        async with restarted(tmp_path, world.org, world.clock):
            pass
    assert caught.value.code is Code.HASH_MISMATCH


async def test_what_connect_leaves_in_the_folder_is_taken_in_at_start(tmp_path: Path) -> None:
    from protocol.wire import to_json

    async with unpaired(tmp_path) as world:
        pass
    incoming = tmp_path / "incoming" / "pair.json"
    incoming.parent.mkdir()
    request = PairRequest(secret=world.org.pairing.secret, publication=publication(world.org.files()))
    incoming.write_bytes(to_json(request))
    async with restarted(tmp_path, world.org, world.clock) as again:
        assert again.broker.organisation.require().roster.org == world.org.org
        assert not incoming.exists()
        assert await again.login("ada")


async def test_a_refused_incoming_file_is_set_aside_and_the_broker_starts(tmp_path: Path) -> None:
    async with unpaired(tmp_path) as world:
        pass
    incoming = tmp_path / "incoming" / "pair.json"
    incoming.parent.mkdir()
    incoming.write_bytes(b'{"secret": "no"}')
    async with restarted(tmp_path, world.org, world.clock) as again:
        assert again.broker.organisation.current is None
    assert not incoming.exists()
    assert incoming.with_name("pair.json.refused").exists()
