"""What every `relevo` command shares: where the home is, the client, tables, progress."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from protocol.columns import padded, width, wrapped
from protocol.drivers.terminal import common_options, note, option, printable, say, words

F = TypeVar("F", bound=Callable[..., Any])

_SPINNER_AFTER_S = 1.0
_LEAST_FOLDED = 20
"""Columns; with less room than this, a last column is written below the others."""
_LEAST_COLUMNS = 40
"""Of a terminal; lines are left to a narrower one."""
_BELOW = "    "
_SPINNER = "|/-\\"


def home_from(context: click.Context, _parameter: click.Parameter, value: str | None) -> Path:
    """``--home`` here or before the command, ``RELEVO_HOME``, else the platform's place."""
    chosen = value or context.find_root().params.get("home_everywhere")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_config_dir("relevo"))


def technician_options(function: F) -> F:
    """``--home``, ``--json``, ``--lang``, ``--debug``; passes ``home`` and ``as_json``."""
    function = option("--home", metavar="DIR", callback=home_from, help="option.home")(function)
    return common_options(function)


class Table:
    """Rows for people: aligned columns, escaped cells.

    Plain text with the width of the content, the same in a pipe and a log, where every row is one line; on a
    terminal the last column is folded between words to what is left of the line, and line ends in it stay.
    Colour is left to reports.
    """

    def __init__(self, *titles: str) -> None:
        self._rows: list[tuple[str, ...]] = [titles]

    def add(self, *cells: object) -> None:
        *front, last = ("" if cell is None else str(cell) for cell in cells)
        self._rows.append((*map(printable, front), printable(last.rstrip(), newlines=True)))

    def show(self) -> None:
        widths = [max(width(row[i]) for row in self._rows) for i in range(len(self._rows[0]) - 1)]
        for row in self._rows:
            front = "  ".join(padded(cell, wanted) for cell, wanted in zip(row[:-1], widths, strict=True))
            for line in self._lines(front, row[-1]):
                say(line.rstrip())

    def _lines(self, front: str, last: str) -> list[str]:
        """One row: the last cell whole, folded beside the others, or where that would be narrow below them."""
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        if columns < _LEAST_COLUMNS:
            return [f"{front}  {' '.join(last.splitlines())}"]
        start = width(front) + 2
        room = columns - start
        if room < _LEAST_FOLDED and room < max(width(row[-1]) for row in self._rows):
            room = columns - len(_BELOW)
            return [front, *(f"{_BELOW}{line}" for line in wrapped(last, room, room) if last)]
        begin, *more = wrapped(last, room, room)
        return [f"{front}  {begin}", *(f"{' ' * start}{line}" for line in more)]

    def __len__(self) -> int:
        return len(self._rows) - 1


def show_rows(titles: Sequence[str], rows: Iterable[Sequence[object]], empty_key: str) -> None:
    """A table, or the sentence ``empty_key`` where there is nothing."""
    table = Table(*titles)
    for row in rows:
        table.add(*row)
    if len(table):
        table.show()
    else:
        note(words()(empty_key))


class Progress:
    """One line on stderr that is redrawn; silent when stderr is no terminal or work is quick."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._began = time.monotonic()
        self._drawn = False

    def update(self, step: str, done: int, total: int | None) -> None:
        """``done`` of ``total`` (None: unknown, so a spinner)."""
        if not self._live or time.monotonic() - self._began < _SPINNER_AFTER_S:
            return
        if total:
            share = min(1.0, done / total)
            bar = ("#" * int(share * 30)).ljust(30, "-")
            text = f"[{bar}] {share:4.0%} {printable(step)}"
        else:
            text = f"{_SPINNER[int(time.monotonic() * 4) % 4]} {printable(step)} {done or ''}"
        sys.stderr.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()
        self._drawn = True

    def clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    line = Progress()
    try:
        yield line
    finally:
        line.clear()
