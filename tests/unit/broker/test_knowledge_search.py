"""Searching: words of both languages, hostile queries, and nothing that one may not see."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert, select

from broker.knowledge import search
from broker.knowledge.searcher import SEARCHER, expression
from broker.knowledge.terms import fold, indexed, parse
from broker.store import schema
from broker.store.databases import make_engine
from broker.store.knowledge_tables import article_versions, articles
from protocol.knowledge import ArticleText, Body, Visibility, rank
from protocol.wire import to_json

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PUBLIC, L1, L2, L3 = Visibility
_EXPRESSION = re.compile(r'(?:"[^\W_]+(?: [^\W_]+)*"(?: \*)?|[() ]|AND|OR)+')
SECRETS = ("ornitorrinco", "walrus", "zafiro", "onyx")


def put(conn: Connection, number: int, text: ArticleText) -> None:
    """A published article, past the rules of publishing."""
    level = rank(text.visibility)
    conn.execute(
        insert(articles).values(
            number=number,
            state="published",
            version=1,
            text_version=1,
            live_version=1,
            rank=level,
            live_rank=level,
            customer=text.customer,
            live_customer=text.customer,
            owner="ana",
            created=NOW,
            updated=NOW,
        )
    )
    content = to_json(text)
    conn.execute(
        insert(article_versions).values(article=number, version=1, by="ana", at=NOW, content=content)
    )
    SEARCHER.put(conn, number, text.bodies())


ARTICLES = (
    ArticleText(
        visibility=PUBLIC,
        es=Body(
            title="La impresora no imprime",
            symptoms="Los trabajos se quedan en la cola de impresión",
            body="Reinicie la cola. Abra la configuración de la conexión.",
        ),
        en=Body(title="The printer does not print", symptoms="Jobs wait in the print queue"),
    ),
    ArticleText(visibility=L1, en=Body(title="Slow network", symptoms="pages load slowly", body="printer")),
    ArticleText(visibility=L2, en=Body(title="Printing with the walrus driver", symptoms="printing")),
    ArticleText(visibility=L3, es=Body(title="Causa raíz: ornitorrinco", symptoms="la impresora no imprime")),
    ArticleText(visibility=PUBLIC, customer="globex", es=Body(title="Impresora zafiro de Globex")),
    ArticleText(visibility=L1, customer="acme", en=Body(title="Printer onyx at Acme", symptoms="onyx")),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path_factory.mktemp('kb') / 'kb.db'}"
    schema.upgrade(url)
    made = make_engine(url, writer=True)
    with made.begin() as conn:
        for number, text in enumerate(ARTICLES, 1):
            put(conn, number, text)
    yield made
    made.dispose()


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as opened:
        yield opened


def ids(
    conn: Connection, query: str, language: str = "es", ceiling: Visibility = L3, customer: str | None = None
) -> list[str]:
    return [hit.article for hit in search.find(conn, query, language, ceiling, 10, customer=customer)]


@pytest.mark.parametrize(
    ("query", "language"),
    [
        ("impresoras", "es"),
        ("IMPRESORA", "es"),
        ("imprimen", "es"),
        ("colas", "es"),
        ("impresion", "es"),
        ("configuracion", "es"),
        ("configuraciones", "es"),
        ("conexiones", "es"),
        ("queues", "en"),
        ("prints", "en"),
        ("printing", "en"),
        ("printers", "en"),
    ],
)
def test_forms_of_a_word_meet_with_and_without_accents(conn: Connection, query: str, language: str) -> None:
    assert "kb-1" in ids(conn, query, language, PUBLIC)


def test_the_beginning_of_the_last_word_is_enough(conn: Connection) -> None:
    assert "kb-1" in ids(conn, "cola impr", ceiling=PUBLIC)
    assert ids(conn, "trabaj impresora ", ceiling=PUBLIC) == ["kb-1"]
    assert ids(conn, "confi ", ceiling=PUBLIC) == [], "a word that is followed by a blank is finished"


def test_a_quoted_phrase_must_be_there_in_this_order(conn: Connection) -> None:
    assert ids(conn, '"cola de impresión"', ceiling=PUBLIC) == ["kb-1"]
    assert ids(conn, "«colas de impresion»", ceiling=PUBLIC) == ["kb-1"]
    assert ids(conn, '"impresión de cola"', ceiling=PUBLIC) == []
    assert ids(conn, '"cola de impresión" ornitorrinco', ceiling=PUBLIC) == ["kb-1"]
    assert ids(conn, 'impresora "no existe"', ceiling=PUBLIC) == []


def test_the_title_counts_more_than_the_symptoms_and_those_more_than_the_text(conn: Connection) -> None:
    found = ids(conn, "printer", "en", L1)
    assert found.index("kb-1") < found.index("kb-2")


def test_both_languages_are_searched_and_the_readers_comes_first(conn: Connection) -> None:
    in_spanish = search.find(conn, "impresora print", "es", PUBLIC, 10)
    assert [(hit.article, hit.language) for hit in in_spanish] == [("kb-1", "es")]
    in_english = search.find(conn, "print", "en", PUBLIC, 10)
    assert [(hit.article, hit.language) for hit in in_english] == [("kb-1", "en")]
    assert ids(conn, "slowly", "es", L1) == ["kb-2"], "what exists in English only is found all the same"


def test_a_hit_says_why_and_quotes_what_is_written(conn: Connection) -> None:
    (hit,) = search.find(conn, "la COLA de impresion parada", "es", PUBLIC, 10)
    assert hit.words == ("COLA", "impresion")
    assert "cola de impresión" in hit.snippet


def test_nobody_finds_above_their_ceiling_by_any_word_of_it(conn: Connection) -> None:
    reach = {PUBLIC: set(), L1: set(), L2: {"walrus"}, L3: {"walrus", "ornitorrinco"}}
    for ceiling, expected in reach.items():
        for customer in (None, "initech"):
            seen = {word for word in SECRETS if ids(conn, word, "es", ceiling, customer)}
            assert seen == expected, (ceiling, customer)
    assert ids(conn, "onyx", "en", L1, "acme") == ["kb-6"]
    assert ids(conn, "onyx", "en", PUBLIC, "acme") == []
    assert ids(conn, "zafiro", "es", PUBLIC, "globex") == ["kb-5"]
    assert ids(conn, "zafiro", "es", L3, "acme") == []


def test_the_readable_best_of_many_are_those_that_the_index_itself_would_put_first(engine: Engine) -> None:
    """Ranked by FTS5's own ``rank`` and filtered afterwards, the plain way."""
    chance = random.Random(20_261_122)
    vocabulary = ("caldera", "vapor", "tubo", "fuga")
    with engine.begin() as conn:
        for number in range(100, 180):
            said = [" ".join(chance.choices(vocabulary, k=most)) for most in (3, 6, 20)]
            text = Body(title=said[0], symptoms=said[1], body=said[2])
            put(conn, number, ArticleText(visibility=chance.choice((PUBLIC, L1, L2, L3)), es=text))
        ranked = conn.exec_driver_sql(
            "SELECT rowid, rank FROM article_index_es WHERE article_index_es MATCH ?"
            " AND rank MATCH 'bm25(8.0, 4.0, 1.0, 0.5)' ORDER BY rank, rowid",
            (expression(parse("vapor cald", "es"), every=True),),
        ).all()
        levels = {row.number: row.live_rank for row in conn.execute(select(articles))}
        for ceiling in (PUBLIC, L1, L3):
            expected = [row for row in ranked if levels[row.rowid] <= rank(ceiling)]
            best = sorted(expected[:10], key=lambda row: (row.rank, -row.rowid))
            found = search.find(conn, "vapor cald", "es", ceiling, 10)
            assert len(expected) > len(best)
            assert [hit.article for hit in found] == [f"kb-{row.rowid}" for row in best]
        conn.rollback()


