"""Canaries whose name is written in letters that only look like it, or stands on the line above them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from agent.logs.clean import Cleaner
from agent.logs.lines import FileLines
from agent.logs.matcher import Matcher
from agent.redaction import FactClass, Known, Person, Redactor, residual
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance

KEY = b"k" * 32
KNOWN = Known(people=(Person("mcanary", "María Canary"),), hosts=("pc-canary",))
DISGUISED = [
    "pass\u200bword: {}",
    "pass\u00adword={}",
    "p\u2060a\ufeffs\u200ds\u200cword: {}",
    "password\u200b: {}",
    "\u202epassword: {}",
    "ｐａｓｓｗｏｒｄ: {}",
    "ｐａｓｓｗｏｒｄ：{}",
    "password：\u3000{}",
    "PASSWORD＝{}",
    "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝: {}",
    "ⓟⓐⓢⓢⓦⓞⓡⓓ: {}",
    "contrasen\u0303a: {}",
    "pass\\u200bword: {}",
    '{{"\\uff50assword": "{}"}}',
]
BELOW = [
    "password:\n{}",
    "Password: \r\n{}\r\nlast",
    "db.password:\n{}\nnext: 1",
    "password:\n  {}:x",
    'password:\n  "two words {}"',
    "    token:\n  {}",
    "tokens:\n- {}",
    "contraseña:\n{}",
    "[sudo] password for ana: \n{}",
    "[sudo] contraseña para ana:\n{}",
    "ana@pc's password:\n{}",
    "Enter new UNIX password:\n{}\nRetype new UNIX password:\n{}",
    "Enter passphrase for key '/etc/ssl/x y.key':\n{}",
    "Enter passphrase (empty for no passphrase):\n{}",
    "Password for 'https://ana@git.example.com':\n{}",
    "Introduzca la clave:\n{}",
    "PIN:\n{}",
    "ｐａｓｓｗｏｒｄ：\n{}",
]
NOTHING_BELOW = [
    "password:\nusername:\n",
    "password:\n[section]\nx",
    "password:\nhost=localhost",
    "password:\n---\n",
    "password:\n\nnext",
    "Password:\nSorry, try again.",
    "steps to reset your password:\nOpen",
    "he lost the password\nyesterday",
    "password_policy:\n  strict",
    "passwd:\n  files",
    "<password:\n<b>",
    "spinning:\nup",
]


def shown(text: str, level: Clearance = Clearance.R3) -> str:
    return Redactor(level, KEY, known=KNOWN).text(text)


@pytest.mark.parametrize("form", DISGUISED, ids=ascii)
def test_a_secret_is_found_whatever_letters_its_name_is_written_in(form: str) -> None:
    text = form.format("Zk9canary77x")
    for whole in (text, "all is well\n" * 300 + text):
        out = shown(whole)
        assert "canary" not in out and "<secret:" in out
        assert shown(out) == out
        residual(json.dumps({"line": out}).encode())


@pytest.mark.parametrize("form", [DISGUISED[0], DISGUISED[5]], ids=ascii)
def test_the_last_look_finds_a_secret_in_such_letters_too(form: str) -> None:
    text = form.format("Zk9canary77x")
    for data in (text.encode(), json.dumps({"line": text}).encode()):
        with pytest.raises(RelevoError) as error:
            residual(data)
        assert error.value.code is Code.REDACTION_FAILED


@pytest.mark.parametrize(
    "text",
    ["mca\u200bnary", "10.77.\u206066.55", "１０.７７.６６.５５", "pc\u00ad-canary", "ｕｓｅｒ=mghost"],
    ids=ascii,
)
def test_a_person_and_a_machine_are_found_in_such_letters_too(text: str) -> None:
    out = shown(f"see {text} now", Clearance.R1)
    assert out.startswith("see ") and out.endswith(" now") and text not in out
    assert not any(part in out for part in ("canary", "nary", "66.55", "６６", "mghost"))
    technical = Redactor(Clearance.R1, KEY, known=KNOWN).value("mca\u200bnary", FactClass.TECHNICAL)
    assert "nary" not in technical


def test_lines_in_another_script_stay_as_they_are() -> None:
    text = "パスワード：なし、ＡＢＣ\nمی\u200cخواهم 👩\u200d💻\npass\u200bword: Zk9canary77x"
    assert shown(text) == text.rpartition("\n")[0] + "\npassword: <secret:password>"


@pytest.mark.parametrize("form", BELOW, ids=ascii)
def test_a_value_on_the_line_below_its_name_goes(form: str) -> None:
    out = shown(form.replace("{}", "Zk9canary77x"))
    assert "canary" not in out
    assert out.count("\n") == form.count("\n") and shown(out) == out


@pytest.mark.parametrize("text", NOTHING_BELOW, ids=ascii)
def test_what_stands_below_a_name_and_is_no_value_stays(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    "above", ["password:", "Password: ", "ｐａｓｓｗｏｒｄ：", "[sudo] password for ana: "], ids=ascii
)
def test_a_line_of_a_log_is_judged_by_the_name_above_it_even_across_blocks(above: str) -> None:
    cleaner = Cleaner(Redactor(Clearance.R3, KEY, known=KNOWN), None)
    for blocks in ((f"{above}\nZk9canary77x\n",), (f"well\n{above}\n", "Zk9canary77x\n")):
        lines = FileLines(Matcher("canary"), datetime(2026, 11, 22, tzinfo=UTC))
        found = [line for block in blocks for line in lines.add(block.encode())]
        assert [cleaner.text(line.raw, before=line.before)[0] for line in found] == ["<secret:secret>"]
