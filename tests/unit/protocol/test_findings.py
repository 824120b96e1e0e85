"""Rules over facts: each finds its fault, and is silent where there is none or nothing is known."""

import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.diagnosis import Bundle, Cell, Clock, CollectorResult, Manifest, Status, fact, table
from protocol.findings import RULES, Finding, Severity, findings
from protocol.findings_system import ROOMY_BYTES, SMALL_BYTES
from protocol.scopes import Clearance
from protocol.wire import from_json, to_json
from protocol.wording import Words
from protocol.wording.diagnosis import TABLE

_NOW = datetime(2026, 11, 22, tzinfo=UTC)

Rows = dict[str, list[dict[str, Cell]]]


def result(
    collector: str, facts: dict[str, Cell] | None = None, rows: Rows | None = None, status: Status = Status.OK
) -> CollectorResult:
    return CollectorResult(
        collector=collector,
        version=1,
        started=_NOW,
        ended=_NOW,
        status=status,
        facts=tuple(fact(key, value) for key, value in (facts or {}).items()),
        tables=tuple(
            table(key, list(records[0]), [tuple(record.values()) for record in records])
            for key, records in (rows or {}).items()
        ),
    )


def bundle(*results: CollectorResult) -> Bundle:
    manifest = Manifest(
        schema=1,
        run="0" * 16,
        ticket="T-1",
        grant="0" * 32,
        agent="ag-" + "a" * 32,
        agent_version="0",
        os="Debian",
        started=_NOW,
        ended=_NOW,
        clock=Clock(wall=_NOW, mono_s=1.0),
        clearance=Clearance.R1,
        redaction_policy="relevo/1",
        redaction=(),
        residual_scan="clean",
        collectors=(),
    )
    return Bundle(manifest=manifest, results=results)


def found_in(*results: CollectorResult) -> dict[str, Finding]:
    return {finding.rule: finding for finding in findings(bundle(*results))}


def file_system(**changed: Cell) -> dict[str, Cell]:
    return {
        "mount_point": "/",
        "device": "/dev/sda1",
        "available_bytes": 5 << 30,
        "used_percent": 50.0,
        "inodes_used_percent": 10.0,
        "read_only": False,
        "read_only_unexpected": False,
        "answers": True,
    } | changed


def service(name: str, state: str, *, enabled: bool | None = True, detail: str = "") -> dict[str, Cell]:
    return {"name": name, "state": state, "enabled": enabled, "detail": detail}


def account(**changed: Cell) -> dict[str, Cell]:
    return {
        "user": "ana",
        "can_log_in": True,
        "shell_present": True,
        "locked": False,
        "password_days_left": None,
        "account_days_left": None,
        "home_present": True,
        "home_owned": True,
    } | changed


def interface(**changed: Cell) -> dict[str, Cell]:
    return {
        "interface": "eth0",
        "up": True,
        "carrier": True,
        "virtual": False,
        "received_bytes": 10**9,
        "sent_bytes": 10**9,
        "receive_error_count": 0,
        "send_error_count": 0,
    } | changed


def server(name: str, *, answers: bool = True, ms: float | None = 3.0) -> dict[str, Cell]:
    return {"server": name, "answers": answers, "answer_ms": ms, "error": "" if answers else "no-answer"}


_HELD = {"name": "java", "size_bytes": 3 << 30}
_LOCK: dict[str, Cell] = {"path": "/run/lock/x", "owner_pid": 7, "age_s": 60.0}
_CERT: dict[str, Cell] = {"path": "/etc/nginx/a.crt"}
_OVERRIDE: dict[str, Cell] = {"name": "broker.example", "address": "192.0.2.6", "line": 4}

