"""Rules about what is around the machine: network, names, time, certificates, printing, logs, the agent."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.diagnosis import Cell, CollectorResult
from protocol.findings_model import Finding, Severity, as_figure, figure, found, named, rows

SLOW_ANSWER_MS = 1_000.0
"""A resolver that takes a second makes every page feel broken."""
ERROR_SHARE = 0.01
ERROR_PACKETS = 1_000
CLOSE_WAIT = 500
"""Connections that the other side closed and a program here never did: it leaks descriptors."""
LIMIT_PERCENT = 90.0
SOON_DAYS = 30.0
BROKER_SOON_DAYS = 14.0
OFFSET_S = 1.0
"""Kerberos tolerates 5 minutes, one-time codes 30 seconds; a kept clock is within milliseconds."""
RTC_OFFSET_S = 120
ERRORS_AN_HOUR = 100
REPEATS_AN_HOUR = 20
WAITING_JOBS = 10
UNSENT = 200
FREE_BYTES = 200 << 20
"""Less room than this and the journal soon cannot be written, and then nothing may be done at all."""


def network(result: CollectorResult) -> Iterator[Finding]:
    if figure(result, "up_count") == 0:
        yield found(result, "network-down", Severity.CRITICAL)
    elif figure(result, "default_route_count") == 0 and not figure(result, "default_route_ipv6_count"):
        yield found(result, "no-default-route", Severity.CRITICAL)
    for row in rows(result, "interfaces"):
        if row["up"] is True and row["carrier"] is False and row["virtual"] is False:
            yield found(result, "no-carrier", Severity.WARNING, interface=row["interface"])
        yield from _errors(result, row)
    waiting = figure(result, "close_wait_count")
    if waiting is not None and waiting >= CLOSE_WAIT:
        yield found(result, "close-wait", Severity.WARNING, count=int(waiting))
    used, limit = figure(result, "connection_tracking_count"), figure(result, "connection_tracking_limit")
    if used is not None and limit and 100 * used / limit >= LIMIT_PERCENT:
        yield found(result, "tracking-full", Severity.CRITICAL, used_percent=100 * used / limit)


def _errors(result: CollectorResult, row: dict[str, Cell]) -> Iterator[Finding]:
    """Errors against bytes: a packet is taken as 500 bytes, which is fair for mixed traffic."""
    for errors, volume in (("receive_error_count", "received_bytes"), ("send_error_count", "sent_bytes")):
        bad, moved = row[errors], row[volume]
        if (
            isinstance(bad, int)
            and isinstance(moved, int)
            and bad >= ERROR_PACKETS
            and bad > ERROR_SHARE * moved / 500
        ):
            yield found(result, "link-errors", Severity.WARNING, interface=row["interface"], count=bad)


def dns(result: CollectorResult) -> Iterator[Finding]:
    servers = list(rows(result, "servers"))
    silent = [str(row["server"]) for row in servers if row["answers"] is False]
    if not servers:
        yield found(result, "no-resolver", Severity.CRITICAL)
    elif len(silent) == len(servers):
        error = str(servers[0]["error"]) or "-"
        yield found(result, "dns-dead", Severity.CRITICAL, servers=named(silent), error=error)
    elif silent:
        yield found(result, "dns-server-silent", Severity.WARNING, servers=named(silent))
    failed = [row for row in rows(result, "names") if row["resolves"] is False]
    if failed and len(silent) < len(servers):
        yield found(
            result, "name-unresolved", Severity.WARNING,
            names=named([str(row["name"]) for row in failed]), error=str(failed[0]["error"]),
        )  # fmt: skip
    slow = [ms for row in servers if (ms := as_figure(row["answer_ms"])) is not None and ms >= SLOW_ANSWER_MS]
    if slow:
        yield found(result, "dns-slow", Severity.WARNING, answer_ms=max(slow))


def hosts_file(result: CollectorResult) -> Iterator[Finding]:
    for row in rows(result, "overrides"):
        if row["needed"] is True:
            yield found(
                result, "hosts-override", Severity.CRITICAL,
                name=row["name"], address=row["address"], line=row["line"],
            )  # fmt: skip
    others = [str(row["name"]) for row in rows(result, "overrides") if row["needed"] is not True]
    if others:
        yield found(result, "hosts-entries", Severity.NOTICE, names=named(others), count=len(others))
    if result.fact("present") is False or result.fact("localhost_present") is False:
        yield found(result, "hosts-no-localhost", Severity.WARNING)
    if figure(result, "invalid_line_count"):
        lines = [str(row["line"]) for row in rows(result, "invalid_lines")]
        yield found(result, "hosts-invalid", Severity.WARNING, lines=named(lines))
    if figure(result, "duplicate_name_count"):
        names = list(dict.fromkeys(str(row["name"]) for row in rows(result, "duplicates")))
        yield found(result, "hosts-duplicate", Severity.NOTICE, names=named(names))


def reachability(result: CollectorResult) -> Iterator[Finding]:
    if result.fact("gateway_present") is True and result.fact("gateway_answers") is False:
        yield found(result, "gateway-silent", Severity.WARNING)
    error = str(result.fact("broker_error") or "-")
    if result.fact("broker_tcp_ok") is False or result.fact("broker_tls_ok") is False:
        yield found(result, "broker-unreachable", Severity.CRITICAL, error=error)
    if result.fact("broker_certificate_as_pinned") is False:
        yield found(result, "tls-intercepted", Severity.CRITICAL)
    left = figure(result, "broker_certificate_days_left")
    if left is not None and left < BROKER_SOON_DAYS:
        severity = Severity.CRITICAL if left < 0 else Severity.WARNING
        yield found(result, "broker-certificate", severity, days_left=left)


def time(result: CollectorResult) -> Iterator[Finding]:
    offset = figure(result, "daemon_offset_s")
    if offset is not None and abs(offset) >= OFFSET_S:
        yield found(result, "clock-wrong", Severity.CRITICAL, offset_s=offset)
    elif result.fact("synchronised") is False and result.fact("time_daemon") is not None:
        yield found(result, "clock-unsynchronised", Severity.WARNING, daemon=result.fact("time_daemon"))
    elif result.fact("synchronised") is False:
        yield found(result, "clock-unkept", Severity.NOTICE)
    rtc = figure(result, "rtc_offset_s")
    # A hardware clock kept in local time is off by whole quarters of an hour and not wrong.
    if rtc is not None and abs(rtc) >= RTC_OFFSET_S and abs(rtc) % 900 > 5 and abs(rtc) % 900 < 895:
        yield found(result, "rtc-wrong", Severity.NOTICE, offset_s=int(rtc))


def certificates(result: CollectorResult) -> Iterator[Finding]:
    authorities = figure(result, "authority_count")
    if not authorities:
        yield found(result, "authorities-broken", Severity.CRITICAL)
    for row in rows(result, "certificates"):
        left = as_figure(row["days_left"])
        if left is None or left >= SOON_DAYS:
            continue
        if left < 0:
            yield found(result, "certificate-expired", Severity.CRITICAL, path=row["path"], days=-left)
        else:
            yield found(result, "certificate-expiring", Severity.WARNING, path=row["path"], days=left)


def logs_summary(result: CollectorResult) -> Iterator[Finding]:
    worst = sum(int(figure(result, f"{name}_count") or 0) for name in ("emergency", "alert", "critical"))
    repeated = list(rows(result, "repeated"))
    if worst:
        first = next(
            (str(r["message"]) for r in repeated if r["priority"] in ("emergency", "alert", "critical")), "-"
        )
        yield found(result, "logs-critical", Severity.WARNING, count=worst, message=first)
    errors = int(figure(result, "error_count") or 0)
    if errors >= ERRORS_AN_HOUR:
        sources = [str(row["source"]) for row in rows(result, "error_sources")]
        yield found(result, "logs-errors", Severity.WARNING, count=errors, sources=named(sources))
    for row in repeated[:3]:
        count = as_figure(row["count"])
        if count is not None and count >= REPEATS_AN_HOUR and row["priority"] == "error":
            yield found(
                result,
                "log-repeats",
                Severity.NOTICE,
                source=row["source"],
                count=int(count),
                message=row["message"],
            )


def printing(result: CollectorResult) -> Iterator[Finding]:
    if result.fact("scheduler_running") is False:
        yield found(result, "printing-stopped", Severity.NOTICE)
    for row in rows(result, "queues"):
        if row["enabled"] is False:
            yield found(result, "queue-disabled", Severity.WARNING, queue=row["queue"])
        elif row["accepting"] is False:
            yield found(result, "queue-rejecting", Severity.WARNING, queue=row["queue"])
    jobs = figure(result, "job_count")
    if jobs is not None and jobs >= WAITING_JOBS:
        yield found(result, "jobs-waiting", Severity.WARNING, count=int(jobs))


def agent(result: CollectorResult) -> Iterator[Finding]:
    if result.fact("main_running") is False:
        yield found(result, "agent-dead", Severity.WARNING)
    unsent = figure(result, "journal_unsent_count")
    if unsent is not None and unsent >= UNSENT:
        yield found(result, "journal-behind", Severity.WARNING, count=int(unsent))
    free = figure(result, "data_free_bytes")
    if free is not None and free < FREE_BYTES:
        yield found(result, "agent-disk", Severity.CRITICAL, available_bytes=int(free))
