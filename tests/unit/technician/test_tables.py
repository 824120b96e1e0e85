"""Tables of the technician's command line on a terminal and in a pipe."""

from __future__ import annotations

import sys

import pytest

from technician.cli.common import Table

_TITLE = "The backup has not started since yesterday afternoon and says a lock is held"


def _shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    table = Table("Ticket", "State", "Title")
    table.add("T-1", "new", _TITLE)
    table.add("T-2", "new", "\x1b[2Jshort\u202e")
    table.show()
    return capsys.readouterr().out.splitlines()


def test_in_a_pipe_every_row_is_one_line_and_nothing_can_move_the_cursor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _shown(capsys) == [
        "Ticket  State  Title",
        f"T-1     new    {_TITLE}",
        "T-2     new    \\x1b[2Jshort\\u202e",
    ]


def test_on_a_terminal_the_last_column_is_folded_and_nothing_of_it_is_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    lines = _shown(capsys)
    assert all(len(line) <= 40 for line in lines)
    assert lines[2].startswith(" " * 15)
    assert " ".join(" ".join(lines[1:-1]).split()) == f"T-1 new {_TITLE}"


def test_with_hardly_any_room_lines_are_left_to_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    assert len(_shown(capsys)) == 3
