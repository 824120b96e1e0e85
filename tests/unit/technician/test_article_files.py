"""Articles as files: what is read is what was written, and a broken file says where."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import Code, RelevoError
from protocol.knowledge import ArticleText, Body, Links, Visibility
from technician.article_files import MAX_FILE, read_article, toml_of

_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t\"'\\"), max_size=60)
_BODY = st.builds(Body, title=_TEXT.filter(lambda text: text and len(text) < 200), symptoms=_TEXT, body=_TEXT)


@given(en=_BODY | st.none(), es=_BODY | st.none(), review=st.dates() | st.none())
def test_what_is_written_as_toml_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, en: Body | None, es: Body | None, review: date | None
) -> None:
    links = Links(tickets=("T-1",), fixes=("clean", "undo"))
    text = ArticleText(
        visibility=Visibility.L3, customer="acme", category="printing", en=en, es=es, links=links
    )
    file = tmp_path_factory.mktemp("toml", numbered=True) / "article.toml"
    file.write_text(toml_of(text, review), encoding="utf-8", newline="")
    assert read_article(file, "en") == (text, review)


def test_an_article_as_toml_says_nothing_to_a_terminal() -> None:
    evil = "a\x1b[2J\x9b2J\u202egpj.exe\u2028\x85\U000e0041"
    out = toml_of(ArticleText(en=Body(title=evil, symptoms=evil, body=f"{evil}\n{evil}")), None)
    assert all(char == "\n" or char.isprintable() for char in out)


def test_markdown_takes_its_title_from_its_heading(tmp_path: Path) -> None:
    file = tmp_path / "guide.md"
    file.write_text('+++\nvisibility = "public"\nsymptoms = "no imprime"\n+++\n# Impresora\n\nReinicie.\n')
    text = read_article(file, "es").text
    assert text.visibility is Visibility.PUBLIC and text.en is None
    assert text.es == Body(title="Impresora", symptoms="no imprime", body="Reinicie.")


def test_markdown_of_one_language_leaves_the_other_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "guide.md"
    file.write_text("Restart it twice.")
    old = ArticleText(en=Body(title="Printer", symptoms="stops"), es=Body(title="Impresora"), customer="acme")
    text = read_article(file, "en", old).text
    assert text.en == Body(title="Printer", symptoms="stops", body="Restart it twice.")
    assert (text.es, text.customer) == (old.es, "acme")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", b"kind = ", "a.toml: Invalid value"),
        ("a.toml", b'kind = "novel"', "Invalid enum value 'novel'"),
        ("a.toml", b'colour = "red"', "unknown: colour"),
        ("a.toml", b"[en]\ntitle = 5", "`$.en.title`"),
        ("a.toml", b'[en]\nname = "x"', "unknown field `name`"),
        ("a.toml", b'review_by = "soon"', "review_by is a date"),
        ("a.toml", b"\xff\xfe\x00", "codec can't decode"),
        ("a.toml", b"a" * (MAX_FILE + 1), "a.toml"),
        ("a.toml", b"x = " + b"[" * 5_000, "a.toml"),
        ("a.md", b"+++\nkind = 1\n", "no second line +++"),
        ("a.md", b"+++\n[es]\n+++\nx", "one language"),
        ("a.md", b'+++\nlanguage = "fr"\n+++\n# x', "language is en or es"),
    ],
)
def test_a_broken_file_is_one_error_that_names_it(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(RelevoError) as caught:
        read_article(file, "en")
    assert caught.value.code is Code.USAGE
    assert said in caught.value.detail and str(file) in caught.value.detail


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(RelevoError) as caught:
        read_article(tmp_path / "none.toml", "en")
    assert caught.value.code is Code.NOT_FOUND
