"""What redaction keeps for any text: it is stable, bounded, and the same with and without triggers."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.redaction import Known, Person, Redactor, decode
from protocol.redaction.identifiers import IDENTIFIER_RULES
from protocol.redaction.secrets import SECRET_RULES
from protocol.scopes import Clearance

KEY = b"k" * 32
OPTIONS = re2.Options()
OPTIONS.case_sensitive = False
KNOWN = Known(people=(Person("mcanary", "María Canary Núñez"),), hosts=("pc-canary", "pc-canary.corp.test"))
PIECES = st.sampled_from(
    [
        "password", "passwd", "token", "secret", "api_key", "PGPASSWORD", "Authorization", "Cookie", "psk", "clave",
        "=", ":", " ", "\n", "\t", "\0", '"', "'", "\\", "\\\"", "{", "}", "[", "]", ",", ";", "&", "<", ">", "/", "@",
        "://", "--", "-p", "|", "$", "%", "(", ")", "#", "hunter2", "Zk9#x", "null", "<secret:password>", "<masked>",
        "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA", "eyJabcdefghijkl.x",
        "ghp_abcdefghijklmn", "AKIAABCDEFGHIJKLMNOP", "mcanary", "María Canary Núñez", "pc-canary", "10.1.2.3",
        "2001:db8::1", "aa:bb:cc:dd:ee:ff", "a.b@example.com", "example.com", "/home/", "/home/mcanary/x.pdf",
        "C:\\Users\\", "+34 612 345 678", "user", "user=", "ssid=", "serial: ", "user-3f9a1c", "net-3f9a1c.17", "host-3f9a1c",
        "mysql", "curl -u ", "Bearer ", "mail", "é", "ſ", "K", "\u202e", "\ud800", "\\n", "%20", "\\u000a", "\x1b[1m", "\ufdd0", "\u200b", "\u00ad", "ｐａｓｓｗｏｒｄ", "：", "n\u0303", "\\u200b",
        "password:\n", "Enter password for ", "- ", "S-1-5-21-1-2-3-1001", "winsid-3f9a1c", "uid=", "cn=", ",ou=people", ",dc=", "dc=a", "(", "1", "a", "0", ".", "-", "_", "~", "+",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=80))


def redactor(clearance: Clearance) -> Redactor:
    return Redactor(clearance, KEY, known=KNOWN)


@given(TEXTS, st.sampled_from(list(Clearance)))
@settings(max_examples=120, deadline=None)
def test_redacting_twice_changes_nothing_more(text: str, clearance: Clearance) -> None:
    once = redactor(clearance).text(text)
    assert redactor(clearance).text(once) == once


@given(TEXTS, st.sampled_from(list(Clearance)))
@settings(max_examples=120, deadline=None)
def test_redaction_never_lengthens_without_bound(text: str, clearance: Clearance) -> None:
    assert len(redactor(clearance).text(text)) <= 12 * len(text) + 40


@given(TEXTS, TEXTS)
@settings(max_examples=120, deadline=None)
def test_r1_of_what_r2_may_see_hides_what_r1_hides(before: str, after: str) -> None:
    text = f"{before} 10.1.2.3 mcanary {after}"
    again = redactor(Clearance.R1).text(redactor(Clearance.R2).text(text))
    assert redactor(Clearance.R1).text(again) == again
    assert " 10.1.2.3 " not in again
    assert " mcanary " not in again


@given(TEXTS)
@settings(max_examples=120, deadline=None)
def test_a_trigger_occurs_wherever_its_rule_finds_something(text: str) -> None:
    text = text.encode("utf-8", "backslashreplace").decode()
    one = redactor(Clearance.R1)
    for rule in (*SECRET_RULES, *IDENTIFIER_RULES):
        for match in rule.pattern.compiled.finditer(text):
            if one._replace(rule, match) != match[0]:
                assert re2.search(rule.trigger, match[0], OPTIONS) or re2.search(rule.trigger, text, OPTIONS)


@given(st.binary(max_size=200))
@settings(max_examples=120, deadline=None)
def test_any_bytes_become_text_that_can_be_sent(data: bytes) -> None:
    decode(data).encode("utf-8", "backslashreplace")
    redactor(Clearance.R1).data(data).encode()


@given(st.lists(TEXTS, max_size=5))
@settings(max_examples=120, deadline=None)
def test_an_argument_vector_keeps_its_length(argv: list[str]) -> None:
    assert len(redactor(Clearance.R1).argv(argv)) == len(argv)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "password", "password=", "password:", "=", '"', "\\", "a", "A1b", " ", "\t", "-", "--password ", "://", "://a:",
        "@", "a@", "a.", ".com", "1.", "1:", "::", "aa:", "<password", "<password>", "/home/a", "/home/a/", "C:\\Users\\a",
        "mysql ", "mysql -", "curl -u ", "login a ", "snmpwalk ", "-----BEGIN RSA PRIVATE KEY-----",
        "-----END RSA PRIVATE KEY-----", "MIIE\\n", "eyJ", "eyJaaaaaaaaaaa.", "ghp_", "$6$", "user ", "user=", "serial:",
        "ata-a_", "+34 ", "6", "612 ", ",password", "&a", ",a ", "'", "\\\"", "[", "ssid", "\0", "a\0", "é", "/home/a b",
        "password:\n", "password:\nx\n", "enter password:\n", "new ", "a@a's ", "password for ", "clave:\n\t", "pass\u200bword: x\n", "ｐ",
        "\u200b", "\\u200b", "n\u0303", "S-1-5-21-1", "-1", "cn=", "cn=a,", "uid=a,", "cn=\\", "cn=\\,", "cn=a\\\\,ou=people,", "dc=a,", "(cn=",
    ],
)  # fmt: skip
def test_no_hostile_text_takes_more_than_linear_time(piece: str) -> None:
    # 60 s would be reached by anything quadratic: 200,000 pieces squared.
    text = piece * (200_000 // len(piece))
    for clearance in (Clearance.R1, Clearance.R3):
        redactor(clearance).text(text)
