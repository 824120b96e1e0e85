"""`relevo session …` and `relevo ssh-config`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from protocol.api import Leg, LegRequest, SessionEnd, Sessions, SessionView
from protocol.drivers.shown import local_stamp, local_time
from protocol.drivers.terminal import Command, Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.scopes import parse_scopes
from technician.cli.common import show_rows, technician_options
from technician.held import HeldSession, HolderParameters, find_session, held_sessions


@click.group(cls=Group, help="session")
def session() -> None:
    """Commands on sessions."""


@session.command("open", help="session.open")
@click.argument("ticket_id", metavar="TICKET")
@option("--scope", required=True, metavar="SCOPE,…", help="option.scope")
@option("--minutes", type=click.IntRange(1, 24 * 60), default=30, show_default=True, help="option.minutes")
@option("--reason", required=True, help="option.reason")
@option("--wait", type=click.IntRange(1, 840), default=120, show_default=True, help="option.wait")
@technician_options
def open_(
    ticket_id: str, scope: str, minutes: int, reason: str, wait: int, home: Path, as_json: bool
) -> None:
    from technician.holding import start_holder
    from technician.login import client
    from technician.opening import ask_for_session

    w = words()
    scopes = parse_scopes(scope)
    api = client(home)
    told: list[bool] = []

    def waiting() -> None:
        if not told:
            note(w("session.waiting"))
            told.append(True)

    waiting()
    opened = ask_for_session(
        api, ticket_id, scopes=scopes, minutes=minutes, reason=reason, wait_s=wait, waiting=waiting
    )
    parameters = HolderParameters(
        home=str(home),
        url=api.config.url,
        tls_sha256=api.config.tls_sha256,
        token=opened.leg.token,
        grant=opened.grant_envelope,
        consent=opened.consent_envelope,
        host_key=opened.machine.text,
        key=api.config.key,
    )
    held = start_holder(parameters, grant=opened.grant.grant)
    if as_json:
        emit_json(held.record)
        return
    names = ", ".join(opened.consent.scopes)
    note(
        w("session.opened", ticket=opened.grant.ticket, until=local_time(opened.consent.until), scopes=names)
    )
    missing = [name for name in scopes if name not in opened.consent.scopes]
    if missing:
        note(w("session.less", scopes=", ".join(missing)))


@session.command("list", help="session.list")
@technician_options
def list_(home: Path, as_json: bool) -> None:
    _list("/v1/sessions", home, as_json)


@session.command("show", help="session.show")
@click.argument("ticket_id", metavar="TICKET")
@technician_options
def show(ticket_id: str, home: Path, as_json: bool) -> None:
    from urllib.parse import quote

    _list(f"/v1/sessions?ticket={quote(ticket_id, safe='')}", home, as_json)


def _list(path: str, home: Path, as_json: bool) -> None:
    from technician.login import client

    rows = client(home).get_json(path, Sessions).rows
    if as_json:
        emit_json(rows)
        return
    w = words()
    here = {held.record.grant for held in held_sessions(home)}
    titles = [
        w(f"column.{n}") for n in ("session", "ticket", "technician", "state", "scopes", "ends", "here")
    ]
    shown = [
        (row.grant[:8], row.ticket, row.technician, _state(row), ",".join(row.scopes), local_stamp(row.ends),
         w("yes" if row.grant in here else "no"))
        for row in rows
    ]  # fmt: skip
    show_rows(titles, shown, "session.none")


def _state(row: SessionView) -> str:
    """The state in words, and why it ended; a reason that this version does not know stays as it came."""
    w = words()
    if row.why_ended is None:
        return w(f"session.state.{row.state}")
    key = f"session.why.{row.why_ended}"
    return f"{w(f'session.state.{row.state}')}: {w(key) if w.has(key) else row.why_ended}"


@session.command("end", help="session.end")
@click.argument("ticket_id", metavar="TICKET")
@technician_options
def end(ticket_id: str, home: Path, as_json: bool) -> None:
    """Ends the held session and tells the broker, so that a lost holder leaves nothing open either."""
    from technician.assist import end_session

    ended = 0
    for held in held_sessions(home):
        if held.record.ticket == ticket_id:
            end_session(held)
            ended += 1
    ended = max(ended, _end_at_broker(ticket_id, home))
    if not ended:
        raise RelevoError(Code.NO_SESSION, ticket_id)
    if as_json:
        emit_json({"ended": ended})
    else:
        note(words()("session.ended", count=ended))


def _end_at_broker(ticket_id: str, home: Path) -> int:
    from urllib.parse import quote

    from technician.login import client

    api = client(home)
    rows = api.get_json(f"/v1/sessions?ticket={quote(ticket_id, safe='')}&live=1", Sessions).rows
    mine = [row for row in rows if row.technician == api.config.technician and row.state != "ended"]
    for row in mine:
        api.post_json(f"/v1/sessions/{row.grant}/end", SessionEnd(), SessionView)
    return len(mine)


@session.command("relay", help="session.relay", hidden=True)
@click.argument("grant")
@technician_options
def relay(grant: str, home: Path, as_json: bool) -> None:
    """What an OpenSSH client's ProxyCommand runs: one more leg of the session, on stdin and stdout."""
    import asyncio

    from protocol.drivers.leg import LegAddress, LegTunnel
    from protocol.drivers.memory import keep_buffers
    from protocol.drivers.stdio import pipe_stdio
    from technician.login import client

    del as_json
    keep_buffers()
    api = client(home)
    leg = api.post_json(f"/v1/sessions/{grant}/legs", LegRequest(), Leg)

    async def pipe() -> None:
        await pipe_stdio(LegTunnel(LegAddress(api.config.url, leg.token, api.config.tls_sha256)))

    asyncio.run(pipe())


@click.command("ssh-config", cls=Command, help="ssh-config")
@click.argument("ticket_id", metavar="TICKET")
@technician_options
def ssh_config(ticket_id: str, home: Path, as_json: bool) -> None:
    """An OpenSSH configuration for the ticket's session."""
    text = _ssh_config(find_session(home, ticket_id), home)
    if as_json:
        emit_json({"config": text})
    else:
        say(printable(text, newlines=True))


def _ssh_config(held: HeldSession, home: Path) -> str:
    from technician.login import client
    from technician.sshconfig import render, write_pins

    api = client(home)
    key_file = Path(api.config.key)
    write_pins(held, api.signer().public_key)
    program = Path(sys.argv[0]).absolute()
    return render(held, home=home, program=program, key_file=key_file if key_file.is_file() else None)
