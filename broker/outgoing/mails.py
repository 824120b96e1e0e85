"""One mail as a value: words, headers, a plain part and a simple HTML part. No I/O, no clock.

Everything that people wrote is one clean line where it stands in a header or a sentence, and set off line by
line as a quotation where it is longer: whatever a user writes, it cannot pass for ours.
"""

from __future__ import annotations

import html
import unicodedata
from datetime import datetime
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage, Message
from email.policy import SMTP, Policy
from email.utils import format_datetime
from typing import NamedTuple

from broker.outgoing.rules import Template
from broker.outgoing.settings import MailSettings
from protocol.addresses import domain_of
from protocol.wording import Language, Words
from protocol.wording.mails import TABLE

MAX_TITLE = 120
MAX_QUOTED = 10_000
"""Characters of what somebody wrote; the rest is on the ticket."""
_FOR_REQUESTER = frozenset(
    {
        Template.REPLIED,
        Template.WAITING,
        Template.RESOLVED,
        Template.CLOSED,
        Template.CANCELLED,
        Template.MERGED,
    }
)
_MAX_HEADER_LINE = 76
"""RFC 2047 section 2: a line with an encoded word is no longer."""
_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


class Letter(NamedTuple):
    """What a mail says, before it is in anybody's language."""

    template: Template
    org: str
    """The organisation's name."""
    ticket: str
    title: str
    customer: str
    state: str
    priority: int
    tier: int
    queue: str
    by: str = ""
    said: str = ""
    """R1 and said to the user; shown as a quotation."""
    asks_rating: bool = False
    clock: str = ""
    percent: int = 0
    merged_into: str = ""
    has_machine: bool = True
    """False where somebody else took the request down: the requester may have no Relevo to answer in."""


class _Subject(UnstructuredHeader, BaseHeader):
    """A subject that is encoded as a whole or not at all.

    The library encodes word by word, and loses or doubles blanks where it folds (seen in Python 3.11.7).
    """

    def fold(self, *, policy: Policy[Message]) -> str:
        charset = None if str(self).isascii() else "utf-8"
        written = Header(str(self), charset, _MAX_HEADER_LINE, "Subject").encode(linesep="\r\n")
        return f"Subject: {written}\r\n"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("subject", _Subject)
_POLICY = SMTP.clone(header_factory=_HEADERS)


class Part(NamedTuple):
    text: str
    quoted: bool = False


class Envelope(NamedTuple):
    """To whom, and by what a repetition and the ticket's thread are recognised."""

    to: str
    language: Language
    message: str
    thread: str
    at: datetime


def line(text: str, limit: int = 200) -> str:
    """One printable line, nothing in it that a header or a terminal would act on."""
    spaced = "".join(" " if char in "\t\r\n\v\f\u0085\u2028\u2029" else char for char in text[: 4 * limit])
    clean = "".join(char for char in spaced if unicodedata.category(char) not in _UNSAFE)
    # An encoded word (RFC 2047) in somebody's title would be decoded by whoever reads the header.
    clean = " ".join(clean.replace("=?", "= ?").split())
    return clean if len(clean) <= limit else clean[: limit - 1].rstrip() + "…"


def paragraphs(text: str) -> str:
    """Lines as they are, without control, bidi and other invisible characters, cut to ``MAX_QUOTED``."""
    cut = text[:MAX_QUOTED].replace("\r\n", "\n").replace("\r", "\n")
    shown = "".join(
        char for char in cut if char in "\n\t" or unicodedata.category(char) not in _UNSAFE
    ).strip()
    return shown + " […]" if len(text) > MAX_QUOTED else shown


def subject(letter: Letter, language: Language) -> str:
    words = Words(language, TABLE)
    return line(words(f"mail.{_key(letter)}.subject", **_values(letter, words)), 250)


