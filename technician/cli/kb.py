"""`relevo kb …`: what is known, found and read; writing it is in ``kb_writing``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

import click

from protocol.drivers.shown import folded, local_stamp
from protocol.drivers.terminal import Command, Group, emit_json, note, option, printable, say, words
from protocol.knowledge import (
    ArticleHelped,
    Articles,
    ArticleSearch,
    ArticleState,
    ArticleVersions,
    ArticleView,
    Body,
    Found,
    Suggestion,
    Suggestions,
)
from protocol.signature_model import Outcome, Verdict
from technician.article_files import toml_of
from technician.cli import kb_matches, kb_writing
from technician.cli.common import show_rows, technician_options
from technician.cli.ticket_common import path as ticket_path
from technician.cli.ticket_common import some
from technician.login import client
from technician.reports.matches import why

_LANGUAGE = click.Choice(["en", "es"])


def path(article: str, tail: str = "") -> str:
    return f"/v1/articles/{quote(article, safe='')}{tail}"


@click.group(cls=Group, help="kb")
def kb() -> None:
    """Commands on articles."""


@kb.command("search", help="kb.search")
@click.argument("query")
@option("--ticket", "ticket_id", metavar="TICKET", help="kb.option.ticket")
@option("--in", "language", type=_LANGUAGE, help="kb.option.in")
@option("--limit", type=click.IntRange(1, 50), default=10, show_default=True, help="option.limit")
@technician_options
def search(
    *, query: str, ticket_id: str | None, language: str | None, limit: int, home: Path, as_json: bool
) -> None:
    where = "/v1/articles/search" if ticket_id is None else ticket_path(ticket_id, "/kb-searches")
    if language is None and ticket_id is None:
        language = words().language
    found = client(home).post_json(
        where, ArticleSearch(query=some(query)[:500], language=language, limit=limit), Found
    )
    if as_json:
        emit_json(found.hits)
        return
    if not found.hits:
        note(words()("kb.nothing"))
    for hit in found.hits:
        say(f"{hit.article}  {printable(hit.title)}  [{hit.visibility}]")
        if hit.snippet:
            say(f"    {folded(printable(hit.snippet), '    ')}")
        reason = words()("kb.why.words", words=", ".join(hit.words))
        say(f"    {printable(reason)}; {_uses(hit.statistics.solved, hit.statistics.helpful)}")


def _uses(solved: int, helpful: int) -> str:
    return words()("kb.uses", solved=solved, helpful=helpful)


@kb.command("show", help="kb.show")
@click.argument("article")
@option("--in", "language", type=_LANGUAGE, help="kb.option.in")
@option("--version", type=click.IntRange(min=1), help="kb.option.old-version")
@option("--published", is_flag=True, help="kb.option.published")
@option("--versions", "list_versions", is_flag=True, help="kb.option.versions")
@option("--toml", "as_toml", is_flag=True, help="kb.option.toml")
@technician_options
def show(
    *,
    article: str,
    language: str | None,
    version: int | None,
    published: bool,
    list_versions: bool,
    as_toml: bool,
    home: Path,
    as_json: bool,
) -> None:
    api = client(home)
    if list_versions:
        _show_versions(api.get_json(path(article, "/versions"), ArticleVersions), as_json)
        return
    wanted = {"version": version, "published": 1 if published else None}
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    view = api.get_json(path(article, f"?{query}" if query else ""), ArticleView)
    if as_json:
        emit_json(view)
    elif as_toml:
        say(toml_of(view.text, view.review_by).rstrip("\n"))
        note(words()("kb.version-is", article=view.article, version=view.version))
    else:
        _show_article(view, language)


def _show_versions(found: ArticleVersions, as_json: bool) -> None:
    if as_json:
        emit_json(found.rows)
        return
    titles = [words()(f"kb.column.{name}") for name in ("version", "by", "time", "visibility", "title")]
    cells = ((row.version, row.by, local_stamp(row.at), row.visibility, row.title) for row in found.rows)
    show_rows(titles, cells, "kb.none")


def _show_article(view: ArticleView, language: str | None) -> None:
    w = words()
    chosen, body = view.text.best(language or w.language)
    say(f"{view.article}  {printable(body.title)}")
    links, used = view.text.links, view.statistics
    edited = view.live_version not in (None, view.text_version)
    live = w("kb.live", version=view.live_version) if edited else ""
    facts = {
        "state": f"{w(f'kb.state.{view.state}')} ({w('kb.version', version=view.version)}) {live}".strip(),
        "kind": w(f"kb.kind.{view.text.kind}"),
        "visibility": w(f"kb.visibility.{view.text.visibility}"),
        "customer": view.text.customer,
        "category": view.text.category,
        "languages": ", ".join(view.text.bodies()),
        "owner": view.owner if view.owner == view.by else f"{view.owner}, {view.by}",
        "published-by": view.published_by,
        "review-by": view.review_by,
        "reason": view.reason,
        "tickets": " ".join(links.tickets),
        "fixes": " ".join(links.fixes),
        "known-errors": " ".join(links.known_errors),
        "used": w("kb.used", shown=used.shown, opened=used.opened, solved=used.solved, helpful=used.helpful),
    }
    for name, value in facts.items():
        if value:
            say(f"  {w(f'kb.fact.{name}'):<16}{printable(str(value))}")
    _show_body(body)
    if language not in (None, chosen):
        note(w("kb.only-in", language=chosen))


def _show_body(body: Body) -> None:
    """Text as it was written: no markup of it is ever followed."""
    for title, text in ((words()("kb.symptoms"), body.symptoms), ("", body.body)):
        if text.strip():
            say()
            if title:
                say(f"{title}:")
            say(printable(text, newlines=True))


@kb.command("list", help="kb.list")
@option("--state", type=click.Choice([state.value for state in ArticleState]), help="kb.option.state")
@option("--mine", is_flag=True, help="kb.option.mine")
@option("--due-review", is_flag=True, help="kb.option.due-review")
@option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="option.limit")
@technician_options
def list_(*, state: str | None, mine: bool, due_review: bool, limit: int, home: Path, as_json: bool) -> None:
    w = words()
    wanted = {
        "state": state,
        "mine": 1 if mine else None,
        "due": 1 if due_review else None,
        "language": w.language,
        "limit": limit,
    }
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    found = client(home).get_json(f"/v1/articles?{query}", Articles)
    if as_json:
        emit_json(found.rows)
        return
    titles = [
        w(f"kb.column.{name}")
        for name in ("article", "state", "visibility", "owner", "review-by", "solved", "title")
    ]
    cells = (
        (
            row.article,
            w(f"kb.state.{row.state}"),
            row.visibility,
            row.owner,
            row.review_by or "-",
            row.statistics.solved,
            row.title,
        )
        for row in found.rows
    )
    show_rows(titles, cells, "kb.none")


@kb.command("suggest", help="kb.suggest")
@click.argument("ticket_id", metavar="TICKET")
@technician_options
def suggest(ticket_id: str, home: Path, as_json: bool) -> None:
    found = client(home).get_json(ticket_path(ticket_id, "/suggestions"), Suggestions)
    if as_json:
        emit_json(found)
        return
    if not found.rows:
        note(words()("kb.nothing"))
    for row in found.rows:
        say(f"{row.article or row.known_error or '-'}  {printable(row.title)}")
        for line in _reasons(row):
            say(f"    {printable(line)}")


def _reasons(row: Suggestion) -> list[str]:
    w = words()
    lines = [w(f"kb.why.{row.basis}", words=", ".join(row.words), count=row.tickets)]
    lines += why(Verdict(outcome=Outcome.MATCH, evidence=row.evidence), w)
    for fix in row.fixes:
        given = [f"{param.name}={param.value}" for param in fix.params]
        lines.append(w("kb.helps", fix=" ".join([fix.fix, *given, *(f"{name}=…" for name in fix.missing)])))
    return lines


@kb.command("helpful", help="kb.helpful")
@click.argument("article")
@option("--ticket", "ticket_id", metavar="TICKET", help="kb.option.helped-on")
@technician_options
def helpful(article: str, ticket_id: str | None, home: Path, as_json: bool) -> None:
    view = client(home).post_json(path(article, "/helpful"), ArticleHelped(ticket=ticket_id), ArticleView)
    if as_json:
        emit_json(view)
    else:
        note(words()("kb.helped", article=view.article, helpful=view.statistics.helpful))


COMMANDS: tuple[Command, ...] = (
    kb_writing.new,
    kb_writing.edit,
    kb_writing.review,
    kb_writing.publish,
    kb_writing.retire,
    kb_matches.matches,
    kb_matches.confirm,
    kb_matches.wrong,
    kb_matches.signatures,
)
for _command in COMMANDS:
    kb.add_command(_command)
