"""The served broker over real TLS: it starts, refuses, survives and stops as promised."""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from broker.config import load_config
from broker.keys import load_identity
from broker.store.log import leaf_data
from protocol import checkpoint, ids, merkle
from protocol.api import AuditEntries, Enrolled, Health, Login
from protocol.errors import Code, RelevoError
from protocol.publication import Pairing, PairRequest
from protocol.wire import from_json, to_json
from tests.support.broker_process import Served, challenge, login, make, pair, run_cli, serving
from tests.support.broker_world import Org, new_key, publication


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "broker"


@pytest.fixture
def org(data: Path) -> Org:
    return make(data)


@pytest.fixture
def served(data: Path, org: Org) -> Iterator[Served]:
    """A broker of the test's own, to stop or to damage."""
    with serving(data) as broker:
        pair(broker, org)
        yield broker


@dataclass(frozen=True)
class Site:
    """A broker that must be as well after each test as before."""

    served: Served
    org: Org


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("site") / "broker"
    org = make(data)
    with serving(data) as broker:
        pair(broker, org)
        yield Site(broker, org)


def _refused(action: Callable[[], object]) -> Code:
    with pytest.raises(RelevoError) as caught:
        action()
    return caught.value.code


def _entries(served: Served, token: str) -> AuditEntries:
    found, start = [], 0
    while True:
        page = served.http(token).get_json(f"/v1/audit/entries?start={start}&count=1000", AuditEntries)
        if not page.entries:
            return AuditEntries(entries=tuple(found), size=page.size)
        found += page.entries
        start = page.entries[-1].index + 1
        if start >= page.size:
            return AuditEntries(entries=tuple(found), size=page.size)


def _verified_records(served: Served, token: str) -> list[dict[str, object]]:
    """All records, after checking them against the signed checkpoint as an auditor would."""
    note = served.http(token).request("GET", "/v1/audit/checkpoint").body.decode()
    page = _entries(served, token)  # at least what the checkpoint covers
    signed = checkpoint.verify(note, served.pairing.log_key)
    assert [entry.index for entry in page.entries] == list(range(page.size))
    for entry in page.entries:
        assert entry.record is not None
        assert leaf_data(entry.salt, entry.record) == entry.leaf
    assert merkle.root_of(merkle.leaf_hash(e.leaf) for e in page.entries[: signed.size]) == signed.root
    return [json.loads(entry.record or b"") for entry in page.entries]


# --- starting and stopping ---------------------------------------------------------------------


def test_it_says_ready_once_and_drains_on_sigterm(data: Path, org: Org) -> None:
    with serving(data) as served:
        health = served.http().get_json("/health", Health)
        assert (health.status, health.org) == ("ok", None)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.stdout is not None
        assert served.process.stdout.read() == ""
        assert served.process.wait(60) == 0
    assert run_cli("check", "--data", data).returncode == 0


def test_sigint_drains_too_and_an_open_connection_does_not_hold_it_up(served: Served) -> None:
    http = served.http()
    http.get_json("/health", Health)  # keeps its connection alive
    assert served.stop(signal.SIGINT) == 0


