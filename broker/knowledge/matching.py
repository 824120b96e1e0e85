"""What the signatures of known errors said about a ticket's bundles, as others use it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, and_, select

from broker.store.signature_tables import signature_results, signature_reviews
from broker.tickets.rows import id_of
from protocol.organisation import covers_clearance
from protocol.scopes import Clearance
from protocol.signature_api import MatchView
from protocol.signature_model import Binding, Evidence, Missing, Outcome

MAX_ROWS = 20_000
"""Results of one ticket that are looked at, the newest first."""


class SignatureMatch(NamedTuple):
    """One known error that a ticket's bundles show now."""

    id: int
    ticket: int
    artifact: str
    agent: str
    customer: str
    view: MatchView


def matches(
    conn: Connection, ticket_number: int, held: Clearance = Clearance.R1
) -> tuple[SignatureMatch, ...]:
    """The known errors that the ticket shows, each by its newest bundle that could tell, newest first.

    Left out are versions under review, and what somebody said is wrong.

    Args:
        held: the reader's clearance; results of bundles above it do not count.
    """
    return tuple(
        one
        for one in results(conn, ticket_number, held)
        if one.view.verdict is Outcome.MATCH and not one.view.in_review and one.view.feedback != "wrong"
    )


def results(conn: Connection, ticket_number: int, held: Clearance) -> tuple[SignatureMatch, ...]:
    """What is known of every known error: the newest verdict, where a later *unknown* takes nothing back."""
    reviewed = and_(
        signature_reviews.c.known_error == signature_results.c.known_error,
        signature_reviews.c.version == signature_results.c.version,
    )
    wanted = (
        select(signature_results, signature_reviews.c.since)
        .outerjoin(signature_reviews, reviewed)
        .where(signature_results.c.ticket == ticket_number)
        .order_by(signature_results.c.id.desc())
        .limit(MAX_ROWS)
    )
    newest: dict[str, Row[Any]] = {}
    for row in conn.execute(wanted):
        if not covers_clearance(held, Clearance(row.clearance)):
            continue
        seen = newest.get(row.known_error)
        if seen is None or _tells_more(row, seen):
            newest[row.known_error] = row
    return tuple(_of(row) for row in sorted(newest.values(), key=lambda row: -row.id))


def _tells_more(older: Row[Any], newer: Row[Any]) -> bool:
    """An *unknown* takes nothing back; and beside a technician's bare verdict the broker's own about the same
    run, which is stored just before, has the evidence."""
    if newer.verdict == Outcome.UNKNOWN:
        return bool(older.verdict != Outcome.UNKNOWN)
    bare = newer.by is not None and older.by is None
    return bare and (older.verdict, older.version) == (newer.verdict, newer.version)


def _of(row: Row[Any]) -> SignatureMatch:
    view = MatchView(
        ticket=id_of(row.ticket),
        artifact=row.artifact,
        known_error=row.known_error,
        version=row.version,
        verdict=Outcome(row.verdict),
        clearance=Clearance(row.clearance),
        at=row.at,
        bindings=msgspec.json.decode(row.bindings, type=tuple[tuple[Binding, ...], ...]),
        evidence=msgspec.json.decode(row.evidence, type=tuple[Evidence, ...]),
        missing=msgspec.json.decode(row.missing, type=tuple[Missing, ...]),
        by=row.by,
        feedback=row.feedback,
        feedback_by=row.feedback_by,
        in_review=row.since is not None,
    )
    return SignatureMatch(row.id, row.ticket, row.artifact, row.agent, row.customer, view)
