"""Articles as files that people write: TOML with both languages, or Markdown with one.

TOML holds the whole article. A Markdown file is the text in one language; what it says of the article stands
in TOML between two lines ``+++`` at its top, and what it does not say stays as it was.
"""

from __future__ import annotations

import json
import tomllib
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from protocol.drivers.files import given, read_file
from protocol.errors import Code, RelevoError
from protocol.knowledge import ArticleText, Body, Links

MAX_FILE = 512 << 10
_FENCE = "+++"
_LISTS = ("tickets", "fixes", "known_errors")
_FIELDS = frozenset({"kind", "visibility", "customer", "category", "review_by", "en", "es", *_LISTS})
_ONE_LANGUAGE = frozenset({"language", "title", "symptoms"})


class Written(NamedTuple):
    text: ArticleText
    review_by: date | None


def read_article(file: Path, language: str, old: ArticleText | None = None) -> Written:
    """The article that a file says.

    Args:
        language: of a Markdown file that names none.
        old: what a Markdown file builds on; None: a new article.

    Raises:
        RelevoError: ``not-found``; ``usage`` naming the file and what is wrong with it.
    """
    with given(file):
        content = read_file(file, MAX_FILE)
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        if file.suffix.lower() == ".md":
            return _markdown(text, language, old)
        return _article(tomllib.loads(text), None)
    except RelevoError as error:
        raise RelevoError(Code.USAGE, f"{file}: {error.detail}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise RelevoError(Code.USAGE, f"{file}: {error}") from error


def _article(said: dict[str, Any], old: ArticleText | None) -> Written:
    unknown = sorted(set(said) - _FIELDS)
    if unknown:
        raise RelevoError(Code.USAGE, f"unknown: {', '.join(unknown)}")
    review_by = said.pop("review_by", None)
    if review_by is not None and type(review_by) is not date:
        raise RelevoError(Code.USAGE, "review_by is a date such as 2027-06-01")
    values: dict[str, Any] = msgspec.to_builtins(old or ArticleText())
    values["links"] |= {name: said.pop(name) for name in _LISTS if name in said}
    return Written(msgspec.convert(values | said, ArticleText), review_by)


def _markdown(text: str, language: str, old: ArticleText | None) -> Written:
    said: dict[str, Any] = {}
    if text.startswith(_FENCE + "\n"):
        head, found, text = text[len(_FENCE) + 1 :].partition(f"\n{_FENCE}\n")
        if not found:
            raise RelevoError(Code.USAGE, f"no second line {_FENCE}")
        said = tomllib.loads(head)
    both = sorted({"en", "es"} & set(said))
    if both:
        raise RelevoError(Code.USAGE, f"a Markdown file has one language: no table {both[0]}")
    about = {name: said.pop(name) for name in _ONE_LANGUAGE if name in said}
    language = about.get("language", language)
    if language not in ("en", "es"):
        raise RelevoError(Code.USAGE, "language is en or es")
    was = old.bodies().get(language) if old is not None else None
    text = text.strip("\n")
    first, _, rest = text.partition("\n")
    title = about.get("title")
    if title is None and first.startswith("# "):
        title, text = first[2:].strip(), rest.strip("\n")
    body = {
        "title": title or (was.title if was else ""),
        "symptoms": about.get("symptoms", was.symptoms if was else ""),
        "body": text,
    }
    return _article(said | {language: body}, old)


def toml_of(text: ArticleText, review_by: date | None) -> str:
    """The article as TOML that ``read_article`` reads back as the same."""
    lines = [f"kind = {_quoted(text.kind)}", f"visibility = {_quoted(text.visibility)}"]
    lines += [
        f"{name} = {_quoted(value)}"
        for name, value in (("customer", text.customer), ("category", text.category))
        if value is not None
    ]
    if review_by is not None:
        lines.append(f"review_by = {review_by.isoformat()}")
    for name, values in zip(_LISTS, _links(text.links), strict=True):
        if values:
            lines.append(f"{name} = [{', '.join(_quoted(value) for value in values)}]")
    for language, body in text.bodies().items():
        lines += ["", f"[{language}]", *_table(body)]
    return "\n".join(lines) + "\n"


def _links(links: Links) -> tuple[tuple[str, ...], ...]:
    return links.tickets, links.fixes, links.known_errors


def _table(body: Body) -> list[str]:
    return [
        f"title = {_quoted(body.title)}",
        f"symptoms = {_lines(body.symptoms)}",
        f"body = {_lines(body.body)}",
    ]


def _quoted(value: str) -> str:
    """A TOML basic string; JSON's escapes are among TOML's. What a terminal would obey is escaped: others
    wrote it, and it is shown."""
    return "".join(map(_shown, json.dumps(str(value), ensure_ascii=False)))


def _shown(char: str) -> str:
    if unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cn", "Zl", "Zp"):
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 1 << 16 else f"\\U{ord(char):08x}"


def _lines(value: str) -> str:
    """A string over several lines where there are several: people edit it."""
    if "\n" not in value:
        return _quoted(value)
    escaped = "\n".join(_quoted(line)[1:-1] for line in value.split("\n"))
    return f'"""\n{escaped}"""'
