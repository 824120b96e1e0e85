"""The `relevo-agent` command line, for the helped person."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from protocol import VERSION
from protocol.drivers.terminal import Group, add_words, option, run
from protocol.wording import agent as wording


def _lifecycle(name: str) -> click.Command:
    from agent.cli import lifecycle

    return {
        "enrol": lifecycle.enrol,
        "run": lifecycle.run_agent,
        "status": lifecycle.status,
        "helper": lifecycle.helper,
    }[name]


def _help(name: str) -> click.Command:
    from agent.cli import asking, deciding

    return {
        "ask": asking.ask,
        "tickets": asking.tickets,
        "reply": asking.reply,
        "solved": deciding.solved,
        "reopen": deciding.reopen,
        "close": deciding.close,
        "cancel": deciding.cancel,
        "rate": deciding.rate,
    }[name]


def _conversation(name: str) -> click.Command:
    from agent.cli import attaching, chatting
    from protocol.wording import conversation

    add_words(conversation.TABLE)
    return {
        "chat": chatting.chat,
        "attach": attaching.attach,
        "attachments": attaching.attachments,
        "fetch": attaching.fetch,
    }[name]


def _decisions(name: str) -> click.Command:
    from agent.cli import decisions

    return {
        "requests": decisions.requests,
        "allow": decisions.allow,
        "deny": decisions.deny,
        "stop": decisions.stop,
        "consent": decisions.consent,
    }[name]


def _trends(_name: str) -> click.Command:
    from agent.cli.trends import trends

    return trends


def _receipts(_name: str) -> click.Command:
    from agent.cli.receipts import receipts

    return receipts


COMMANDS: dict[str, Callable[[str], click.Command]] = {
    "ask": _help,
    "requests": _decisions,
    "allow": _decisions,
    "deny": _decisions,
    "stop": _decisions,
    "tickets": _help,
    "reply": _help,
    "chat": _conversation,
    "attach": _conversation,
    "attachments": _conversation,
    "fetch": _conversation,
    "solved": _help,
    "reopen": _help,
    "close": _help,
    "cancel": _help,
    "rate": _help,
    "receipts": _receipts,
    "consent": _decisions,
    "trends": _trends,
    "status": _lifecycle,
    "enrol": _lifecycle,
    "run": _lifecycle,
    "helper": _lifecycle,
}


class _Program(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        loader = COMMANDS.get(cmd_name)
        return loader(cmd_name) if loader else None


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"relevo-agent {VERSION}")
        context.exit()


@click.command(cls=_Program, help="relevo-agent")
@option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="option.version"
)
@option("--data", "data_everywhere", metavar="DIR", envvar="RELEVO_AGENT_DATA", help="option.data")
@option("--lang", type=click.Choice(["en", "es"]), expose_value=False, help="option.lang")
@option("--debug", is_flag=True, expose_value=False, help="option.debug")
def cli(data_everywhere: str | None) -> None:
    """Values are read from the context by ``agent_options``."""


def main() -> None:
    """Entry point of the program ``relevo-agent``."""
    sys.exit(run(cli, wording.TABLE))
