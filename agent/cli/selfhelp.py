"""The first part of `relevo-agent ask`: whether the user can be helped without a person."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click

from agent.cli.selfhelp_flow import Flow, OpenTicket, Story
from agent.cli.selfhelp_talk import AtTerminal, Scripted
from agent.folder import Folder
from agent.selfservice.client import opened
from protocol.drivers.terminal import add_words, emit_json, note, say, words
from protocol.errors import Code, RelevoError
from protocol.wording import diagnosis, selfhelp

NONE = "none"


@dataclass(frozen=True)
class Beforehand:
    """The answers that were given as options; None: not given."""

    diagnose: str | None = None
    fix: str | None = None
    params: tuple[str, ...] = ()
    solved: str | None = None
    guide: str | None = None
    answers: tuple[str, ...] = ()
    attach: str | None = None

    @property
    def any(self) -> bool:
        return bool(self.answers or self.params) or any(
            value is not None for value in (self.diagnose, self.fix, self.solved, self.guide, self.attach)
        )


def is_wanted(beforehand: Beforehand, *, direct: bool, as_json: bool) -> bool:
    """Whether self-service comes first: a person is there to answer, or has answered beforehand.

    Raises:
        RelevoError: ``usage`` for answers to questions that ``--direct`` does not ask.
    """
    if direct and beforehand.any:
        raise RelevoError(Code.USAGE, "--direct")
    return beforehand.any or not (direct or as_json or not sys.stdin.isatty() or not sys.stderr.isatty())


def help_first(
    folder: Folder, text: str, beforehand: Beforehand, open_ticket: OpenTicket, *, as_json: bool
) -> None:
    """Go the way with the user, and say how it ended: the ticket's number, or that none was needed.

    Raises:
        RelevoError: as opening the ticket does; ``agent-not-running``; ``usage`` for unknown options.
        click.Abort: the user interrupted it; what became of it is recorded by the worker.
    """
    add_words(selfhelp.TABLE, diagnosis.TABLE)
    talk = _scripted(beforehand) if beforehand.any else AtTerminal()
    with opened(folder) as channel:
        flow = Flow(folder, channel, talk, text, words().language)
        try:
            story = flow.run(open_ticket)
        except (KeyboardInterrupt, click.Abort):
            note("\n" + words()("self.interrupted"))
            flow.give_up()
            raise
    _tell(story, as_json=as_json)


def _scripted(beforehand: Beforehand) -> Scripted:
    return Scripted(
        diagnose=beforehand.diagnose == "yes",
        fix=None if beforehand.fix in (None, NONE) else beforehand.fix,
        params=_pairs(beforehand.params, "--param"),
        solved=beforehand.solved == "yes",
        guide=None if beforehand.guide in (None, NONE) else beforehand.guide,
        answers=_pairs(beforehand.answers, "--answer"),
        attach=beforehand.attach != "no",
    )


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    found = {}
    for pair in given:
        name, mark, value = pair.partition("=")
        if not mark or not name or not value:
            raise RelevoError(Code.USAGE, f"{option} {pair}")
        found[name] = value
    return found


def _tell(story: Story, *, as_json: bool) -> None:
    w = words()
    if as_json:
        emit_json(asdict(story) | {"fixes": story.fixes, "path": story.path})
        return
    if story.ticket is None:
        note(w("self.done-well" if story.outcome == "solved" else "self.left"))
        return
    say(story.ticket)
    if story.similar:
        note(w("ask.similar", tickets=", ".join(story.similar)))
    if story.attached:
        note(w("self.attached", ticket=story.ticket, count=len(story.attached)))
    note(w("ask.done"))
