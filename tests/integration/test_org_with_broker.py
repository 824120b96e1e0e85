"""The organisation commands against the real broker, as two processes on loopback."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from protocol.drivers.http import BrokerHttp
from protocol.drivers.repository import Repository
from protocol.drivers.sources import from_broker
from protocol.errors import Code, RelevoError
from protocol.scopes import Role
from technician import home as homes
from technician.login import client, login
from technician.org import fixes, initialise, keys, people, publishing
from technician.org.state import OrgFolder
from tests.support.fix_directory import fix_directory
from tests.support.world import free_port

_BROKER = (sys.executable, "-c", "import broker.cli as c; c.main()")


def now() -> datetime:
    return datetime.now(UTC)


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.data = folder / "broker"
        self.port = free_port()
        self.url = f"wss://127.0.0.1:{self.port}"
        initialise.init(self.home, "Ayuda SL", "admin", now())
        made = subprocess.run(
            [*_BROKER, "init", "--data", str(self.data), "--url", self.url],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        self.line = next(word.strip("'") for word in made.stdout.split() if "#pairing=" in word)

    @property
    def root(self) -> str:
        return OrgFolder(self.home).load().root_sha256

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        listen = f"127.0.0.1:{self.port}"
        with (self.folder / "broker.log").open("ab") as log:
            process = subprocess.Popen(
                [*_BROKER, "serve", "--data", str(self.data), "--listen", listen],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"ready "), (self.folder / "broker.log").read_text()
            yield
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _add_ana(place: Place) -> None:
    keys.make_ssh_key(place.folder / "ana", "ana")
    people.add_technician(place.home, "ana", "Ana", 1, [Role.TECHNICIAN], [], [place.folder / "ana.pub"])


def test_a_running_broker_is_paired_by_its_line_and_then_published_to(place: Place) -> None:
    with place.serving():
        assert publishing.connect(place.home, place.line, now()).published is not None
        _add_ana(place)
        fixes.add_fix(place.home, fix_directory(place.folder))
        assert publishing.publish(place.home, now()).published is not None
        answer = login(place.folder / "ana-home", place.url, str(place.folder / "ana"), place.root)
        assert answer.technician == "ana"
        api = client(place.folder / "ana-home")
        repository = api.repository()
        assert repository.refresh(now()).roster.technician("ana").name == "Ana"
        (ref,) = repository.fixes()
        assert json.loads(repository.fix_manifest(ref))["id"] == "sample"
        assert repository.fix_payload(ref, "step.py") == b"1\n"
        api.close()


def test_a_broker_that_starts_later_takes_what_connect_left_in_its_folder(place: Place) -> None:
    _add_ana(place)
    assert publishing.connect(place.home, str(place.data), now()).published is None
    with place.serving():
        answer = login(place.folder / "ana-home", place.url, str(place.folder / "ana"), place.root)
        assert answer.technician == "ana"
        people.add_customer(place.home, "acme", "Acme")
        assert publishing.publish(place.home, now()).published is not None


def test_the_broker_refuses_who_is_no_administrator_and_goes_on(place: Place) -> None:
    with place.serving():
        publishing.connect(place.home, place.line, now())
        _add_ana(place)
        publishing.publish(place.home, now())
        login(place.folder / "ana-home", place.url, str(place.folder / "ana"), place.root)
        api = client(place.folder / "ana-home")
        with pytest.raises(RelevoError) as caught:
            api.request("POST", "/v1/org/publish", b'{"files":[{"path":"targets/x","content":""}]}')
        assert caught.value.code is Code.ROLE_MISSING
        api.close()


def test_after_a_restart_the_same_organisation_is_served_without_a_rollback(place: Place) -> None:
    with place.serving():
        publishing.connect(place.home, place.line, now())
    pin = homes.load_config(place.home).tls_sha256
    seen = []
    for _ in range(2):
        with place.serving():
            http = BrokerHttp(place.url, pin)
            repository = Repository(place.folder / "client", place.root, from_broker(http))
            seen.append(repository.refresh(now()))
            http.close()
    assert seen[0] == seen[1]


def test_a_removed_technician_cannot_log_in_any_more(place: Place) -> None:
    with place.serving():
        _add_ana(place)
        publishing.connect(place.home, place.line, now())
        login(place.folder / "ana-home", place.url, str(place.folder / "ana"), place.root)
        people.remove_technician(place.home, "ana")
        publishing.publish(place.home, now())
        api = client(place.folder / "ana-home")
        with pytest.raises(RelevoError) as caught:
            api.request("GET", "/v1/me")
        assert caught.value.code in (Code.NOT_IN_ROSTER, Code.REVOKED)
        api.close()
