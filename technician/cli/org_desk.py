"""`relevo org desk`: queues, rules, priorities, categories, windows and notices of the help desk."""

from __future__ import annotations

from pathlib import Path

import click

from protocol.drivers.terminal import Group, emit_json, note, option, say, words
from technician.cli.common import show_rows, technician_options

_FILE = click.Path(path_type=Path)


@click.group("desk", cls=Group, help="org.desk")
def desk() -> None:
    """The commands below."""


@desk.command("set", help="org.desk.set")
@click.argument("file", type=_FILE, metavar="FILE.toml")
@technician_options
def desk_set(file: Path, home: Path, as_json: bool) -> None:
    """Stage what a TOML file says."""
    from technician.org.desk import set_desk

    made = set_desk(home, file)
    if as_json:
        emit_json(made)
        return
    say(words()("org.desk.staged", queues=len(made.queues), rules=len(made.rules)))
    note(words()("org.publish_needed"))


@desk.command("show", help="org.desk.show")
@option("--customer", metavar="CUSTOMER", help="org.desk.customer")
@technician_options
def desk_show(customer: str | None, home: Path, as_json: bool) -> None:
    """The draft's queues and rules."""
    from technician.org.state import OrgFolder

    draft = OrgFolder(home).load().desk
    if as_json:
        emit_json(draft if customer is None else draft.of_customer(customer))
        return
    if customer is not None:
        row = draft.of_customer(customer)
        matrix = " ".join(f"P{priority}" for priority in row.priorities)
        say(words()("org.desk.matrix", matrix=matrix, days=row.reopen_days, language=row.language))
        return
    if draft.queues:
        queues = ((q.id, f"L{q.tier}", q.email, ", ".join(q.members) or "*") for q in draft.queues)
        show_rows(words()("org.desk.queue-titles").split("|"), queues, "org.desk.no_rules")
        say()
    titles = words()("org.desk.titles").split("|")
    show_rows(
        titles,
        (
            (n, r.customer, r.category, r.language, r.priority_at_most, r.skill, r.queue, r.to_person)
            for n, r in enumerate(draft.rules, 1)
        ),
        "org.desk.no_rules",
    )