FAULTY: list[tuple[str, Severity, CollectorResult]] = [
    (
        "disk-full",
        Severity.CRITICAL,
        result("disks", rows={"file_systems": [file_system(used_percent=97.0)]}),
    ),
    ("disk-full", Severity.WARNING, result("disks", rows={"file_systems": [file_system(used_percent=91.0)]})),
    (
        "disk-full",
        Severity.CRITICAL,
        result(
            "disks", rows={"file_systems": [file_system(used_percent=90.0, available_bytes=SMALL_BYTES - 1)]}
        ),
    ),
    (
        "inodes-full",
        Severity.CRITICAL,
        result("disks", rows={"file_systems": [file_system(inodes_used_percent=99.0)]}),
    ),
    (
        "disk-read-only",
        Severity.CRITICAL,
        result("disks", rows={"file_systems": [file_system(read_only=True, read_only_unexpected=True)]}),
    ),
    (
        "disk-silent",
        Severity.CRITICAL,
        result(
            "disks",
            rows={"file_systems": [file_system(answers=False, used_percent=None, available_bytes=None)]},
        ),
    ),
    (
        "mount-missing",
        Severity.WARNING,
        result("disks", rows={"missing_mounts": [{"mount_point": "/srv", "device": "nas:/x"}]}),
    ),
    ("memory-low", Severity.WARNING, result("memory", {"total_bytes": 100, "available_bytes": 9})),
    ("memory-low", Severity.CRITICAL, result("memory", {"total_bytes": 100, "available_bytes": 2})),
    (
        "swap-full",
        Severity.WARNING,
        result("memory", {"swap_used_percent": 90.0, "pressure_some_60s_percent": 30.0}),
    ),
    ("oom-kills", Severity.WARNING, result("memory", {"oom_kill_count": 2})),
    ("memory-faulty", Severity.CRITICAL, result("memory", {"hardware_corrupted_bytes": 4096})),
    ("load-high", Severity.WARNING, result("cpu", {"logical_count": 2, "load_5m": 9.0})),
    ("cpu-stolen", Severity.WARNING, result("cpu", {"steal_percent": 40.0})),
    ("storage-slow", Severity.WARNING, result("disk-io", {"pressure_full_60s_percent": 50.0})),
    (
        "drive-slow",
        Severity.WARNING,
        result("disk-io", rows={"drives": [{"drive": "sda", "busy_percent": 100.0, "wait_ms": 300.0}]}),
    ),
    (
        "zombies",
        Severity.WARNING,
        result("processes", {"zombie_count": 50}, {"zombies": [{"parent_name": "cron"}]}),
    ),
    (
        "processes-stuck",
        Severity.WARNING,
        result("processes", {"uninterruptible_count": 4}, {"uninterruptible": [{"name": "cp"}]}),
    ),
    (
        "process-busy",
        Severity.NOTICE,
        result(
            "processes", rows={"top_cpu": [{"name": "x", "pid": 3, "cpu_percent": 99.0, "age_s": 4_000.0}]}
        ),
    ),
    (
        "files-open",
        Severity.CRITICAL,
        result("processes", rows={"near_file_limit": [{"name": "x", "pid": 3, "used_percent": 99.0}]}),
    ),
    (
        "files-open-all",
        Severity.CRITICAL,
        result("processes", {"open_file_count": 95, "open_file_limit": 100}),
    ),
    (
        "deleted-held",
        Severity.WARNING,
        result("processes", {"deleted_held_bytes": 3 << 30}, {"deleted_held": [_HELD]}),
    ),
    ("service-failed", Severity.CRITICAL, result("services", rows={"services": [service("web", "failed")]})),
    (
        "service-stopped",
        Severity.WARNING,
        result("services", rows={"services": [service("cron", "stopped")]}),
    ),
    ("packages-broken", Severity.CRITICAL, result("packages", {"interrupted": True})),
    (
        "packages-broken",
        Severity.CRITICAL,
        result("packages", {"broken_count": 1}, {"broken": [{"name": "vim"}]}),
    ),
    ("dependencies-unmet", Severity.CRITICAL, result("packages", {"unmet_dependencies": True})),
    ("updates-security", Severity.WARNING, result("packages", {"security_upgradable_count": 3})),
    ("reboot-required", Severity.NOTICE, result("packages", {"reboot_required": True, "reboot_for": None})),
    ("lists-old", Severity.NOTICE, result("packages", {"lists_age_s": 30 * 86_400})),
    ("logins-closed", Severity.CRITICAL, result("accounts", {"logins_closed": True})),
    ("account-locked", Severity.NOTICE, result("accounts", rows={"accounts": [account(locked=True)]})),
    (
        "account-expired",
        Severity.WARNING,
        result("accounts", rows={"accounts": [account(account_days_left=-3.0)]}),
    ),
    (
        "password-expired",
        Severity.WARNING,
        result("accounts", rows={"accounts": [account(password_days_left=-3.0)]}),
    ),
    ("home-missing", Severity.WARNING, result("accounts", rows={"accounts": [account(home_present=False)]})),
    ("home-foreign", Severity.WARNING, result("accounts", rows={"accounts": [account(home_owned=False)]})),
    (
        "shell-missing",
        Severity.WARNING,
        result("accounts", rows={"accounts": [account(shell_present=False)]}),
    ),
    ("lock-stale", Severity.WARNING, result("locks", rows={"locks": [_LOCK | {"stale": True}]})),
    ("network-down", Severity.CRITICAL, result("network", {"up_count": 0})),
    ("no-default-route", Severity.CRITICAL, result("network", {"up_count": 1, "default_route_count": 0})),
    ("no-carrier", Severity.WARNING, result("network", rows={"interfaces": [interface(carrier=False)]})),
    (
        "link-errors",
        Severity.WARNING,
        result("network", rows={"interfaces": [interface(receive_error_count=10**6)]}),
    ),
    ("close-wait", Severity.WARNING, result("network", {"close_wait_count": 900})),
    (
        "tracking-full",
        Severity.CRITICAL,
        result("network", {"connection_tracking_count": 99, "connection_tracking_limit": 100}),
    ),
    ("no-resolver", Severity.CRITICAL, result("dns", {"server_count": 0})),
    ("dns-dead", Severity.CRITICAL, result("dns", rows={"servers": [server("192.0.2.1", answers=False)]})),
    (
        "dns-server-silent",
        Severity.WARNING,
        result("dns", rows={"servers": [server("192.0.2.1", answers=False), server("192.0.2.2")]}),
    ),
    (
        "name-unresolved",
        Severity.WARNING,
        result(
            "dns",
            rows={
                "servers": [server("x")],
                "names": [{"name": "b.example", "resolves": False, "error": "no-such-name"}],
            },
        ),
    ),
    ("dns-slow", Severity.WARNING, result("dns", rows={"servers": [server("x", ms=2_500.0)]})),
    (
        "hosts-override",
        Severity.CRITICAL,
        result("hosts-file", rows={"overrides": [_OVERRIDE | {"needed": True}]}),
    ),
    (
        "hosts-entries",
        Severity.NOTICE,
        result("hosts-file", rows={"overrides": [_OVERRIDE | {"needed": False}]}),
    ),
    ("hosts-no-localhost", Severity.WARNING, result("hosts-file", {"localhost_present": False})),
    (
        "hosts-invalid",
        Severity.WARNING,
        result("hosts-file", {"invalid_line_count": 1}, {"invalid_lines": [{"line": 3}]}),
    ),
    (
        "hosts-duplicate",
        Severity.NOTICE,
        result("hosts-file", {"duplicate_name_count": 1}, {"duplicates": [{"name": "x"}]}),
    ),
    (
        "gateway-silent",
        Severity.WARNING,
        result("reachability", {"gateway_present": True, "gateway_answers": False}),
    ),
    (
        "broker-unreachable",
        Severity.CRITICAL,
        result("reachability", {"broker_tcp_ok": False, "broker_error": "refused"}),
    ),
    ("tls-intercepted", Severity.CRITICAL, result("reachability", {"broker_certificate_as_pinned": False})),
    ("broker-certificate", Severity.CRITICAL, result("reachability", {"broker_certificate_days_left": -1.0})),
    ("clock-wrong", Severity.CRITICAL, result("time", {"daemon_offset_s": -40.0})),
    (
        "clock-unsynchronised",
        Severity.WARNING,
        result("time", {"synchronised": False, "time_daemon": "chronyd"}),
    ),
    ("clock-unkept", Severity.NOTICE, result("time", {"synchronised": False, "time_daemon": None})),
    ("rtc-wrong", Severity.NOTICE, result("time", {"rtc_offset_s": 500})),
    ("authorities-broken", Severity.CRITICAL, result("certificates", {"authority_count": 0})),
    (
        "certificate-expired",
        Severity.CRITICAL,
        result("certificates", {"authority_count": 9}, {"certificates": [_CERT | {"days_left": -2.0}]}),
    ),
    (
        "certificate-expiring",
        Severity.WARNING,
        result("certificates", {"authority_count": 9}, {"certificates": [_CERT | {"days_left": 5.0}]}),
    ),
    ("logs-critical", Severity.WARNING, result("logs-summary", {"critical_count": 1})),
    (
        "logs-errors",
        Severity.WARNING,
        result("logs-summary", {"error_count": 500}, {"error_sources": [{"source": "x"}]}),
    ),
    (
        "log-repeats",
        Severity.NOTICE,
        result(
            "logs-summary",
            rows={"repeated": [{"priority": "error", "source": "x", "count": 90, "message": "m"}]},
        ),
    ),
    (
        "printing-stopped",
        Severity.NOTICE,
        result("printing", {"scheduler_running": False}, status=Status.PARTIAL),
    ),
    (
        "queue-disabled",
        Severity.WARNING,
        result("printing", rows={"queues": [{"queue": "q", "enabled": False, "accepting": True}]}),
    ),
    (
        "queue-rejecting",
        Severity.WARNING,
        result("printing", rows={"queues": [{"queue": "q", "enabled": True, "accepting": False}]}),
    ),
    ("jobs-waiting", Severity.WARNING, result("printing", {"job_count": 12})),
    ("agent-dead", Severity.WARNING, result("agent", {"main_running": False})),
    ("journal-behind", Severity.WARNING, result("agent", {"journal_unsent_count": 900})),
    ("agent-disk", Severity.CRITICAL, result("agent", {"data_free_bytes": 1 << 20})),
    ("not-looked", Severity.NOTICE, result("disks", status=Status.TIMEOUT)),
    ("not-understood", Severity.NOTICE, result("disks", rows={"file_systems": [{"other": 1}]})),
]

