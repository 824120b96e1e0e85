"""What a redaction rule is, and how many rules run over a text at the price of few.

A rule runs only on lines in which its trigger occurs. Triggers of all rules are searched at once by
RE2 (linear in the text, one pass); the patterns themselves are Python's, written with possessive
quantifiers and bounded repeats so that they are linear too.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import re2

_PASSES = 4
"""What one rule leaves may be another's match; more than two passes are only seen in made-up text."""
WHOLE = 2_000
"""Texts up to this many characters go through the rules in one piece, longer ones line by line."""


class Family(enum.Enum):
    SECRET = "secret"  # noqa: S105 - the name of a class of data
    PERSON = "person"
    NETWORK = "network"


class Later:
    """A pattern that is compiled when a text first needs it.

    To compile all of them takes longer than many a program that redacts has to work, and few texts need more
    than some.
    """

    __slots__ = ("_compiled", "_flags", "_source")

    def __init__(self, source: str, flags: int = 0) -> None:
        self._source = source
        self._flags = flags
        self._compiled: re.Pattern[str] | None = None

    @property
    def compiled(self) -> re.Pattern[str]:
        """Raises re.error for what is no pattern; a test compiles every rule's."""
        if self._compiled is None:
            self._compiled = re.compile(self._source, self._flags)
        return self._compiled


@dataclass(frozen=True)
class Rule:
    """Find one form of a secret or an identifier.

    Attributes:
        kind: what is found, also the word in ``<secret:kind>``.
        trigger: RE2 expression, matched without regard to case; whatever ``pattern`` matches
            contains a match of it, on one line.
        pattern: the last named group that took part is what is hidden; without one the whole match.
        accept: says whether a candidate (match, hidden part) is one.
    """

    family: Family
    kind: str
    trigger: str
    pattern: Later
    accept: Callable[[re.Match[str], str], bool] | None = None


Replace = Callable[[Rule, re.Match[str]], str]


class Engine:
    """A fixed sequence of rules, applied in order."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        options.max_mem = 128 << 20
        self._set = re2.Set.SearchSet(options)
        for rule in self._rules:
            self._set.Add(rule.trigger)
        self._set.Compile()
        any_of = "|".join(f"(?:{rule})" for rule in dict.fromkeys(rule.trigger for rule in self._rules))
        self._line = re2.compile(f"(?m)^.*(?:{any_of}).*$".encode(), options)

    def apply(self, text: str, replace: Replace) -> str:
        """``text`` (valid Unicode) with every match replaced by what ``replace`` gives for it."""
        if len(text) <= WHOLE:
            return self._rules_over(text, replace)
        data = text.encode()
        out: list[bytes] = []
        at = 0
        for match in self._line.finditer(data):
            start, end = match.span()
            out += (data[at:start], self._rules_over(data[start:end].decode(), replace).encode())
            at = end
        out.append(data[at:])
        return b"".join(out).decode()

    def apply_naively(self, text: str, replace: Replace) -> str:
        """As ``apply`` without triggers; for the benchmark and the test that compare the two."""
        lines = [text] if len(text) <= WHOLE else text.split("\n")
        for rule in self._rules:
            lines = [_run(rule, line, replace) for line in lines]
        return "\n".join(lines)

    def _rules_over(self, text: str, replace: Replace) -> str:
        for _ in range(_PASSES):
            before = text
            for index in sorted(self._set.Match(text) or ()):
                text = _run(self._rules[index], text, replace)
            if text == before:
                break
        return text


def _run(rule: Rule, text: str, replace: Replace) -> str:
    return rule.pattern.compiled.sub(lambda match: replace(rule, match), text)
