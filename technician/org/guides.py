"""Guides of the self-service as their authors wrote them: is each fit to be shown?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from protocol.drivers.files import read_regular
from protocol.errors import Code, RelevoError
from protocol.guide import MAX_GUIDE, Guide, parse_guide
from protocol.guide_lint import problems

MAX_GUIDES = 200
_SUFFIX = ".toml"


class Linted(NamedTuple):
    """A file, the guide in it (None where it holds none), and what is wrong: each with its place."""

    file: Path
    guide: Guide | None
    problems: tuple[str, ...]


def lint(given: Sequence[Path]) -> tuple[Linted, ...]:
    """Read every file, and every guide of every folder, in the order in which they were given.

    Raises:
        RelevoError: ``not-found``; ``usage`` for a folder without guides, or for too many of them.
    """
    files = [file for one in given for file in _files(one)]
    if len(files) > MAX_GUIDES:
        raise RelevoError(Code.USAGE, f"{len(files)} guides, at most {MAX_GUIDES}")
    linted: list[Linted] = []
    for file in files:
        others = {one.guide.id: one.file for one in linted if one.guide is not None}
        linted.append(_linted(file, others))
    return tuple(linted)


def _files(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    found = sorted(file for file in given.iterdir() if file.suffix == _SUFFIX)
    if not found:
        raise RelevoError(Code.USAGE, f"{given} has no guide (*{_SUFFIX})")
    return found


def _linted(file: Path, others: dict[str, Path]) -> Linted:
    try:
        guide = parse_guide(read_regular(file, MAX_GUIDE))
    except RelevoError as error:
        if error.code not in (Code.USAGE, Code.TOO_LARGE):
            raise
        return Linted(file, None, (error.detail,))
    found = list(problems(guide))
    if file.name != guide.id + _SUFFIX:
        # An installation looks for a guide by the name of its file.
        found.append(f"id: {guide.id} wants to lie in {guide.id}{_SUFFIX}")
    if guide.id in others:
        found.append(f"id: {others[guide.id]} has the same one")
    return Linted(file, guide, tuple(found))
