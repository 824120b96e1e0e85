"""The organisation repository as a client sees it, with everybody who serves it lying in turn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater

from protocol import layout
from protocol.drivers import sources
from protocol.drivers.repository import Repository
from protocol.errors import Code, RelevoError
from protocol.ids import org_id
from protocol.organisation import Organisation
from protocol.scopes import Risk, Role
from technician.org import fixes, people, proposals
from technician.org.keys import load_key, make_ssh_key
from technician.org.signing import make_targets
from technician.org.state import OrgFolder
from tests.support.fix_directory import fix_directory
from tests.support.tuf_broker import (
    MINUTE,
    NOW,
    organisation,
    republish,
    rewrite_role,
)


class World:
    """One organisation, its broker's folder, and a client that may be asked to refresh."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.broker, self.root = organisation(folder)
        self.client = self.new_client("client")

    def new_client(self, name: str, served: Path | None = None, **options: int) -> Repository:
        fetch = sources.from_folder(served or self.broker.folder)
        return Repository(self.folder / name, self.root, fetch, **options)

    def publish_fix(self, **wanted: object) -> None:
        fixes.add_fix(self.home, fix_directory(self.folder / "fixes", **wanted))
        republish(self.home, self.broker, NOW)

    def key(self, name: str) -> CryptoSigner:
        return load_key(self.home / "org" / "keys" / f"{name}.pem")

    def sign_targets(
        self, documents: dict[str, bytes], *, key: CryptoSigner | None = None, **changes
    ) -> None:
        """Top-level targets as the admin (or whoever holds ``key``) could make them, served."""
        state = OrgFolder(self.home).load()
        version = self.broker.versions["targets.json"] + 1
        content = make_targets(
            version, NOW, documents, changes.get("signers", state.signers), key or self.key("targets")
        )
        metadata = Metadata.from_bytes(content)
        for path, data in documents.items():
            info = metadata.signed.targets[path]
            name = layout.hash_prefixed(path, info.hashes["sha256"])
            self.broker.path(f"targets/{name}").write_bytes(data)
        self.broker.path(f"metadata/{version}.targets.json").write_bytes(content)
        self.broker.versions["targets.json"] = version
        self.broker.vouch(NOW)

    def documents(self) -> dict[str, bytes]:
        targets = Metadata.from_bytes((self.home / "org/metadata/targets.json").read_bytes()).signed
        return {
            path: self.broker.path(
                f"targets/{layout.hash_prefixed(path, info.hashes['sha256'])}"
            ).read_bytes()
            for path, info in targets.targets.items()
        }


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def code_of(action, *arguments: object) -> Code:
    with pytest.raises(RelevoError) as caught:
        action(*arguments)
    return caught.value.code


# --- honest ------------------------------------------------------------------------------------


def test_a_client_with_only_the_root_hash_learns_the_organisation(world: World) -> None:
    org = world.client.refresh(NOW)
    assert org.roster.name == "Ayuda SL"
    assert org.roster.broker is not None
    assert org.roster.broker.issuer_key == world.broker.pairing.issuer_key
    assert world.client.fresh_as_of == NOW
    assert world.client.targets_version == 1


def test_the_local_copy_is_its_owners_alone(world: World) -> None:
    world.publish_fix()
    world.client.refresh(NOW)
    world.client.fix_manifest(world.client.fixes()[0])
    folder = world.folder / "client"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} == {0o700}


def test_changes_reach_a_client_at_its_next_refresh(world: World) -> None:
    world.client.refresh(NOW)
    people.add_customer(world.home, "acme", "Acme")
    republish(world.home, world.broker, NOW + MINUTE)
    assert world.client.refresh(NOW + MINUTE).roster.customer("acme").name == "Acme"


def test_a_fix_is_listed_and_read_with_its_payload(world: World) -> None:
    world.publish_fix(body="print(1)\n")
    world.client.refresh(NOW)
    (ref,) = world.client.fixes()
    assert (ref.id, ref.version, ref.risk) == ("sample", 1, Risk.LOW)
    assert json.loads(world.client.fix_manifest(ref))["payload"][0]["name"] == "step.py"
    assert world.client.fix_payload(ref, "step.py") == b"print(1)\n"


