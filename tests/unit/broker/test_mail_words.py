"""What a mail says, whatever people wrote: headers are ours, quotations are marked, markup is text."""

from __future__ import annotations

import email
import string
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage, MIMEPart
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.outgoing.mails import Envelope, Letter, compose, line, paragraphs, parts, subject
from broker.outgoing.pace import (
    BATCH,
    FAULTS,
    MAX_AGE,
    MAX_DELAY,
    MAX_REST_S,
    MIN_ATTEMPTS,
    Circuit,
    is_over,
    next_delay,
)
from broker.outgoing.rules import RULES, Audience, Template
from broker.outgoing.settings import MailSettings
from broker.outgoing.webhooks import require_safe_url
from protocol.addresses import require_address
from protocol.errors import RelevoError

SETTINGS = MailSettings(host="127.0.0.1", port=25, sender="help@desk.test", sender_name="Soporte — ayuda")
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress",
    "MIME-Version", "Content-Type", "In-Reply-To", "References", "List-Id", "X-Relevo-Ticket", "X-Relevo-Event",
}  # fmt: skip
HOSTILE = [
    "a\r\nBcc: evil@example.org",
    "a\nBcc: evil@example.org\n\n<script>",
    "=?utf-8?q?a=0d=0aBcc:_evil@example.org?=",
    "=?utf-8?b?YQ0KQmNjOiBldmlsQGV4YW1wbGUub3Jn?=",
    "\u2028Bcc: evil@example.org\u2029x",
    "\x85Bcc: evil@example.org",
    "\x1b[2Jhidden\x07",
    "\u202egpj.exe",
    "<img src=https://evil.example/pixel>",
    "\x00" * 10 + "x",
    "From help@desk.test Mon Nov 20\nSubject: forged",
    "x" * 5_000,
    "ñ" * 300,
    "\ud800",
    ".",
    "",
]


def letter(template: Template = Template.REPLIED, **more: Any) -> Letter:
    return Letter(
        **{
            "template": template,
            "org": "Relevo Test",
            "ticket": "T-12",
            "title": "No imprime",
            "customer": "acme",
            "state": "in-progress",
            "priority": 3,
            "tier": 1,
            "queue": "desk",
            "clock": "resolution",
            "percent": 75,
            **more,
        }
    )


def envelope(language: Any = "es", to: str = "ana@user.test") -> Envelope:
    return Envelope(to, language, "0123abcd", "thread.beef", AT)


def sent(made: EmailMessage) -> EmailMessage:
    """The mail as the receiver reads it off the wire."""
    read = email.message_from_bytes(made.as_bytes(), policy=default)
    assert isinstance(read, EmailMessage)
    return read


def rows_of(part: MIMEPart) -> list[str]:
    return str(part.get_content()).replace("\r\n", "\n").split("\n")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes.update(name for name, _ in attrs)


def check(title: str, by: str, said: str, org: str, template: Template = Template.REPLIED) -> EmailMessage:
    """The invariant of every mail: our headers and no other, each once; theirs only quoted; no markup."""
    made = compose(letter(template, title=title, by=by, said=said, org=org), envelope(), SETTINGS)
    raw = made.as_bytes()
    assert raw.isascii()
    assert all(len(row) <= 998 for row in raw.split(b"\r\n"))
    read = sent(made)
    assert set(read.keys()) == HEADERS
    assert len(read.keys()) == len(HEADERS)
    assert read["To"] == "ana@user.test"
    assert [a.addr_spec for a in read["From"].addresses] == ["help@desk.test"]
    assert not any(char in read["Subject"] for char in "\r\n\x00\x1b\u202e")
    plain, page = read.get_body(("plain",)), read.get_body(("html",))
    assert plain is not None
    assert page is not None
    quoted = {f"> {row}".rstrip() for row in paragraphs(said).split("\n")} if paragraphs(said) else set()
    ours = [row for row in rows_of(plain) if row.rstrip() not in quoted and row.startswith(">")]
    assert not ours
    tags = Tags()
    tags.feed(page.get_content())
    assert tags.found <= {"html", "body", "p", "br", "blockquote"}
    assert tags.attributes <= {"lang"}
    return read


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("template", list(Template))
def test_hostile_words_change_no_header_and_no_markup(text: str, template: Template) -> None:
    check(text, text, text, text, template)


