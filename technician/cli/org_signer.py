"""`relevo org signer`: who may sign fixes, and the second person's part in it."""

from __future__ import annotations

from pathlib import Path

import click

from protocol.drivers.terminal import Group, emit_json, note, option, say, words
from technician.cli.common import show_rows, technician_options

_FILE = click.Path(path_type=Path)


@click.group("signer", cls=Group, help="org.signer")
def signer() -> None:
    """The commands below."""


@signer.command("new", help="org.signer.new")
@option("-o", "--output", required=True, type=_FILE, metavar="FILE.pub", help="org.signer.output")
@technician_options
def signer_new(output: Path, home: Path, as_json: bool) -> None:
    """A fix-signing key in this person's own home."""
    from protocol.drivers.files import write_private
    from technician.org import people

    line = people.new_signer_key(home)
    write_private(output, f"{line}\n".encode())
    if as_json:
        emit_json({"file": str(output), "key": line})
    else:
        say(words()("org.signer.made", file=output))


@signer.command("add", help="org.signer.add")
@click.argument("id_", metavar="ID")
@option("--key", required=True, type=_FILE, metavar="FILE.pub", help="org.signer.key")
@technician_options
def signer_add(id_: str, key: Path, home: Path, as_json: bool) -> None:
    """Stage a person who may sign fixes."""
    from technician.org import people

    added = people.add_signer(home, id_, key)
    if as_json:
        emit_json(added)
    else:
        say(words()("org.signer.added", id=added.id))
        note(words()("org.publish_needed"))


@signer.command("remove", help="org.signer.remove")
@click.argument("id_", metavar="ID")
@technician_options
def signer_remove(id_: str, home: Path, as_json: bool) -> None:
    """Stage that a person may no longer sign fixes."""
    from technician.org import people

    people.remove_signer(home, id_)
    if as_json:
        emit_json({"removed": id_})
    else:
        say(words()("org.signer.removed", id=id_))
        note(words()("org.publish_needed"))


@signer.command("list", help="org.signer.list")
@technician_options
def signer_list(home: Path, as_json: bool) -> None:
    """Who may sign fixes."""
    from technician.org.state import OrgFolder

    signers = OrgFolder(home).load().signers
    if as_json:
        emit_json(signers)
        return
    show_rows(words()("org.signer.titles").split("|"), ((s.id, s.key) for s in signers), "org.signer.none")