def test_a_revoked_fix_is_neither_listed_nor_read(world: World) -> None:
    world.publish_fix()
    world.client.refresh(NOW)
    (ref,) = world.client.fixes()
    fixes.revoke_fix(world.home, "sample", 1)
    republish(world.home, world.broker, NOW)
    world.client.refresh(NOW)
    assert world.client.fixes() == ()
    assert code_of(world.client.fix_manifest, ref) is Code.REVOKED
    assert code_of(world.client.fix_payload, ref, "step.py") is Code.REVOKED


def test_the_local_copy_can_be_verified_again_without_any_source(world: World) -> None:
    online = world.client.refresh(NOW)
    shutil.rmtree(world.broker.folder)
    assert world.new_client("client").load(NOW + MINUTE) == online


def test_a_source_that_has_no_organisation_is_said_to_have_none(tmp_path: Path) -> None:
    client = Repository(tmp_path / "c", "0" * 64, sources.from_folder(tmp_path))
    assert code_of(client.refresh, NOW) is Code.NOT_CONNECTED


def test_before_anything_was_verified_there_is_nothing_to_load(world: World) -> None:
    assert code_of(world.client.load, NOW) is Code.STALE_TRUST
    assert code_of(world.client.fixes) is Code.STALE_TRUST


def test_target_files_that_nothing_names_any_more_are_removed(world: World) -> None:
    world.client.refresh(NOW)
    before = {path.name for path in (world.folder / "client/targets").iterdir()}
    people.add_customer(world.home, "acme", "Acme")
    republish(world.home, world.broker, NOW)
    world.client.refresh(NOW)
    after = {path.name for path in (world.folder / "client/targets").iterdir()}
    assert len(before) == len(after) == 3
    assert before != after


