r"""Canaries right behind an escape, which ends in a letter or a figure: ``\n10.77.66.55`` is no longer word."""

from __future__ import annotations

import json

import pytest

from agent.attaching.kinds import as_text
from agent.redaction import Known, Person, Redactor, residual
from protocol.errors import Code, RelevoError
from protocol.redaction.escapes import MARK
from protocol.scopes import Clearance

KEY = b"k" * 32
KNOWN = Known(people=(Person("mcanary", "María Canary Núñez", "/home/mcanary"),), hosts=("pc-canary",))
BEFORE = [
    *("\\n", "\\t", "\\r", "\\\\n", "\\u000a", "\\u0009", "\\x20", "\\040"),
    *("\x1b[31m", "\x1b[0;1m", "\x1b[K", "\\x1b[31m", "\\u001b[31m", "\\033[1m", "^[[31m"),
    *("%20", "%2F", "%0A", "%22"),
]
HIDDEN = [
    *("10.77.66.55", "2001:db8:77::66", "aa:bb:cc:77:66:55", "pc-canary", "mcanary", "María Canary Núñez"),
    *("ghp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2", "AKIAIOSFODNN7CANARYX", "glpat-aB3dEfGh1jaB3dEfGh1j"),
    *("/home/ghostcanary/x", "user=ghostcanary", "password=Zk9canary#77x", "a.canary@example.com"),
]


def shown(text: str, level: Clearance = Clearance.R1) -> str:
    return Redactor(level, KEY, known=KNOWN).text(text)


@pytest.mark.parametrize("before", BEFORE, ids=ascii)
@pytest.mark.parametrize("canary", HIDDEN)
def test_an_escape_does_not_hide_what_stands_behind_it(before: str, canary: str) -> None:
    for text in (
        f"line one{before}{canary} and more",
        f'{{"log": "{before}{canary}", "n": 1}}' + " " * 3_000,
    ):
        out = shown(text)
        assert canary.rpartition("=")[2] not in out
        assert "ghostcanary" not in out and MARK not in out
        assert shown(out) == out


def test_a_secret_behind_an_escape_is_never_anybodys() -> None:
    text = json.dumps({"log": "step\nghp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2\tAKIAIOSFODNN7CANARYX"})
    assert shown(text, Clearance.R3) == json.dumps({"log": "step\n<secret:token>\t<secret:token>"})
    with pytest.raises(RelevoError) as error:
        residual(text.encode())
    assert error.value.code is Code.REDACTION_FAILED


@pytest.mark.parametrize(
    "text",
    [
        "mca\x1b[01;31m\x1b[Knar\x1b[m\x1b[Ky",
        "10.77.\x1b[1m66\x1b[0m.55",
        "m\bmc\bca\ban\bna\bar\bry\by",
        "password=\x1b[31mZk9canary#77x\x1b[0m",
    ],
    ids=ascii,
)
def test_what_a_terminal_was_to_show_in_colour_hides_nothing_in_an_attached_file(text: str) -> None:
    plain = as_text(text.encode())
    assert plain is not None
    out = shown(plain)
    for canary in ("mcanary", "10.77.66.55", "Zk9canary", "66", "\x1b"):
        assert canary not in out.replace("<secret:password>", "")


@pytest.mark.parametrize(
    "text",
    [
        "Maria Canary Nunez called",
        "NUÑEZ, NUNEZ and Núñez",
        json.dumps("MARÍA CANARY NÚÑEZ"),
        "?who=Mar%C3%ADa%20Canary%20N%C3%BA%C3%B1ez",
        "?who=Mar%c3%ada",
    ],
)
def test_a_name_is_found_without_its_accents_and_as_programs_write_them(text: str) -> None:
    out = shown(text).casefold()
    for part in ("maria", "maría", "canary", "nunez", "nuñez", "núñez", "mar%c3", "n%c3", "\\u00"):
        assert part not in out


def test_a_mark_of_somebody_elses_joins_no_words() -> None:
    out = shown(f"mca{MARK}nary \\nx")
    assert MARK not in out and "mcanary" not in out
