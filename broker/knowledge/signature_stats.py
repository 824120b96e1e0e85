"""How good signatures are: coverage, precision and unknown rate (4-domain.md, "Metrics")."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from broker.store.signature_tables import signature_results, signature_reviews
from protocol.signature_model import Outcome

_result = signature_results.c


class SignatureStat(NamedTuple):
    """One version of a known error's signature.

    Attributes:
        evaluated: bundles that the broker asked it about, of them ``matched`` and ``unknown``. What
            technicians say of sealed bundles is about the same runs and does not count twice.
        tickets: tickets on which it matched; of them ``confirmed`` and ``wrong`` were judged.
    """

    known_error: str
    version: int
    evaluated: int
    matched: int
    unknown: int
    tickets: int
    confirmed: int
    wrong: int
    first: datetime
    last: datetime
    in_review: datetime | None


class Coverage(NamedTuple):
    """Tickets whose bundles were compared, and those of them on which some signature matched."""

    compared: int
    matched: int


def stats(conn: Connection, *conditions: ColumnElement[bool]) -> tuple[SignatureStat, ...]:
    """Figures of every version that was evaluated, by known error and version.

    Args:
        conditions: on ``signature_results``: ``during(…)``, of a customer, what a caller may see.
    """
    own = _result.by.is_(None)
    tickets = func.count(func.distinct(case((_result.verdict == Outcome.MATCH.value, _result.ticket))))
    wanted = (
        select(
            _result.known_error,
            _result.version,
            func.count(case((own, 1))).label("evaluated"),
            func.count(case((and_(own, _result.verdict == Outcome.MATCH.value), 1))).label("matched"),
            func.count(case((and_(own, _result.verdict == Outcome.UNKNOWN.value), 1))).label("unknown"),
            tickets.label("tickets"),
            _judged("confirmed").label("confirmed"),
            _judged("wrong").label("wrong"),
            func.min(_result.at).label("first"),
            func.max(_result.at).label("last"),
            func.max(signature_reviews.c.since).label("since"),
        )
        .outerjoin(
            signature_reviews,
            and_(
                signature_reviews.c.known_error == _result.known_error,
                signature_reviews.c.version == _result.version,
            ),
        )
        .where(*conditions)
        .group_by(_result.known_error, _result.version)
        .order_by(_result.known_error, _result.version)
    )
    return tuple(SignatureStat(*row) for row in conn.execute(wanted))


def coverage(conn: Connection, *conditions: ColumnElement[bool]) -> Coverage:
    """Over all signatures. ``conditions``: as ``stats``."""
    wanted = select(
        func.count(func.distinct(_result.ticket)),
        func.count(func.distinct(case((_result.verdict == Outcome.MATCH.value, _result.ticket)))),
    ).where(*conditions)
    return Coverage(*conn.execute(wanted).one())


def during(since: datetime, until: datetime) -> ColumnElement[bool]:
    """Evaluated from ``since`` on and before ``until``."""
    return and_(_result.at >= since, _result.at < until)


def _judged(feedback: str) -> ColumnElement[int]:
    return func.count(func.distinct(case((_result.feedback == feedback, _result.ticket))))
