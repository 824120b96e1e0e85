"""`relevo org known-error`: known errors of the catalogue, tried on their bundles, added and retired."""

from __future__ import annotations

from pathlib import Path

import click

from protocol.drivers.terminal import Group, emit_json, note, printable, say, words
from protocol.errors import Code, RelevoError
from technician.cli.common import show_rows, technician_options

_FILE = click.Path(path_type=Path)


@click.group("known-error", cls=Group, help="org.known-error")
def known_error() -> None:
    """The commands below."""


@known_error.command("add", help="org.known-error.add")
@click.argument("directory", type=_FILE, metavar="DIR")
@technician_options
def add(directory: Path, home: Path, as_json: bool) -> None:
    """Check a known error, try it on its bundles and stage it."""
    from technician.org import known_errors

    known = known_errors.add_known_error(home, directory)
    if as_json:
        emit_json({"known_error": known.id, "version": known.version})
        return
    say(words()("org.known-error.added", id=known.id, version=known.version))
    note(words()("org.publish_needed"))


@known_error.command("retire", help="org.known-error.retire")
@click.argument("known_error_id", metavar="ID")
@technician_options
def retire(known_error_id: str, home: Path, as_json: bool) -> None:
    """Stage that it is no longer published."""
    from technician.org import known_errors

    known_errors.retire_known_error(home, known_error_id)
    if as_json:
        emit_json({"retired": known_error_id})
        return
    say(words()("org.known-error.retired", id=printable(known_error_id)))
    note(words()("org.publish_needed"))


@known_error.command("list", help="org.known-error.list")
@technician_options
def list_(home: Path, as_json: bool) -> None:
    """All known errors of the draft."""
    from technician.org import known_errors

    rows = known_errors.list_known_errors(home)
    if as_json:
        emit_json([{"state": row.state, "known_error": row.known} for row in rows])
        return
    w = words()
    lines = (
        (
            row.known.id,
            row.known.version,
            row.known.visibility,
            ", ".join(fix.fix for fix in row.known.fixes),
            w(f"org.known-error.state.{row.state}"),
            row.known.title.es if w.language == "es" else row.known.title.en,
        )
        for row in rows
    )
    show_rows(w("org.known-error.titles").split("|"), lines, "org.known-error.none")


@known_error.command("test", help="org.known-error.test")
@click.argument("directory", type=_FILE, metavar="DIR")
@technician_options
def test(directory: Path, home: Path, as_json: bool) -> None:
    """What the signature says of each bundle of the directory; fails where it is wrong about one."""
    from technician.org import known_errors

    known, tried = known_errors.try_directory(directory)
    if as_json:
        emit_json(
            {
                "known_error": known.id,
                "version": known.version,
                "bundles": [
                    {"name": one.test.name, "passed": one.passed, "verdict": one.verdict} for one in tried
                ],
            }
        )
    else:
        from technician.reports.matches import why

        for one in tried:
            mark = words()("org.known-error.passed" if one.passed else "org.known-error.failed")
            said = words()(f"match.{one.verdict.outcome}")
            say(f"{mark}  {printable(one.test.name)}: {said}")
            for line in why(one.verdict, words()):
                say(f"      {line}")
    wrong = [one.test.name for one in tried if not one.passed]
    if wrong:
        raise RelevoError(Code.REFUSED, f"{known.id}: wrong about {', '.join(wrong)[:300]}")