class _Folder(FetcherInterface):
    """An independent source for python-tuf's client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self.folder / url.removeprefix("served:/")
        if not path.exists():
            raise DownloadHTTPError("absent", 404)
        return iter([path.read_bytes()])


def test_python_tufs_own_client_reads_what_we_publish(world: World, tmp_path: Path) -> None:
    world.publish_fix(body="print('theirs')\n")
    (tmp_path / "theirs").mkdir()
    with time_machine.travel(NOW, tick=False):
        updater = Updater(
            str(tmp_path / "theirs"),
            "served:/metadata/",
            target_dir=str(tmp_path / "theirs"),
            target_base_url="served:/targets/",
            fetcher=_Folder(world.broker.folder),
            bootstrap=world.broker.path("metadata/1.root.json").read_bytes(),
        )
        updater.refresh()
        roster = updater.get_targetinfo("roster.json")
        payload = updater.get_targetinfo("fixes/low/sample/1/step.py")
        assert roster is not None
        assert payload is not None
        assert b"Ayuda SL" in Path(updater.download_target(roster)).read_bytes()
        assert Path(updater.download_target(payload)).read_bytes() == b"print('theirs')\n"


# --- handed to the root helper -----------------------------------------------------------------


def test_a_process_without_network_verifies_the_same_fix_from_the_files_it_is_given(world: World) -> None:
    world.publish_fix()
    org = world.client.refresh(NOW)
    (ref,) = world.client.fixes()
    files = world.client.snapshot_files([ref])
    helper = Repository(world.folder / "helper", world.root, sources.from_files(files))
    assert helper.refresh(NOW) == org
    assert helper.fixes() == (ref,)
    assert helper.fix_manifest(ref) == world.client.fix_manifest(ref)
    assert helper.fix_payload(ref, "step.py") == b"1\n"


def test_the_helper_refuses_files_that_were_changed_on_the_way(world: World) -> None:
    world.publish_fix()
    world.client.refresh(NOW)
    (ref,) = world.client.fixes()
    for number, file in enumerate(world.client.snapshot_files([ref])):
        files = list(world.client.snapshot_files([ref]))
        changed = type(file)(path=file.path, content=file.content[::-1])
        files[number] = changed
        helper = Repository(world.folder / f"helper{number}", world.root, sources.from_files(files))
        with pytest.raises(RelevoError):
            helper.refresh(NOW)
            helper.fix_manifest(ref)
            helper.fix_payload(ref, "step.py")
            pytest.fail(f"a changed {file.path} was taken")


def test_the_helper_does_not_go_back_to_files_older_than_it_has_seen(world: World) -> None:
    world.client.refresh(NOW)
    old = world.client.snapshot_files()
    fixes.add_fix(world.home, fix_directory(world.folder / "f"))
    republish(world.home, world.broker, NOW)
    world.client.refresh(NOW)
    helper = world.folder / "helper"
    Repository(helper, world.root, sources.from_files(world.client.snapshot_files())).refresh(NOW)
    assert code_of(Repository(helper, world.root, sources.from_files(old)).refresh, NOW) is Code.ROLLBACK


# --- rollback and freeze -----------------------------------------------------------------------


def test_an_older_timestamp_is_a_rollback(world: World) -> None:
    kept = world.broker.copy()
    world.broker.stamp(NOW + MINUTE)
    world.client.refresh(NOW + MINUTE)
    assert code_of(world.new_client("client", kept).refresh, NOW + MINUTE) is Code.ROLLBACK


def test_a_new_timestamp_over_an_older_snapshot_is_a_rollback(world: World) -> None:
    people.add_customer(world.home, "acme", "Acme")
    republish(world.home, world.broker, NOW)
    world.client.refresh(NOW)
    world.broker.snapshot_version = 1
    world.broker.stamp(NOW)
    assert code_of(world.client.refresh, NOW) is Code.ROLLBACK


def test_a_new_snapshot_with_an_older_roster_is_a_rollback(world: World) -> None:
    people.add_customer(world.home, "acme", "Acme")
    republish(world.home, world.broker, NOW)
    world.client.refresh(NOW)
    world.broker.versions["targets.json"] = 1
    world.broker.vouch(NOW)
    assert code_of(world.client.refresh, NOW) is Code.ROLLBACK


def test_a_new_snapshot_that_forgets_a_catalogue_is_a_rollback(world: World) -> None:
    world.publish_fix()
    world.client.refresh(NOW)
    del world.broker.versions["low.json"]
    world.broker.vouch(NOW)
    assert code_of(world.client.refresh, NOW) is Code.ROLLBACK


def test_a_new_machine_is_not_shown_less_than_its_token_promised(world: World) -> None:
    assert code_of(world.new_client("fresh", min_targets_version=2).refresh, NOW) is Code.ROLLBACK


def test_a_frozen_repository_expires(world: World) -> None:
    world.client.refresh(NOW)
    assert code_of(world.client.refresh, NOW + 31 * MINUTE) is Code.DOCUMENT_EXPIRED
    assert code_of(world.client.load, NOW + 31 * MINUTE) is Code.DOCUMENT_EXPIRED


def test_a_roster_nobody_renewed_expires_though_the_broker_goes_on_vouching(world: World) -> None:
    later = NOW + timedelta(days=181)
    world.broker.vouch(later)
    assert code_of(world.client.refresh, later) is Code.DOCUMENT_EXPIRED


def test_an_expired_catalogue_takes_away_its_fixes_and_nothing_else(world: World) -> None:
    world.publish_fix()

    def expire(signed: Targets) -> None:
        signed.expires = NOW - MINUTE

    rewrite_role(world.home, world.broker, "low", expire, [world.key("fix")])
    world.broker.vouch(NOW)
    assert world.client.refresh(NOW).roster.name == "Ayuda SL"
    assert world.client.fixes() == ()


# --- clocks ------------------------------------------------------------------------------------


def test_a_clock_set_back_revives_nothing(world: World) -> None:
    world.broker.stamp(NOW + timedelta(days=3))
    world.client.refresh(NOW + timedelta(days=3))
    assert code_of(world.client.refresh, NOW) is Code.STALE_TRUST
    assert code_of(world.client.load, NOW) is Code.STALE_TRUST
    assert code_of(world.new_client("client").refresh, NOW) is Code.STALE_TRUST


def test_within_the_slack_the_floor_stands_in_for_the_clock(world: World) -> None:
    later = NOW + 28 * MINUTE
    world.broker.stamp(later)
    world.client.refresh(later)
    world.broker.stamp(NOW - 3 * MINUTE)  # expires after what the slow clock says and before the floor
    assert code_of(world.client.refresh, NOW + 24 * MINUTE) is Code.DOCUMENT_EXPIRED


def test_a_broker_whose_clock_is_ahead_cannot_lock_everybody_out(world: World) -> None:
    world.broker.stamp(NOW + timedelta(days=3650))
    assert code_of(world.client.refresh, NOW) is Code.STALE_TRUST
    world.broker.stamp(NOW)
    assert world.client.refresh(NOW).roster.name == "Ayuda SL"


# --- signatures --------------------------------------------------------------------------------


def test_another_root_than_the_pinned_one_is_refused(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    client = Repository(tmp_path / "c", world.root, sources.from_folder(other.broker.folder))
    assert code_of(client.refresh, NOW) is Code.HASH_MISMATCH


def test_a_later_root_that_the_first_did_not_sign_is_refused(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    shutil.copy(other.broker.path("metadata/2.root.json"), world.broker.path("metadata/2.root.json"))
    assert code_of(world.client.refresh, NOW) is Code.SIGNATURE_INVALID


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_a_key_that_is_not_in_the_root_signs_nothing(world: World, role: str) -> None:
    setattr(world.broker, f"{role}_key", CryptoSigner.generate_ed25519())
    world.broker.vouch(NOW)
    assert code_of(world.client.refresh, NOW) is Code.SIGNATURE_INVALID


def test_the_broker_cannot_sign_a_roster(world: World) -> None:
    world.sign_targets(world.documents(), key=world.broker.snapshot_key)
    assert code_of(world.client.refresh, NOW) is Code.SIGNATURE_INVALID


def test_a_target_that_was_swapped_is_refused(world: World) -> None:
    world.publish_fix()
    world.client.refresh(NOW)
    (ref,) = world.client.fixes()
    for path in world.broker.path("targets").rglob("*.step.py"):
        path.write_bytes(b"2\n")
    assert code_of(world.client.fix_payload, ref, "step.py") is Code.HASH_MISMATCH
    for path in world.broker.path("targets").rglob("*.step.py"):
        path.write_bytes(b"1\n" * 1_000_000)
    assert code_of(world.client.fix_payload, ref, "step.py") is Code.HASH_MISMATCH


def test_a_local_copy_that_was_changed_is_fetched_again(world: World) -> None:
    world.client.refresh(NOW)
    for path in (world.folder / "client/targets").iterdir():
        path.write_bytes(b"{}")
    assert world.client.refresh(NOW).roster.name == "Ayuda SL"
    for path in (world.folder / "client/metadata").glob("*.json"):
        path.write_bytes(b"{}")
    assert world.client.refresh(NOW).roster.name == "Ayuda SL"


# --- fixes and risks ---------------------------------------------------------------------------


def _names(path: str, content: bytes = b"{}") -> tuple[str, TargetFile]:
    return path, TargetFile.from_data(path, content, ["sha256"])


def test_the_key_of_low_cannot_name_a_high_fix(world: World) -> None:
    world.publish_fix()

    def name_high(signed: Targets) -> None:
        path, info = _names("fixes/high/bad/1.json")
        signed.targets[path] = info

    rewrite_role(world.home, world.broker, "low", name_high, [world.key("fix")])
    world.broker.vouch(NOW)
    world.client.refresh(NOW)
    assert [ref.id for ref in world.client.fixes()] == ["sample"]


def test_a_manifest_that_states_another_risk_than_its_path_is_refused(world: World) -> None:
    world.publish_fix()
    original = OrgFolder(world.home).target("fixes/low/sample/1.json").read_bytes()
    lying = original.replace(b'"risk":"low"', b'"risk":"destructive"')
    assert lying != original

    def lie(signed: Targets) -> None:
        path, info = _names("fixes/low/sample/1.json", lying)
        signed.targets[path] = info
        name = layout.hash_prefixed(path, info.hashes["sha256"])
        world.broker.path(f"targets/{name}").write_bytes(lying)

    rewrite_role(world.home, world.broker, "low", lie, [world.key("fix")])
    world.broker.vouch(NOW)
    world.client.refresh(NOW)
    assert code_of(world.client.fix_manifest, world.client.fixes()[0]) is Code.SIGNATURE_INVALID


def test_a_hash_that_is_a_path_reads_nothing(world: World) -> None:
    world.publish_fix()
    secret = world.folder / "secret"
    secret.write_text("x")

    def traverse(signed: Targets) -> None:
        path = "fixes/low/bad/1.json"
        signed.targets[path] = TargetFile(1, {"sha256": str(secret)}, path)

    rewrite_role(world.home, world.broker, "low", traverse, [world.key("fix")])
    world.broker.vouch(NOW)
    world.client.refresh(NOW)
    assert [ref.id for ref in world.client.fixes()] == ["sample"]


def _two_signers(world: World) -> CryptoSigner:
    """A second person with a fix key in a home of their own."""
    second = world.folder / "second"
    line = world.folder / "second.pub"
    line.write_text(people.new_signer_key(second))
    make_ssh_key(world.folder / "eva", "eva")
    people.add_technician(world.home, "eva", "Eva", None, [Role.APPROVER], [], [world.folder / "eva.pub"])
    people.add_signer(world.home, "eva", line)
    return load_key(second / "org/keys/fix.pem")


def test_one_signature_is_not_enough_for_a_high_fix(world: World) -> None:
    _two_signers(world)
    republish(world.home, world.broker, NOW)
    rewrite_role(world.home, world.broker, "high", _add_high, [world.key("fix")])
    world.broker.vouch(NOW)
    assert world.client.refresh(NOW).roster.name == "Ayuda SL"
    assert code_of(world.client.fixes) is Code.SIGNATURE_INVALID


def _add_high(signed: Targets) -> None:
    path, info = _names("fixes/high/bad/1.json")
    signed.targets[path] = info


def test_the_same_key_twice_is_one_signature(world: World) -> None:
    _two_signers(world)
    republish(world.home, world.broker, NOW)
    rewrite_role(world.home, world.broker, "high", _add_high, [world.key("fix")])
    path = world.broker.path("metadata/1.high.json")
    metadata = json.loads(path.read_bytes())
    metadata["signatures"] *= 2
    path.write_text(json.dumps(metadata))
    world.broker.vouch(NOW)
    world.client.refresh(NOW)
    assert code_of(world.client.fixes) is Code.SIGNATURE_INVALID


def test_one_key_under_two_names_is_one_signer(world: World) -> None:
    """A careless (or bribed) targets holder lists one person's key twice under different key ids."""
    world.publish_fix()
    documents = world.documents()
    state = OrgFolder(world.home).load()
    version = world.broker.versions["targets.json"] + 1
    metadata = Metadata.from_bytes(make_targets(version, NOW, documents, state.signers, world.key("targets")))
    delegations = metadata.signed.delegations
    (keyid,) = delegations.keys
    copy = type(delegations.keys[keyid]).from_dict("f" * 64, delegations.keys[keyid].to_dict())
    delegations.keys["f" * 64] = copy
    delegations.roles["high"].keyids.append("f" * 64)
    metadata.sign(world.key("targets"))
    world.broker.path(f"metadata/{version}.targets.json").write_bytes(metadata.to_bytes())
    world.broker.versions["targets.json"] = version
    rewrite_role(world.home, world.broker, "high", _add_high, [world.key("fix")])
    high = world.broker.path("metadata/1.high.json")
    twice = json.loads(high.read_bytes())
    twice["signatures"].append({**twice["signatures"][0], "keyid": "f" * 64})
    high.write_text(json.dumps(twice))
    world.broker.vouch(NOW)
    world.client.refresh(NOW)
    assert code_of(world.client.fixes) is Code.SIGNATURE_INVALID


