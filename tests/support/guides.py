"""The shell commands that README and guides show, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.world import ROOT

_BLOCK = re.compile(r"^(?:<!-- (?P<mark>[^>]*) -->\n)?```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.M | re.S)
_INLINE = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """One fenced block: the comment above it, its language, its commands with continued lines joined."""

    mark: str
    kind: str
    commands: tuple[str, ...]


def guides() -> list[Path]:
    """README and every guide; not the decisions, which tell what once was."""
    found = [ROOT / "README.md", ROOT / "protocol" / "SPEC.md"]
    return found + sorted((ROOT / "docs").glob("*.md"))


def blocks(path: Path) -> Iterator[Block]:
    for found in _BLOCK.finditer(path.read_text()):
        joined = found["body"].replace("\\\n", " ")
        lines = tuple(line for line in joined.splitlines() if line.strip() and not line.startswith("#"))
        yield Block(found["mark"] or "", found["kind"], lines)


def inline_code(path: Path) -> list[str]:
    """What stands between backticks in running text."""
    return _INLINE.findall(_BLOCK.sub("", path.read_text()))
