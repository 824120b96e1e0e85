"""An article's first draft from what a ticket tells, so that nobody writes it twice.

Only what R1 may see goes in, and all of it through the redaction rules once more: the user's words, findings
of an R1 diagnosis, fixes that ran, the resolution. Internal notes stay where they are.
"""

from __future__ import annotations

import asyncio
import unicodedata
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, select

from broker import artifact_rows
from broker.artifact_files import ArtifactFiles
from broker.context import Broker
from broker.knowledge.secrets import redactor
from broker.store.tables import agents, audit
from protocol.api import TicketView
from protocol.audit import AuditRecord
from protocol.diagnosis import MAX_BUNDLE, Bundle
from protocol.drivers.files import read_file
from protocol.errors import RelevoError
from protocol.findings import Finding, Severity, findings
from protocol.fix_states import RunState
from protocol.knowledge import MAX_BODY, MAX_SYMPTOMS, ArticleText, Body, Kind, Links, Visibility
from protocol.organisation import Organisation
from protocol.redaction.redactor import Redactor
from protocol.scopes import Clearance
from protocol.wire import from_json
from protocol.wording import Language, Words, diagnosis
from protocol.wording import knowledge as wording

MAX_FINDINGS = 20
MAX_ENTRIES = 2_000
"""Of a machine's journal about fixes: a run has about ten."""
MAX_TITLE = 200
_TOLD = {
    RunState.SUCCEEDED: "kb.draft.fix-succeeded",
    RunState.NO_OP: "kb.draft.fix-not-needed",
    RunState.FAILED: "kb.draft.fix-failed",
    RunState.UNDONE: "kb.draft.fix-undone",
    RunState.UNDO_FAILED: "kb.draft.fix-undo-failed",
}
"""Ends of a fix run that are worth telling."""
_log = structlog.get_logger("broker.knowledge")


class Ran(NamedTuple):
    """A fix that ran on the ticket's machine, as its journal tells it."""

    fix: str
    version: str
    title: dict[str, str]
    state: RunState


async def findings_of(broker: Broker, ticket: str) -> tuple[Finding, ...]:
    """What the newest diagnosis that everybody may read found; nothing where there is none, or it cannot be
    read: the draft is made without it."""
    held = await broker.store.read(lambda conn: artifact_rows.of_ticket(conn, ticket))
    bundles = [
        row for row in held if row.kind == "bundle" and row.clearance is Clearance.R1 and not row.sealed
    ]
    if not bundles or bundles[-1].size_bytes > MAX_BUNDLE:
        return ()
    path = ArtifactFiles(broker.config.artifacts).path(bundles[-1].artifact)
    try:
        content = await asyncio.to_thread(read_file, path, MAX_BUNDLE)
        return (await asyncio.to_thread(lambda: findings(from_json(content, Bundle))))[:MAX_FINDINGS]
    except RelevoError as error:
        _log.warning("draft-without-findings", artifact=bundles[-1].artifact, code=error.code.value)
        return ()


def fixes_of(conn: Connection, ticket: str) -> tuple[Ran, ...]:
    """Every fix run with the last state that its machine's journal brought, in order, of the newest entries."""
    wanted = (
        select(audit.c.record)
        .where(audit.c.ticket == ticket, audit.c.action.like("fix.%"), audit.c.record.is_not(None))
        .order_by(audit.c.idx.desc())
        .limit(MAX_ENTRIES)
    )
    last: dict[str, Ran] = {}
    states = {state.value: state for state in RunState}
    for row in reversed(conn.execute(wanted).all()):
        told = {fact.key: fact.value for fact in from_json(row.record, AuditRecord).facts}
        state = states.get(told.get("state", ""))
        if state is not None and "run" in told and "fix" in told:
            title = {language: told.get(f"title_{language}", told["fix"]) for language in ("en", "es")}
            last[told["run"]] = Ran(told["fix"], told.get("fix_version", ""), title, state)
    return tuple(last.values())


class Material(NamedTuple):
    """What the store knows for a draft: the ticket, names that may stand in its words, fixes that ran."""

    ticket: TicketView
    people: list[str]
    hosts: list[str]
    ran: tuple[Ran, ...]


def material(conn: Connection, org: Organisation, ticket: TicketView) -> Material:
    people = [ticket.requester, *(person.name for person in org.roster.technicians)]
    host = conn.execute(select(agents.c.hostname).where(agents.c.agent == ticket.agent)).scalar_one_or_none()
    return Material(ticket, people, [host] if host else [], fixes_of(conn, ticket.ticket))


def draft(
    known: Material,
    found: tuple[Finding, ...],
    *,
    language: str,
    tier: int,
    resolution: str,
    cause: str | None,
) -> ArticleText:
    """The draft, in one language and for the ticket's customer, until somebody says that it is for all.

    Redacting long words takes a moment: not for the store's one writer.

    Args:
        tier: of whoever writes it; nobody drafts for readers above themselves.
    """
    ticket, clean = known.ticket, redactor(known.people, known.hosts)
    chosen: Language = "es" if language == "es" else "en"
    words = Words(chosen, wording.TABLE, diagnosis.TABLE)
    body = Body(
        title=_line(clean, ticket.title),
        symptoms=_plain(clean.text(ticket.description or ticket.title))[:MAX_SYMPTOMS],
        body=_plain(_sections(clean, words, found, known.ran, resolution, cause))[:MAX_BODY],
    )
    helped = dict.fromkeys(run.fix for run in known.ran if run.state is RunState.SUCCEEDED)
    return ArticleText(
        kind=Kind.TROUBLESHOOTING,
        visibility=Visibility.L1 if tier == 1 else Visibility.L2,
        customer=ticket.customer,
        category=ticket.category,
        links=Links(tickets=(ticket.ticket,), fixes=tuple(helped)),
        **{chosen: body},
    )


def _line(clean: Redactor, text: str) -> str:
    return " ".join(_plain(clean.text(text)).split())[:MAX_TITLE] or "-"


def _sections(
    clean: Redactor,
    words: Words,
    found: tuple[Finding, ...],
    ran: tuple[Ran, ...],
    resolution: str,
    cause: str | None,
) -> str:
    done = [
        words(_TOLD[run.state], title=run.title[words.language], fix=run.fix)
        for run in ran
        if run.state in _TOLD
    ]
    parts = (
        (
            "kb.draft.findings",
            [_sentence(one, words) for one in found if one.severity is not Severity.NOTICE],
        ),
        ("kb.draft.fixes", done),
        ("kb.draft.cause", [words(f"kb.cause.{cause}")] if cause else []),
    )
    lines: list[str] = []
    for heading, entries in parts:
        if entries:
            lines += [f"## {words(heading)}", "", *(f"- {clean.text(entry)}" for entry in entries), ""]
    lines += [f"## {words('kb.draft.resolution')}", "", clean.text(resolution) or words("kb.draft.to-write")]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Without control characters, which no article may hold."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))


def _sentence(finding: Finding, words: Words) -> str:
    values = {fact.key: _figure(fact.value) for fact in finding.values}
    return words(f"finding.{finding.rule}", **values)


def _figure(value: str) -> str:
    try:
        return f"{float(value):.4g}" if "." in value else value
    except ValueError:
        return value
