"""`relevo login`."""

from __future__ import annotations

from pathlib import Path

import click

from protocol.drivers.terminal import Command, emit_json, option, printable, say, words
from technician.cli.common import technician_options


@click.command(cls=Command, help="login")
@click.argument("url")
@option("--key", required=True, metavar="FILE", help="login.key")
@option("--root", "root", required=True, metavar="HASH", help="login.root")
@technician_options
def login(url: str, key: str, root: str, home: Path, as_json: bool) -> None:
    """Pin the organisation, prove the key, remember both."""
    from technician import login as logins

    answer = logins.login(home, url, logins.key_reference(key), logins.root_hash(root))
    if as_json:
        emit_json(
            {
                "technician": answer.technician,
                "name": answer.name,
                "roles": answer.roles,
                "expires": answer.expires,
            }
        )
        return
    roles = ", ".join(answer.roles)
    say(words()("login.done", name=printable(answer.name), id=answer.technician, roles=roles))
