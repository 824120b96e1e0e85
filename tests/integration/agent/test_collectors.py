"""The collectors against this very machine, and their parsers against recorded files."""

import asyncio
import contextlib
import hashlib
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from agent.collectors import COLLECTORS, accounts, locks, logsummary, names, network, printing, storage
from agent.collectors.base import Context
from agent.collectors.functions import FUNCTIONS
from agent.collectors.messages import Settings
from agent.collectors.runner import CollectorHost
from agent.collectors.software import _upgrades
from protocol.diagnosis import CollectorResult, Output, Status, ragged
from protocol.wire import from_msgpack, to_msgpack
from protocol.wording.diagnosis import TABLE
from protocol.wording.receipt import TABLE as RECEIPT

_ROOT = str(Path(__file__).resolve().parents[3])
_UNITLESS = re.compile(
    r"(?:^days_left$|_days_left$)|_(?:bytes|bytes_per_s|percent|s|ms|mhz|count|limit|cpus|bits|per_s|total|1m|5m|15m|port|pid)$"
)
_NUMBERS_THAT_NAME = frozenset(
    {"line", "code", "level", "metric", "pid", "port", "job", "load_1m", "load_5m", "load_15m"}
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CollectorResult]:
    """Every collector, once, through the real host."""
    settings = Settings(data=str(tmp_path_factory.mktemp("agent")), version="0")
    return {result.collector: result for result in through_host(tuple(COLLECTORS), settings)}


def through_host(names: tuple[str, ...], settings: Settings) -> tuple[CollectorResult, ...]:
    async def collect() -> tuple[CollectorResult, ...]:
        host = CollectorHost()
        try:
            return await host.collect(names, settings)
        finally:
            await host.close()

    return asyncio.run(collect())


def process_rows(key: str) -> list[dict[str, object]]:
    (result,) = through_host(("processes",), Settings())
    table = result.table(key)
    assert table is not None
    return [dict(row) for row in table.records()]


def context() -> Context:
    return Context(settings=Settings(), deadline=time.monotonic() + 30)


def test_every_collector_has_code_a_title_and_nothing_else_has() -> None:
    assert set(COLLECTORS) == set(FUNCTIONS)
    assert all(f"collector.{name}" in TABLE for name in COLLECTORS)
    assert all(name == collector.name for name, collector in COLLECTORS.items())


@pytest.mark.parametrize("name", list(COLLECTORS))
def test_it_answers_on_this_machine_with_facts_or_a_reason(
    results: dict[str, CollectorResult], name: str
) -> None:
    result = results[name]
    assert result.status in (Status.OK, Status.PARTIAL, Status.NOT_APPLICABLE), result.reason
    if result.status is Status.OK:
        assert result.facts
    else:
        code = result.reason.partition(":")[0]
        assert f"reason.{code}" in TABLE, f"no words for {code!r}"


@pytest.mark.parametrize("name", list(COLLECTORS))
def test_every_number_carries_its_unit_and_every_key_has_words(
    results: dict[str, CollectorResult], name: str
) -> None:
    result = results[name]
    keys = {fact.key: fact.value for fact in result.facts}
    for table in result.tables:
        assert f"table.{table.key}" in TABLE
        for row in table.rows:
            keys.update(
                {
                    column.key: cell
                    for column, cell in zip(table.columns, row, strict=True)
                    if cell is not None
                }
            )
    for key, value in keys.items():
        assert f"fact.{key}" in TABLE, f"{name}: no words for {key}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert _UNITLESS.search(key) or key in _NUMBERS_THAT_NAME, f"{name}: {key} has no unit"


def test_the_report_of_all_of_them_is_small_and_valid(results: dict[str, CollectorResult]) -> None:
    for result in results.values():
        output = Output(status=result.status, facts=result.facts, tables=result.tables, items=result.items)
        assert ragged(output) is None
        assert from_msgpack(to_msgpack(output), Output) == output


