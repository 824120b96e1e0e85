"""Full-text search as an interface, and SQLite's FTS5 behind it. Another database is another file.

The index holds the published text of each article, one row a language, as stems (``terms``). It knows
nothing of who may read what: that is a condition on ``articles``, in the same statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    String,
    TableClause,
    column,
    delete,
    insert,
    literal_column,
    select,
    table,
)

from broker.knowledge.terms import LANGUAGES, Term, indexed
from broker.store.knowledge_tables import articles
from protocol.knowledge import Body

INDEX_PREFIX = "article_index_"
"""Of the tables that belong to an index and to no list of tables."""
_WEIGHTS = (8.0, 4.0, 1.0, 0.5)
"""BM25 weights of title, symptoms, body, and second spellings."""


class Candidate(NamedTuple):
    """An article that the index found. ``score`` is better the higher it is, within one search."""

    number: int
    score: float
    title: str
    symptoms: str
    body: str


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
        weights = ", ".join(map(str, _WEIGHTS))
        score: ColumnElement[float] = literal_column(f"bm25({index.name}, {weights})")
        whole: ColumnElement[str] = literal_column(index.name, String)
        wanted = (
            select(index.c.rowid, score.label("score"), index.c.title, index.c.symptoms, index.c.body)
            .join_from(index, articles, articles.c.number == index.c.rowid)
            .where(whole.op("MATCH")(expression(terms, every=every)), articles.c.live_version.is_not(None))
            .where(readable)
            .order_by(score, index.c.rowid.desc())
            .limit(limit)
        )
        return [
            Candidate(row.rowid, -row.score, row.title, row.symptoms, row.body)
            for row in conn.execute(wanted)
        ]


def _index(language: str) -> TableClause:
    columns: list[ColumnClause[Any]] = [
        column(name) for name in ("rowid", "title", "symptoms", "body", "spellings")
    ]
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