HEALTHY: list[CollectorResult] = [
    result("disks", rows={"file_systems": [file_system(), file_system(used_percent=99.0, read_only=True)]}),
    result("disks", rows={"file_systems": [file_system(used_percent=96.0, available_bytes=ROOMY_BYTES)]}),
    result(
        "memory", {"total_bytes": 100, "available_bytes": 50, "swap_used_percent": 99.0, "oom_kill_count": 0}
    ),
    result("cpu", {"logical_count": 8, "load_5m": 9.0, "steal_percent": 1.0}),
    result("cpu", {"logical_count": 2, "load_5m": 9.0, "pressure_some_60s_percent": 1.0}),
    result("services", rows={"services": [service("a", "running"), service("b", "stopped", enabled=False)]}),
    result("services", rows={"services": [service("once", "stopped", detail="dead (success)")]}),
    result(
        "packages",
        {"interrupted": False, "broken_count": 0, "security_upgradable_count": 0, "reboot_required": False},
    ),
    result(
        "accounts", rows={"accounts": [account(), account(can_log_in=False, locked=True, home_present=False)]}
    ),
    result("locks", rows={"locks": [_LOCK | {"stale": False}]}),
    result(
        "network",
        {"up_count": 1, "default_route_count": 0, "default_route_ipv6_count": 1},
        {"interfaces": [interface()]},
    ),
    result("dns", rows={"servers": [server("x")], "names": [{"name": "n", "resolves": True, "error": ""}]}),
    result("reachability", {"gateway_present": True, "gateway_answers": True, "broker_tls_ok": True}),
    result("time", {"synchronised": True, "daemon_offset_s": 0.001, "rtc_offset_s": 3_600}),
    result("certificates", {"authority_count": 140}, {"certificates": [_CERT | {"days_left": 300.0}]}),
    result("logs-summary", {"error_count": 3, "critical_count": 0}),
    result("printing", {"scheduler_running": True, "job_count": 1}),
    result("agent", {"main_running": True, "journal_unsent_count": 0, "data_free_bytes": 1 << 40}),
    result("disks", status=Status.NOT_APPLICABLE),
]


