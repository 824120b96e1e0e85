"""Times and sentences as people see them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from protocol.drivers.shown import folded, local_stamp, local_time

AT = datetime(2026, 11, 21, 23, 25, 59, 123456, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_madrid(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Madrid")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_time_of_today_is_an_hour_on_the_wall_and_any_other_has_its_date() -> None:
    assert local_time(AT, datetime(2026, 11, 22, 8, 0, tzinfo=UTC)) == "00:25"
    assert local_time(AT, datetime(2026, 11, 21, 22, 0, tzinfo=UTC)) == "2026-11-22 00:25"
    assert local_stamp(AT) == "2026-11-22 00:25:59"
    assert local_time(None) == local_stamp(None) == "-"


def test_long_sentences_are_broken_between_words_only() -> None:
    text = "  - logs: search this computer's technical logs; passwords are removed before anything leaves"
    lines = folded(text, "    ", 40).splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert all(line.startswith("    ") for line in lines[1:])


def test_where_there_is_no_terminal_lines_stay_whole() -> None:
    assert folded("word " * 100) == "word " * 100
