"""`relevo org guide`: the guides of the self-service, looked over before anybody meets them."""

from __future__ import annotations

from pathlib import Path

import click

from protocol.drivers.terminal import Group, common_options, emit_json, printable, say, words
from protocol.errors import Code, RelevoError


@click.group("guide", cls=Group, help="org.guide")
def guide() -> None:
    """The commands below."""


@guide.command("lint", help="org.guide.lint")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|DIR…")
@common_options
def lint(files: tuple[Path, ...], as_json: bool) -> None:
    """Everything that is wrong with these guides; fails with the first of it."""
    from technician.org import guides

    linted = guides.lint(files)
    if as_json:
        emit_json(
            [
                {
                    "file": str(one.file),
                    "guide": one.guide and one.guide.id,
                    "version": one.guide and one.guide.version,
                    "problems": one.problems,
                }
                for one in linted
            ]
        )
    else:
        w = words()
        for one in linted:
            name = printable(str(one.file))
            if one.guide is not None and not one.problems:
                said = w("org.guide.sound", version=one.guide.version, steps=len(one.guide.steps))
                say(f"{name}: {said}")
            for problem in one.problems:
                say(f"{name}: {printable(problem)}")
    for one in linted:
        if one.problems:
            raise RelevoError(Code.USAGE, f"{one.file}: {one.problems[0]}")
