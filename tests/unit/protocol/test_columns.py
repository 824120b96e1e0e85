"""Lines that fit a terminal, whatever alphabet they are in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocol.columns import padded, width, wrapped

_TEXT = st.text(alphabet="ab \nñ日本é\u0301\u200b", max_size=80)


@given(_TEXT, st.integers(2, 20), st.integers(2, 20))
def test_no_line_is_too_wide_and_nothing_but_blanks_is_lost(text: str, first: int, room: int) -> None:
    lines = wrapped(text, first, room)
    assert width(lines[0]) <= first
    assert all(width(line) <= room for line in lines[1:])
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")
    assert len(lines) >= text.count("\n") + 1


def test_words_stay_whole_while_they_fit_a_line_and_the_first_keeps_its_indent() -> None:
    assert wrapped("  - one two 0123456789abcdef", 10, 8) == ["  - one", "two", "01234567", "89abcdef"]


def test_blanks_fill_a_column_by_what_is_seen() -> None:
    assert padded("日本", 6) == "日本  "
    assert padded("e\u0301", 2) == "e\u0301 "
    assert padded("longer", 2) == "longer"
