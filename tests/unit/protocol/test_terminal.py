"""What a person sees of any of our command lines: help, faults and how it ends."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from protocol.drivers.terminal import Group, common_options, option, run, say
from protocol.errors import Code, RelevoError
from protocol.wording import Table
from tests.support.commands import programs

_TABLE: Table = {
    "prog": ("A program.", "Un programa."),
    "work": ("Work.", "Trabajar."),
    "work.example": ("prog work T-1", "prog work T-1"),
    "minutes": ("How long.", "Cuánto tiempo."),
}


class Boom:
    """What the command does when it runs."""

    error: BaseException | None = None


@click.group(cls=Group, help="prog")
def prog() -> None:
    pass


@prog.command("work", help="work")
@click.argument("ticket")
@option("--minutes", type=click.IntRange(1, 60), default=30, show_default=True, help="minutes")
@option("--how", type=click.Choice(["fast", "well"]), help="minutes")
@option("--reason", required=True, help="minutes")
@common_options
def work(ticket: str, minutes: int, how: str | None, reason: str, as_json: bool) -> None:
    if Boom.error is not None:
        raise Boom.error
    say(f"{ticket} {minutes} {reason}")


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Boom, "error", None)
    monkeypatch.setenv("LC_ALL", "C")


def _call(*arguments: str) -> int:
    return run(prog, _TABLE, arguments=arguments)


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", ("[OPTIONS] TICKET", "--minutes NUMBER", "--reason TEXT")),
        ("es", ("[OPCIONES] TIQUE", "--minutes NÚMERO", "--reason TEXTO")),
    ],
)
def test_what_stands_for_a_value_is_in_the_readers_language(
    language: str, shown: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call("work", "--help", "--lang", language) == 0
    out = capsys.readouterr().out
    assert [text for text in shown if text not in out] == []
    assert _call("work", "--lang", language) == 2
    assert shown[0].split()[1] in capsys.readouterr().err


_FAULTS = [
    (["wrok"], "no command wrok", "no existe la orden wrok"),
    (["work", "T-1", "--reason", "x", "--bar"], "no option --bar", "no existe la opción --bar"),
    (["work", "T-1"], "--reason is missing", "falta --reason"),
    (["work", "--reason", "x"], "TICKET is missing", "falta TIQUE"),
    (["work", "T-1", "--reason"], "--reason needs a value", "--reason necesita un valor"),
    (["work", "T-1", "--reason", "x", "--minutes", "61"], "number from 1 to 60", "entero de 1 a 60"),
    (["work", "T-1", "--reason", "x", "--minutes", "ten"], "number from 1 to 60", "entero de 1 a 60"),
    (["work", "T-1", "--reason", "x", "--how", "so"], "one of: fast, well", "valores: fast, well"),
    (["work", "T-1", "two", "--reason", "x"], "not understood: two", "sobra: two"),
    (["work", "T-1", "--reason", "\udcff"], "not UTF-8", "no es UTF-8"),
]


@pytest.mark.parametrize(("arguments", "english", "spanish"), _FAULTS)
def test_wrong_arguments_are_two_lines_and_a_reference_in_either_language(
    arguments: list[str], english: str, spanish: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for language, expected in (("en", english), ("es", spanish)):
        assert run(prog, _TABLE, arguments=["--lang", language, *arguments]) == 2
        seen = capfd.readouterr()
        lines = seen.err.splitlines()
        assert seen.out == ""
        assert len(lines) == 3
        if "UTF-8" not in expected:  # the language is chosen by arguments that could not be read
            assert expected in lines[0]
        assert re.fullmatch(r"\(refer\w+ [0-9A-F]{8}\)", lines[2])


def test_without_arguments_a_program_shows_its_help_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    assert _call() == 2
    seen = capfd.readouterr()
    assert seen.out == ""
    assert "Usage: " in seen.err
    assert "\n  work  Work" in seen.err


def test_the_frame_of_a_help_page_is_in_the_chosen_language(capfd: pytest.CaptureFixture[str]) -> None:
    assert _call("work", "--lang", "es", "--help") == 0
    page = capfd.readouterr().out
    assert "Uso: " in page
    assert "\nOpciones:\n" in page
    assert "Cuánto tiempo.  [por omisión: 30; 1<=x<=60]" in page
    assert "[obligatorio]" in page
    assert "Options" not in page
    assert "Ejemplo:\n  prog work T-1" in page
    assert _call("--lang", "es", "--help") == 0
    assert "\nÓrdenes:\n" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0),
        (OSError(errno.ENOSPC, "No space left on device"), 9),
        (RelevoError(Code.TICKET_CLOSED), 9),
        (ZeroDivisionError(), 1),
    ],
)
def test_however_a_command_ends_there_is_a_status_and_no_traceback(
    error: BaseException, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    Boom.error = error
    assert _call("work", "T-1", "--reason", "x") == status
    if getattr(sys.stdout, "name", "") == os.devnull:
        sys.stdout.close()
    assert "Traceback" not in capfd.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    here = Path(__file__).resolve().parents[3]
    command = f"{sys.executable} -c 'from agent.cli import main; main()' --help"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -0; echo ${{PIPESTATUS[0]}}"],
        cwd=here,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "0\n"
    assert done.stderr == ""


def _all_commands() -> list[list[str]]:
    found: list[list[str]] = []

    def walk(path: list[str], command: click.Command) -> None:
        found.append(path)
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                if below is not None and not below.hidden:
                    walk([*path, name], below)

    for name, program in programs().items():
        walk([name], program)
    return found


@pytest.mark.parametrize("path", _all_commands(), ids=" ".join)
@pytest.mark.parametrize(("language", "heading"), [("en", "\nExample:\n"), ("es", "\nEjemplo:\n")])
def test_every_help_page_has_an_example_that_begins_with_its_command(
    path: list[str], language: str, heading: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from protocol.wording import agent, broker, connectors, outgoing, technician

    tables = {
        "relevo": (technician.TABLE,),
        "relevo-agent": (agent.TABLE,),
        "relevo-broker": (broker.TABLE, outgoing.TABLE, connectors.TABLE),
    }
    program = programs()[path[0]]
    assert run(program, *tables[path[0]], arguments=["--lang", language, *path[1:], "--help"]) == 0
    page = capfd.readouterr().out
    assert heading in page, page
    assert " ".join(path) in page.partition(heading)[2]
    assert not re.search(r"^  [a-z]+(\.[a-z-]+)+$", page, re.MULTILINE), "a wording key without words"
