"""A known error is right about its own bundles before it is staged, and is read only as it was signed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from protocol import layout
from protocol.drivers import sources
from protocol.drivers.repository import Repository
from protocol.errors import Code, RelevoError
from technician.org import fixes, known_errors
from technician.org.state import OrgFolder
from tests.support.known_errors import STARTERS
from tests.support.tuf_broker import NOW, organisation, republish
from tests.support.world import ROOT


class Site:
    """An organisation with the starter fixes, its broker's folder, and a copy of one known error."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.broker, self.root = organisation(folder)
        for name in ("stale-lock", "clean-cache", "start-service", "hosts-entry"):
            fixes.add_fix(self.home, ROOT / "fixes" / name)
        self.directory = folder / "stale-lock"
        shutil.copytree(STARTERS / "stale-lock", self.directory)

    def client(self, name: str = "client") -> Repository:
        return Repository(self.folder / name, self.root, sources.from_folder(self.broker.folder))

    def change(self, old: str, new: str) -> None:
        path = self.directory / "known-error.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def served(self) -> Path:
        (path,) = (self.broker.folder / "targets" / "known-errors").iterdir()
        return path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def _code(act: Callable[..., object], *arguments: object) -> Code:
    with pytest.raises(RelevoError) as caught:
        act(*arguments)
    return caught.value.code


def test_every_starter_is_right_about_its_bundles_and_reaches_clients(site: Site) -> None:
    for directory in sorted(STARTERS.iterdir()):
        known_errors.add_known_error(site.home, directory)
    republish(site.home, site.broker, NOW)
    client = site.client()
    client.refresh(NOW)
    assert [known.id for known in client.known_errors()] == sorted(path.name for path in STARTERS.iterdir())
    known_errors.retire_known_error(site.home, "full-disk")
    republish(site.home, site.broker, NOW)
    client.refresh(NOW)
    assert "full-disk" not in [known.id for known in client.known_errors()]


def test_a_signature_that_is_wrong_about_a_bundle_is_not_staged(site: Site) -> None:
    site.change("value = true", "value = false")
    assert _code(known_errors.add_known_error, site.home, site.directory) is Code.REFUSED
    assert known_errors.list_known_errors(site.home) == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('fix = "stale-lock"', 'fix = "no-such-fix"', Code.NOT_FOUND),
        ('{ path = "path" }', '{ file = "path" }', Code.USAGE),
        ('as = "path"', "", Code.USAGE),
        ("impact = 2", "impact = 5", Code.USAGE),
        ("impact = 2", 'impact = 2\nshell = "rm"', Code.USAGE),
        ("impact = 2", "impact = 2\ntests = []", Code.USAGE),
        ('visibility = "public"', 'visibility = "L1"', Code.USAGE),
        ('id = "stale-lock"', 'id = "../roster"', Code.USAGE),
        ("version = 1", "version = ", Code.USAGE),
    ],
)
def test_what_cannot_be_meant_is_refused(site: Site, old: str, new: str, code: Code) -> None:
    site.change(old, new)
    assert _code(known_errors.add_known_error, site.home, site.directory) is code


@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_without_a_bundle_of_each_kind_there_is_nothing_to_try(site: Site, kind: str) -> None:
    for path in site.directory.glob(f"{kind}-*.json"):
        path.unlink()
    assert _code(known_errors.add_known_error, site.home, site.directory) is Code.USAGE


def test_a_directory_with_a_link_or_something_else_in_it_is_refused(site: Site) -> None:
    (site.directory / "positive-link.json").symlink_to("/etc/hostname")
    assert _code(known_errors.read_directory, site.directory) is Code.USAGE
    (site.directory / "positive-link.json").unlink()
    (site.directory / "notes.txt").write_text("x")
    assert _code(known_errors.read_directory, site.directory) is Code.USAGE


def test_a_published_version_never_changes_and_none_goes_back(site: Site) -> None:
    site.change("version = 1", "version = 2")
    known_errors.add_known_error(site.home, site.directory)
    known_errors.add_known_error(site.home, site.directory)
    folder = OrgFolder(site.home)
    state = folder.load()
    folder.save(msgspec.structs.replace(state, known_errors=known_errors.published(state)))
    assert _code(known_errors.add_known_error, site.home, site.directory) is Code.ALREADY_EXISTS
    site.change("version = 2", "version = 1")
    assert _code(known_errors.add_known_error, site.home, site.directory) is Code.ROLLBACK


def test_a_staged_document_that_was_altered_on_disk_is_not_signed(site: Site) -> None:
    known_errors.add_known_error(site.home, site.directory)
    path = OrgFolder(site.home).target(layout.known_error_path("stale-lock"))
    path.write_bytes(path.read_bytes().replace(b'"impact":2', b'"impact":4'))
    folder = OrgFolder(site.home)
    assert _code(known_errors.documents, folder, folder.load()) is Code.HASH_MISMATCH


def test_a_known_error_altered_by_one_byte_on_its_way_is_refused(site: Site) -> None:
    known_errors.add_known_error(site.home, site.directory)
    republish(site.home, site.broker, NOW)
    path = site.served()
    path.write_bytes(path.read_bytes().replace(b'"impact":2', b'"impact":4'))
    client = site.client()
    client.refresh(NOW)
    assert _code(client.known_errors) is Code.HASH_MISMATCH


def test_a_document_that_no_metadata_names_is_not_read(site: Site) -> None:
    known_errors.add_known_error(site.home, site.directory)
    republish(site.home, site.broker, NOW)
    path = site.served()
    path.with_name(path.name.replace("stale-lock", "planted")).write_bytes(path.read_bytes())
    client = site.client()
    client.refresh(NOW)
    assert [known.id for known in client.known_errors()] == ["stale-lock"]


def test_an_older_targets_version_that_brings_an_old_known_error_back_is_a_rollback(site: Site) -> None:
    known_errors.add_known_error(site.home, site.directory)
    republish(site.home, site.broker, NOW)
    old = site.folder / "old"
    shutil.copytree(site.broker.folder, old)
    site.change("version = 1", "version = 2")
    known_errors.add_known_error(site.home, site.directory)
    republish(site.home, site.broker, NOW)
    client = site.client()
    client.refresh(NOW)
    assert [known.version for known in client.known_errors()] == [2]
    again = Repository(site.folder / "client", site.root, sources.from_folder(old))
    assert _code(again.refresh, NOW) is Code.ROLLBACK
