"""Words of strangers made plain: HTML to text, nothing invisible, people under pseudonyms, and bounded."""

from __future__ import annotations

import hashlib
import hmac
import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

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
_MAX_UNSEEN = 32
"""Of them inside one another; what is deeper is unseen all the same."""
_VERBATIM = {
    name: re.compile(f"</{name}(?![a-z0-9])", re.IGNORECASE) for name in ("script", "style", "title")
}
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,40})")
_VALUE = re.compile(r"""=[ \t\r\n\f]{0,100}(["'])""")
_LONG_NUMBER = re.compile(r"&#[0-9]{9,}|&#[xX][0-9a-fA-F]{9,}")
"""No character has such a number, and ``int`` refuses thousands of digits."""


class _Page:
    """What a reader of a page would see, as its tags go by."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._unseen: list[str] = []

    def tag(self, name: str, *, ends: bool, empty: bool) -> None:
        if name in _UNSEEN and not empty:
            self._hide(name, ends=ends)
        elif name == "body" and not ends:
            self._unseen.clear()
        elif name in _BLOCKS:
            self.parts.append("\n")

    def words(self, text: str) -> None:
        if not self._unseen:
            self.parts.append(html.unescape(_LONG_NUMBER.sub("\ufffd", text)))

    def _hide(self, name: str, *, ends: bool) -> None:
        if ends and name in self._unseen:
            del self._unseen[self._unseen.index(name) :]
        elif not ends and len(self._unseen) < _MAX_UNSEEN:
            self._unseen.append(name)


def from_html(page: str) -> str:
    """What a reader of the page would see, one block a line. Never fails: what is no HTML is text.

    Each character is looked at a bounded number of times, whatever stands there: strangers write it. (The
    parser of the standard library takes a minute for 64 KiB of ``<a <a <a``.)
    """
    page = page[:MAX_HTML]
    shown, at = _Page(), 0
    while (begin := page.find("<", at)) >= 0:
        shown.words(page[at:begin])
        at = _markup(page, begin, shown)
        if at == begin:
            break
    shown.words(page[at:])
    lines = (" ".join(line.split()) for line in "".join(shown.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _markup(page: str, begin: int, shown: _Page) -> int:
    """Where the markup that begins at ``begin`` ends; ``begin`` itself where no markup ends any more."""
    if page.startswith("<!--", begin):
        end = page.find("-->", begin + 4)
        return len(page) if end < 0 else end + 3
    if page.startswith(("<!", "<?"), begin):
        return page.find(">", begin) + 1 or begin
    name = _TAG.match(page, begin)
    if name is None:
        shown.words("<")
        return begin + 1
    end = _end_of_tag(page, name.end())
    if end < 0:
        return begin
    called, ends = name[2].lower(), bool(name[1])
    shown.tag(called, ends=ends, empty=page[end - 1] == "/")
    if called in _VERBATIM and not ends:
        # Nothing in these is markup but their own end.
        close = _VERBATIM[called].search(page, end)
        return len(page) if close is None else close.start()
    return end + 1


def _end_of_tag(page: str, at: int) -> int:
    """Index of the ``>`` that ends a tag, quoted values skipped; a quote that is never closed is none. -1:
    there is no end."""
    end = page.find(">", at)
    while end >= 0 and (quote := _VALUE.search(page, at, end)) is not None:
        closed = page.find(quote[1], quote.end())
        if closed < 0:
            break
        at = closed + 1
        if at > end:
            end = page.find(">", at)
    return end


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
