"""Whether a command line that somebody wrote down is one that our programs understand."""

from __future__ import annotations

import shlex

import click

PROGRAMS = ("relevo", "relevo-agent", "relevo-broker")
_ENDS = frozenset({"|", ">", ">>", "<", "&", "&&", ";", "||"})


class NotACommand(ValueError):
    """What is wrong with a command line."""


def programs() -> dict[str, click.Group]:
    from agent.cli import cli as agent
    from broker.cli import cli as broker
    from technician.cli import cli as technician

    return {"relevo": technician, "relevo-agent": agent, "relevo-broker": broker}


def split(line: str) -> list[str]:
    """The words of the first of our programs in a shell line; empty where there is none."""
    words = shlex.split(line, comments=True)
    while words and (words[0] == "sudo" or ("=" in words[0] and not words[0].startswith("-"))):
        words = words[1:]
    if not words or words[0].rpartition("/")[2] not in PROGRAMS:
        return []
    end = next((at for at, word in enumerate(words) if word in _ENDS), len(words))
    return [words[0].rpartition("/")[2], *words[1:end]]


def require_understood(words: list[str], *, whole: bool = True) -> None:
    """Program, subcommands, options, choices and, for a ``whole`` line, everything that must be given.

    Raises:
        NotACommand: naming the first thing that is wrong.
    """
    command: click.Command = programs()[words[0]]
    context, rest = click.Context(command, info_name=words[0]), words[1:]
    while True:
        try:
            given, left, _ = command.make_parser(context).parse_args(list(rest))
        except click.UsageError as error:
            raise NotACommand(f"{context.command_path}: {error.format_message()}") from error
        if not isinstance(command, click.Group):
            break
        _check(command, given, context, whole=False)
        if not left:
            if whole and not any(given.get(name) for name in ("version", "help")):
                raise NotACommand(f"{context.command_path}: a command is missing")
            return
        found = command.get_command(context, left[0])
        if found is None:
            raise NotACommand(f"{context.command_path} has no {left[0]!r}")
        command, rest = found, left[1:]
        context = click.Context(command, info_name=left[0] if left else None, parent=context)
    if left:
        raise NotACommand(f"{context.command_path}: too much: {left}")
    _check(command, given, context, whole=whole)


def _check(command: click.Command, given: dict[str, object], context: click.Context, *, whole: bool) -> None:
    for param in command.params:
        value = given.get(str(param.name))
        there = isinstance(value, str | int | tuple | list) and value not in ("", (), [])
        if whole and param.required and not there:
            raise NotACommand(f"{context.command_path}: {param.name} is missing")
        choices = param.type.choices if isinstance(param.type, click.Choice) else None
        if choices is not None and isinstance(value, str) and value not in choices:
            raise NotACommand(f"{context.command_path}: {value!r} is none of {choices}")
