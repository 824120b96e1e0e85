"""Writing down what signatures say: results with an event for each match, feedback, review."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, select, true, update

from broker.calls import Caller
from broker.store.engine import Tx
from broker.store.signature_tables import signature_results, signature_reviews
from broker.tickets import rows as ticket_rows
from broker.tickets.events import RULES, Doer, Event, write
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.signature_api import Feedback
from protocol.signature_model import Outcome, Verdict
from protocol.tickets import Party
from protocol.wire import facts, to_json

MIN_JUDGED = 5
MIN_PRECISION = 0.6
"""A version that was judged so often and was right less often than this goes back to review."""
_KEPT = 8
"""Pieces of evidence that are kept of a verdict that is no match."""


class Said(NamedTuple):
    """A known error's verdict about one bundle."""

    known_error: str
    version: int
    verdict: Verdict


def record(tx: Tx, artifact: Row[Any], said: Iterable[Said], by: Caller | None, now: datetime) -> int:
    """Store verdicts about ``artifact`` (a row of ``artifacts``) and tell the ticket of each match.

    What was said of that bundle before stays; a match that the ticket has already is told no second time.
    Returns how many matches are new to the ticket.
    """
    result, review = signature_results.c, signature_reviews.c
    known = _versions(
        tx.conn, select(result.known_error, result.version), result.artifact == artifact.artifact
    )
    told = _versions(
        tx.conn,
        select(result.known_error, result.version),
        and_(result.ticket == artifact.ticket, result.verdict == Outcome.MATCH.value),
    ) | _versions(tx.conn, select(review.known_error, review.version), true())
    fresh = [one for one in said if (one.known_error, one.version) not in known]
    if fresh:
        tx.conn.execute(insert(signature_results), [_values(artifact, one, by, now) for one in fresh])
        if by is not None:
            tx.audit(_said(artifact, fresh, by, now))
    matched = [
        one
        for one in fresh
        if one.verdict.outcome is Outcome.MATCH and (one.known_error, one.version) not in told
    ]
    for one in matched:
        _tell(tx, artifact, one, by, now)
    return len(matched)


def _said(artifact: Row[Any], fresh: Sequence[Said], by: Caller, now: datetime) -> AuditRecord:
    """Their word alone: a *no match* of theirs takes the place of an earlier match."""
    counts = Counter(one.verdict.outcome for one in fresh)
    return AuditRecord(
        at=now,
        actor=by.actor,
        action=Action.KNOWN_ERROR_SAID,
        customer=artifact.customer,
        ticket=ticket_rows.id_of(artifact.ticket),
        agent=artifact.agent,
        facts=facts(
            artifact=artifact.artifact,
            **{outcome.value: counts[outcome] for outcome in Outcome},
            said_sha256=hashlib.sha256(
                to_json([(one.known_error, one.version, one.verdict.outcome) for one in fresh])
            ).hexdigest(),
        ),
    )


def _versions(conn: Connection, wanted: Select[Any], where: ColumnElement[bool]) -> set[tuple[str, int]]:
    return {(row[0], row[1]) for row in conn.execute(wanted.where(where))}


def _values(artifact: Row[Any], said: Said, by: Caller | None, now: datetime) -> dict[str, object]:
    verdict = said.verdict
    evidence = verdict.evidence if verdict.outcome is Outcome.MATCH else verdict.evidence[:_KEPT]
    return {
        "ticket": artifact.ticket,
        "artifact": artifact.artifact,
        "agent": artifact.agent,
        "customer": artifact.customer,
        "known_error": said.known_error,
        "version": said.version,
        "verdict": verdict.outcome.value,
        "evidence": to_json(evidence).decode(),
        "bindings": to_json(verdict.bindings).decode(),
        "missing": to_json(verdict.missing).decode(),
        "clearance": artifact.clearance,
        "by": by.person.id if by else None,
        "at": now,
    }


def _tell(tx: Tx, artifact: Row[Any], said: Said, by: Caller | None, now: datetime) -> None:
    ticket = ticket_rows.load(tx.conn, ticket_rows.id_of(artifact.ticket))
    doer = RULES if by is None else Doer(by.actor, by.person.name, Party.TECHNICIAN)
    event = Event(
        Action.KNOWN_ERROR_MATCHED,
        "known-error.matched",
        f"{said.known_error} {said.version}",
        facts=facts(known_error=said.known_error, version=said.version, artifact=artifact.artifact),
    )
    write(tx, ticket, ticket.state, event, doer, now)


def judge(tx: Tx, result: Row[Any], feedback: Feedback, who: Caller, now: datetime) -> bool:
    """Store what a technician says of a match; True when this sent the version back to review."""
    tx.conn.execute(
        update(signature_results)
        .where(signature_results.c.id == result.id)
        .values(feedback=feedback, feedback_by=who.person.id, feedback_at=now)
    )
    tx.audit(
        AuditRecord(
            at=now,
            actor=who.actor,
            action=Action.KNOWN_ERROR_JUDGED,
            customer=result.customer,
            ticket=ticket_rows.id_of(result.ticket),
            agent=result.agent,
            facts=facts(known_error=result.known_error, version=result.version, feedback=feedback),
        )
    )
    return _review(tx, result.known_error, result.version, now)


def judged(conn: Connection, known_error: str, version: int) -> tuple[int, int]:
    """How many tickets' matches of a version were judged, and how many of those confirmed."""
    rows = conn.execute(
        select(
            signature_results.c.feedback, func.count(func.distinct(signature_results.c.ticket)).label("count")
        )
        .where(
            signature_results.c.known_error == known_error,
            signature_results.c.version == version,
            signature_results.c.feedback.is_not(None),
        )
        .group_by(signature_results.c.feedback)
    )
    counts = {row.feedback: int(row._mapping["count"]) for row in rows}
    return sum(counts.values()), counts.get("confirmed", 0)


def _review(tx: Tx, known_error: str, version: int, now: datetime) -> bool:
    count, confirmed = judged(tx.conn, known_error, version)
    if count < MIN_JUDGED or confirmed / count >= MIN_PRECISION:
        return False
    held = tx.conn.execute(
        select(signature_reviews).where(
            signature_reviews.c.known_error == known_error, signature_reviews.c.version == version
        )
    ).one_or_none()
    if held is not None:
        return False
    tx.conn.execute(
        insert(signature_reviews).values(
            known_error=known_error, version=version, since=now, judged=count, confirmed=confirmed
        )
    )
    tx.audit(
        AuditRecord(
            at=now,
            actor=Actor(kind=ActorKind.BROKER, id="broker"),
            action=Action.KNOWN_ERROR_IN_REVIEW,
            facts=facts(known_error=known_error, version=version, judged=count, confirmed=confirmed),
        )
    )
    return True