def test_a_delegation_that_asks_for_less_than_two_people_is_refused(world: World) -> None:
    world.publish_fix()
    state = OrgFolder(world.home).load()
    version = world.broker.versions["targets.json"] + 1
    metadata = Metadata.from_bytes(
        make_targets(version, NOW, world.documents(), state.signers, world.key("targets"))
    )
    metadata.signed.delegations.roles["high"].threshold = 1
    metadata.sign(world.key("targets"))
    world.broker.path(f"metadata/{version}.targets.json").write_bytes(metadata.to_bytes())
    world.broker.versions["targets.json"] = version
    rewrite_role(world.home, world.broker, "high", _add_high, [world.key("fix")])
    world.broker.vouch(NOW)
    world.client.refresh(NOW)
    assert code_of(world.client.fixes) is Code.SIGNATURE_INVALID


def test_two_people_publish_a_high_fix(world: World) -> None:
    _two_signers(world)
    fixes.add_fix(world.home, fix_directory(world.folder / "f", risk="high"))
    assert republish(world.home, world.broker, NOW).waiting == (Risk.HIGH,)
    world.client.refresh(NOW)
    assert world.client.fixes() == ()
    proposal, signed = world.folder / "p.json", world.folder / "s.json"
    proposals.export_proposal(world.home, Risk.HIGH, proposal)
    assert code_of(proposals.accept_proposal, world.home, proposal) is Code.APPROVAL_MISSING
    assert code_of(proposals.sign_proposal, world.home, proposal, signed) is Code.CONFLICT
    proposals.sign_proposal(world.folder / "second", proposal, signed)
    assert proposals.accept_proposal(world.home, signed) is Risk.HIGH
    assert republish(world.home, world.broker, NOW).waiting == ()
    world.client.refresh(NOW)
    (ref,) = world.client.fixes()
    assert ref.risk is Risk.HIGH
    assert world.client.fix_payload(ref, "step.py") == b"1\n"


