"""What every `relevo` command shares: where the home is, the client, tables, progress."""

from __future__ import annotations

import contextlib
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from protocol.drivers.terminal import common_options, note, option, printable, say, words

F = TypeVar("F", bound=Callable[..., Any])

_SPINNER_AFTER_S = 1.0
_LEAST_FOLDED = 16
"""Columns; with less room than this, lines are left to the terminal."""
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

    Plain text with the width of the content, the same in a pipe and a log; on a terminal the last column
    is folded between words to what is left of the line. Colour is left to reports.
    """

    def __init__(self, *titles: str) -> None:
        self._rows: list[tuple[str, ...]] = [titles]

    def add(self, *cells: object) -> None:
        self._rows.append(tuple(printable("" if cell is None else str(cell)) for cell in cells))

    def show(self) -> None:
        widths = [max(len(row[i]) for row in self._rows) for i in range(len(self._rows[0]))]
        start = sum(widths[:-1]) + 2 * (len(widths) - 1)
        room = shutil.get_terminal_size().columns - start if sys.stdout.isatty() else 0
        for row in self._rows:
            last = row[-1]
            if _LEAST_FOLDED <= room < len(last):
                last = f"\n{' ' * start}".join(textwrap.wrap(last, room, break_on_hyphens=False))
            cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
            say("  ".join([*cells, last]).rstrip())

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
