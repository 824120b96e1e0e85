"""Words for people: both languages, the same holes in both, every key there and every key used."""

from __future__ import annotations

import ast
import enum
import re

import pytest

from protocol.escalation import ReasonCode
from protocol.sla import ClockName, ClockState
from protocol.tickets import CauseCode, Move, PendingReason, State
from protocol.wording import audit_facts
from tests.support.wording import constants, looked_up, pattern, patterns, placeholders, recorded, tables

_ALL = {key for table in tables().values() for key in table}


@pytest.mark.parametrize("name", sorted(tables()))
def test_both_languages_say_something_with_the_same_placeholders(name: str) -> None:
    for key, (english, spanish) in tables()[name].items():
        assert english.strip() and spanish.strip(), key
        assert placeholders(english) == placeholders(spanish), key
        assert english == english.strip("\n") and spanish == spanish.strip("\n"), key


def test_every_key_that_the_code_looks_up_is_in_a_table() -> None:
    for where, node in looked_up():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value in _ALL, f"{where}: {node.value}"
        elif (made := pattern(node)) is not None:
            assert any(made.fullmatch(key) for key in _ALL), f"{where}: nothing like {made.pattern}"


def test_no_key_is_unused() -> None:
    unused = sorted(key for key in _ALL if not _used(key))
    assert unused == []


_FROM_THE_SYSTEM = frozenset({"some", "full"})
"""Parts of keys that the kernel says, not our code (/proc/pressure)."""


def _used(key: str) -> bool:
    """Whether the code says this key, or can make it from parts that it says."""
    if key in constants() or key in _FROM_THE_SYSTEM or key.isdecimal():
        return True
    if key.endswith(".example"):
        return _used(key.removesuffix(".example"))
    for made in patterns():
        found = made.fullmatch(key)
        if found and all(_used(part) for part in found.groups()):
            return True
    table, _, name = key.rpartition(".")
    return "." in table and _used(table) and _used(name)  # f"{table}.{name}"


@pytest.mark.parametrize(
    ("prefix", "codes"),
    [
        ("kb.cause", CauseCode), ("audit.value", CauseCode), ("audit.value", Move), ("audit.value", State),
        ("audit.value", PendingReason), ("audit.value", ReasonCode), ("pending", PendingReason),
        ("reason", ReasonCode), ("state", State), ("mail.state", State), ("sla.clock", ClockName),
        ("mail.clock", ClockName), ("sla.line", ClockState),
    ],
)  # fmt: skip
def test_every_code_of_a_closed_list_has_its_word(prefix: str, codes: type[enum.StrEnum]) -> None:
    unsaid = {"audit.value.create"}  # a ticket that is opened has a sentence of its own
    assert {f"{prefix}.{code.value}" for code in codes} - _ALL - unsaid == set()


_NO_FACTS = frozenset({"facts", "customer", "grant", "ticket", "documents", "at"})
"""Parts of a record that are not its facts, where both are said in one call."""


def test_every_fact_that_is_recorded_has_a_name_for_people() -> None:
    hidden = {"sequence", "agent_at", "title_en", "title_es", "nonce"}
    nameless = {
        f"{where}: {name}"
        for where, name in recorded()
        if not name.endswith("sha256")
        and name not in hidden | _NO_FACTS
        and f"audit.fact.{name}" not in audit_facts.TABLE
    }
    assert sorted(nameless) == []


_SPANISH_HOUSE_TERMS = {
    "ticket": "tique",
    "tickets": "tiques",
    "bróker": "servidor",
    "broker": "servidor",
    "arreglo": "reparación",
    "arreglos": "reparaciones",
    "fichero": "archivo",
    "ficheros": "archivos",
    "testigo": "archivo de alta",
    "ordenador": "equipo",
}
_CODE = re.compile(r"\(broker\)|`[^`]*`|\{[^}]*\}|\b[a-z]+-broker\b|\brelevo[^.«»]*")


def test_spanish_uses_one_word_for_one_thing() -> None:
    wrong = [
        f"{name}: {key}: {word} -> {_SPANISH_HOUSE_TERMS[word]}"
        for name, table in tables().items()
        for key, (_, spanish) in table.items()
        if not key.endswith(".example")
        for word in re.findall(r"[a-záéíóúñ]+", _CODE.sub("", spanish).lower())
        if word in _SPANISH_HOUSE_TERMS
    ]
    assert wrong == []


def test_spanish_addresses_the_reader_as_usted() -> None:
    """No second person singular: the imperatives and pronouns of *tú* are none of ours."""
    familiar = re.compile(r"\b(tú|tu|tus|ti|contigo|puedes|tienes|quieres|debes|haz|pulsa)\b")
    wrong = [
        f"{name}: {key}"
        for name, table in tables().items()
        for key, (_, spanish) in table.items()
        if familiar.search(spanish.lower())
    ]
    assert wrong == []