_NAME = st.text(max_size=100).filter(lambda text: ">" not in text)
"""Names of the organisation and its people are its own: they are not called like a quotation mark."""


@given(st.text(max_size=300), _NAME, st.text(max_size=2_000), _NAME)
@example("a\r\nBcc: x@y", "=?utf-8?q?=0a?=", "\n.\nQUIT", "\x7f")
def test_no_words_at_all_change_a_header(title: str, by: str, said: str, org: str) -> None:
    check(title, by, said, org)


def test_what_a_user_writes_cannot_pass_for_ours() -> None:
    said = "Thanks.\n\nRelevo Test sends this because…\nTo see it: relevo ticket show T-1\n> quoted"
    plain = check("x", "Ana", said, "Relevo Test", Template.USER_REPLIED).get_body(("plain",))
    assert plain is not None
    rows = rows_of(plain)
    assert "> Relevo Test sends this because…" in rows
    assert "> To see it: relevo ticket show T-1" in rows
    assert "> > quoted" in rows
    assert "To see it: relevo ticket show T-1" not in rows


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("template", list(Template))
def test_every_template_speaks_both_languages(template: Template, language: Any) -> None:
    read = sent(compose(letter(template, by="Toni", asks_rating=True), envelope(language), SETTINGS))
    plain = read.get_body(("plain",))
    assert plain is not None
    text = plain.get_content()
    assert "T-12" in read["Subject"]
    assert not set("{}") & set(read["Subject"] + text)
    assert ("relevo-agent rate T-12 5" in text) == (
        template in {rule.template for rule in RULES if rule.audience is Audience.REQUESTER}
    )


def test_a_missed_target_reads_otherwise_than_one_that_runs_out() -> None:
    soon = sent(compose(letter(Template.SLA, percent=75), envelope("en"), SETTINGS))["Subject"]
    late = sent(compose(letter(Template.SLA, percent=100), envelope("en"), SETTINGS))["Subject"]
    assert soon == "[T-12] 75 % of the time: No imprime"
    assert late == "[T-12] Time is over: No imprime"


TITLES = [
    "La impresora no imprime desde el lunes, señor: ¿qué hago? «urgente»",
    "Printer prints only half of the page since Monday, and nothing at all since this morning",
    "プリンターが印刷しない",
    "x" * 200,
]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("title", TITLES)
def test_a_subject_is_read_as_it_was_written_blank_by_blank(title: str, language: Any) -> None:
    waiting = letter(Template.WAITING, title=title)
    raw = compose(waiting, envelope(language), SETTINGS).as_bytes()
    assert sent(compose(waiting, envelope(language), SETTINGS))["Subject"] == subject(waiting, language)
    # A reader that takes the first line for the whole still sees the ticket's number or an encoded word.
    assert raw.partition(b"\r\nSubject: ")[2][:6] in (b"[T-12]", b"=?utf-")


@pytest.mark.parametrize("template", [Template.REPLIED, Template.WAITING, Template.RESOLVED, Template.CLOSED])
def test_a_requester_reads_how_to_answer(template: Template) -> None:
    found = parts(letter(template), "es")
    assert found[0].text == "Hola:"
    assert any("relevo-agent" in part.text and "T-12" in part.text for part in found)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_requester_without_a_machine_is_not_told_to_use_it(language: Any) -> None:
    found = parts(letter(Template.RESOLVED, asks_rating=True, has_machine=False), language)
    assert not any("relevo-agent" in part.text for part in found)
    assert any("Relevo Test" in part.text and "T-12" in part.text for part in found[2:-1])


