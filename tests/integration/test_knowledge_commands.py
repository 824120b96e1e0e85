"""The knowledge base through the documented command lines: from a ticket to an article that solves the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.world import Person, World, world_in

ARTICLE = """
kind = "troubleshooting"
visibility = "L1"
category = "printing"

[es]
title = "La impresora no imprime"
symptoms = "Los trabajos se quedan en la cola de impresión"
body = "Reinicie la **cola**."

[en]
title = "The printer does not print"
symptoms = "Jobs wait in the queue"
body = "Restart the queue."
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("kb")) as world:
        world.found(fixes=False)
        yield world


@pytest.fixture(scope="module")
def ana(world: World) -> Person:
    return world.technician("ana", tier=1)


@pytest.fixture(scope="module")
def ben(world: World) -> Person:
    return world.technician("ben", tier=2)


@pytest.fixture(scope="module")
def written(world: World, ana: Person, ben: Person) -> str:
    """ana's article, published by ben."""
    (world.folder / "article.toml").write_text(ARTICLE)
    made = ana("kb", "new", "article.toml", "--json").json()
    ana("kb", "review", made["article"])
    read = ben("kb", "show", made["article"], "--json").json()["version"]
    ben("kb", "publish", made["article"], "--version", str(read))
    return str(made["article"])


def test_an_article_is_written_reviewed_published_and_found(ana: Person, ben: Person, written: str) -> None:
    ana("kb", "publish", written, status=2)
    ana("kb", "publish", written, "--version", "3", status=9)
    for query, language in (("impresoras", "es"), ("printers", "en"), ("imprim", "es")):
        (hit,) = ana("kb", "search", query, "--lang", language, "--json").json()
        assert (hit["article"], hit["language"]) == (written, language)
    shown = ana("kb", "search", "cola impresion", "--lang", "es").out
    assert "La impresora no imprime" in shown and "porque contiene: cola, impresion" in shown
    assert "Reinicie la **cola**." in ana("kb", "show", written, "--lang", "es").out
    assert ana("kb", "search", "zanahoria", "--json").json() == []
    assert [row["article"] for row in ana("kb", "list", "--state", "published", "--json").json()] == [written]
    assert ana("kb", "list", "--due-review", "--json").json() == []


def test_a_ticket_is_searched_helped_and_resolved_by_it(ana: Person, written: str) -> None:
    ticket = ana(
        "ticket", "new", "La impresora no imprime", "--customer", "acme", "--language", "es"
    ).out.strip()
    ana("ticket", "take", ticket)
    assert ana("kb", "search", "cola parada", "--ticket", ticket, "--json").json()[0]["article"] == written
    assert "knowledge searched" in ana("ticket", "show", ticket).out
    (row,) = ana("kb", "suggest", ticket, "--json").json()["rows"]
    assert (row["basis"], row["article"]) == ("words", written)
    assert "because it has" in ana("kb", "suggest", ticket).out
    ana("kb", "helpful", written, "--ticket", ticket)
    ana("ticket", "resolve", ticket, "Cola reiniciada", "--article", "kb-77", status=3)
    ana("ticket", "resolve", ticket, "Cola reiniciada", "--article", written)
    used = ana("kb", "show", written, "--json").json()["statistics"]
    assert (used["solved"], used["helpful"]) == (1, 1)


def test_a_ticket_becomes_a_draft_that_gives_nobody_away(world: World, ana: Person, ben: Person) -> None:
    said = "La clave: Zanahoria99! y mi correo maria@acme.example"
    ticket = ana("ticket", "new", "No abre el programa", "--customer", "acme", "--language", "es",
                 "--description", said).out.strip()  # fmt: skip
    ana("ticket", "take", ticket)
    ana("ticket", "resolve", ticket, "Reinstalado", "--cause", "software", "--article", "new")
    article = ana("ticket", "show", ticket, "--json").json()["ticket"]["article"]
    draft = ana("kb", "show", article).out
    assert "Reinstalado" in draft and ticket in draft
    assert "Zanahoria99" not in draft and "maria" not in draft
    second = ana("kb", "new", "--from-ticket", ticket, "--json").json()
    assert second["article"] != article and second["state"] == "draft"
    ben("kb", "retire", second["article"], "--reason", "Repetido")
    assert second["article"] not in ana("kb", "list", "--state", "draft").out


def test_of_two_editors_the_second_is_told_and_loses_nothing(
    world: World, ana: Person, ben: Person, written: str
) -> None:
    as_file = ben("kb", "show", written, "--toml")
    version = ben("kb", "show", written, "--json").json()["version"]
    assert str(version) in as_file.err
    mine, theirs = world.folder / "mine.toml", world.folder / "theirs.md"
    mine.write_text(as_file.out.replace("Restart the queue.", "Restart the queue twice."))
    theirs.write_text("# The printer does not print\n\nRestart the printer.\n")
    ben("kb", "edit", written, str(mine), "--version", str(version))
    lost = ana("kb", "edit", written, str(theirs), "--version", str(version), "--in", "en", status=9)
    assert f"{written} is at version {version + 1}" in lost.err and theirs.exists()
    ana("kb", "edit", written, str(theirs), "--version", str(version + 1), "--in", "en")
    now = ana("kb", "show", written, "--json").json()
    assert (now["text"]["en"]["body"], now["text"]["es"]["body"]) == (
        "Restart the printer.",
        "Reinicie la **cola**.",
    )
    assert (
        ana("kb", "show", written, "--published", "--json").json()["text"]["en"]["body"]
        == "Restart the queue."
    )
    assert len(ana("kb", "show", written, "--versions", "--json").json()) == 3
    ana("kb", "review", written)
    ben("kb", "publish", written, "--version", str(version + 1), status=9)
    back = ben("kb", "review", written, "--give-back", "Which printer?", "--json").json()
    assert (back["state"], back["reason"]) == ("draft", "Which printer?")


def test_what_cannot_be_an_article_is_one_clear_error(world: World, ana: Person, written: str) -> None:
    broken = {
        "syntax.toml": 'kind = "howto',
        "escape.toml": '[en]\ntitle = "x"\nbody = "a\\u001b[2Jb"',
        "above.toml": 'visibility = "L3"\n[en]\ntitle = "x"',
    }
    for name, content in broken.items():
        (world.folder / name).write_text(content)
        failed = ana("kb", "new", name, status=4 if name == "above.toml" else 2)
        assert len(failed.err.strip().splitlines()) == 3 and "Traceback" not in failed.err, failed.err
    ana("kb", "show", "kb-999", status=3)
    ana("kb", "show", "../agents", status=3)


def test_nothing_in_a_text_reaches_the_terminal_as_a_command(world: World, ana: Person, ben: Person) -> None:
    (world.folder / "sly.toml").write_text(
        'visibility = "L1"\n[en]\ntitle = "Sly \u202etxt.exe"\nbody = "[red]x[/red]"'
    )
    made = ana("kb", "new", "sly.toml", "--json").json()
    shown = ben("kb", "show", made["article"]).out
    assert "\u202e" not in shown and "\\u202e" in shown and "[red]x[/red]" in shown
