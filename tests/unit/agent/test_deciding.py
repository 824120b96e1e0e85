"""The user's own moves on a ticket: what must be said is asked for, what need not be is not."""

from __future__ import annotations

import click
import pytest

from agent.cli import deciding


@pytest.mark.parametrize("command", [deciding.reopen, deciding.cancel], ids=lambda command: command.name)
def test_a_move_that_needs_words_says_that_they_are_missing(command: click.Command) -> None:
    with pytest.raises(click.MissingParameter) as caught:
        command.make_context("relevo-agent", ["T-1"])
    assert caught.value.param is not None and caught.value.param.name == "text"


@pytest.mark.parametrize("command", [deciding.solved, deciding.close], ids=lambda command: command.name)
def test_a_move_that_needs_no_words_does_without(command: click.Command) -> None:
    assert command.make_context("relevo-agent", ["T-1"]).params["text"] == ""
