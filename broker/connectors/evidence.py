"""What is written back about a ticket's sessions: from the audit log, ids and hashes, nothing above R1.

Results stay where they are: their hashes and the log's checkpoint let whoever has them prove later that they
are what was seen. Names of files and words of people are not in here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta
from sqlalchemy import Connection, select

from broker import artifact_rows
from broker.sessions import rows as session_rows
from broker.store.log import latest_checkpoint
from broker.store.session_tables import sessions
from broker.store.tables import audit
from broker.tickets.rows import number_of
from protocol.audit import AuditRecord
from protocol.times import rfc3339
from protocol.wire import Count, Moment, Sha256, Wire, from_json
from protocol.wording import Words

MAX_SESSIONS = 100
MAX_ARTIFACTS = 200
MAX_FIXES = 100
MEDIA_TYPE = "application/json"


class SessionDone(Wire, frozen=True):
    """A session that the user agreed to, with what they agreed to."""

    session: str
    technician: str
    scopes: tuple[str, ...]
    requested: Moment
    ended: Moment | None
    why: str | None


class FixDone(Wire, frozen=True):
    """A run, with the last state that its machine's journal brought."""

    run: str
    fix: str
    state: str
    log_index: Count


class ResultKept(Wire, frozen=True):
    artifact: str
    kind: str
    clearance: str
    size_bytes: Count
    sha256: Sha256


class EvidenceOf(Wire, frozen=True):
    """``relevo-evidence-T-12.json``."""

    ticket: str
    made: Moment
    sessions: tuple[SessionDone, ...]
    fixes: tuple[FixDone, ...]
    artifacts: tuple[ResultKept, ...]
    log_index: Count
    """The event that this was made for."""
    checkpoint_size: Count
    checkpoint_root: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]

    @property
    def empty(self) -> bool:
        return not (self.sessions or self.fixes or self.artifacts)


def collect(conn: Connection, ticket: str, index: int, now: datetime) -> EvidenceOf:
    """Everything that was done on the ticket until now."""
    number = number_of(ticket)
    held = session_rows.select_sessions(conn, sessions.c.ticket == number, limit=MAX_SESSIONS)
    ends = {
        row.grant_id: row.ended
        for row in conn.execute(
            select(sessions.c.grant_id, sessions.c.ended).where(sessions.c.ticket == number)
        )
    }
    kept = artifact_rows.of_ticket(conn, ticket)[-MAX_ARTIFACTS:]
    last = latest_checkpoint(conn)
    return EvidenceOf(
        ticket=ticket,
        made=now,
        sessions=tuple(
            SessionDone(
                session=one.grant,
                technician=one.technician,
                scopes=tuple(scope.value for scope in one.scopes),
                requested=one.requested,
                ended=ends.get(one.grant),
                why=one.why_ended.value if one.why_ended else None,
            )
            for one in sorted(held, key=lambda one: one.requested)
            if one.consent is not None
        ),
        fixes=_fixes(conn, ticket),
        artifacts=tuple(
            ResultKept(
                artifact=one.artifact,
                kind=one.kind,
                clearance=one.clearance.value,
                size_bytes=one.size_bytes,
                sha256=one.sha256,
            )
            for one in kept
        ),
        log_index=index,
        checkpoint_size=last.size if last else 0,
        checkpoint_root=(last.root if last else bytes(32)).hex(),
    )


def _fixes(conn: Connection, ticket: str) -> tuple[FixDone, ...]:
    wanted = (
        select(audit.c.idx, audit.c.record)
        .where(audit.c.ticket == ticket, audit.c.action.like("fix.%"), audit.c.record.is_not(None))
        .order_by(audit.c.idx)
    )
    runs: dict[str, FixDone] = {}
    for row in conn.execute(wanted):
        stated = {fact.key: fact.value for fact in from_json(row.record, AuditRecord).facts}
        run, state = stated.get("run"), stated.get("state")
        if run is None or state is None:
            continue
        fix = f"{stated.get('fix', '')}@{stated.get('fix_version', '')}".strip("@")
        runs[run] = FixDone(run=run[:100], fix=fix[:100], state=state[:40], log_index=row.idx)
    return tuple(runs.values())[-MAX_FIXES:]


def in_words(found: EvidenceOf, words: Words) -> str:
    """The same for people, one thing a line."""
    lines = [words("connector.text.evidence", ticket=found.ticket)]
    lines += [
        words(
            "connector.text.session",
            session=one.session,
            technician=one.technician,
            scopes=", ".join(one.scopes),
            ended=rfc3339(one.ended) if one.ended else "-",
            why=one.why or "-",
        )
        for one in found.sessions
    ]
    lines += [words("connector.text.fix", fix=one.fix or one.run, state=one.state) for one in found.fixes]
    lines += [
        words(
            "connector.text.artifact",
            kind=one.kind,
            artifact=one.artifact,
            clearance=one.clearance,
            sha256=one.sha256,
        )
        for one in found.artifacts
    ]
    lines.append(
        words(
            "connector.text.log",
            index=found.log_index,
            size=found.checkpoint_size,
            root=found.checkpoint_root,
        )
    )
    return "\n".join(lines)
