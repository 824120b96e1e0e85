"""Collectors behind known errors: the newest log records of each kind, and what caches hold."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.collectors.base import Context
from agent.collectors.caches import caches, measure
from agent.collectors.logsummary import OF_A_KIND, RECORDS, Entry, newest, shape
from agent.collectors.messages import Settings


@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from("abc"), st.integers(0, 500)), max_size=120))
def test_every_kind_of_warning_keeps_its_newest_records_and_the_rest_is_counted(
    said: list[tuple[int, str, int]],
) -> None:
    entries = [Entry(level, "x", text, float(at)) for level, text, at in said]
    rows, kinds_dropped, dropped = newest(entries)
    worse = [entry for entry in entries if entry.priority <= 4]
    assert (len(rows) + dropped, kinds_dropped) == (len(worse), 0)
    when = [float(row[0] or 0) for row in rows]
    assert when == sorted(when, reverse=True)
    for kind in {(entry.priority, entry.text) for entry in worse}:
        times = sorted(
            (entry.at_unix_s for entry in worse if (entry.priority, entry.text) == kind), reverse=True
        )
        assert [row[0] for row in rows if (row[1], row[4]) == kind] == times[:OF_A_KIND]


def test_a_storm_of_one_message_hides_no_other_and_too_many_kinds_are_counted() -> None:
    storm = [Entry(3, "x", "again", float(at)) for at in range(5_000)]
    rows, kinds, dropped = newest([*storm, Entry(4, "x", "once", 0.0)])
    assert (len(rows), kinds, dropped) == (OF_A_KIND + 1, 0, 5_000 - OF_A_KIND)
    words = [Entry(3, "x", "w" * (at + 1) + "x", float(at)) for at in range(150)]
    other = [Entry(3, f"s{chr(97 + at % 26)}{at // 26 * 'z'}", "m", float(at)) for at in range(RECORDS)]
    rows, kinds, _ = newest([*words, *other])
    assert (len(rows), kinds) == (RECORDS, 150)


def test_records_hold_shapes_and_no_numbers_or_names() -> None:
    rows, _, _ = newest([Entry(3, "sshd", 'Failed for "ana" from 192.0.2.7 port 5022', 1.0)])
    assert rows[0][4] == "Failed for TEXT from IP port N" == shape('Failed for "bo" from 10.0.0.1 port 1')


def test_caches_are_measured_without_following_links_or_looking_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    (cache / "deep").mkdir(parents=True)
    (cache / "deep" / "a").write_bytes(b"x" * 10_000)
    (tmp_path / "elsewhere").write_bytes(b"x" * 1_000_000)
    (cache / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(cache / "pipe")
    size, files, complete = measure(cache, time.monotonic() + 10)
    assert (files, complete) == (1, True) and 10_000 <= size < 100_000
    assert measure(cache, time.monotonic() - 1)[2] is False
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    found = caches(Context(Settings(data="", version="0"), time.monotonic() + 10))
    row = next(one for one in found.tables[0].records() if one["folder"] == str(cache))
    assert row["file_count"] == 1 and isinstance(row["used_percent"], float)