def test_a_second_signal_does_not_wait(served: Served) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    where = urlsplit(served.url)
    with socket.create_connection((where.hostname, where.port)) as raw, context.wrap_socket(raw) as tls:
        tls.sendall(b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n")
        served.process.send_signal(signal.SIGTERM)
        for _ in range(150):
            try:
                served.process.send_signal(signal.SIGTERM)
                assert served.process.wait(0.2) == 0
                return
            except subprocess.TimeoutExpired:
                continue
    pytest.fail("it waited for a request that never ends")


def test_only_tls_1_3_is_spoken(site: Site) -> None:
    where = urlsplit(site.served.url)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection((where.hostname, where.port)) as raw,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        old.wrap_socket(raw)
    with socket.create_connection((where.hostname, where.port)) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        raw.settimeout(30)
        assert not raw.recv(100).startswith(b"HTTP/1.1 200")


def test_two_brokers_do_not_run_on_one_folder(site: Site) -> None:
    served = site.served
    second = run_cli("serve", "--data", served.data, "--listen", "127.0.0.1:0")
    assert second.returncode == 9
    assert second.stdout == ""
    assert served.http().get_json("/health", Health).status == "ok"


def test_an_address_in_use_is_a_conflict(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other"
    make(other)
    done = run_cli("serve", "--data", other, "--listen", site.served.url.removeprefix("https://"))
    assert done.returncode == 9
    assert "Traceback" not in done.stderr


# --- setting up --------------------------------------------------------------------------------


def test_init_prints_what_connect_takes_and_keeps_it_private(tmp_path: Path) -> None:
    data = tmp_path / "b"
    done = run_cli("init", "--data", data, "--url", "wss://help.example.org:8443")
    by_folder, by_link = done.stdout.splitlines()
    assert by_folder == f"relevo org connect {data}"
    link = by_link.split("'")[1]
    assert link.startswith("https://help.example.org:8443/#pairing=")
    encoded = link.partition("#pairing=")[2]
    pairing = from_json(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), Pairing)
    assert pairing == from_json((data / "pairing.json").read_bytes(), Pairing)
    for path in (data, *data.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    again = run_cli("init", "--data", data, "--url", "wss://help.example.org:8443")
    assert (again.returncode, again.stdout) == (9, "")


@pytest.mark.parametrize(
    "url", ["https://x:1", "ws://x:1", "wss://", "wss://x:1/path", "x", "wss://u@x:1", "wss://x:99999"]
)
def test_init_takes_only_a_wss_address(tmp_path: Path, url: str) -> None:
    done = run_cli("init", "--data", tmp_path / "b", "--url", url)
    assert done.returncode == 2
    assert not (tmp_path / "b" / "broker.json").exists()
    assert len(done.stderr.strip().splitlines()) == 3


def test_a_certificate_of_ones_own_is_shown(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "c.pem", tmp_path / "k.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(key)
    options = ("--tls-cert", chain, "--tls-key", key)
    assert (
        run_cli("init", "--data", tmp_path / "b", "--url", "wss://127.0.0.1:1", *options[:2]).returncode == 2
    )
    assert run_cli("init", "--data", tmp_path / "b", "--url", "wss://127.0.0.1:1", *options).returncode == 0
    with serving(tmp_path / "b") as served:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        where = urlsplit(served.url)
        with (
            socket.create_connection((where.hostname, where.port)) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1") as tls,
        ):
            assert tls.version() == "TLSv1.3"


def test_a_folder_without_a_broker_is_not_served(tmp_path: Path) -> None:
    done = run_cli("serve", "--data", tmp_path)
    assert (done.returncode, done.stdout) == (3, "")


def test_what_connect_left_in_the_folder_pairs_at_start(data: Path, org: Org) -> None:
    request = PairRequest(secret=org.pairing.secret, publication=publication(org.files()))
    (data / "incoming").mkdir()
    (data / "incoming" / "pair.json").write_bytes(to_json(request))
    with serving(data) as served:
        assert served.http().get_json("/health", Health).org == org.org
        assert login(served, org, "ada")
    assert not (data / "incoming" / "pair.json").exists()


# --- attacks -----------------------------------------------------------------------------------


def test_of_fifty_machines_with_one_token_one_gets_in(site: Site) -> None:
    served, org = site.served, site.org
    before = len(_verified_records(served, login(served, org, "olga")))
    token = org.token()

    def enrol(_n: int) -> str:
        try:
            answer = served.http().post_json("/v1/enrol", org.enrol_request(token), Enrolled)
        except RelevoError as error:
            return error.code.value
        return answer.agent

    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(enrol, range(50)))
    assert results.count("token-used") == 49
    (winner,) = [result for result in results if result.startswith("ag-")]
    records = _verified_records(served, login(served, org, "olga"))[before:]
    enrolled = [r for r in records if r["action"] == "agent.enrolled"]
    assert [r["agent"] for r in enrolled] == [winner]
    assert sum(r["action"] == "agent.enrolment-refused" for r in records) == 49


def test_a_login_cannot_be_replayed_or_moved_to_another_broker(site: Site) -> None:
    http, org = site.served.http(), site.org
    request = org.login_request("ada", challenge(http))
    assert http.post_json("/v1/auth/login", request, Login).technician == "ada"
    assert _refused(lambda: http.post_json("/v1/auth/login", request, Login)) is Code.REPLAYED
    elsewhere = org.login_request("ada", challenge(http), tls_sha256="0" * 64)
    assert _refused(lambda: http.post_json("/v1/auth/login", elsewhere, Login)) is Code.IDENTITY_MISMATCH


def test_oversize_bodies_are_cut_off_and_disturb_nobody(site: Site) -> None:
    http = site.served.http()
    for path in ("/v1/auth/login", "/v1/enrol"):
        assert _refused(lambda path=path: http.request("POST", path, b"x" * (3 << 20))) in (
            Code.TOO_LARGE,
            Code.UNREACHABLE,
        )
    assert site.served.http().get_json("/health", Health).status == "ok"


def test_half_open_connections_do_not_keep_honest_callers_out(site: Site) -> None:
    served = site.served
    where = urlsplit(served.url)
    half_open = [socket.create_connection((where.hostname, where.port)) for _ in range(300)]
    try:
        for connection in half_open[::2]:
            with suppress(ConnectionError):  # the broker may hang up on any of them
                connection.sendall(b"\x16\x03\x01")
        assert served.http().get_json("/health", Health).status == "ok"
    finally:
        for connection in half_open:
            connection.close()


# --- faults ------------------------------------------------------------------------------------


def test_a_killed_broker_loses_no_acknowledged_entry(data: Path, org: Org) -> None:
    acknowledged: list[str] = []

    def work(served: Served, stop: threading.Event) -> None:
        while not stop.is_set():
            request = org.enrol_request(org.token())
            try:
                answer = served.http().post_json("/v1/enrol", request, Enrolled)
            except RelevoError:
                continue
            acknowledged.append(answer.agent)

    for round_ in range(3):
        with serving(data) as served:
            if round_ == 0:
                pair(served, org)
            stop = threading.Event()
            workers = [threading.Thread(target=work, args=(served, stop)) for _ in range(4)]
            for worker in workers:
                worker.start()
            goal = len(acknowledged) + 15 + 7 * round_
            while len(acknowledged) < goal:
                assert served.process.poll() is None
            served.process.kill()
            stop.set()
            for worker in workers:
                worker.join()
    with serving(data) as served:
        records = _verified_records(served, login(served, org, "olga"))
        enrolled = {r["agent"] for r in records if r["action"] == "agent.enrolled"}
        assert set(acknowledged) <= enrolled
        assert served.stop() == 0
    assert run_cli("check", "--data", data).returncode == 0


def test_a_full_disk_refuses_changes_serves_reads_and_recovers_by_itself(served: Served, org: Org) -> None:
    token = login(served, org, "ada")
    before = served.http().get_json("/health", Health).log_size
    pid, soft = served.process.pid, (served.data / "broker.db").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft // 2, resource.RLIM_INFINITY))
    enrol = lambda: served.http().post_json("/v1/enrol", org.enrol_request(org.token()), Enrolled)  # noqa: E731
    codes = {_refused(enrol) for _ in range(3)}
    assert codes == {Code.CANNOT_RECORD}
    health = served.http().get_json("/health", Health)
    assert (health.status, health.log_size) == ("ok", before)
    assert served.http(token).request("GET", "/v1/agents").status == 200
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    winner = enrol().agent
    records = _verified_records(served, login(served, org, "olga"))
    assert [r["agent"] for r in records if r["action"] == "agent.enrolled"] == [winner]
    assert served.stop() == 0
    assert run_cli("check", "--data", served.data).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k,mode=700", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_really_full_disk_is_survived(small_disk: Path) -> None:
    data = small_disk / "broker"
    org = make(data)
    with serving(data) as served:
        pair(served, org)
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"x" * 4096)
        enrol = lambda: served.http().post_json("/v1/enrol", org.enrol_request(org.token()), Enrolled)  # noqa: E731
        for _ in range(200):
            try:
                enrol()
            except RelevoError as error:
                assert error.code is Code.CANNOT_RECORD
                break
        else:
            pytest.fail("the disk never got full")
        assert served.http().get_json("/health", Health).status == "ok"
        filler.unlink()
        winner = enrol().agent
        assert winner in {r["agent"] for r in _verified_records(served, login(served, org, "olga"))}
        assert served.stop() == 0
    assert [
        f["ok"] for f in json.loads(run_cli("check", "--data", data, "--json").stdout) if f["check"] == "log"
    ] == [True]


def test_check_names_the_entry_that_was_changed(served: Served, org: Org) -> None:
    login(served, org, "ada")
    assert served.stop() == 0
    with closing(sqlite3.connect(served.data / "broker.db")) as db, db:
        db.execute(
            "update audit set record = cast(replace(record, 'ada', 'eve') as blob) where action = 'login'"
        )
    done = run_cli("check", "--data", served.data)
    assert done.returncode == 8
    assert "BAD" in done.stdout
    assert "was changed" in done.stdout
    with serving(served.data) as again:
        assert again.http().get_json("/health", Health).status == "degraded"
        assert _refused(lambda: login(again, org, "ada")) is Code.PROOF_INVALID


def test_check_sees_keys_that_others_can_read(data: Path, org: Org) -> None:
    (data / "keys" / "issuer").chmod(0o644)
    done = run_cli("check", "--data", data, "--json")
    assert done.returncode == 4
    assert [f["check"] for f in json.loads(done.stdout) if not f["ok"]] == ["files"]


# --- keeping it --------------------------------------------------------------------------------


def test_a_backup_of_a_running_broker_can_be_restored_and_served(site: Site, tmp_path: Path) -> None:
    served, org = site.served, site.org
    machine = new_key()
    served.http().post_json("/v1/enrol", org.enrol_request(org.token(), machine), Enrolled)
    archive = tmp_path / "backup.tar.gz"
    assert run_cli("backup", "--data", served.data, "--to", archive).returncode == 0
    assert archive.stat().st_mode & 0o077 == 0
    assert run_cli("backup", "--data", served.data, "--to", archive).returncode == 9
    copy = tmp_path / "copy"
    assert run_cli("restore", "--data", served.data, "--from", archive).returncode == 9
    assert run_cli("restore", "--data", copy, "--from", archive).returncode == 0
    assert run_cli("check", "--data", copy).returncode == 0
    with serving(copy) as again:
        rows = json.loads(again.http(login(again, org, "ada")).request("GET", "/v1/agents").body)["rows"]
        assert ids.agent_id(machine.public_key.blob) in [row["agent"] for row in rows]


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    rubbish = tmp_path / "x.tar.gz"
    rubbish.write_bytes(b"rubbish")
    assert run_cli("restore", "--data", tmp_path / "b", "--from", rubbish).returncode == 2
    assert run_cli("restore", "--data", tmp_path / "b", "--from", tmp_path / "none").returncode == 3


def test_migrate_brings_an_empty_database_to_the_newest_schema(data: Path, org: Org) -> None:
    (data / "broker.db").unlink()
    first = json.loads(run_cli("migrate", "--data", data, "--json").stdout)
    second = json.loads(run_cli("migrate", "--data", data, "--json").stdout)
    assert first["before"] is None
    assert second["before"] == second["after"] == first["after"]


def test_the_issuer_key_is_an_ordinary_ssh_key(data: Path, org: Org) -> None:
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", data / "keys" / "issuer"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[1] == org.pairing.issuer_key.split()[1]
    assert load_identity(load_config(data)).issuer.public_key.text == org.pairing.issuer_key


def test_help_and_errors_speak_spanish(data: Path) -> None:
    environment = {**os.environ, "LC_ALL": "es_ES.UTF-8"}
    command = [sys.executable, "-m", "broker.cli"]
    shown = subprocess.run(
        [*command, "serve", "--help"], capture_output=True, text=True, env=environment, check=True
    )
    assert "Ejecutar el servidor" in shown.stdout
    failed = subprocess.run(
        [*command, "check", "--data", data], check=False, capture_output=True, text=True, env=environment
    )
    assert failed.returncode == 3
    assert "(referencia " in failed.stderr
