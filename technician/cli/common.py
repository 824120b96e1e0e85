"""What every `relevo` command shares: where the home is, the client, tables, progress."""

from __future__ import annotations

import contextlib
import itertools
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
"""Columns; what is narrower is not folded, such as times."""
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

    Plain text with the width of the content, the same in a pipe and a log, where every row is one line. On a
    terminal that is too narrow, long cells are folded between words, the last column first; where that does
    not do, the last column goes below the others. Line ends in the last column stay. Colour is left to reports.
    """

    def __init__(self, *titles: str) -> None:
        self._rows: list[tuple[str, ...]] = [titles]

    def add(self, *cells: object) -> None:
        *front, last = ("" if cell is None else str(cell) for cell in cells)
        self._rows.append((*map(printable, front), printable(last.rstrip(), newlines=True)))

    def show(self) -> None:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        fits = columns >= _LEAST_COLUMNS
        whole = self._rows if fits else [(*row[:-1], " ".join(row[-1].splitlines())) for row in self._rows]
        widths = [max(width(row[i]) for row in whole) for i in range(len(whole[0]))]
        if not fits or self._fit(widths, columns):
            for row in whole:
                _say_row(row, widths)
            return
        front, below = widths[:-1], columns - len(_BELOW)
        self._fit(front, columns)
        for row in whole:
            _say_row(row[:-1], front)
            for line in wrapped(row[-1], below, below) if row[-1] else ():
                say(f"{_BELOW}{line}".rstrip())

    def _fit(self, widths: list[int], columns: int) -> bool:
        """Narrow ``widths`` to ``columns`` without cutting a word of any but the last column, the widest first;
        False, and nothing is changed, where that cannot be."""
        found = list(widths)
        least = [self._least(place, wide) for place, wide in enumerate(widths)]
        while sum(found) + 2 * (len(found) - 1) > columns:
            spare, place = max((wide - least[at] and wide, at) for at, wide in enumerate(found))
            if not spare:
                return False
            found[place] -= 1
        widths[:] = found
        return True

    def _least(self, place: int, wide: int) -> int:
        """Of a column of the table."""
        if wide <= _LEAST_FOLDED or place == len(self._rows[0]) - 1:
            return min(wide, _LEAST_FOLDED)
        words_ = (word for row in self._rows for word in row[place].split(" "))
        return max(_LEAST_FOLDED // 2, *map(width, words_))

    def __len__(self) -> int:
        return len(self._rows) - 1


def _say_row(row: Sequence[str], widths: Sequence[int]) -> None:
    cells = [wrapped(cell, wide, wide) for cell, wide in zip(row, widths, strict=True)]
    for lines in itertools.zip_longest(*cells, fillvalue=""):
        say("  ".join(padded(line, wide) for line, wide in zip(lines, widths, strict=True)).rstrip())


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
