"""`relevo agent list|show|…`: the machines of the customers one may see."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import click

from protocol.api import Agents, AgentView
from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import Group, emit_json, option, printable, say, words
from technician.cli.common import show_rows, technician_options
from technician.cli.trends import trends, warning, warnings
from technician.login import client


@click.group(cls=Group, help="agent")
def agent() -> None:
    """Commands on machines."""


@agent.command("list", help="agent.list")
@option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="option.limit")
@technician_options
def list_(limit: int, home: Path, as_json: bool) -> None:
    found = client(home).get_json(f"/v1/agents?limit={limit}", Agents)
    if as_json:
        emit_json(found.rows)
        return
    w = words()
    titles = [w(f"column.{name}") for name in ("agent", "host", "customer", "online", "platform")]
    rows = [
        (row.agent, row.hostname, row.customer, w("yes" if row.online else "no"), row.platform)
        for row in found.rows
    ]
    show_rows(titles, rows, "agent.none")


@agent.command("show", help="agent.show")
@click.argument("agent_id", metavar="AGENT")
@technician_options
def show(agent_id: str, home: Path, as_json: bool) -> None:
    view = client(home).get_json(f"/v1/agents/{quote(agent_id, safe='')}", AgentView)
    if as_json:
        emit_json(view)
        return
    w = words()
    lines = {
        "agent": view.agent,
        "host": view.hostname,
        "customer": view.customer,
        "mode": view.mode,
        "platform": view.platform,
        "version": view.version,
        "online": w("yes" if view.online else "no"),
        "enrolled": local_stamp(view.enrolled),
        "last_seen": local_stamp(view.last_seen),
    }
    for name, value in lines.items():
        say(f"{w(f'column.{name}'):<14}{printable(str(value))}")


agent.add_command(trends)
agent.add_command(warnings)
agent.add_command(warning)