@pytest.mark.parametrize(("rule", "severity", "faulty"), FAULTY, ids=lambda value: str(value)[:30])
def test_the_fault_is_found_with_words_for_it(rule: str, severity: Severity, faulty: CollectorResult) -> None:
    finding = found_in(faulty)[rule]
    assert finding.severity is severity
    for language in ("en", "es"):
        words = Words(language, TABLE)
        text = words(f"finding.{rule}", **{value.key: value.value for value in finding.values} or {"": ""})
        assert "{" not in text
        assert words.has(f"finding.{rule}.do")


@pytest.mark.parametrize("healthy", HEALTHY, ids=lambda value: str(value.collector))
def test_health_has_no_findings(healthy: CollectorResult) -> None:
    assert found_in(healthy) == {}


def test_every_finding_that_has_words_is_tested_and_the_other_way_round() -> None:
    worded = {key.split(".")[1] for key in TABLE if key.startswith("finding.")}
    assert {rule for rule, _, _ in FAULTY} == worded


def test_both_languages_take_the_same_values() -> None:
    for key, (english, spanish) in TABLE.items():
        fields = [
            {field for _, field, _, _ in string.Formatter().parse(text) if field}
            for text in (english, spanish)
        ]
        assert fields[0] == fields[1], key


def test_what_is_not_known_is_not_healthy_and_not_a_fault() -> None:
    """An empty answer finds nothing but what its very emptiness means."""
    rules = {rule for name in RULES for rule in found_in(result(name))}
    assert rules == {"no-resolver", "authorities-broken"}


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMEOUT, Status.DENIED])
def test_a_collector_without_an_answer_is_named(status: Status) -> None:
    finding = found_in(result("memory", status=status))["not-looked"]
    assert (finding.collector, finding.value("status")) == ("memory", status)


