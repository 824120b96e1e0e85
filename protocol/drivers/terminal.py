"""Command lines: what the three programs share. Help texts are wording keys, errors are two lines.

A program calls ``run(cli, tables)``. Its commands are click commands of the classes below; their
``help`` and each option's ``help`` are keys of the program's wording tables.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import sys
import threading
import traceback
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import click
import msgspec

from protocol.drivers import usage
from protocol.errors import Code, Exit, RelevoError
from protocol.ids import new_reference
from protocol.wording import Language, Table, Words, language_from
from protocol.wording import errors as error_words
from protocol.wording import usage as usage_words

F = TypeVar("F", bound=Callable[..., Any])

_BASE: Table = {
    "option.lang": ("Language of what is printed: es or en.", "Idioma de los textos: es o en."),
    "option.json": ("Print JSON for programs.", "Mostrar JSON para programas."),
    "option.debug": (
        "Show the traceback of an unexpected error.",
        "Mostrar la traza de un error inesperado.",
    ),
    "option.help": ("Show this help.", "Mostrar esta ayuda."),
    "option.version": ("Show the version.", "Mostrar la versión."),
    "help.example": ("Example:", "Ejemplo:"),
    "interrupted.user": ("Interrupted.", "Interrumpido."),
}

_COMMON: Final = (_BASE, usage_words.TABLE, error_words.TABLE)
_words = Words("en", *_COMMON)
INTERRUPTED: Final = 130
"""Ctrl-C: what a shell gives for a program that SIGINT ended."""


def words() -> Words:
    """The words of the running program, in the chosen language."""
    return _words


def add_words(*tables: Table) -> None:
    """More tables for the running program: those of the one command that was loaded."""
    _words.add(*tables)


def printable(text: str, *, newlines: bool = False) -> str:
    """Text from another machine, made harmless: no terminal escapes, control or bidi characters.

    What is taken out stays visible as ``\\x1b`` or ``\\u202e``. With ``newlines`` line ends stay.
    """
    if text.isascii() and text.isprintable():
        return text
    out = []
    for char in text:
        if char == "\n" and newlines:
            out.append(char)
        elif char == "\t":
            out.append(" ")
        elif _acts(char):
            code = ord(char)
            out.append(f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
        else:
            out.append(char)
    return "".join(out)


def _acts(char: str) -> bool:
    """A control, a mark of direction or something else that shows nothing by itself."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


class _Worded(click.Command):
    """Help texts looked up in the tables; ``<key>.example`` is shown as an example where it exists."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = usage.worded(" ".join(self.collect_usage_pieces(ctx)), _words)
        formatter.write_usage(ctx.command_path, pieces, prefix=_words("help.usage"))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = (one.get_help_record(ctx) for one in self.get_params(ctx) if isinstance(one, click.Option))
        rows = [record for record in records if record is not None]
        if rows:
            with formatter.section(_words("help.options")):
                formatter.write_dl(rows)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        text = self._text(self.help)
        if text:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(text)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        key = f"{self.help}.example"
        if self.help and _words.has(key):
            formatter.write_paragraph()
            formatter.write_text(_words("help.example"))
            with formatter.indentation():
                for line in _words(key).splitlines():
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")

    def get_short_help_str(self, limit: int = 70) -> str:
        text = self._text(self.help).split(". ")[0].rstrip(".")
        return text if len(text) <= limit else text[: limit - 1].rpartition(" ")[0] + "…"

    @staticmethod
    def _text(key: str | None) -> str:
        return _words(key) if key and _words.has(key) else (key or "")

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = _words("option.help")
        return option


class Option(click.Option):
    """An option whose help is a wording key."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        text = _words(self.help) if self.help and _words.has(self.help) else self.help or ""
        spec = usage.worded(self.get_help_spec(ctx), _words)
        return None if self.hidden else (spec, text + usage.extras(self, ctx, _words))


class Command(_Worded):
    pass


class Group(_Worded, click.Group):
    command_class = Command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        shown = [(name, command) for name, command in found if command is not None and not command.hidden]
        width = formatter.width - 6 - max(len(name) for name, _ in shown)
        with formatter.section(_words("help.commands")):
            formatter.write_dl([(name, command.get_short_help_str(width)) for name, command in shown])


Group.group_class = Group


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """``click.option`` with a worded help."""
    return click.option(*names, cls=Option, **settings)


def common_options(function: F) -> F:
    """``--json``, and in the help ``--lang`` and ``--debug``, which ``run`` reads itself."""
    for names, settings in (
        (("--debug",), {"is_flag": True, "expose_value": False, "help": "option.debug"}),
        (("--lang",), {"type": click.Choice(["en", "es"]), "expose_value": False, "help": "option.lang"}),
    ):
        function = option(*names, **settings)(function)
    return option("--json", "as_json", is_flag=True, help="option.json")(function)