def test_facts_agree_with_the_machine(results: dict[str, CollectorResult]) -> None:
    up = results["uptime"].fact("uptime_s")
    assert isinstance(up, float)
    assert 0 < up <= float(Path("/proc/uptime").read_text().split()[0])
    assert results["cpu"].fact("logical_count") == os.cpu_count()
    assert results["system"].fact("kernel") == os.uname().release
    files = {
        row["mount_point"]: row for row in (results["disks"].table("file_systems") or pytest.fail()).records()
    }
    numbers = os.statvfs("/")
    assert files["/"]["total_bytes"] == numbers.f_blocks * numbers.f_frsize
    interfaces = {
        row["interface"] for row in (results["network"].table("interfaces") or pytest.fail()).records()
    }
    assert interfaces == {name for _, name in socket.if_nameindex()}


def test_sources_are_on_record_with_their_size(results: dict[str, CollectorResult]) -> None:
    sources = {item.source: item for item in results["uptime"].items}
    assert sources["/proc/uptime"].read_bytes > 0
    assert sources["/proc/uptime"].sha256 is not None


def test_the_hash_of_the_password_file_is_not(results: dict[str, CollectorResult]) -> None:
    shadow = [item for item in results["accounts"].items if item.source == "/etc/shadow"]
    assert all(item.sha256 is None for item in shadow)


def test_nobodys_command_line_is_collected(tmp_path: Path) -> None:
    secret = f"hunter2-{os.getpid()}"
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", secret])
    try:
        assert secret not in repr(FUNCTIONS["processes"](context()))
    finally:
        child.kill()
        child.wait()


# --- faults made for real -----------------------------------------------------------------------


def in_namespace(code: str, *options: str) -> str:
    """Run Python with our code inside new namespaces; skips where the machine does not allow them."""
    argv = ["unshare", *options, sys.executable, "-P", "-c", code]
    done = subprocess.run(
        argv, check=False, env={**os.environ, "PYTHONPATH": _ROOT}, capture_output=True, text=True, timeout=60
    )
    if done.returncode and "unshare failed" in done.stderr:
        pytest.skip("no namespaces here")
    assert done.returncode == 0, done.stderr
    return done.stdout


_RUN = """
import time
from agent.collectors.base import Context
from agent.collectors.functions import FUNCTIONS
from agent.collectors.messages import Settings
def collect(name, **settings):
    return FUNCTIONS[name](Context(settings=Settings(**settings), deadline=time.monotonic() + 30))
def facts(output): return {f.key: f.value for f in output.facts}
def rows(output, key): return [list(t.records()) for t in output.tables if t.key == key][0]
"""


def test_without_a_network_dns_and_routes_say_so() -> None:
    code = _RUN + (
        "n = facts(collect('network')); d = collect('dns'); r = facts(collect('reachability'))\n"
        "print(n['up_count'], n['default_route_count'], facts(d)['answering_server_count'])\n"
        "print(sorted({row['error'] for row in rows(d, 'servers')}), r)"
    )
    first, second = in_namespace(code, "--net").splitlines()
    assert first == "0 0 0"
    assert "network-unreachable" in second or second.startswith("[]")
    assert "'gateway_present': False" in second


def test_a_full_disk_and_used_up_inodes_are_seen(tmp_path: Path) -> None:
    code = _RUN + (
        "import subprocess, sys\n"
        f"small = {str(tmp_path)!r}\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m,nr_inodes=20', 'none', small], check=True)\n"
        "open(small + '/big', 'wb').write(bytes(1 << 20))\n"
        "[open(f'{small}/{n}', 'w') for n in range(18)]\n"
        "row = [r for r in rows(collect('disks'), 'file_systems') if r['mount_point'] == small][0]\n"
        "print(row['used_percent'], row['inodes_used_percent'])"
    )
    used, inodes = map(float, in_namespace(code, "--mount", "--propagation", "private").split())
    assert used == 100.0
    assert inodes == 100.0


