"""The wording tables, and a static reading of the code that uses them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import string
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import protocol.wording
from protocol.drivers import terminal

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("agent", "broker", "technician", "protocol")
Table = Mapping[str, tuple[str, str]]


@cache
def tables() -> dict[str, Table]:
    """Every table by the name of its module."""
    found: dict[str, Table] = {"terminal": terminal._BASE}
    for module in pkgutil.iter_modules(protocol.wording.__path__):
        table = getattr(importlib.import_module(f"protocol.wording.{module.name}"), "TABLE", None)
        if table is not None:
            found[module.name] = table
    return found


def placeholders(text: str) -> list[str]:
    """``{name}`` parts in alphabetical order, with their format."""
    return sorted(f"{name}:{spec}" for _, name, spec, _ in string.Formatter().parse(text) if name is not None)


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if (ROOT / "protocol" / "wording") not in path.parents:
                yield path


@cache
def nodes() -> tuple[tuple[Path, ast.Call | ast.Constant | ast.JoinedStr], ...]:
    """The parts of the code that can say a key, gone through once for all who ask."""
    return tuple(
        (path, node)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call | ast.Constant | ast.JoinedStr)
    )


def _is_words(function: ast.expr) -> bool:
    """``words()(…)``, ``w(…)``, ``self._words(…)``: a look-up in the tables."""
    match function:
        case ast.Call(func=ast.Name(id="words")):
            return True
        case ast.Name(id="w"):
            return True
        case ast.Attribute(attr="_words"):
            return True
    return False


def looked_up() -> Iterator[tuple[str, ast.expr]]:
    """``(where, key)`` of each look-up and each ``help=`` in the code."""
    for path, node in nodes():
        if not isinstance(node, ast.Call):
            continue
        keys = node.args[:1] if _is_words(node.func) else []
        keys += [keyword.value for keyword in node.keywords if keyword.arg == "help"]
        for key in keys:
            yield f"{path.relative_to(ROOT)}:{node.lineno}", key


def recorded() -> Iterator[tuple[str, str]]:
    """``(where, name)`` of each fact that the code puts on record by name."""
    for path, node in nodes():
        if isinstance(node, ast.Call) and (_is_facts(node.func) or any(map(_is_action, node.args))):
            for word in node.keywords:
                if word.arg is not None:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", word.arg


def _is_facts(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id == "facts"


def _is_action(argument: ast.expr) -> bool:
    match argument:
        case ast.Attribute(value=ast.Name(id="Action")):
            return True
    return False


def pattern(node: ast.expr) -> re.Pattern[str] | None:
    """What keys an f-string can make, its holes as groups; None without a literal letter in it."""
    if not isinstance(node, ast.JoinedStr):
        return None
    literal = "".join(
        part.value for part in node.values if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )
    if not re.search(r"[a-z]", literal) or not re.fullmatch(r"[a-z0-9_.-]*", literal):
        return None
    parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else "(.+)" for part in node.values]
    return re.compile("".join(parts))


@cache
def constants() -> frozenset[str]:
    """Every string constant of the code, and of ``code: detail`` the code."""
    found = {
        node.value for _, node in nodes() if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    # A fact of a record is a keyword where it is made: ``facts(move=…)``.
    named = {
        word.arg for _, node in nodes() if isinstance(node, ast.Call) for word in node.keywords if word.arg
    }
    return frozenset(found | named | {text.partition(":")[0] for text in found})


@cache
def patterns() -> tuple[re.Pattern[str], ...]:
    return tuple({made for _, node in nodes() if (made := pattern(node)) is not None})
