"""Full-text search as an interface, and SQLite's FTS5 behind it. Another database is another file.

The index holds the published text of each article, one row a language, as stems (``terms``). It knows
nothing of who may read what: that is a condition on ``articles``, in the same statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    ColumnElement,
    Connection,
    Float,
    String,
    TableClause,
    column,
    delete,
    func,
    insert,
    literal_column,
    select,
    table,
    text,
)

from broker.knowledge.terms import LANGUAGES, Term, indexed
from broker.store.knowledge_tables import articles
from protocol.knowledge import Body

INDEX_PREFIX = "article_index_"
"""Of the tables that belong to an index and to no list of tables."""
_COLUMNS = ("title", "symptoms", "body", "spellings")
_WEIGHTS = "8.0, 4.0, 1.0, 0.5"
"""Of title, symptoms, body, and second spellings, for BM25."""
_LEAST_TERMS = 2
_AFFORDABLE = 10_000
"""Texts with some word of a query that are ordered, about; ordering one costs about two microseconds."""


class Candidate(NamedTuple):
    """An article that the index found. ``score`` is better the higher it is, within one search."""

    number: int
    score: float
    title: str
    symptoms: str
    body: str
    spellings: str


class Searcher(Protocol):
    """What the knowledge base needs of a full-text index."""

    def put(self, conn: Connection, number: int, bodies: Mapping[str, Body]) -> None:
        """Index an article's texts by language in place of those it had; none: it is found no more."""

    def search(
        self,
        conn: Connection,
        terms: Sequence[Term],
        language: str,
        readable: ColumnElement[bool],
        limit: int,
        *,
        every: bool,
    ) -> list[Candidate]:
        """The best ``limit`` articles in one language of those that are ``readable``.

        Args:
            readable: a condition on ``articles``.
            every: all terms must be there; else any, and of quoted ones all.
        """


class Fts5:
    """SQLite's own index."""

    def put(self, conn: Connection, number: int, bodies: Mapping[str, Body]) -> None:
        for language in LANGUAGES:
            index = _index(language)
            conn.execute(delete(index).where(index.c.rowid == number))
            body = bodies.get(language)
            if body is None:
                continue
            each = [indexed(text, language) for text in (body.title, body.symptoms, body.body)]
            values = dict(zip(("title", "symptoms", "body"), (one for one, _ in each), strict=True))
            spellings = " ".join(second for _, second in each if second)
            conn.execute(insert(index).values(rowid=number, spellings=spellings, **values))

    def search(
        self,
        conn: Connection,
        terms: Sequence[Term],
        language: str,
        readable: ColumnElement[bool],
        limit: int,
        *,
        every: bool,
    ) -> list[Candidate]:
        index = _index(language)
        if not every:
            terms = _telling(conn, index, terms)
        # With ORDER BY rank, FTS5 would weigh and sort every text with the words. Here it weighs those that are
        # readable, and only the best ``limit`` are kept. The plus keeps the index in the outer loop, whatever
        # the planner thinks (sqlite.org/optoverview.html, section 4).
        number: ColumnElement[int] = literal_column(f"+{index.name}.rowid", BigInteger)
        weight: ColumnElement[float] = literal_column(f"bm25({index.name}, {_WEIGHTS})", Float)
        wanted = (
            select(index.c.rowid, weight.label("score"))
            .join_from(index, articles, articles.c.number == number)
            .where(_matches(index, expression(terms, every=every)))
            .where(articles.c.live_version.is_not(None), readable)
            .order_by(text("score"), index.c.rowid)
            .limit(limit)
        )
        scores = {row.rowid: -row.score for row in conn.execute(wanted)}
        texts = select(index.c.rowid, *(index.c[name] for name in _COLUMNS)).where(index.c.rowid.in_(scores))
        found = [
            Candidate(row.rowid, scores[row.rowid], *(row._mapping[name] for name in _COLUMNS))
            for row in conn.execute(texts)
        ]
        return sorted(found, key=lambda one: (-one.score, -one.number))


def _telling(conn: Connection, index: TableClause, terms: Sequence[Term]) -> list[Term]:
    """Without the commonest words, which cost most and say least, once rarer ones are there."""
    loose = [term for term in terms if not term.quoted]
    if len(loose) <= _LEAST_TERMS:
        return list(terms)
    how_many = {term: _count(conn, index, term) for term in loose}
    kept, total = [term for term in terms if term.quoted], 0
    for at, term in enumerate(sorted(loose, key=lambda one: how_many[one])):
        total += how_many[term]
        if at >= _LEAST_TERMS and total > _AFFORDABLE:
            break
        kept.append(term)
    return kept


def _count(conn: Connection, index: TableClause, term: Term) -> int:
    wanted = select(func.count()).select_from(index).where(_matches(index, _word(term)))
    return conn.execute(wanted).scalar_one()


def _matches(index: TableClause, asked: str) -> ColumnElement[bool]:
    whole: ColumnElement[str] = literal_column(index.name, String)
    return whole.op("MATCH")(asked)


def _index(language: str) -> TableClause:
    columns: list[ColumnClause[Any]] = [column(name) for name in ("rowid", *_COLUMNS)]
    return table(f"{INDEX_PREFIX}{language}", *columns)


def expression(terms: Sequence[Term], *, every: bool) -> str:
    """A MATCH expression (sqlite.org/fts5.html, section 3). Each word stands in quotes and consists of
    letters and digits only (``terms``), so that no query can say anything else."""
    quoted = [_phrase(term) for term in terms if term.quoted]
    loose = [_word(term) for term in terms if not term.quoted]
    if every or not loose:
        return " AND ".join([*quoted, *loose])
    any_of = f"({' OR '.join(loose)})"
    # What is quoted must be there; the other words then only help to order.
    return " AND ".join(quoted) if quoted else any_of


def _phrase(term: Term) -> str:
    return '"' + " ".join(alternatives[0] for alternatives in term.stems) + '"'


def _word(term: Term) -> str:
    forms = [f'"{stem}"' for stem in term.stems[0]]
    if term.prefix is not None:
        forms.append(f'"{term.prefix}" *')
    return f"({' OR '.join(forms)})"


SEARCHER: Searcher = Fts5()
"""Of the database that this version keeps its state in."""
