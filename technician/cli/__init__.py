"""The `relevo` command line: one literal table from command to the module that has it.

A module is imported only when its command runs, so that a command on an open session starts fast.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from protocol import VERSION
from protocol.drivers.terminal import Group, add_words, leave, option, run
from protocol.wording import Table
from protocol.wording import technician as wording


def _with(table: Table, command: click.Command) -> click.Command:
    add_words(table)
    return command


def _org() -> click.Command:
    from protocol.wording import calendars, desk, guides, known_errors
    from protocol.wording import org as table
    from technician.cli.org import org

    add_words(known_errors.TABLE, guides.TABLE)
    return _with(desk.TABLE, _with(calendars.TABLE, _with(table.TABLE, org)))


def _login() -> click.Command:
    from protocol.wording import org as table
    from technician.cli.login import login

    return _with(table.TABLE, login)


def _ticket() -> click.Command:
    from protocol.wording import audit_facts, conversation, desk, happenings, sla
    from protocol.wording import ticket as table
    from technician.cli.ticket import ticket

    add_words(happenings.TABLE, audit_facts.TABLE)
    return _with(conversation.TABLE, _with(desk.TABLE, _with(sla.TABLE, _with(table.TABLE, ticket))))


def _agent() -> click.Command:
    from protocol.wording import ticket as table
    from protocol.wording import trends
    from technician.cli.agent import agent

    return _with(trends.TABLE, _with(table.TABLE, agent))


def _session() -> click.Command:
    from protocol.wording import session as table
    from technician.cli.session import session

    return _with(table.TABLE, session)


def _diagnose() -> click.Command:
    from protocol.wording import diagnosis as table
    from protocol.wording import known_errors
    from technician.cli.diagnose import diagnose

    add_words(known_errors.TABLE)
    return _with(table.TABLE, diagnose)


def _logs() -> click.Command:
    from protocol.wording import logs as table
    from technician.cli.logs import logs

    return _with(table.TABLE, logs)


def _screenshot() -> click.Command:
    from protocol.wording import screenshot as table
    from technician.cli.screenshot import screenshot

    return _with(table.TABLE, screenshot)


def _fix() -> click.Command:
    from protocol.wording import fixes as table
    from technician.cli.fix import fix

    return _with(table.TABLE, fix)


def _artifact() -> click.Command:
    from protocol.wording import ticket as table
    from technician.cli.artifact import artifact

    return _with(table.TABLE, artifact)


def _audit() -> click.Command:
    from protocol.wording import audit as table
    from technician.cli.audit import audit

    return _with(table.TABLE, audit)


def _report() -> click.Command:
    from protocol.wording import reports as table
    from technician.cli.report import report

    return _with(table.TABLE, report)


def _kb() -> click.Command:
    from protocol.wording import knowledge, ticket
    from protocol.wording import known_errors as table
    from technician.cli.kb import kb

    return _with(ticket.TABLE, _with(knowledge.TABLE, _with(table.TABLE, kb)))


def _ssh_config() -> click.Command:
    from protocol.wording import session as table
    from technician.cli.session import ssh_config

    return _with(table.TABLE, ssh_config)


COMMANDS: dict[str, Callable[[], click.Command]] = {
    "login": _login,
    "ticket": _ticket,
    "session": _session,
    "diagnose": _diagnose,
    "logs": _logs,
    "screenshot": _screenshot,
    "fix": _fix,
    "artifact": _artifact,
    "kb": _kb,
    "agent": _agent,
    "audit": _audit,
    "report": _report,
    "ssh-config": _ssh_config,
    "org": _org,
}


class _Program(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        loader = COMMANDS.get(cmd_name)
        return loader() if loader else None


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"relevo {VERSION}")
        context.exit()


@click.command(cls=_Program, help="relevo")
@option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="option.version"
)
@option("--home", "home_everywhere", metavar="DIR", envvar="RELEVO_HOME", help="option.home")
@option("--lang", type=click.Choice(["en", "es"]), expose_value=False, help="option.lang")
@option("--debug", is_flag=True, expose_value=False, help="option.debug")
def cli(home_everywhere: str | None) -> None:
    """Values are read from the context by ``technician_options``."""


def main() -> None:
    """Entry point of the program ``relevo``."""
    leave(run(cli, wording.TABLE))
