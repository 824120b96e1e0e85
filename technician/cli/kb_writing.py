"""`relevo kb new|edit|review|publish|retire`: from a draft to what others read, and out of use again."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import click

from protocol.drivers.terminal import Command, emit_json, note, option, words
from protocol.errors import Code, RelevoError
from protocol.knowledge import ArticleDraftFrom, ArticleEdit, ArticleNew, ArticleStep, ArticleView
from technician.article_files import read_article
from technician.cli.common import technician_options
from technician.cli.ticket_common import path as ticket_path
from technician.cli.ticket_common import some
from technician.login import client


def _path(article: str, tail: str = "") -> str:
    return f"/v1/articles/{quote(article, safe='')}{tail}"


def _tell(view: ArticleView, as_json: bool) -> None:
    if as_json:
        emit_json(view)
        return
    state = words()(f"kb.state.{view.state}")
    note(words()("kb.now", article=view.article, state=state, version=view.version))


@click.command("new", cls=Command, help="kb.new")
@click.argument("file", required=False, type=click.Path(path_type=Path), metavar="[FILE.toml|FILE.md]")
@option("--from-ticket", metavar="TICKET", help="kb.option.from-ticket")
@option("--in", "language", type=click.Choice(["en", "es"]), help="kb.option.in")
@technician_options
def new(file: Path | None, from_ticket: str | None, language: str | None, home: Path, as_json: bool) -> None:
    if (file is None) == (from_ticket is None):
        raise RelevoError(Code.USAGE, "name a file or --from-ticket TICKET")
    if file is not None:
        written = read_article(file, language or words().language)
        body = ArticleNew(text=written.text, review_by=written.review_by)
        view = client(home).post_json("/v1/articles", body, ArticleView)
    else:
        asked = ArticleDraftFrom(language=language)
        view = client(home).post_json(ticket_path(from_ticket or "", "/article"), asked, ArticleView)
    _tell(view, as_json)


@click.command("edit", cls=Command, help="kb.edit")
@click.argument("article")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.toml|FILE.md")
@option("--version", type=click.IntRange(min=1), required=True, help="kb.option.version")
@option("--in", "language", type=click.Choice(["en", "es"]), help="kb.option.in")
@technician_options
def edit(*, article: str, file: Path, version: int, language: str | None, home: Path, as_json: bool) -> None:
    api = client(home)
    old = None
    if file.suffix.lower() == ".md":
        old = api.get_json(_path(article), ArticleView).text
    written = read_article(file, language or words().language, old)
    body = ArticleEdit(text=written.text, version=version, review_by=written.review_by)
    _tell(api.post_json(_path(article, "/text"), body, ArticleView), as_json)


@click.command("review", cls=Command, help="kb.review")
@click.argument("article")
@option("--give-back", metavar="REASON", help="kb.option.give-back")
@option("--version", type=click.IntRange(min=1), help="kb.option.version")
@technician_options
def review(article: str, give_back: str | None, version: int | None, home: Path, as_json: bool) -> None:
    step = ArticleStep(version=version, reason=some(give_back) if give_back is not None else "")
    where = _path(article, "/submit" if give_back is None else "/give-back")
    _tell(client(home).post_json(where, step, ArticleView), as_json)


@click.command("publish", cls=Command, help="kb.publish")
@click.argument("article")
@option("--version", type=click.IntRange(min=1), required=True, help="kb.option.version")
@technician_options
def publish(article: str, version: int, home: Path, as_json: bool) -> None:
    step = ArticleStep(version=version)
    _tell(client(home).post_json(_path(article, "/publish"), step, ArticleView), as_json)


@click.command("retire", cls=Command, help="kb.retire")
@click.argument("article")
@option("--reason", required=True, help="option.move-reason")
@option("--version", type=click.IntRange(min=1), help="kb.option.version")
@technician_options
def retire(article: str, reason: str, version: int | None, home: Path, as_json: bool) -> None:
    step = ArticleStep(version=version, reason=some(reason))
    _tell(client(home).post_json(_path(article, "/retire"), step, ArticleView), as_json)
