"""The redactor: what one clearance may see of a text, a fact or a path."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from protocol.redaction import blocks, escapes, folding, identifiers, paths, pem
from protocol.redaction.classes import TABLE, FactClass, Treatment
from protocol.redaction.decoding import decode, narrow
from protocol.redaction.hiding import Hiding, names_something
from protocol.redaction.known import Known
from protocol.redaction.pseudonyms import is_pseudonym
from protocol.redaction.rules import WHOLE, Engine, Family, Rule
from protocol.redaction.secrets import SECRET_RULES
from protocol.redaction.values import TRIGGER, kind_of
from protocol.redaction.wordlists import GENERIC_ACCOUNTS
from protocol.scopes import Clearance

_PASSES = 4
MASK = "<masked>"
_WHOLE_MATCH = ("mac", "domain")
"""Kinds whose pattern has groups that are not the hidden part."""


@functools.cache
def engine_for(families: frozenset[Family]) -> Engine:
    """The rules of some families in their order; built once per process."""
    every = (*SECRET_RULES, *identifiers.IDENTIFIER_RULES)
    return Engine([rule for rule in every if rule.family in families])


class Redactor:
    """Redacts for one clearance on one ticket. Not for use by two threads at once.

    Args:
        clearance: the highest level the reader may see.
        key: the ticket's pseudonym key (``Session.pseudonym_key``).
        requester: login name of the person who asked for help; R2 sees that person's own identifiers.
        known: names to look for besides what rules find.
    """

    def __init__(
        self, clearance: Clearance, key: bytes, *, requester: str | None = None, known: Known
    ) -> None:
        self.clearance = clearance
        self._counts: Counter[str] = Counter()
        self._hiding = Hiding(clearance, key, requester, known)
        families = {Family.SECRET}
        if self._hiding.person is not Treatment.CLEAR:
            families.add(Family.PERSON)
        self._technical = engine_for(frozenset(families))
        if self._hiding.network is not Treatment.CLEAR:
            families.add(Family.NETWORK)
        self._engine = engine_for(frozenset(families))

    @property
    def counts(self) -> dict[str, int]:
        """How many of each type were replaced so far: ``secret:password``, ``person:user``, …"""
        return dict(sorted((self._counts + self._hiding.counts).items()))

    @property
    def secrets_removed(self) -> int:
        return sum(count for name, count in self._counts.items() if name.startswith("secret:"))

    def text(self, text: str) -> str:
        """Free text of any length, with everything hidden that this clearance may not see.

        Redact before cutting: a secret that was cut in half is only found where its form shows.
        """
        for _ in range(_PASSES if len(text) <= WHOLE else 1):
            before = text
            text = folding.also_folded(self._once(narrow(text)), self._once)
            if text == before:
                break
        return text

    def data(self, data: bytes) -> str:
        """Bytes of a file or an output, UTF-16 included, as redacted text."""
        return self.text(decode(data))

    def value(self, value: Any, fact_class: FactClass | str) -> Any:
        """A typed fact; lists, tuples and the values of dicts are redacted one by one.

        Numbers, booleans and None stay as they are unless they are secrets.
        """
        kind = FactClass(fact_class)
        if isinstance(value, dict):
            return {self._key(key): self.value(item, kind) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self.value(item, kind) for item in value])
        if value is None or (not isinstance(value, str) and kind is not FactClass.SECRET):
            return value
        return self._string(str(value), kind, TABLE[kind, self.clearance])

    def name(self, path: str) -> str:
        """A path or file name. Folders of the system are technical; what lies below a home folder,
        on other disks or has no folder at all is named by the user and hidden as such."""
        if self._hiding.business is Treatment.CLEAR or paths.is_technical(path):
            return self.text(path)
        if identifiers.HOME.compiled.match(path):
            return self.text(paths.one_word(path)).replace(paths.BLANK, " ")
        return paths.masked(path, self._hiding.file)

    def argv(self, arguments: Sequence[str]) -> list[str]:
        """A command line; a secret may stand in the argument after its option."""
        alone = [self.text(word) for word in arguments]
        joined = self.text(paths.one_word("\0".join(alone))).replace(paths.BLANK, " ").split("\0")
        return joined if len(joined) == len(alone) else alone

    def _string(self, value: str, kind: FactClass, treatment: Treatment) -> str:
        if treatment is Treatment.REMOVE:
            self._counts["secret:value"] += 1
            return "<secret:value>"
        if not value:
            return value
        if treatment is Treatment.MASK:
            self._counts["business:masked"] += 1
            return MASK
        if treatment is Treatment.CLEAR:

            def hide(value: str) -> str:
                clean = self._run(value, self._technical)
                return self._names(clean, hosts=False) if kind is FactClass.TECHNICAL else clean

            return folding.also_folded(hide(narrow(value)), hide)
        return self._person_value(value) if kind is FactClass.PERSON else self._network_value(value)

    def _person_value(self, value: str) -> str:
        if value.casefold() in GENERIC_ACCOUNTS or is_pseudonym(value) or self._hiding.shows_own(value):
            return value
        clean = self.text(value)
        if clean != value:
            return clean
        self._counts["person:value"] += 1
        return self._hiding.pseudonyms.named("name" if " " in value.strip() else "user", value)

    def _network_value(self, value: str) -> str:
        clean = self.text(value)
        if clean != value or not names_something(value):
            return clean
        self._counts["network:value"] += 1
        return self._hiding.pseudonyms.named("host", value)

    def _key(self, key: Any) -> Any:
        return self.text(key) if isinstance(key, str) else key

    def _once(self, text: str) -> str:
        return self._run(self._names(text, hosts=True), self._engine)

    def _names(self, text: str, *, hosts: bool) -> str:
        def hide(text: str) -> str:
            return self._hiding.known_names(text, hosts=hosts)

        return escapes.also_apart(hide(escapes.without_marks(text)), hide)

    def _run(self, text: str, engine: Engine) -> str:
        text = escapes.without_marks(text)
        try:
            text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, from a broken JSON string
            text = text.encode("utf-8", "backslashreplace").decode()
        text, keys = pem.remove_keys(text)
        text, below = blocks.remove_blocks(text)
        if keys:
            self._counts["secret:private-key"] += keys
        if below:
            self._counts["secret:secret"] += below
        text = engine.apply(text, self._replace)
        return escapes.also_apart(text, lambda parted: engine.apply(parted, self._replace))

    def _replace(self, rule: Rule, match: re.Match[str]) -> str:
        if rule.kind == "home":
            return self._hiding.home(match)
        group = match.lastgroup if rule.kind not in _WHOLE_MATCH else None
        hidden = match[group] if group else match[0]
        if rule.accept is not None and not rule.accept(match, hidden):
            return match[0]
        if rule.family is not Family.SECRET and is_pseudonym(hidden):
            return match[0]
        begin = match.start(group) - match.start() if group else 0
        if rule.family is Family.SECRET:
            kind = kind_of(match[0][:begin]) if rule.trigger is TRIGGER else rule.kind
            new, count = f"<secret:{kind}>", f"secret:{kind}"
        else:
            new, count = self._hiding.identifier(rule.kind, hidden, match), f"{rule.family.value}:{rule.kind}"
        if new == hidden:
            return match[0]
        self._counts[count] += 1
        return f"{match[0][:begin]}{new}{match[0][begin + len(hidden) :]}"