def test_the_worst_comes_first() -> None:
    every = findings(bundle(*(faulty for _, _, faulty in FAULTY)))
    order = [list(Severity).index(finding.severity) for finding in every]
    assert order == sorted(order)


def test_a_bundle_survives_the_wire() -> None:
    whole = bundle(*(faulty for _, _, faulty in FAULTY[:60]))
    assert from_json(to_json(whole), Bundle) == whole


_CELLS = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(), st.text(max_size=20))
_KEYS = st.sampled_from(sorted({value for _, _, faulty in FAULTY for value in [f.key for f in faulty.facts]}))
_TABLES = sorted(
    {
        (faulty.collector, t.key, tuple(c.key for c in t.columns))
        for _, _, faulty in FAULTY
        for t in faulty.tables
    }
)


@given(st.data())
def test_no_answer_of_a_machine_breaks_the_rules(data: st.DataObject) -> None:
    """Whatever types and figures stand in known places: findings come, errors do not."""
    collector, key, columns = data.draw(st.sampled_from(_TABLES))
    facts = data.draw(st.dictionaries(_KEYS, _CELLS, max_size=8))
    rows = data.draw(st.lists(st.tuples(*(_CELLS for _ in columns)), max_size=3))
    made = [dict(zip(columns, row, strict=True)) for row in rows]
    for name in (collector, *RULES):
        findings(bundle(result(name, facts, {key: made} if made else None)))
