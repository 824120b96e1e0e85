"""Lines of a ticket's timeline in words: who, what, and the details that tell a person something."""

from __future__ import annotations

import re

from protocol.api import TicketEvent
from protocol.drivers.terminal import words
from technician.cli.ticket_sla import clock_name
from technician.facts import in_words

_OF_PEOPLE = "ticket."
"""Kinds whose text somebody wrote; the text of others is ``key=value; …``."""
_MAX_WRITTEN, _MAX_FACTS = 4_000, 300
_FOR_PROGRAMS = re.compile(
    r"(?:^|; )(?:method=[A-Z]+|path=/v1/[a-z/{}-]*|sequence=\d+|fix_version=\d+|size_bytes=\d+|[a-z_]*sha256=[0-9a-f]{64}"
    r"|(?:agent_at|nonce)=[0-9A-Za-z:.+-]+|sealed=(?:True|False))(?=;|$)"
)
"""Numbers and hashes only: nothing that a person wrote is hidden. ``--json`` has them."""
_TITLES = {
    "en": (re.compile(r"(?:^|; )title_es=[^;=]*(?=;|$)"), "title_en="),
    "es": (re.compile(r"(?:^|; )title_en=[^;=]*(?=;|$)"), "title_es="),
}
_SOURCES = frozenset({"broker", "rules", "timer"})
_STEP = re.compile(r"^(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d) (?P<kind>[a-z-]+\.[a-z-]+): (?P<text>.*)$", re.DOTALL)

_FACT = re.compile(r"(?P<before>^|; )(?P<key>(?!title_)[a-z0-9_]+)=(?P<value>[^;]+)")
_NOTICE = re.compile(r"^(?P<clock>[a-z_]+(?:#\d+)?) (?P<percent>\d+) %$")


def who(by: str) -> str:
    """A person by name, anything else by what it is."""
    if by.startswith("ag-"):
        return words()("happened.by.machine")
    return words()(f"happened.by.{by}") if by in _SOURCES else by


def what(kind: str) -> str:
    key = f"happened.{kind}"
    return words()(key) if words().has(key) else kind


def details(event: TicketEvent) -> str:
    if event.withheld:
        return words()("ticket.withheld", clearance=event.withheld)
    return _details(event.kind, event.text)


def step(line: str) -> str:
    """A step of a hand-over, which the broker drafted as ``TIME KIND: TEXT``; other lines stay as they are."""
    found = _STEP.match(line)
    if found is None:
        return line
    text = _details(found["kind"], found["text"])
    return f"{found['at']} {what(found['kind'])}: {text}".removesuffix(": ")


def _details(kind: str, text: str) -> str:
    if kind == "ticket.notice" and (found := _NOTICE.match(text)):
        return _notice(found)
    if kind.startswith(_OF_PEOPLE):
        return _cut(text, _MAX_WRITTEN)
    other, mine = _TITLES[words().language]
    kept = _FACT.sub(_fact, other.sub("", _FOR_PROGRAMS.sub("", text)))
    return _cut(kept.replace(mine, "").removeprefix("; "), _MAX_FACTS)


def _fact(found: re.Match[str]) -> str:
    """A fact in words; one that has none there stays as it is, for somebody may have written it."""
    said = in_words(found["key"], found["value"], words(), None)
    return found[0] if said is None else found["before"] + said


def _notice(found: re.Match[str]) -> str:
    """What the timer noted, ``next_response#2 75 %``, with the clock's name."""
    return f"{clock_name(found['clock'], words())}: {found['percent']} %"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