# --- hostile bytes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"signed": {}, "signatures": []}']
)
@pytest.mark.parametrize("name", ["timestamp.json", "1.snapshot.json", "1.targets.json", "2.root.json"])
def test_metadata_that_is_not_metadata_is_refused(world: World, name: str, content: bytes) -> None:
    world.broker.path(f"metadata/{name}").write_bytes(content)
    assert code_of(world.client.refresh, NOW) in (Code.SIGNATURE_INVALID, Code.HASH_MISMATCH)


@pytest.mark.parametrize("name", ["timestamp.json", "1.snapshot.json", "1.targets.json", "2.root.json"])
def test_metadata_without_end_is_refused_before_it_is_read(world: World, name: str) -> None:
    path = world.broker.path(f"metadata/{name}")
    path.write_bytes(path.read_bytes() + b" " * (6 << 20))
    assert code_of(world.client.refresh, NOW) is Code.HASH_MISMATCH


@pytest.mark.parametrize(
    "roster",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 200_000,
        b'{"org":"org-aaaa"}',
        b'{"org":"ORG","name":"x","technicians":[],"customers":[],"broker":null,"admin":true}',
    ],
)
def test_a_roster_that_is_not_a_roster_is_refused_though_signed(world: World, roster: bytes) -> None:
    documents = {**world.documents(), "roster.json": roster}
    world.sign_targets(documents)
    assert code_of(world.client.refresh, NOW) is Code.MALFORMED


