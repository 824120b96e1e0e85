"""The user's own moves on a ticket: what must be said is asked for, what need not be is not."""

from __future__ import annotations

import click
import pytest

from agent.cli import asking, attaching, chatting, deciding
from protocol.errors import Code, RelevoError


@pytest.mark.parametrize("command", [deciding.reopen, deciding.cancel], ids=lambda command: command.name)
def test_a_move_that_needs_words_says_that_they_are_missing(command: click.Command) -> None:
    with pytest.raises(click.MissingParameter) as caught:
        command.make_context("relevo-agent", ["T-1"])
    assert caught.value.param is not None and caught.value.param.name == "text"


@pytest.mark.parametrize("command", [deciding.solved, deciding.close], ids=lambda command: command.name)
def test_a_move_that_needs_no_words_does_without(command: click.Command) -> None:
    assert command.make_context("relevo-agent", ["T-1"]).params["text"] == ""


@pytest.mark.parametrize(
    "command",
    [deciding.solved, deciding.rate, asking.reply, chatting.chat, attaching.attach, attaching.attachments],
    ids=lambda command: command.name,
)
@pytest.mark.parametrize("said", ["1", "t-1", "T-01", "T-1\n", "T-"])
def test_what_is_no_tickets_number_never_reaches_the_broker(command: click.Command, said: str) -> None:
    rest = ["5"] if command is deciding.rate else ["words"]
    with pytest.raises(RelevoError) as caught:
        command.make_context("relevo-agent", [said, *rest], allow_extra_args=True, resilient_parsing=False)
    assert caught.value.code is Code.NOT_FOUND
