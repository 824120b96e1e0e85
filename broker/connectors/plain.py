"""Words of strangers made plain: HTML to text, nothing invisible, people under pseudonyms, and bounded."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from broker.connectors.contract import Person
from protocol.redaction.known import Known
from protocol.redaction.known import Person as Named
from protocol.redaction.pseudonyms import Pseudonyms
from protocol.redaction.redactor import Redactor
from protocol.scopes import Clearance

MAX_TEXT = 20_000
MAX_TITLE = 200
MAX_NAME = 100
MAX_HTML = 1 << 20
_CUT = "…"

_BLOCKS = frozenset(
    {"address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "footer", "form"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "ol", "p", "pre", "section", "table"}
    | {"tbody", "td", "th", "thead", "tr", "ul"}
)
_UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript", "iframe", "object"})


class _Reader(HTMLParser):
    """Keeps what a reader would see. Never fails: what is no HTML is text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen.append(tag)
        elif tag == "body":
            self._unseen.clear()
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)


def from_html(html: str) -> str:
    """What a reader of the page would see, one block a line."""
    reader = _Reader()
    reader.feed(html[:MAX_HTML])
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def visible(text: str) -> str:
    """Only what can be seen, line ends and tabs: no controls, no direction or zero-width tricks, no
    surrogates. Line ends are ``\\n``."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    if unified.isascii() and unified.replace("\n", "").replace("\t", "").isprintable():
        return unified
    return "".join(c for c in unified if c in "\n\t" or unicodedata.category(c) not in _HIDDEN)


_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@dataclass(frozen=True)
class Words:
    """What somebody wrote, as each clearance may read it."""

    r1: str
    r2: str


class Veil:
    """The redaction that everything from outside goes through, the same rules as on the machines
    (4-domain.md, "Redaction classes"). Use it outside the store's writer: a long text takes a while."""

    def __init__(self, secret: bytes, customer: str, people: Sequence[Person]) -> None:
        """``secret``: of the connector, 32 bytes: the same person has another name at each customer.
        ``people``: whose names to look for besides what rules find."""
        key = hmac.digest(secret, customer.encode(), hashlib.sha256)
        known = Known(tuple(Named(p.name, p.name) for p in people if not p.staff and " " in p.name))
        self._r1 = Redactor(Clearance.R1, key, known=known)
        self._r2 = Redactor(Clearance.R2, key, known=known)
        self._pseudonyms = Pseudonyms(key)

    def pseudonym(self, person: Person) -> str:
        """``mail-3f9a1c``: who asks, in a name that R1 may know. Staff stands behind its name."""
        if person.staff:
            return line(self._r1.text(visible(person.name)), MAX_NAME, "staff")
        if person.email or "@" in person.name:
            return self._pseudonyms.named("mail", person.email or person.name)
        return self._pseudonyms.named("user", person.name)

    def body(self, text: str) -> Words:
        """A message: visible, at most ``MAX_TEXT`` characters."""
        shown = visible(text[: 4 * MAX_TEXT]).strip()
        return Words(_cut(self._r1.text(shown)), _cut(self._r2.text(shown)))

    def title(self, text: str, instead: str) -> Words:
        """One line; ``instead`` where nothing is left."""
        shown = visible(text[: 4 * MAX_TITLE])
        return Words(
            line(self._r1.text(shown), MAX_TITLE, instead), line(self._r2.text(shown), MAX_TITLE, instead)
        )


def line(text: str, most: int, instead: str) -> str:
    """The words of ``text`` on one line of at most ``most`` characters."""
    words = " ".join(visible(text).split()) or instead
    return words if len(words) <= most else words[: most - 1].rstrip() + _CUT


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + _CUT
