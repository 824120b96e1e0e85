"""`relevo-agent receipts`: who saw, ran and changed what, kept on this machine."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import click

from agent.cli.common import agent_options
from agent.folder import Folder
from agent.journal import Journal
from protocol.documents import JournalEntry
from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import Command, add_words, emit_json, note, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.receipts import Receipt, make_receipt, render_text
from protocol.wire import from_json
from protocol.wording import receipt as wording


@click.command(cls=Command, help="receipts")
@click.argument("session", required=False)
@agent_options
def receipts(session: str | None, folder: Folder, as_json: bool) -> None:
    """The list of sessions, or one session's receipt."""
    add_words(wording.TABLE)
    membership = folder.membership()
    journal = Journal(folder.journal, membership.agent)
    grants = [grant for grant in journal.grants() if session is None or grant.startswith(session)]
    found = [_receipt(journal, grant) for grant in grants]
    journal.close()
    if session is not None and len(found) != 1:
        raise RelevoError(Code.USAGE if found else Code.NOT_FOUND, f"session {session}")
    if as_json:
        emit_json(found if session is None else found[0])
    elif session is not None or len(found) == 1:
        say(printable(render_text(found[0], words(), _local_zone()), newlines=True))
    elif not found:
        note(words()("receipts.none"))
    else:
        for receipt in found:
            _row(receipt)


def _local_zone() -> tzinfo:
    zone = datetime.now().astimezone().tzinfo
    return zone or UTC


def _receipt(journal: Journal, grant: str) -> Receipt:
    entries = [from_json(envelope.payload, JournalEntry) for envelope in journal.of_grant(grant)]
    return make_receipt(entries)


def _row(receipt: Receipt) -> None:
    when = local_stamp(receipt.began) if receipt.began else words()("receipts.never-opened")
    who = words()("receipt.somebody.own") if receipt.own else printable(receipt.grant.technician or "-")
    say(f"{(receipt.session or '-')[:8]}  {when}  {receipt.grant.ticket or '-'}  {who}")
