"""What a technician writes on a ticket: nothing, or more than fits, is said before anything is sent."""

from __future__ import annotations

import pytest

from protocol.errors import Code, RelevoError
from technician.cli.ticket_common import some


@pytest.mark.parametrize("text", ["", " \n\t", "x" * 20_001])
def test_blanks_and_books_are_wrong_input_not_a_broken_protocol(text: str) -> None:
    with pytest.raises(RelevoError) as refused:
        some(text)
    assert refused.value.code is Code.USAGE


def test_a_long_text_goes_as_it_is() -> None:
    assert some("x" * 20_000) == "x" * 20_000
