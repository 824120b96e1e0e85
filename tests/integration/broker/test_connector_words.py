"""Words of strangers made plain, redacted and bounded; settings and tokens that may be used."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.connectors import plain
from broker.connectors.contract import Person
from broker.connectors.request_tracker import TELLS, WISHES
from broker.connectors.settings import QueueOf, check, is_name, load_all, read_token, save
from broker.connectors.web import require_url
from protocol.errors import Code, RelevoError
from protocol.tickets import State
from tests.support.bridge import settings_of
from tests.support.broker_process import run_cli
from tests.support.broker_world import new_broker

SECRET = b"k" * 32
BOB = Person("bob@acme.test", "bob@acme.test")


def refused(code: Code, call: object, *arguments: object) -> None:
    with pytest.raises(RelevoError) as caught:
        call(*arguments)  # type: ignore[operator]
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<head><title>t</title></head><body>seen<script>x('</p>')</script></body>", "seen"),
        ("<style>p{}</style>1 &lt; 2 &amp;&#65;", "1 < 2 &A"),
        ("<script>never closed <p>gone", ""),
        ("<!-- hidden --><b>bold</b>", "bold"),
        ("no markup at all", "no markup at all"),
        ("<ul><li>x<li>y</ul>", "x\ny"),
        ("<a href=\"x>y\" title='z>'>link</a> on", "link on"),
        ('<a title="never closed>link</a> on', "link on"),
        ("1 <b never ends", "1 <b never ends"),
        ("<title>a</titlex>b</TITLE >c", "c"),
        ("1 < 2 <3", "1 < 2 <3"),
    ],
)
def test_a_reader_of_the_page_and_of_the_ticket_read_the_same(html: str, text: str) -> None:
    assert plain.from_html(html) == text


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<!--", "<?", "</", "<a ='", "<a =\"'", "<template>", "<head></title", "<![CDATA[", "&#9", "<"],
)
def test_a_page_that_is_nothing_but_beginnings_of_markup_is_read_in_one_go(piece: str) -> None:
    """The parser of the standard library takes minutes for it, on the loop that serves everybody."""
    page = piece * ((256 << 10) // len(piece))
    assert len(plain.from_html(page)) <= len(page)


@given(st.text(max_size=3_000))
@example("<" * 2_000)
@example("&#" + "9" * 5_000)
@example("&#x" + "f" * 5_000 + ";")
@example("<![CDATA[" * 200)
@example("&#x110000;&#xD800;&nbsp;\u202e\ud800")
def test_whatever_comes_in_only_visible_text_of_bounded_length_is_left(text: str) -> None:
    veil = plain.Veil(SECRET, "acme", (BOB,))
    for kept in (veil.body(plain.from_html(text)), veil.body(text)):
        for level in (kept.r1, kept.r2):
            assert len(level) <= plain.MAX_TEXT
            assert all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") for c in level)
            level.encode()
    title = veil.title(text, "instead").r1
    assert 0 < len(title) <= plain.MAX_TITLE and "\n" not in title


def test_people_are_pseudonyms_that_differ_between_customers_and_secrets_go_for_good() -> None:
    acme, globex = plain.Veil(SECRET, "acme", (BOB,)), plain.Veil(SECRET, "globex", (BOB,))
    said = acme.body("bob@acme.test at 10.1.2.3, password=hunter2x9")
    assert "bob@" not in said.r1 and "10.1.2.3" not in said.r1 and "hunter2x9" not in said.r1 + said.r2
    assert "10.1.2.3" in said.r2
    assert acme.pseudonym(BOB) == acme.pseudonym(Person("bob@acme.test", "BOB@acme.test"))
    assert acme.pseudonym(BOB) in said.r1
    assert acme.pseudonym(BOB) != globex.pseudonym(BOB)
    assert acme.pseudonym(Person("Alice Agent", "alice@rt.test", staff=True)) == "Alice Agent"


def test_every_state_here_has_a_word_there_that_asks_for_nothing_else() -> None:
    assert set(TELLS) == set(State)
    assert {status for statuses in TELLS.values() for status in statuses} <= set(WISHES)


@pytest.mark.parametrize(
    "url",
    [
        "http://rt.example",
        "ftp://rt.example",
        "https://",
        "https://user:pw@rt.example",
        "https://rt.example/?token=1",
        "https://rt.example/#x",
        "https://rt.example/\n",
        "https://[::1",
        "https://rt.example:99999",
        "rt.example",
        "http://127.0.0.1.example.org",
    ],
)
def test_only_https_and_loopback_addresses_are_connected(url: str) -> None:
    refused(Code.PARAMETER_INVALID, require_url, url)
    assert require_url("https://rt.example/rt/") == "https://rt.example/rt"
    assert require_url("http://127.0.0.1:8080") == "http://127.0.0.1:8080"


def test_a_token_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    refused(Code.NOT_FOUND, read_token, file)
    file.write_text("1-14-abc\n")
    file.chmod(0o640)
    refused(Code.REFUSED, read_token, file)
    file.chmod(0o600)
    assert read_token(file) == "1-14-abc"
    for text in ("", "two words", "a\nb", "ñ", "x" * 2_000):
        file.write_text(text)
        refused(Code.MALFORMED, read_token, file)


def test_settings_are_kept_by_name_and_queues_that_could_be_queries_are_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("1-14-abc")
    token.chmod(0o600)
    good = settings_of("https://rt.example", token)
    check(good)
    save(tmp_path, good)
    assert load_all(tmp_path) == (good,)
    assert (tmp_path / "connectors" / "rt.json").stat().st_mode & 0o777 == 0o600
    assert (good.customer_of("Globex"), good.customer_of("Private"), good.queue_of("acme")) == (
        "globex",
        None,
        "Acme",
    )
    for names in (("A' OR 1=1", "b"), ("Same", "Same"), ("x\n", "y")):
        queues = tuple(QueueOf(queue=name, customer="acme") for name in names)
        refused(Code.PARAMETER_INVALID, check, settings_of("https://rt.example", token, queues=queues))
    assert not any(is_name(text) for text in ("../x", "a/b", "", "A", ".x", "x\n"))
    (tmp_path / "connectors" / "bad.json").write_text("{}")
    refused(Code.MALFORMED, load_all, tmp_path)


def test_the_commands_add_list_and_remove_and_refuse_what_cannot_work(tmp_path: Path) -> None:
    data, token = tmp_path / "data", tmp_path / "token"
    new_broker(data)
    token.write_text("1-14-abc")
    token.chmod(0o644)
    add = ("connector", "add", "rt", "--data", data, "--token-file", token, "--queue", "Support=acme")
    assert run_cli(*add, "--url", "https://rt.example").returncode == 2
    token.chmod(0o600)
    assert run_cli(*add, "--url", "http://rt.example").returncode == 2
    assert run_cli(*add, "--url", "https://rt.example", "--queue", "nothing").returncode == 2
    assert run_cli(*add, "--url", "https://rt.example", "--name", "../../x").returncode == 2
    done = run_cli(*add, "--url", "https://rt.example", "--poll", "5", "--json")
    assert json.loads(done.stdout)[0]["queues"] == [{"queue": "Support", "customer": "acme"}]
    assert "rt: https://rt.example, Support=acme" in run_cli("connector", "list", "--data", data).stdout
    assert run_cli("connector", "remove", "../rt", "--data", data).returncode == 3
    assert run_cli("connector", "remove", "rt", "--data", data).returncode == 0
    assert run_cli("connector", "test", "rt", "--data", data).returncode == 3