def emit_json(value: object) -> None:
    """One JSON document (or one line of JSON Lines) on stdout."""
    sys.stdout.buffer.write(_harmless(msgspec.json.encode(value)) + b"\n")
    sys.stdout.buffer.flush()


def _harmless(encoded: bytes) -> bytes:
    """The same JSON without what a terminal acts on: beyond ASCII, all of it stands in strings."""
    text = encoded.decode()
    if text.isprintable():
        return encoded
    return "".join(_escaped(char) if _acts(char) and char not in "\n\r\t" else char for char in text).encode()


def _escaped(char: str) -> str:
    """As JSON writes it in a string: in UTF-16."""
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def say(text: str = "") -> None:
    """Data for people on stdout."""
    click.echo(text)


def note(text: str) -> None:
    """Everything else, on stderr."""
    click.echo(text, err=True)


class _Everywhere(NamedTuple):
    """``--lang`` and ``--debug``, which are understood before and after any command."""

    language: Language
    debug: bool
    rest: list[str]


def _everywhere(arguments: Sequence[str]) -> _Everywhere:
    chosen, debug, rest = None, False, []
    if any(0xDC80 <= ord(char) <= 0xDCFF for word in arguments for char in word):
        raise RelevoError(Code.USAGE, _words("usage.text"))
    words_left = iter(arguments)
    for word in words_left:
        if word == "--":
            rest += [word, *words_left]
        elif word == "--debug":
            debug = True
        elif word == "--lang":
            chosen = next(words_left, "")
        elif word.startswith("--lang="):
            chosen = word.partition("=")[2]
        else:
            rest.append(word)
    if chosen not in (None, "en", "es"):
        raise RelevoError(Code.USAGE, f"--lang {chosen}")
    return _Everywhere(language_from(chosen, os.environ), debug, rest)


def report(error: RelevoError, reference: str) -> None:
    """The two lines of an error and its reference, on stderr."""
    note(_words(str(error.code), detail=printable(error.detail)))
    note(_words(f"{error.code}.do"))
    note(_words("reference", reference=reference))


def leave(status: int) -> NoReturn:
    """End the process with ``status``, without taking the interpreter apart first.

    That takes about 20 ms of a quick command and frees what the system frees anyway. Registered exit
    functions run and output is flushed; while threads still work, the ordinary way is taken.
    """
    if threading.active_count() > 1:
        sys.exit(status)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # its reader went away (`| head`)
            stream.flush()
    atexit._run_exitfuncs()
    os._exit(status)


def _print_traceback() -> None:
    """An exception's text may hold words of another machine."""
    sys.stderr.write(printable(traceback.format_exc(), newlines=True))


def _forget_output() -> None:
    """What could not be written is not tried again when the process ends."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def run(  # noqa: PLR0911 - one status per kind of end
    cli: click.Command, *tables: Table, arguments: Sequence[str] | None = None
) -> int:
    """Run a program and give its exit status (3-interface.md). Never raises, never a traceback
    unless ``--debug`` was given."""
    global _words  # noqa: PLW0603 - one program, one language, chosen once at its start
    debug = False
    _words = Words(language_from(None, os.environ), *tables, *_COMMON)
    try:
        everywhere = _everywhere(sys.argv[1:] if arguments is None else arguments)
        _words = Words(everywhere.language, *tables, *_COMMON)
        debug = everywhere.debug
        result = cli.main(args=everywhere.rest, standalone_mode=False)
    except RelevoError as error:
        if debug:
            _print_traceback()
        report(error, new_reference())
        return int(error.exit_status)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        note(_words("interrupted.user"))
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        note(error.format_message())
        return int(Exit.USAGE)
    except click.ClickException as error:
        report(RelevoError(Code.USAGE, usage.fault(error, _words)), new_reference())
        return int(Exit.USAGE)
    except (BrokenPipeError, SystemExit):
        # The reader of our output went away (`| head`), which click turns into SystemExit: nothing is
        # left to say to anybody.
        _forget_output()
        return int(Exit.DONE)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _forget_output()
            report(RelevoError(Code.CANNOT_RECORD, str(error.strerror)), new_reference())
            return int(Exit.CONFLICT)
        if debug:
            _print_traceback()
        report(RelevoError(Code.INTERNAL, type(error).__name__), new_reference())
        return int(Exit.BUG)
    return result if isinstance(result, int) else int(Exit.DONE)
