"""What may help on a ticket, the surest first, each with its reason (4-domain.md, "Knowledge").

Signatures that match what was measured come before words that two people happen to share, and those before
what helped this customer lately. Nothing is suggested that the reader may not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from broker.knowledge import articles, rows, search
from broker.knowledge.matching import matches
from broker.store.ticket_tables import tickets
from broker.tickets.rows import number_of
from protocol.api import TicketView
from protocol.errors import Code, RelevoError
from protocol.knowledge import Basis, Hit, Reader, SuggestedFix, Suggestion, Visibility
from protocol.known_errors import KnownError, proposals
from protocol.organisation import Organisation
from protocol.scopes import Clearance
from protocol.signature_api import MatchView
from protocol.tickets import State

BY_WORDS = 5
BY_RESOLUTIONS = 3
RECENT = timedelta(days=180)
"""Resolutions older than this say little about how things are now."""
_SOLVED = (State.RESOLVED.value, State.CLOSED.value)
_QUERY = 500


def ordered(
    signatures: Sequence[Suggestion], by_words: Sequence[Suggestion], by_resolutions: Sequence[Suggestion]
) -> tuple[Suggestion, ...]:
    """All three in their order; what was suggested for a stronger reason is not suggested again."""
    seen: set[str] = set()
    chosen = []
    for row in (*signatures, *by_words, *by_resolutions):
        if row.article is not None and row.article in seen:
            continue
        if row.article is not None:
            seen.add(row.article)
        chosen.append(row)
    return tuple(chosen)


def by_signatures(
    conn: Connection, org: Organisation, ticket: TicketView, reader: Reader, held: Clearance
) -> tuple[Suggestion, ...]:
    """Known errors that the ticket's diagnoses show, with their fixes filled in.

    Args:
        held: the reader's clearance: bundles above it do not count.
    """
    published = {(known.id, known.version): known for known in org.known_errors}
    found = []
    for match in matches(conn, number_of(ticket.ticket), held):
        known = published.get((match.view.known_error, match.view.version))
        if known is not None and reader.may_read(Visibility(known.visibility), ticket.customer):
            found.append(_of_match(conn, known, match.view, reader, ticket.language))
    return tuple(found)


def _of_match(
    conn: Connection, known: KnownError, match: MatchView, reader: Reader, language: str
) -> Suggestion:
    fixes = dict.fromkeys(fix for bound in match.bindings or ((),) for fix in proposals(known, bound))
    article = known.article if known.article and _title(conn, known.article, reader, language) else None
    return Suggestion(
        basis=Basis.SIGNATURE,
        title=known.title.es if language == "es" else known.title.en,
        article=article,
        known_error=known.id,
        version=known.version,
        evidence=match.evidence,
        fixes=tuple(SuggestedFix(fix=one.fix, params=one.params, missing=one.missing) for one in fixes),
        feedback=match.feedback,
    )


def words_of(ticket: TicketView) -> str:
    """What the user said, as a query."""
    return f"{ticket.title} {ticket.description}"[:_QUERY]


def by_words(conn: Connection, ticket: TicketView, reader: Reader) -> tuple[Suggestion, ...]:
    """Articles with the user's words, in the ticket's language first."""
    hits = search.find_for(conn, words_of(ticket), ticket.language, reader, BY_WORDS)
    return tuple(_of_hit(hit) for hit in hits)


def _of_hit(hit: Hit) -> Suggestion:
    return Suggestion(basis=Basis.WORDS, title=hit.title, article=hit.article, words=hit.words)


def by_resolutions(
    conn: Connection, ticket: TicketView, reader: Reader, now: datetime
) -> tuple[Suggestion, ...]:
    """Articles that resolved tickets of this customer lately, of the same category where there is one."""
    how_many = func.count().label("how_many")
    wanted = (
        select(tickets.c.article, how_many)
        .where(
            tickets.c.customer == ticket.customer,
            tickets.c.number != number_of(ticket.ticket),
            tickets.c.state.in_(_SOLVED),
            tickets.c.article.is_not(None),
            tickets.c.resolved >= now - RECENT,
        )
        .group_by(tickets.c.article)
        .order_by(how_many.desc(), func.max(tickets.c.resolved).desc())
        .limit(BY_RESOLUTIONS * 4)
    )
    if ticket.category is not None:
        wanted = wanted.where(tickets.c.category == ticket.category)
    found = []
    for row in conn.execute(wanted):
        title = _title(conn, row.article, reader, ticket.language)
        if title is not None:
            found.append(
                Suggestion(basis=Basis.RESOLUTIONS, title=title, article=row.article, tickets=row.how_many)
            )
    return tuple(found[:BY_RESOLUTIONS])


def _title(conn: Connection, article: str, reader: Reader, language: str) -> str | None:
    """The published title, where the reader may see it."""
    try:
        seen = articles.see(conn, article, reader, published=True)
    except RelevoError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return None
    if seen.written.version != seen.head.live_version:
        return None
    return seen.text.best(language)[1].title


def numbers(suggested: Sequence[Suggestion]) -> list[int]:
    """Of the articles among them, to be counted as shown."""
    return [rows.number_of(row.article) for row in suggested if row.article is not None]