def test_the_roster_of_another_organisation_is_refused_though_signed(world: World) -> None:
    documents = world.documents()
    state = OrgFolder(world.home).load()
    documents["roster.json"] = documents["roster.json"].replace(state.org.encode(), org_id(b"x").encode())
    world.sign_targets(documents)
    assert code_of(world.client.refresh, NOW) is Code.IDENTITY_MISMATCH


def test_a_repository_without_a_roster_is_refused(world: World) -> None:
    documents = world.documents()
    del documents["roster.json"]
    world.sign_targets(documents)
    assert code_of(world.client.refresh, NOW) is Code.MALFORMED


def test_after_a_refusal_the_last_good_state_stays(world: World) -> None:
    good = world.client.refresh(NOW)
    world.sign_targets({**world.documents(), "roster.json": b"{}"})
    assert code_of(world.client.refresh, NOW) is Code.MALFORMED
    assert world.client.organisation == good


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Organisation]:
    world = World(tmp_path_factory.mktemp("published"))
    world.publish_fix()
    return world, world.client.refresh(NOW)


@settings(max_examples=80)
@given(data=st.data())
def test_no_single_changed_byte_changes_what_is_believed(
    published: tuple[World, Organisation], data: st.DataObject, tmp_path: Path
) -> None:
    """Whatever one byte of whatever file is changed to, a client believes the same or refuses."""
    world, truth = published
    world.client.refresh(NOW)
    (ref,) = world.client.fixes()
    files = list(world.client.snapshot_files([ref]))
    number = data.draw(st.integers(0, len(files) - 1))
    file = files[number]
    at = data.draw(st.integers(0, len(file.content) - 1))
    byte = data.draw(st.integers(0, 255))
    content = file.content[:at] + bytes([byte]) + file.content[at + 1 :]
    files[number] = type(file)(path=file.path, content=content)
    folder = tmp_path / "victim"
    shutil.rmtree(folder, ignore_errors=True)
    client = Repository(folder, world.root, sources.from_files(files))
    try:
        assert client.refresh(NOW) == truth
        assert client.fixes() == (ref,)
        assert client.fix_payload(ref, "step.py") == b"1\n"
    except RelevoError as error:
        assert error.code is not Code.INTERNAL
