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


def test_wide_characters_take_two_columns_and_line_ends_of_a_message_stay(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table("Customer", "State", "Title")
    table.add("日本語", "new", "プリンターが印刷しない困る")
    table.add("acme", "new", "first line\n\nthird")
    table.show()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "日本語    new    プリンターが印刷しない困る",
        "acme      new    first line  third",
    ]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    table.show()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "日本語    new    プリンターが印刷しない",
        " " * 17 + "困る",
        "acme      new    first line",
        "",
        " " * 17 + "third",
    ]


def test_where_the_last_column_would_be_narrow_it_goes_below_in_every_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")
    table = Table("Time", "By", "What happened")
    table.add("2026-11-22 09:22:40", "Vera Lind (DriverCo)", "asked for a session")
    table.add("2026-11-22 09:22:41", "the machine", "")
    table.add("2026-11-22 09:22:42", "the machine", "yes")
    table.show()
    assert capsys.readouterr().out.splitlines()[2:] == [
        "2026-11-22 09:22:40  Vera Lind (DriverCo)",
        "    asked for a session",
        "2026-11-22 09:22:41  the machine",
        "2026-11-22 09:22:42  the machine",
        "    yes",
    ]


def test_long_cells_are_folded_before_anything_goes_below_and_no_word_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "44")
    table = Table("Figure", "Value", "From")
    table.add("Time to acknowledge (MTTA)", "mean 0.1 min, median 0.1 min", "n = 4")
    table.show()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Time to             mean 0.1 min,      n = 4",
        "acknowledge (MTTA)  median 0.1 min",
    ]


def test_with_hardly_any_room_lines_are_left_to_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    assert len(_shown(capsys)) == 3
