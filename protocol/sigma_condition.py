"""Sigma's conditions: ``selection and not 1 of filter_*`` as a tree over the names of selections."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from protocol.errors import Code, RelevoError

MAX_CONDITION = 500
"""Characters."""
MAX_DEPTH = 16
"""Brackets and ``not`` inside one another."""

_WORD = re.compile(r"\s*(?:([()])|([A-Za-z0-9_*-]+))")
_RESERVED = frozenset({"and", "or", "not", "of", "them", "1", "any", "all"})


class Node(NamedTuple):
    """``and`` / ``or`` of ``parts``, ``not`` of the one part, or the selection ``name``."""

    kind: str
    parts: tuple[Node, ...] = ()
    name: str = ""


def holds(node: Node, selected: Callable[[str], bool]) -> bool:
    """The truth of a condition, given that of each selection."""
    match node.kind:
        case "and":
            return all(holds(part, selected) for part in node.parts)
        case "or":
            return any(holds(part, selected) for part in node.parts)
        case "not":
            return not holds(node.parts[0], selected)
        case _:
            return selected(node.name)


def parse_condition(text: str, names: Sequence[str]) -> Node:
    """``not`` binds before ``and``, ``and`` before ``or``.

    Args:
        names: the selections that there are. Those that begin with ``_`` are in no ``… of them``.

    Raises:
        RelevoError: ``usage``.
    """
    if len(text) > MAX_CONDITION:
        raise _wrong(f"longer than {MAX_CONDITION} characters")
    parser = _Parser(_words(text), names)
    node = parser.disjunction(0)
    parser.require_end()
    return node


def _words(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        word = _WORD.match(text, at)
        if word is None:
            raise _wrong(f"cannot read {text[at : at + 20]!r}")
        found.append(word[1] or word[2])
        at = word.end()
    return found


class _Parser:
    """Recursive descent over the words; the depth is bounded."""

    def __init__(self, words: list[str], names: Sequence[str]) -> None:
        self._words = words
        self._names = names
        self._at = 0

    def disjunction(self, depth: int) -> Node:
        return self._joined("or", self._conjunction, depth)

    def require_end(self) -> None:
        if self._at < len(self._words):
            raise _wrong(f"unexpected {self._words[self._at]!r}")

    def _conjunction(self, depth: int) -> Node:
        return self._joined("and", self._negation, depth)

    def _joined(self, word: str, part: Callable[[int], Node], depth: int) -> Node:
        parts = [part(depth)]
        while self._peek() == word:
            self._at += 1
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else Node(word, tuple(parts))

    def _negation(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise _wrong(f"deeper than {MAX_DEPTH} levels")
        if self._peek() == "not":
            self._at += 1
            return Node("not", (self._negation(depth + 1),))
        if self._peek() == "(":
            self._at += 1
            node = self.disjunction(depth + 1)
            if self._next() != ")":
                raise _wrong("a bracket is not closed")
            return node
        return self._selection()

    def _selection(self) -> Node:
        word = self._next()
        if word in ("1", "any", "all") and self._peek() == "of":
            self._at += 1
            return self._several("and" if word == "all" else "or", self._next())
        if word not in self._names:
            raise _wrong(f"no selection {word!r}")
        return Node("name", name=word)

    def _several(self, kind: str, pattern: str) -> Node:
        wanted = "*" if pattern == "them" else pattern
        found = [
            name
            for name in self._names
            if _fits(wanted, name) and (pattern.startswith("_") or not name.startswith("_"))
        ]
        if not found:
            raise _wrong(f"{pattern!r} names no selection")
        parts = tuple(Node("name", name=name) for name in found)
        return parts[0] if len(parts) == 1 else Node(kind, parts)

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        if not word or (word in _RESERVED - {"1", "any", "all", "them"}):
            raise _wrong(f"a name is missing before {word or 'the end'!r}")
        self._at += 1
        return word


def _fits(pattern: str, name: str) -> bool:
    """Whether ``name`` is ``pattern``, in which ``*`` stands for anything. Each part is looked for once, from
    where the one before it ended: as a regular expression, a dozen stars would take years."""
    first, *between = pattern.split("*")
    if not between:
        return name == pattern
    last = between.pop()
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    at, end = len(first), len(name) - len(last)
    for part in between:
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _wrong(why: str) -> RelevoError:
    return RelevoError(Code.USAGE, f"log condition: {why}")
