"""`relevo audit …`: verify the log, read it, take a ticket's part of it along."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from protocol.drivers.files import read_file, write_private
from protocol.drivers.shown import folded
from protocol.drivers.terminal import Command, Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from protocol.scopes import Role
from protocol.wire import from_json, to_json
from technician.audit.findings import Verdict
from technician.audit.memory import Memory
from technician.cli.common import progress, show_rows, technician_options
from technician.login import Api, client


@click.group(cls=Group, help="audit")
def audit() -> None:
    """Commands on the audit log."""


@audit.command("verify", cls=Command, help="audit.verify")
@option("--ticket", metavar="TICKET", help="option.audit-ticket")
@option(
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="option.audit-file",
)
@technician_options
def verify(ticket: str | None, file: Path | None, home: Path, as_json: bool) -> None:
    api = client(home)
    verdict = _verify_file(api, file) if file else _verify_log(api, ticket)
    if as_json:
        emit_json(verdict)
    else:
        _tell(verdict, ticket, from_file=file is not None)
    require_good(verdict)
    if ticket and not verdict.counts.of_ticket:
        raise RelevoError(Code.NOT_FOUND, f"the log has no entries of {ticket}")


@audit.command("show", cls=Command, help="audit.show")
@click.argument("ticket")
@technician_options
def show(ticket: str, home: Path, as_json: bool) -> None:
    from technician.audit.source import HttpSource, ticket_entries
    from technician.audit.timeline import Standing, judge_rows, sentences

    api, memory = client(home), Memory(home)
    organisation = _fresh(api)
    entries = ticket_entries(HttpSource(api), ticket)
    rows = judge_rows(entries, organisation, memory.known(), memory.load().leaves, _now())
    if as_json:
        emit_json(rows)
    else:
        titles = [words()(f"audit.{key}") for key in ("index", "time", "standing", "what")]
        zone = _now().astimezone().tzinfo or UTC
        show_rows(titles, sentences(rows, organisation, words(), zone), "audit.none")
    bad = [row for row in rows if row.standing is Standing.BAD]
    if bad:
        raise RelevoError(Code.PROOF_INVALID, f"entry {bad[0].index}: {bad[0].fault}")
    if not rows:
        raise RelevoError(Code.NOT_FOUND, f"the log has no entries of {ticket}")


@audit.command("export", cls=Command, help="audit.export")
@click.argument("ticket")
@option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="option.audit-output",
)
@technician_options
def export(ticket: str, output: Path, home: Path, as_json: bool) -> None:
    from technician.audit import export as exports
    from technician.audit.source import HttpSource

    api = client(home)
    require_good(_verify_log(api, None))
    organisation = _fresh(api)
    made = exports.export(HttpSource(api), organisation, Memory(home), ticket, api.config.root_sha256, _now())
    write_private(output, to_json(made))
    if as_json:
        emit_json({"file": str(output), "ticket": ticket, "entries": len(made.entries)})
    else:
        note(words()("audit.exported", count=len(made.entries), file=printable(str(output))))


def _verify_log(api: Api, ticket: str | None) -> Verdict:
    from technician.audit.source import HttpSource
    from technician.audit.verify import verify as run

    organisation = _fresh(api)
    roles = organisation.roster.technician(api.config.technician).roles
    with progress() as line:
        return run(
            HttpSource(api),
            organisation,
            Memory(api.home),
            _now(),
            ticket=ticket,
            sees_all=Role.AUDITOR in roles or Role.ADMIN in roles,
            progress=lambda done, total: line.update(words()("audit.reading"), done, total),
        )


def _verify_file(api: Api, file: Path) -> Verdict:
    from technician.audit.export import MAX_FILE, TicketExport, check_export

    memory = Memory(api.home)
    exported = from_json(read_file(file, MAX_FILE), TicketExport)
    organisation = _at_hand(api, memory)
    return check_export(exported, organisation, memory.known(), api.config.root_sha256, _now())


def _fresh(api: Api) -> Organisation:
    return api.repository().refresh(_now())


def _at_hand(api: Api, memory: Memory) -> Organisation:
    """The organisation without needing the network: the local copy while it is current, else that of
    the last verification, else the broker's."""
    try:
        return api.repository().load(_now())
    except RelevoError as error:
        if error.code not in (Code.STALE_TRUST, Code.DOCUMENT_EXPIRED):
            raise
    remembered = memory.organisation()
    if remembered is None:
        return _fresh(api)
    note(words()("audit.offline"))
    return remembered


def _tell(verdict: Verdict, ticket: str | None, *, from_file: bool) -> None:
    counts = verdict.counts
    if verdict.ok:
        key = "audit.ok.file" if from_file else "audit.ok"
        say(folded(words()(key, size=verdict.size, root=verdict.root, entries=counts.entries)))
        say(
            words()(
                "audit.counts",
                journal_entries=counts.journal_entries,
                agents=counts.agents,
                grants=counts.grants,
                consents=counts.consents,
                enrolments=counts.enrolments,
            )
        )
    else:
        say(words()("audit.bad", index=verdict.first_bad, fault=words()(f"audit.fault.{verdict.fault}")))
        if verdict.reason:
            say(words()("audit.reason", reason=printable(verdict.reason)))
    if ticket and verdict.ok:
        say(words()("audit.of-ticket", ticket=printable(ticket), count=counts.of_ticket or 0))
    for remark in verdict.warnings:
        note(folded(words()(f"audit.notice.{remark.notice}", count=remark.count, first=remark.first_index)))


def require_good(verdict: Verdict) -> None:
    """Raises RelevoError: ``proof-invalid``, naming the first bad entry."""
    if not verdict.ok:
        raise RelevoError(Code.PROOF_INVALID, f"entry {verdict.first_bad}: {verdict.fault}")


def _now() -> datetime:
    return datetime.now(UTC)