HOSTILE = [
    '"',
    '""',
    "'",
    "*",
    "^ - + : ( ) { }",
    "NEAR(walrus printing, 5)",
    "title:walrus OR body:ornitorrinco",
    'x" OR "walrus',
    'x" OR live_rank >= 0 --',
    "' OR 1=1 --",
    "{title symptoms}: walrus",
    "AND OR NOT NEAR",
    "walrus*",
    "w*",
    "NOT walrus",
    "rank MATCH 'bm25(0)'",
    "\x00walrus\x00",
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    "🖨️ \u202ewalrus",
    "a" * 500,
    " ".join(["walrus"] * 80),
    '"' * 499,
    "%_[a-z]",
    "",
    "   ",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_no_query_is_an_error_or_a_way_around_the_rights(conn: Connection, query: str) -> None:
    for language in ("en", "es"):
        for hit in search.find(conn, query, language, L1, 50):
            assert hit.visibility in (PUBLIC, L1)
            assert not any(word in f"{hit.title} {hit.snippet}".lower() for word in SECRETS)


@settings(max_examples=150)
@given(
    query=st.text(max_size=80)
    | st.lists(st.sampled_from([*HOSTILE[:16], "walrus"]), max_size=6).map(" ".join)
)
def test_any_text_at_all_is_a_query(conn: Connection, query: str) -> None:
    for hit in search.find(conn, query, "es", PUBLIC, 50):
        assert hit.visibility is PUBLIC


@given(st.text(max_size=80))
def test_what_the_index_is_asked_holds_nothing_but_quoted_words(query: str) -> None:
    for language in ("en", "es"):
        terms = parse(query, language)
        for every in (True, False):
            assert not terms or _EXPRESSION.fullmatch(expression(terms, every=every))


def test_long_texts_are_quoted_from_where_the_words_are(engine: Engine) -> None:
    with engine.begin() as conn:
        long = "relleno " * 5_000 + "aquí está el hipogrifo y su remedio"
        put(conn, 91, ArticleText(visibility=PUBLIC, es=Body(title="Largo", body=long)))
        (hit,) = search.find(conn, "hipogrifos", "es", PUBLIC, 5)
        assert hit.snippet.endswith("relleno aquí está el hipogrifo y su remedio")
        conn.rollback()


@given(st.text(max_size=200))
def test_every_word_has_one_stem_in_its_place_and_finds_itself(text: str) -> None:
    for language in ("en", "es"):
        words = f" {indexed(text, language)[0]} "
        for term in parse(text.replace('"', " "), language):
            if not term.quoted:
                assert term.in_text(words), term


def test_folding_takes_accents_and_case_away() -> None:
    assert fold("ÁÉÍÓÚÜÑ ßẞ İ") == "aeiouun ssss i"


def test_a_withdrawn_or_changed_text_leaves_the_index(engine: Engine) -> None:
    with engine.begin() as conn:
        put(conn, 90, ArticleText(visibility=PUBLIC, es=Body(title="Calabaza"), en=Body(title="Pumpkin")))
        assert ids(conn, "calabazas") == ["kb-90"]
        SEARCHER.put(conn, 90, {"en": Body(title="Turnip")})
        assert (ids(conn, "calabaza"), ids(conn, "pumpkin")) == ([], [])
        assert ids(conn, "turnips", "en") == ["kb-90"]
        conn.rollback()