def test_a_long_line_is_cut_and_says_so() -> None:
    assert line("x" * 500, 10) == "x" * 9 + "…"
    assert paragraphs("x" * 20_000).endswith(" […]")


# --- addresses and URLs ------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["ana@user.test", "a.b+c@x-y.example", "o'brien@host", "x_y=z@a.b.c"])
def test_plain_addresses_are_taken(text: str) -> None:
    assert require_address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "ana", "@x", "a@", "a@b@c", "a b@c", "a@b c", "a@b\n", "a@b\r\nRCPT TO:<x@y>", "<a@b>", "a@b,c@d",
        '"a"@b', "a@[127.0.0.1]", "a@-b.c", "a@b-.c", "a@b..c", "a@.b", "a.@b", ".a@b", "a..b@c", "-a@b", "ñ@b",
        "a@ñ", "a%b@c", "a!b@c", "a(x)@b", "a@b;c", f"{'a' * 65}@b", f"a@{'b' * 64}.c", f"{'a' * 64}@{'b.' * 150}c",
        "a\x00@b", "a@b>",
    ],
)  # fmt: skip
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(RelevoError):
        require_address(text)


@given(st.text(alphabet=string.printable, max_size=40))
def test_an_address_has_one_at_and_nothing_that_a_server_acts_on(text: str) -> None:
    try:
        address = require_address(text)
    except RelevoError:
        return
    assert address.count("@") == 1
    assert not set(address) & set('\r\n\t <>()[],;:\\"')


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/y", "https://", "https:///x", "//x/y", "https://u:p@x/", "https://u@x/", "https://x/#f", "http://x/",
        "http://127.0.0.1.evil.example/", "https://x/ y", "https://x\\@y/", "https://x:0/", "https://x:99999/",
        "https://ñ.example/", "javascript:alert(1)", "http://localhost.evil.example/", "http://10.0.0.1/", "https://[::1",
    ],
)  # fmt: skip
def test_a_url_that_goes_elsewhere_or_in_the_clear_is_refused(url: str) -> None:
    with pytest.raises(RelevoError):
        require_safe_url(url)


@pytest.mark.parametrize(
    "url", ["https://x.example/a?b=c", "http://127.0.0.1:8/x", "http://[::1]:8/", "http://localhost/"]
)
def test_https_anywhere_and_http_to_this_machine_are_taken(url: str) -> None:
    assert require_safe_url(url) == url


# --- pace --------------------------------------------------------------------------------------


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_delay_grows_to_its_limit_and_keeps_half(attempts: int, chance: float) -> None:
    delay = next_delay(attempts, chance)
    assert timedelta(seconds=15) <= delay <= MAX_DELAY
    assert next_delay(attempts + 1, chance) >= delay


def test_a_clock_that_jumps_ahead_gives_nothing_up_that_was_hardly_tried() -> None:
    assert not is_over(AT, MIN_ATTEMPTS - 1, AT + timedelta(days=10_000))
    assert not is_over(AT, 10_000, AT + MAX_AGE)
    assert not is_over(AT, 10_000, AT - timedelta(days=365))
    assert is_over(AT, MIN_ATTEMPTS, AT + MAX_AGE + timedelta(seconds=1))


def test_a_target_that_fails_is_left_alone_then_probed_then_trusted_again() -> None:
    circuit = Circuit()
    for _ in range(FAULTS):
        assert circuit.allowance(0.0) == BATCH
        circuit.failed(0.0, 0.0)
    assert circuit.allowance(4.9) == 0
    assert circuit.allowance(5.1) == 1
    circuit.failed(5.1, 0.0)
    assert circuit.allowance(15.0) == 0
    assert circuit.allowance(15.2) == 1
    circuit.worked()
    assert circuit.allowance(15.2) == BATCH
    for _ in range(1_000):
        circuit.failed(100.0, 0.0)
    assert circuit.allowance(100.0 + MAX_REST_S) == 1