def parts(letter: Letter, language: Language) -> list[Part]:
    """What the mail says, top to bottom."""
    words = Words(language, TABLE)
    values = _values(letter, words)
    greeting = [Part(words("mail.greeting"))] if letter.template in _FOR_REQUESTER else []
    found = [*greeting, Part(words(f"mail.{_key(letter)}.text", **values))]
    if said := paragraphs(letter.said):
        found.append(Part(said, quoted=True))
    if letter.template in _FOR_REQUESTER:
        do = f"mail.{letter.template.value}.do" if letter.has_machine else "mail.do.elsewhere"
        found.append(Part(words(do, **values)))
        if letter.asks_rating and letter.has_machine:
            found.append(Part(words("mail.rate", **values)))
        return [*found, Part(words("mail.footer.requester", **values))]
    found += [Part(words("mail.facts", **values)), Part(words("mail.show", **values))]
    return [*found, Part(words("mail.footer.technician", **values))]


def compose(letter: Letter, envelope: Envelope, settings: MailSettings) -> EmailMessage:
    """The mail, ready to be sent."""
    domain = domain_of(settings.sender)
    message = _message(
        settings, envelope, subject(letter, envelope.language), parts(letter, envelope.language)
    )
    thread = f"<{envelope.thread}@{domain}>"
    message["In-Reply-To"] = thread
    message["References"] = thread
    message["List-Id"] = f"<relevo.{domain}>"
    message["X-Relevo-Ticket"] = letter.ticket
    message["X-Relevo-Event"] = letter.template.value
    return message


def compose_test(envelope: Envelope, settings: MailSettings) -> EmailMessage:
    """What ``relevo-broker mail test`` sends."""
    words = Words(envelope.language, TABLE)
    return _message(settings, envelope, words("mail.test.subject"), [Part(words("mail.test.text"))])


def _message(settings: MailSettings, envelope: Envelope, subject_: str, found: list[Part]) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(line(settings.sender_name or ""), addr_spec=settings.sender)
    message["To"] = Address(addr_spec=envelope.to)
    message["Subject"] = subject_
    message["Date"] = format_datetime(envelope.at)
    message["Message-ID"] = f"<{envelope.message}@{domain_of(settings.sender)}>"
    # Whoever answers mail by itself leaves this one alone (RFC 3834; the second is Exchange's).
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(_plain(found), cte="quoted-printable")
    message.add_alternative(_html(found, envelope.language), subtype="html", cte="quoted-printable")
    return message


def _plain(found: list[Part]) -> str:
    shown = []
    for part in found:
        text = part.text
        shown.append("\n".join(f"> {row}" for row in text.split("\n")) if part.quoted else text)
    return "\n\n".join(shown) + "\n"


def _html(found: list[Part], language: Language) -> str:
    """Escaped text in three kinds of elements: no links, no pictures, no styles."""
    shown = []
    for part in found:
        text = html.escape(part.text).replace("\n", "<br>\n")
        shown.append(f"<blockquote>{text}</blockquote>" if part.quoted else f"<p>{text}</p>")
    body = "\n".join(shown)
    return f'<!DOCTYPE html>\n<html lang="{language}"><body>\n{body}\n</body></html>\n'


def _key(letter: Letter) -> str:
    missed = letter.template is Template.SLA and letter.percent >= 100
    return "sla.missed" if missed else letter.template.value


def _values(letter: Letter, words: Words) -> dict[str, object]:
    clock = f"mail.clock.{letter.clock.partition('#')[0]}"
    return {
        "ticket": letter.ticket,
        "title": line(letter.title, MAX_TITLE),
        "org": line(letter.org, 100),
        "by": line(letter.by, 80),
        "customer": letter.customer,
        "queue": letter.queue,
        "priority": letter.priority,
        "tier": letter.tier,
        "state": words(f"mail.state.{letter.state}"),
        "percent": letter.percent,
        "target": letter.merged_into,
        "clock": words(clock) if letter.clock else "",
    }
