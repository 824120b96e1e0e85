"""`relevo-agent attach`, `attachments` and `fetch`: files on a ticket, in both directions."""

from __future__ import annotations

import contextlib
import itertools
import sys
from pathlib import Path

import click

from agent import identity, messages
from agent.cli.chatting import pages
from agent.cli.common import agent_options, ticket_argument
from agent.folder import Folder
from agent.localclient import ask as local_ask
from protocol.attaching import MAX_OF_TICKET
from protocol.conversation import Said, Side
from protocol.drivers import saying
from protocol.drivers.files import write_new
from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.recipients import readers
from protocol.scopes import Clearance

_MAX_REASON = 500


@click.command(cls=Command, help="attach")
@ticket_argument
@click.argument("file", type=click.Path(path_type=Path))
@option(
    "--clearance", type=click.Choice([level.value for level in Clearance]), help="option.attach-clearance"
)
@option("--as-is", is_flag=True, help="option.as-is")
@option("--reason", default="", metavar="TEXT", help="option.as-is-reason")
@option("--yes", is_flag=True, help="option.attach-yes")
@agent_options
def attach(
    *,
    ticket: str,
    file: Path,
    clearance: str | None,
    as_is: bool,
    reason: str,
    yes: bool,
    folder: Folder,
    as_json: bool,
) -> None:
    """Show what would leave the machine, ask, and put it on the ticket."""
    from agent.attaching.prepare import Prepared, classes, prepare
    from agent.attaching.sending import Sender

    sender = Sender(folder)
    _require_ticket(folder, ticket)
    why = _reason(as_is, reason, clearance)
    level = Clearance(clearance) if clearance else None
    note(words()("attach.looking"))
    try:
        found: Prepared = prepare(file, level, identity.pseudonym_key(folder, ticket), why)
    except RelevoError as error:
        if error.code is not Code.NOT_APPLICABLE:
            raise
        raise RelevoError(Code.USAGE, words()("attach.opaque")) from error
    organisation = sender.organisation()
    who = readers(organisation, sender.membership.customer, found.clearance)
    w = words()
    note(w("attach.name", before=printable(file.name), after=printable(found.name)))
    note(w(f"attach.kind.{found.kind}", before=found.original_bytes, after=len(found.content)))
    if found.as_is is not None:
        note(w("attach.as-is"))
    else:
        taken = ", ".join(f"{w(f'attach.class.{name}')}: {n}" for name, n in classes(found.removed).items())
        note(w("attach.removed", what=taken) if taken else w("attach.nothing-removed"))
        if found.kind == "picture":
            note(w("attach.visible"))
    note(w("attach.readers", count=len(who), names=printable(", ".join(p.name for p in who)) or "-"))
    if not yes:
        _ask(w("attach.sure"))
    view = sender.send(ticket, found, organisation)
    _pass_on(folder)
    if as_json:
        emit_json(
            {
                "artifact": view.artifact,
                "name": view.name,
                "clearance": view.clearance,
                "size_bytes": view.size_bytes,
                "removed": found.removed,
                "as_is": found.as_is is not None,
            }
        )
    else:
        say(view.artifact)
        note(w("attach.done", ticket=printable(ticket)))


def _reason(as_is: bool, reason: str, clearance: str | None) -> str | None:
    if not as_is:
        if reason:
            raise RelevoError(Code.USAGE, "--reason goes with --as-is")
        return None
    if not reason.strip() or len(reason) > _MAX_REASON:
        raise RelevoError(Code.REASON_MISSING, "--as-is needs --reason")
    if clearance not in (None, Clearance.R3.value):
        raise RelevoError(Code.USAGE, "a file as it is goes to R3 alone")
    return reason


def _require_ticket(folder: Folder, ticket: str) -> None:
    """Before anything is read or asked: the ticket is there, and open. Raises RelevoError: ``not-found``."""
    for page in pages(folder, ticket, 1 << 53, follow=False):
        if page.state in ("closed", "cancelled"):
            raise RelevoError(Code.TICKET_CLOSED, ticket)


def _ask(question: str) -> None:
    """Raises RelevoError: ``usage`` where nobody can answer, ``consent-denied`` for a no."""
    if not sys.stdin.isatty():
        raise RelevoError(Code.USAGE, "nobody can be asked here: --yes says that it may be sent")
    if not click.confirm(question, err=True):
        raise RelevoError(Code.CONSENT_DENIED, "not sent")


def _pass_on(folder: Folder) -> None:
    """A running agent sends the journal when somebody calls; without one it goes with its next start."""
    with contextlib.suppress(RelevoError):
        local_ask(folder, messages.StatusQuery(), messages.Status, timeout_s=2.0)


@click.command(cls=Command, help="attachments")
@ticket_argument
@agent_options
def attachments(ticket: str, folder: Folder, as_json: bool) -> None:
    """The files on a ticket, those of the user and those for the user."""
    folder.membership()
    found = (row for page in pages(folder, ticket, None, follow=False) for row in page.rows if row.attached)
    rows = list(itertools.islice(found, MAX_OF_TICKET))
    if as_json:
        emit_json(rows)
        return
    if not rows:
        note(words()("attachments.none"))
    for row in rows:
        say(_line(row))


def _line(row: Said) -> str:
    file, w = row.attached, words()
    assert file is not None  # noqa: S101 - the caller's condition
    who = w("chat.you") if row.side is Side.USER else printable(row.by)
    return f"{file.artifact}  {local_stamp(row.at)}  {saying.size(file.size_bytes):>9}  {who}  {printable(file.name)}"


@click.command(cls=Command, help="fetch")
@click.argument("artifact")
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="option.fetch-output",
)
@agent_options
def fetch(artifact: str, output: Path, folder: Folder, as_json: bool) -> None:
    """Get what a technician put on the ticket; written to the named file and nowhere else."""
    from agent.attaching.fetching import fetch as get

    if output.exists() or output.is_symlink():
        raise RelevoError(Code.ALREADY_EXISTS, str(output))
    found = get(folder, artifact)
    write_new(output, found.content)
    _pass_on(folder)
    if as_json:
        emit_json(found.attachment)
    else:
        note(words()("fetch.done", path=printable(str(output)), name=printable(found.by)))
