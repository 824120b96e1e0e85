"""`relevo logs`: what is printed, and what a hostile line cannot do to the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from protocol import assist
from protocol.drivers.terminal import add_words
from protocol.errors import Code, RelevoError
from protocol.wording import logs as wording
from technician.cli.common import Progress
from technician.cli.logs import moment_from, show

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _words() -> None:
    add_words(wording.TABLE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("1h", NOW - timedelta(hours=1)),
        ("90", NOW - timedelta(seconds=90)),
        ("2d", NOW - timedelta(days=2)),
        ("2026-11-21T11:00:00+01:00", datetime(2026, 11, 21, 10, 0, tzinfo=UTC)),
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, 0, tzinfo=UTC)),
        ("2026-11-21 10:00", datetime(2026, 11, 21, 10, 0).astimezone(UTC)),
        ("2026-11-21", datetime(2026, 11, 21).astimezone(UTC)),
    ],
)
def test_times_are_durations_or_moments(text: str | None, expected: datetime | None) -> None:
    assert moment_from(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "1y", "-1h", "999999999w", "2026-13-01", "\x1b[2J"])
def test_anything_else_is_a_usage_error(text: str) -> None:
    with pytest.raises(RelevoError) as caught:
        moment_from(text, NOW)
    assert caught.value.code is Code.USAGE
    assert "\x1b" not in caught.value.detail


EVENTS: list[assist.Event] = [
    assist.Progress(step="logs", done=1, total=2, unit="bytes"),
    assist.LogLines(
        lines=(
            assist.LogLine(at=NOW, source="a\x1b]0;t\x07.log", text="red \x1b[31m\r\nnext \u202e \x9b2J\0"),
            assist.LogLine(at=None, source="b.log", text="plain"),
        )
    ),
    assist.LogSummary(
        matched=9, sent=2, scanned_bytes=10, truncated=True, secrets_removed=3, sources=("a", "b"),
        unreadable=tuple(f"file{n}\x1b[2J: permission denied" for n in range(11)),
    ),
    assist.Stored(artifact="art-" + "0" * 24, name="logs\x1b[2J"),
]  # fmt: skip


def test_hostile_text_is_escaped_and_data_and_remarks_are_apart(capsys: pytest.CaptureFixture[str]) -> None:
    show(iter(EVENTS), Progress(), as_json=False)
    out, err = capsys.readouterr()
    for text in (out, err):
        assert not any(ord(char) < 32 and char != "\n" for char in text)
        assert not any(0x7F <= ord(char) < 0xA0 for char in text)
        assert "\u202e" not in text
    assert out.count("\n") == 2
    assert out.splitlines()[0].startswith(
        "2026-11-21 12:00:00Z  a\\x1b]0;t\\x07.log  red \\x1b[31m\\x0d\\x0anext"
    )
    assert out.splitlines()[1].endswith("b.log  plain")
    assert "3" in err
    assert err.count("permission denied") == 8


def test_json_is_one_document_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(iter(EVENTS), Progress(), as_json=True)
    out, err = capsys.readouterr()
    documents = [json.loads(line) for line in out.splitlines()]
    assert [set(document) for document in documents[:2]] == [{"at", "source", "text"}] * 2
    assert documents[2]["type"] == "log-summary"
    assert documents[2]["matched"] == 9
    assert "\x1b" not in out
    assert err == ""
