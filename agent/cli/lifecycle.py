"""`relevo-agent enrol`, `run`, `status` and `helper`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from agent import messages
from agent.cli.common import agent_options
from agent.folder import Folder
from agent.localclient import ask
from agent.trends.consent import Telling, telling
from protocol.drivers.shown import local_time
from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.scopes import Mode


@click.command(cls=Command, help="enrol")
@click.argument("token_file", type=click.Path(path_type=Path))
@agent_options
def enrol(token_file: Path, folder: Folder, as_json: bool) -> None:
    """Join the organisation that the token names."""
    from agent.enrolment import enrol as join

    membership = join(folder, token_file)
    if as_json:
        emit_json(membership)
    else:
        say(words()("enrolled", organisation=printable(membership.org_name), agent=membership.agent))
        if telling(folder) is Telling.OFF:
            note(words()("trends.off"))


@click.command("run", cls=Command, help="run")
@option("--verbose", is_flag=True, help="option.verbose")
@agent_options
def run_agent(verbose: bool, folder: Folder, as_json: bool) -> None:
    """Serve until told to stop."""
    from agent.main import run

    del as_json
    os.umask(0o077)
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    run(folder, lambda name: note(words()("running", organisation=printable(name))))


@click.command(cls=Command, help="status")
@agent_options
def status(folder: Folder, as_json: bool) -> None:
    """Is the agent there, connected, and who is helping now."""
    membership = folder.membership()
    try:
        state = ask(folder, messages.StatusQuery(), messages.Status, timeout_s=5)
    except RelevoError as error:
        if error.code is not Code.AGENT_NOT_RUNNING:
            raise
        state = None
    if as_json:
        emit_json({"agent": membership.agent, "org": membership.org, "org_name": membership.org_name,
                   "customer": membership.customer, "mode": membership.mode, "url": membership.url,
                   "running": state is not None, "online": bool(state and state.online),
                   "sessions": state.sessions if state else (), "requests": state.requests if state else 0,
                   "journal_waiting": state.journal_waiting if state else None,
                   "trends": telling(folder)})  # fmt: skip
        return
    w = words()
    say(w("status.member", organisation=printable(membership.org_name), agent=membership.agent))
    if state is None:
        say(w("status.stopped"))
        return
    say(
        w(
            "status.online" if state.online else "status.offline",
            since=local_time(state.since),
        )
    )
    for session in state.sessions:
        say(w("status.session", technician=printable(session.technician_name), ticket=session.ticket,
              scopes=", ".join(w(f"scope.{scope}") for scope in session.scopes), until=local_time(session.until)))  # fmt: skip
    if not state.sessions:
        say(w("status.nobody"))
    if state.requests:
        say(w("status.requests", count=state.requests))
    if membership.mode is Mode.STANDING:
        say(w(f"trends.{telling(folder)}"))


@click.command(cls=Command, help="helper")
@option("--root", metavar="HASH", help="option.helper-root")
@agent_options
def helper(root: str | None, folder: Folder, as_json: bool) -> None:
    """The root helper: a process of its own, without network, that verifies every fix again."""
    from agent.helper.main import run
    from agent.helper.pin import write_pin

    del as_json
    if root is not None:
        membership = folder.membership()
        if root.strip().lower() != membership.root_sha256:
            raise RelevoError(Code.IDENTITY_MISMATCH, "this folder is enrolled under another root")
        write_pin(folder.root, membership)
    run(folder.root, language=words().language)
