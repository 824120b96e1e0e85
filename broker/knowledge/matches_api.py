"""Matches of known errors on a ticket over HTTP: reading, judging, and what a sealed bundle showed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from broker import artifact_rows
from broker.agents import visible
from broker.calls import Call, Caller
from broker.context import Broker
from broker.guests import clearance_at, is_invited, require_readable, require_ticket_visible
from broker.knowledge.matching import SignatureMatch, results
from broker.knowledge.recording import Said, judge, record
from broker.knowledge.signature_stats import SignatureStat, coverage, stats
from broker.policy import Act, may_act
from broker.store.engine import Tx
from broker.store.signature_tables import signature_results, signature_reviews
from broker.tickets import rows as ticket_rows
from protocol.errors import Code, RelevoError
from protocol.knowledge import Reader, Visibility, rank, reader_of
from protocol.known_errors import KnownError
from protocol.organisation import Organisation
from protocol.scopes import Clearance
from protocol.signature_api import (
    Matches,
    MatchesPosted,
    MatchJudged,
    MatchView,
    Signatures,
    SignatureView,
)
from protocol.signature_model import Outcome, Verdict


async def list_matches(broker: Broker, call: Call) -> Matches:
    """``GET /v1/tickets/{ticket}/matches``: what is known of every published known error.

    A reader gets what their clearance and their tier allow, an invited expert the public ones of R1.

    Raises:
        RelevoError: ``not-found``, also for what one may not see.
    """
    who, wanted = call.who, call.param("ticket")
    org = broker.organisation.require()

    def query(conn: Connection) -> Matches:
        number, customer, held = _open(conn, broker, org, who, wanted)
        found = results(conn, number, held)
        return Matches(rows=tuple(one.view for one in _visible(found, org, reader_of(who.person), customer)))

    return await broker.store.read(query)


async def judge_match(broker: Broker, call: Call) -> MatchView:
    """``POST /v1/tickets/{ticket}/matches/{known_error}``: confirmed or wrong; said again, it replaces.

    Raises:
        RelevoError: ``not-found`` without a match that the caller may see; as ``may_act``.
    """
    who, body = call.who, call.take(MatchJudged)
    org = broker.organisation.require()

    def unit(tx: Tx) -> MatchView:
        number, customer, held = _open(tx.conn, broker, org, who, call.param("ticket"))
        call.about.ticket, call.about.customer = ticket_rows.id_of(number), customer
        may_act(who.person, ticket_rows.load(tx.conn, ticket_rows.id_of(number)), Act.NOTE)
        match = _match(tx.conn, org, who, customer, number, held, call.param("known_error"))
        judge(tx, _row(tx.conn, match.id), body.feedback, who, broker.clock())
        found = results(tx.conn, number, held)
        return next(one.view for one in found if one.id == match.id)

    return await broker.store.write(unit)


async def post_matches(broker: Broker, call: Call) -> Matches:
    """``POST /v1/tickets/{ticket}/matches``: verdicts about a bundle that is sealed from the broker.

    Only the verdicts come: the broker learns nothing else of what the bundle holds.

    Raises:
        RelevoError: ``not-found``; ``tier-too-low`` for a bundle above the caller's clearance; ``refused``
            for a bundle that the broker judges itself, or a known error that is not published so.
    """
    who, body = call.who, call.take(MatchesPosted)
    org = broker.organisation.require()

    def unit(tx: Tx) -> Matches:
        number, customer, held = _open(tx.conn, broker, org, who, call.param("ticket"))
        call.about.ticket, call.about.customer = ticket_rows.id_of(number), customer
        may_act(who.person, ticket_rows.load(tx.conn, ticket_rows.id_of(number)), Act.NOTE)
        artifact = artifact_rows.find(tx.conn, body.artifact)
        if artifact is None or artifact.ticket != number or artifact.kind != "bundle":
            raise RelevoError(Code.NOT_FOUND, "bundle")
        needed = Clearance(artifact.clearance)
        require_readable(tx.conn, org, who.person, customer, number, needed, broker.clock())
        if not artifact.sealed:
            raise RelevoError(Code.REFUSED, "the broker reads this bundle itself")
        published = {(known.id, known.version) for known in org.known_errors}
        if any((row.known_error, row.version) not in published for row in body.rows):
            raise RelevoError(Code.REFUSED, "a known error that is not published in that version")
        said = {
            row.known_error: Said(row.known_error, row.version, Verdict(outcome=row.verdict))
            for row in body.rows
        }
        record(tx, artifact, said.values(), who, broker.clock())
        found = _visible(results(tx.conn, number, held), org, reader_of(who.person), customer)
        return Matches(rows=tuple(one.view for one in found))

    return await broker.store.write(unit)


async def list_signatures(broker: Broker, call: Call) -> Signatures:
    """``GET /v1/signatures``: published and past versions with their figures.

    Only bundles of customers that the caller sees are counted, and only known errors of their tier named.
    """
    who, org = call.who, broker.organisation.require()
    tier = rank(reader_of(who.person).general)
    published = {known.id: known for known in org.known_errors}
    listed = visible(who, signature_results.c.customer)

    def query(conn: Connection) -> Signatures:
        figures = {(one.known_error, one.version): one for one in stats(conn, listed)}
        reviews = conn.execute(select(signature_reviews)).all()
        since = {(row.known_error, row.version): row.since for row in reviews}
        versions = sorted({*figures, *((known.id, known.version) for known in org.known_errors)})
        covered = coverage(conn, listed)
        return Signatures(
            rows=tuple(
                _signature(id_, version, published.get(id_), figures.get((id_, version)), since)
                for id_, version in versions
                if rank(Visibility(published[id_].visibility if id_ in published else "L3")) <= tier
            ),
            compared=covered.compared,
            matched=covered.matched,
        )

    return await broker.store.read(query)


def _signature(
    id_: str,
    version: int,
    known: KnownError | None,
    figures: SignatureStat | None,
    since: dict[tuple[str, int], datetime],
) -> SignatureView:
    view = SignatureView(
        known_error=id_,
        version=version,
        published=known is not None and known.version == version,
        in_review=since.get((id_, version)),
    )
    if figures is None:
        return view
    return msgspec.structs.replace(
        view,
        evaluated=figures.evaluated,
        matched=figures.matched,
        unknown=figures.unknown,
        tickets=figures.tickets,
        confirmed=figures.confirmed,
        wrong=figures.wrong,
    )


def _open(
    conn: Connection, broker: Broker, org: Organisation, who: Caller, wanted: str
) -> tuple[int, str, Clearance]:
    """Number and customer of a ticket that the caller may see, and what they may read of it."""
    ticket, number = ticket_rows.load(conn, wanted), ticket_rows.number_of(wanted)
    now = broker.clock()
    require_ticket_visible(conn, who.person, ticket.customer, number, now)
    if is_invited(conn, who.person, number, now):
        return number, ticket.customer, Clearance.R1
    return number, ticket.customer, clearance_at(org, who.person, ticket.customer)


def _visible(
    found: tuple[SignatureMatch, ...], org: Organisation, reader: Reader, customer: str
) -> tuple[SignatureMatch, ...]:
    """Without known errors above the reader's tier at this customer; retired ones count as the highest."""
    needed = {known.id: known.visibility for known in org.known_errors}
    tier = reader.tier(customer)
    return tuple(one for one in found if rank(Visibility(needed.get(one.view.known_error, "L3"))) <= tier)


def _match(
    conn: Connection, org: Organisation, who: Caller, customer: str, number: int, held: Clearance, id_: str
) -> SignatureMatch:
    for one in _visible(results(conn, number, held), org, reader_of(who.person), customer):
        if one.view.known_error == id_ and one.view.verdict is Outcome.MATCH:
            return one
    raise RelevoError(Code.NOT_FOUND, f"no match of {id_[:64]!r} on this ticket")


def _row(conn: Connection, id_: int) -> Row[Any]:
    return conn.execute(select(signature_results).where(signature_results.c.id == id_)).one()