def test_a_hosts_entry_in_the_way_of_the_broker_is_seen(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n192.0.2.66 broker.example.org\nnot-an-address x\n")
    code = _RUN + (
        "import subprocess\n"
        f"subprocess.run(['mount', '--bind', {str(hosts)!r}, '/etc/hosts'], check=True)\n"
        "o = collect('hosts-file', broker_host='broker.example.org')\n"
        "print(facts(o)['needed_override_count'], facts(o)['invalid_line_count'], rows(o, 'overrides'))"
    )
    said = in_namespace(code, "--mount", "--propagation", "private")
    assert said.startswith(
        "1 1 [{'name': 'broker.example.org', 'address': '192.0.2.66', 'line': 2, 'needed': True}]"
    )


@pytest.fixture
def loopback() -> None:
    """Skips where even the loopback interface is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("127.0.0.1", 9))
        except OSError:
            pytest.skip("no loopback")


def test_a_resolver_that_answers_nothing_or_nonsense_is_seen(
    loopback: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "_ANSWER_S", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setattr(names, "_DNS_PORT", silent.getsockname()[1])
        assert names._ask("127.0.0.1")[1:] == (False, None, None, "no-answer")
    assert names._ask("127.0.0.1")[1:] == (False, None, None, "refused")
    assert names._ask("not-an-address")[1] is False

    def liar(channel: socket.socket) -> None:
        _, peer = channel.recvfrom(512)
        channel.sendto(b"\0", peer)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lying:
        lying.bind(("127.0.0.1", 0))
        monkeypatch.setattr(names, "_DNS_PORT", lying.getsockname()[1])
        monkeypatch.setattr(names, "_ANSWER_S", 20.0)
        answering = threading.Thread(target=liar, args=(lying,))
        answering.start()
        assert names._ask("127.0.0.1")[4] == "answer-malformed"
        answering.join()


def broker_facts(pin: str, port: int) -> dict[str, object]:
    settings = Settings(broker_host="127.0.0.1", broker_port=port, broker_tls_sha256=(pin,) if pin else ())
    output = FUNCTIONS["reachability"](Context(settings=settings, deadline=time.monotonic() + 30))
    return {fact.key: fact.value for fact in output.facts}


def test_the_brokers_certificate_is_held_against_its_pin(loopback: None) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            for _ in range(3):
                plain, _ = server.accept()
                with contextlib.suppress(OSError), tls.wrap_socket(plain, server_side=True) as channel:
                    channel.recv(1)

        serving = threading.Thread(target=serve)
        serving.start()
        good = broker_facts(hashlib.sha256(der).hexdigest(), port)
        other = broker_facts("0" * 64, port)
        unknown = broker_facts("", port)
        serving.join()
    assert (good["broker_tls_ok"], good["broker_certificate_as_pinned"]) == (True, True)
    assert isinstance(good["broker_certificate_days_left"], float)
    assert good["broker_certificate_days_left"] > 0
    assert other["broker_certificate_as_pinned"] is False
    assert (unknown["broker_tls_ok"], unknown["broker_error"]) == (False, "certificate-not-trusted")
    closed = broker_facts("0" * 64, port)
    assert (closed["broker_tcp_ok"], closed["broker_error"]) == (False, "refused")


def test_a_deleted_file_that_is_held_open_is_found(tmp_path: Path) -> None:
    path = tmp_path / "held"
    code = f"f = open({str(path)!r}, 'wb'); f.write(bytes(3 << 20)); f.flush(); import os; os.unlink(f.name); print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        (row,) = (row for row in process_rows("deleted_held") if row["path"] == str(path))
        assert row["pid"] == child.pid
        assert row["size_bytes"] == 3 << 20
    finally:
        child.communicate(b"\n")


def test_a_zombie_is_counted_with_its_parent() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.DEVNULL)
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and left uncollected
        assert child.pid in {row["pid"] for row in process_rows("zombies")}
    finally:
        child.wait()


@pytest.fixture
def lock_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(locks, "_PLACES", ((str(tmp_path), "*.lock"),))
    yield tmp_path


def lock_rows(folder: Path) -> dict[str, dict[str, object]]:
    output = FUNCTIONS["locks"](context())
    return {Path(str(row["path"])).name: dict(row) for row in output.tables[0].records()}


def test_a_lock_whose_owner_is_gone_is_stale_and_one_that_is_held_is_not(lock_folder: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    (lock_folder / "dead.lock").write_text(f"{child.pid:10}\n")
    (lock_folder / "mine.lock").write_text(f"{os.getpid()}\n")
    (lock_folder / "reused.lock").write_text(f"{os.getpid()}\n")
    os.utime(lock_folder / "reused.lock", (1, 1))  # written long before this process began
    (lock_folder / "empty.lock").touch()
    rows = lock_rows(lock_folder)
    assert {name for name, row in rows.items() if row["stale"]} == {"dead.lock", "reused.lock"}


def test_a_lock_that_the_kernel_knows_names_its_holder_whatever_is_written_in_it(lock_folder: Path) -> None:
    path = lock_folder / "held.lock"
    path.write_text("1999999\n")
    code = f"import fcntl; f = open({str(path)!r}, 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        row = lock_rows(lock_folder)["held.lock"]
        assert (row["held"], row["stale"], row["owner_pid"]) == (True, False, child.pid)
    finally:
        child.communicate(b"\n")


def test_the_agents_own_journal_and_link_are_read(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute(
            "CREATE TABLE entry (sequence INTEGER, grant_id TEXT, payload_sha256 TEXT, envelope BLOB)"
        )
        database.execute("CREATE TABLE sent (one INTEGER, upto INTEGER)")
        database.executemany("INSERT INTO entry (sequence) VALUES (?)", [(n,) for n in range(1, 8)])
        database.execute("INSERT INTO sent VALUES (1, 5)")
    database.close()
    (tmp_path / "run").mkdir()
    state = f'{{"online": true, "since": "2026-11-21T00:00:00Z", "last_error": null, "pid": {os.getpid()}}}'
    (tmp_path / "run" / "state.json").write_text(state)
    found = FUNCTIONS["agent"](Context(settings=Settings(data=str(tmp_path)), deadline=time.monotonic() + 30))
    facts = {fact.key: fact.value for fact in found.facts}
    assert found.status is Status.OK
    assert (facts["journal_entry_count"], facts["journal_unsent_count"]) == (7, 2)
    assert (facts["online"], facts["main_running"]) == (True, True)


# --- parsers ------------------------------------------------------------------------------------

_TIME = 1_795_300_000.0


def stamped(text: str) -> str:
    return f"{time.strftime('%b %e %H:%M:%S', time.localtime(_TIME - 60))} box {text}"


@pytest.mark.parametrize(
    ("line", "priority", "source"),
    [
        (stamped("sshd[12]: error: maximum authentication attempts exceeded"), 3, "sshd"),
        (stamped("kernel: Out of memory: Killed process 99 (java)"), 2, "kernel"),
        (stamped("CRON[7]: (root) CMD (true)"), 6, "CRON"),
        (stamped("smartd[1]: Device: /dev/sda, warning: temperature"), 4, "smartd"),
    ],
)
def test_lines_of_files_get_a_priority_from_their_words(line: str, priority: int, source: str) -> None:
    entry = logsummary.parse_line(line, "syslog", _TIME)
    assert entry is not None
    assert (entry.priority, entry.source) == (priority, source)


def test_old_lines_are_left_out() -> None:
    old = f"{time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime(_TIME - 7_200))} box a[1]: error"
    assert logsummary.parse_line(old, "syslog", _TIME) is None


def test_messages_that_differ_in_numbers_and_names_only_have_one_shape() -> None:
    one = 'conn 17 from 192.0.2.7:50123 user "ana" id 0xdeadbeef at fe80::1'
    two = 'conn 9 from 198.51.100.1:99 user "bob" id 0x1 at 2001:db8::2:3'
    assert logsummary.shape(one) == logsummary.shape(two)
    assert "ana" not in logsummary.shape(one)


@given(st.text(max_size=400))
def test_any_text_is_a_line_or_none(text: str) -> None:
    logsummary.parse_line(text, "syslog", _TIME)
    logsummary.shape(text)


@given(st.text(max_size=400))
def test_any_hosts_file_gives_addresses_that_are_addresses(text: str) -> None:
    import ipaddress

    entries, broken = names.parse_hosts(text)
    assert all(ipaddress.ip_address(address) for address, _, _ in entries)
    assert len(broken) <= len(text.splitlines())


def test_shadow_says_locked_and_days_left() -> None:
    text = (
        "ana:$y$j9T$salt$hash:20000:0:90:7:::\n"
        "bob:!$y$j9T$salt$hash:20000:0:99999:7::20010:\n"
        "daemon:*:20000:0:99999:7:::\n"
        "broken line\n"
    )
    found = accounts.parse_shadow(text, today_days=20_100.0)
    assert (found["ana"].locked, found["ana"].password_days_left) == (False, -10.0)
    assert (found["bob"].locked, found["bob"].account_days_left) == (True, -90.0)
    assert found["daemon"].locked is False
    assert "hash" not in repr(found)


def test_routes_of_the_kernel_are_read() -> None:
    text = (
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    )
    assert list(network.ipv4_routes(text)) == [
        ("0.0.0.0/0", "192.0.2.1", "eth0", 100),
        ("192.0.2.0/24", "", "eth0", 0),
    ]


def test_mount_points_with_blanks_are_read() -> None:
    (mount,) = storage._mounts("/dev/sdb1 /media/My\\040Disk ext4 rw,noatime 0 0\n# comment\n")
    assert (mount.point, mount.options) == ("/media/My Disk", ("rw", "noatime"))


def test_queues_of_lpstat_are_read() -> None:
    printers = (
        "printer laser is idle.  enabled since Sat 21 Nov 2026 10:00:00\n"
        "printer label disabled since Sat 21 Nov 2026 10:00:00 -\n\tPaused\n"
        "printer ink now printing ink-7.  enabled since Sat 21 Nov 2026 10:00:00\n"
    )
    accepting = "laser accepting requests since Sat\nlabel not accepting requests since Sat -\n"
    assert printing.parse_queues(printers, accepting) == [
        ("laser", True, "idle", True),
        ("label", False, "disabled", False),
        ("ink", True, "printing", None),
    ]
    assert printing.parse_jobs("ink-7   ana   1024   Sat 21 Nov 2026\n") == [("ink", 7, "ana", 1024)]


LISTED = """\
apt/oldstable-security 2.6.2 amd64 [upgradable from: 2.6.1]
libc6/stable,stable-security 2.36-9+deb12u10 i386 [upgradable from: 2.36-9+deb12u9]
tzdata/stable-updates 2025b-0+deb12u1 all [upgradable from: 2024a-0+deb12u1]
perl/now 5.36.0-7 amd64 [residual-config]
"""


def test_upgrades_are_read_from_what_apt_lists() -> None:
    assert list(_upgrades(LISTED)) == [
        ("apt", "2.6.1", "2.6.2", True),
        ("libc6", "2.36-9+deb12u9", "2.36-9+deb12u10", True),
        ("tzdata", "2024a-0+deb12u1", "2025b-0+deb12u1", False),
    ]


def test_every_collector_has_a_name_for_the_users_receipt() -> None:
    assert [name for name in COLLECTORS if f"receipt.collector.{name}" not in RECEIPT] == []
