"""When a log line was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.logs.times import time_of

MADRID = ZoneInfo("Europe/Madrid")
WRITTEN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TEN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-11-21T10:00:00Z host app: x", TEN),
        ("2026-11-21T11:00:00+01:00 host app: x", TEN),
        ("2026-11-21T11:00:00.123456+0100 x", TEN + timedelta(microseconds=123456)),
        ("2026-11-21T10:00:00.123456789Z x", TEN + timedelta(microseconds=123456)),
        ("<34>1 2026-11-21T10:00:00.5Z host app - - x", TEN + timedelta(microseconds=500000)),
        ("2026-11-21 11:00:00 status installed libc6:amd64 2.36", TEN),
        ("2026-11-21 11:00:00,250 INFO x", TEN + timedelta(microseconds=250000)),
        ("2026-11-21 10:00:00.000 UTC [123] LOG:  ready", TEN),
        ("Start-Date: 2026-11-21  11:00:00", TEN),
        ("Log started: 2026-11-21  11:00:00", TEN),
        ("update-alternatives 2026-11-21 11:00:00: run with x", TEN),
        ("2026/11/21 11:00:00 [error] 12#12: x", TEN),
        ("Nov 21 11:00:00 host app[1]: x", TEN),
        ("<13>Nov 21 11:00:00 host app[1]: x", TEN),
        ("Nov  1 11:00:00 host x", datetime(2026, 11, 1, 10, 0, tzinfo=UTC)),
        ("[Sat Nov 21 11:00:00.123456 2026] [core:error] x", TEN),
        ("Sat Nov 21 11:00:00 2026 x", TEN),
        ('10.0.0.1 - - [21/Nov/2026:11:00:00 +0100] "GET / HTTP/1.1" 200 1', TEN),
        ("1795255200.000 120 10.0.0.1 TCP_MISS/200", TEN),
        ("type=USER_LOGIN msg=audit(1795255200.250:77): pid=1", TEN + timedelta(milliseconds=250)),
        ('{"level":"info","ts":1795255200.5,"msg":"x"}', TEN + timedelta(microseconds=500000)),
        ('{"time":"2026-11-21T10:00:00Z","msg":"x"}', TEN),
        ('{"timestamp": 1795255200000}', TEN),
        ("[   12.345678] usb 1-1: new device", None),
        ("  at com.example.Foo(Foo.java:10)", None),
        ("", None),
        ("Feb 30 11:00:00 host x", None),
        ("2026-13-41T99:00:00Z x", None),
    ],
)
def test_the_time_formats_of_common_logs(line: str, expected: datetime | None) -> None:
    assert time_of(line.encode(), WRITTEN, MADRID) == expected


def test_a_date_without_year_is_the_last_one_before_the_file_was_written() -> None:
    january = datetime(2026, 1, 2, tzinfo=UTC)
    assert time_of(b"Dec 31 23:00:00 h x", january, MADRID) == datetime(2025, 12, 31, 22, 0, tzinfo=UTC)
    assert time_of(b"Jan  1 12:00:00 h x", january, MADRID) == datetime(2026, 1, 1, 11, 0, tzinfo=UTC)
    assert time_of(b"Feb 29 12:00:00 h x", january, MADRID) == datetime(2024, 2, 29, 11, 0, tzinfo=UTC)


def test_summer_and_winter_time_of_the_zone_count() -> None:
    assert time_of(b"2026-07-01 12:00:00 x", WRITTEN, MADRID) == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


@given(st.binary(max_size=400))
@settings(max_examples=120, deadline=None)
def test_any_bytes_have_a_time_in_utc_or_none(line: bytes) -> None:
    found = time_of(line, WRITTEN, MADRID)
    assert found is None or found.utcoffset() == timedelta(0)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC)))
@settings(max_examples=120, deadline=None)
def test_a_time_that_is_written_is_read_again(moment: datetime) -> None:
    assert time_of(moment.isoformat().encode() + b" x", moment, MADRID) == moment
    second = moment.replace(microsecond=0)
    assert time_of(second.strftime("[%d/%b/%Y:%H:%M:%S +0000] x").encode(), moment, MADRID) == second
