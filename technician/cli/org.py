"""`relevo org`: the organisation, on the administrator's machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protocol.drivers.shown import local_time
from protocol.drivers.terminal import Group, emit_json, note, option, printable, say, words
from protocol.scopes import Mode, Role
from protocol.times import parse_duration
from technician.cli.common import show_rows, technician_options
from technician.cli.org_calendar import calendar, target
from technician.cli.org_desk import desk
from technician.cli.org_fix import fix
from technician.cli.org_guide import guide
from technician.cli.org_known_error import known_error
from technician.cli.org_signer import signer

if TYPE_CHECKING:
    from technician.org.publishing import Outcome

_FILE = click.Path(path_type=Path)


def now() -> datetime:
    return datetime.now(UTC)


@click.group(cls=Group, help="org")
def org() -> None:
    """The commands below."""


org.add_command(calendar)
org.add_command(desk)
org.add_command(target)
org.add_command(fix)
org.add_command(guide)
org.add_command(known_error)
org.add_command(signer)


@org.command("init", help="org.init")
@option("--name", required=True, help="org.init.name")
@option("--admin", default="admin", show_default=True, help="org.init.admin")
@technician_options
def init(name: str, admin: str, home: Path, as_json: bool) -> None:
    """Make keys, root and the first administrator."""
    from technician.org import initialise

    state = initialise.init(home, name, admin, now())
    if as_json:
        emit_json({"org": state.org, "name": state.name, "root_sha256": state.root_sha256, "admin": admin})
        return
    say(words()("org.init.done", name=printable(state.name), org=state.org))
    say(words()("org.init.root", root=state.root_sha256))
    note(words()("org.init.keys", folder=home / "org" / "keys"))


@org.command("connect", help="org.connect")
@click.argument("broker", metavar="BROKER_DATA_OR_URL")
@technician_options
def connect(broker: str, home: Path, as_json: bool) -> None:
    """Pair with a broker and publish everything."""
    from technician.org import publishing

    outcome = publishing.connect(home, broker, now())
    _show(outcome, as_json)


@org.command("publish", help="org.publish")
@technician_options
def publish(home: Path, as_json: bool) -> None:
    """Sign and upload what is staged."""
    from technician.org import publishing

    _show(publishing.publish(home, now()), as_json)


def _show(outcome: Outcome, as_json: bool) -> None:
    state = outcome.state
    if as_json:
        emit_json(
            {
                "org": state.org,
                "root_sha256": state.root_sha256,
                "targets_version": state.targets_version,
                "uploaded": outcome.published is not None,
                "awaiting_signature": outcome.waiting,
            }
        )
        return
    key = "org.published" if outcome.published is not None else "org.left_for_broker"
    say(words()(key, version=state.targets_version))
    for risk in outcome.waiting:
        note(words()("org.waiting", risk=risk))


@org.group("technician", help="org.technician")
def technician() -> None:
    """People."""


@technician.command("add", help="org.technician.add")
@click.argument("id_", metavar="ID")
@option("--name", required=True, help="org.technician.name")
@option("--tier", type=click.IntRange(1, 3), help="org.technician.tier")
@option("--role", "roles", required=True, metavar="ROLE,…", help="org.technician.role")
@option("--customer", "customers", multiple=True, help="org.technician.customer")
@option(
    "--key", "keys", required=True, multiple=True, type=_FILE, metavar="FILE.pub", help="org.technician.key"
)
@technician_options
def technician_add(
    id_: str,
    name: str,
    tier: int | None,
    roles: str,
    customers: tuple[str, ...],
    keys: tuple[Path, ...],
    home: Path,
    as_json: bool,
) -> None:
    """Stage a person."""
    from technician.org import people

    person = people.add_technician(home, id_, name, tier, parse_roles(roles), customers, keys)
    if as_json:
        emit_json(person)
    else:
        say(words()("org.technician.added", id=person.id))
        note(words()("org.publish_needed"))


def parse_roles(text: str) -> tuple[Role, ...]:
    """``technician,approver`` as roles. Raises click.UsageError for an unknown one."""
    known = {role.value: role for role in Role}
    names = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise click.UsageError(words()("org.role.unknown", roles=", ".join(known)))
    return tuple(known[name] for name in names)


@technician.command("remove", help="org.technician.remove")
@click.argument("id_", metavar="ID")
@technician_options
def technician_remove(id_: str, home: Path, as_json: bool) -> None:
    """Stage the removal of a person."""
    from technician.org import people

    people.remove_technician(home, id_)
    if as_json:
        emit_json({"removed": id_})
    else:
        say(words()("org.technician.removed", id=id_))
        note(words()("org.publish_needed"))


@technician.command("list", help="org.technician.list")
@technician_options
def technician_list(home: Path, as_json: bool) -> None:
    """Everybody in the draft."""
    from technician.org.state import OrgFolder

    state = OrgFolder(home).load()
    if as_json:
        emit_json(state.roster.technicians)
        return
    titles = words()("org.technician.titles").split("|")
    rows = (
        (p.id, p.name, ", ".join(p.roles), ", ".join(f"{t.customer}: {t.tier}" for t in p.tiers), len(p.keys))
        for p in state.roster.technicians
    )
    show_rows(titles, rows, "org.technician.none")


@org.group("customer", help="org.customer")
def customer() -> None:
    """Customers."""


@customer.command("add", help="org.customer.add")
@click.argument("id_", metavar="ID")
@option("--name", required=True, help="org.customer.name")
@technician_options
def customer_add(id_: str, name: str, home: Path, as_json: bool) -> None:
    """Stage a customer."""
    from technician.org import people

    added = people.add_customer(home, id_, name)
    if as_json:
        emit_json(added)
    else:
        say(words()("org.customer.added", id=added.id))
        note(words()("org.publish_needed"))


@customer.command("list", help="org.customer.list")
@technician_options
def customer_list(home: Path, as_json: bool) -> None:
    """All customers of the draft."""
    from technician.org.state import OrgFolder

    customers = OrgFolder(home).load().roster.customers
    if as_json:
        emit_json(customers)
        return
    show_rows(
        words()("org.customer.titles").split("|"), ((c.id, c.name) for c in customers), "org.customer.none"
    )


@org.command("token", help="org.token")
@option("--customer", "customer_id", required=True, help="org.token.customer")
@option(
    "--mode", type=click.Choice([m.value for m in Mode]), default=Mode.ATTENDED.value, help="org.token.mode"
)
@option("--expires", default="24h", show_default=True, metavar="DURATION", help="org.token.expires")
@option("-o", "--output", required=True, type=_FILE, metavar="FILE", help="org.token.output")
@technician_options
def token(customer_id: str, mode: str, expires: str, output: Path, home: Path, as_json: bool) -> None:
    """Write a one-use token file for one machine."""
    from technician.org import tokens

    made = tokens.make_token(home, customer_id, Mode(mode), parse_duration(expires), output, now())
    if as_json:
        emit_json(
            {"file": str(output), "token": made.token, "customer": made.customer, "expires": made.expires}
        )
    else:
        say(words()("org.token.done", file=output, expires=local_time(made.expires)))
        note(words()("org.token.hand"))
