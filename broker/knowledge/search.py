"""Searching the published articles: what the reader may see, best first, and why each was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from broker.knowledge import rights, rows
from broker.knowledge.searcher import SEARCHER, Candidate
from broker.knowledge.terms import LANGUAGES, Term, parse, place_of
from broker.store.knowledge_tables import article_versions, articles
from protocol.knowledge import ArticleText, Body, Hit, Reader, Visibility, reader_up_to
from protocol.wire import from_json

OTHER_LANGUAGE = 0.6
"""What a text in another language than the asked one is worth."""
SNIPPET = 160
"""Characters."""
_WINDOW = 25
"""Words in which a snippet looks for as many of the sought ones as possible."""
_BEFORE = 6
"""Words that a snippet shows before the first sought one."""
_ENOUGH = 3
"""From so many words on, a text must have at least two of them."""


class _Found(NamedTuple):
    candidate: Candidate
    language: str
    score: float
    terms: tuple[Term, ...]


def find(
    conn: Connection,
    query: str,
    language: str,
    ceiling: Visibility,
    limit: int,
    *,
    customer: str | None = None,
) -> tuple[Hit, ...]:
    """At most ``limit`` published articles for somebody who may read up to ``ceiling``.

    Args:
        query: any text, at most 500 characters are looked at.
        language: ``en`` or ``es``; texts in the other one come after equals.
        customer: whom it is for: articles of other customers are not there. None: only those for all.
    """
    return find_for(conn, query, language, reader_up_to(ceiling, customer), limit)


def find_for(conn: Connection, query: str, language: str, reader: Reader, limit: int) -> tuple[Hit, ...]:
    """As ``find``, for somebody whose rights differ by customer."""
    readable = rights.live(reader)
    best: dict[int, _Found] = {}
    for one in sorted(LANGUAGES, key=lambda name: name != language):
        terms = parse(query[:500], one)
        if not terms:
            return ()
        asked = one == language
        if not asked and len(best) >= limit:
            break
        worth = 1.0 if asked else OTHER_LANGUAGE
        for candidate in _candidates(conn, terms, one, readable, limit):
            found = _Found(candidate, one, candidate.score * worth, terms)
            known = best.setdefault(candidate.number, found)
            if found.score > known.score:
                # Shown is the text in the reader's language, where that was found too.
                best[candidate.number] = known._replace(score=found.score)
    chosen = sorted(best.values(), key=lambda found: (-found.score, -found.candidate.number))[:limit]
    return _hits(conn, chosen)


def _candidates(
    conn: Connection, terms: tuple[Term, ...], language: str, readable: rights.Condition, limit: int
) -> list[Candidate]:
    """Those with every word; where they are too few, those with some of them too."""
    found = SEARCHER.search(conn, terms, language, readable, limit, every=True)
    if len(found) >= limit or len(terms) == 1:
        return found
    known = {candidate.number for candidate in found}
    more = SEARCHER.search(conn, terms, language, readable, limit * 3, every=False)
    least = 2 if len(terms) >= _ENOUGH else 1
    for candidate in more:
        if candidate.number not in known and len(_matched(candidate, terms)) >= least:
            found.append(candidate)
    return found[:limit]


def _matched(candidate: Candidate, terms: Sequence[Term]) -> tuple[str, ...]:
    words = f" {candidate.title} | {candidate.symptoms} | {candidate.body} | {candidate.spellings} "
    return tuple(term.shown for term in terms if term.in_text(words))


def _hits(conn: Connection, chosen: Sequence[_Found]) -> tuple[Hit, ...]:
    wanted = (
        select(articles, article_versions.c.content)
        .join_from(
            articles,
            article_versions,
            (article_versions.c.article == articles.c.number)
            & (article_versions.c.version == articles.c.live_version),
        )
        .where(articles.c.number.in_([found.candidate.number for found in chosen]))
    )
    held = {row.number: row for row in conn.execute(wanted)}
    hits = []
    for found in chosen:
        row = held[found.candidate.number]
        text = from_json(row.content, ArticleText)
        body = text.bodies()[found.language]
        hits.append(
            Hit(
                article=rows.id_of(row.number),
                kind=text.kind,
                visibility=text.visibility,
                language=found.language,
                title=body.title,
                snippet=snippet(body, found.candidate, found.terms),
                words=_matched(found.candidate, found.terms),
                statistics=rows.statistics(row),
            )
        )
    return tuple(hits)


def snippet(body: Body, candidate: Candidate, terms: Sequence[Term]) -> str:
    """The piece of symptoms or body with the most of the sought words, as it is written."""
    pieces = ((body.symptoms, candidate.symptoms), (body.body, candidate.body))
    sought = frozenset(stem for term in terms for word in term.stems for stem in word)
    begun = tuple(term.prefix for term in terms if term.prefix is not None)
    best, at, where = -1, 0, ""
    for text, stems in pieces:
        marks = [stem in sought or stem.startswith(begun) for stem in stems.split()]
        start, count = _densest(marks)
        if count > best and text.strip():
            best, at, where = count, start, text
    begin = place_of(where, max(0, at - _BEFORE))
    cut = where[begin : begin + SNIPPET]
    return ("…" if begin else "") + " ".join(cut.split()) + ("…" if begin + SNIPPET < len(where) else "")


def _densest(marks: Sequence[bool]) -> tuple[int, int]:
    """Where the window with the most marks begins (at its first mark), and how many it has."""
    places = [at for at, marked in enumerate(marks) if marked]
    best, begin, last = 0, 0, 0
    for first, place in enumerate(places):
        while last < len(places) and places[last] < place + _WINDOW:
            last += 1
        if last - first > best:
            best, begin = last - first, place
    return begin, best
