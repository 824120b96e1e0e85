"""The conversation on a ticket through the documented commands, on two real terminals, over a killed broker."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import BIN, Machine, Person, World, wait_until, world_in

_SECONDS = 60.0


@dataclass
class Screen:
    """A program on a terminal of its own."""

    process: subprocess.Popen[bytes]
    terminal: int
    seen: str = ""

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def until(self, *texts: str) -> str:
        """Everything on the screen so far, once ``texts`` are on it."""
        deadline = time.monotonic() + _SECONDS
        while not all(text in self.seen for text in texts):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited for {texts}:\n{self.seen}")
            if select.select([self.terminal], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self.terminal, 65_536).decode(errors="replace")
        return self.seen

    def lines(self) -> list[str]:
        """Whole lines as people see them, without the one that is being typed."""
        shown = re.sub(r"\x1b\[[0-9?;]*[A-Za-z]", "", self.seen)
        return [line.rstrip("\r").rpartition("\r")[2].strip() for line in shown.split("\n")[:-1]]

    def leave(self) -> int:
        self.type("\x04")
        return self.process.wait(_SECONDS)


@contextlib.contextmanager
def on_terminal(world: World, argv: list[str], env: dict[str, str]) -> Iterator[Screen]:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [str(BIN / argv[0]), *argv[1:]],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=world.environment({"TERM": "xterm", **env}),
        start_new_session=True,
    )
    os.close(theirs)
    screen = Screen(process, ours)
    try:
        yield screen
    finally:
        process.kill()
        process.wait(30)
        os.close(ours)


@dataclass
class Site:
    world: World
    toni: Person
    lena: Person
    machine: Machine
    tickets: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with world_in(tmp_path_factory.mktemp("chat")) as world:
        world.found(fixes=False)
        toni, lena = (
            world.technician("toni", customer="acme"),
            world.technician("lena", tier=3, customer="acme"),
        )
        yield Site(world, toni, lena, world.machine())


def test_both_talk_over_a_killed_broker_and_nothing_is_lost_or_doubled(site: Site) -> None:
    world, ticket = site.world, site.machine.ask("No imprime")
    site.toni("ticket", "take", ticket)
    user_argv = ["relevo-agent", "chat", ticket, "--data", str(site.machine.data), "--lang", "es"]
    desk_argv, desk_env = ["relevo", "ticket", "chat", ticket], {"RELEVO_HOME": str(site.toni.home)}
    with on_terminal(world, user_argv, {}) as user, on_terminal(world, desk_argv, desk_env) as desk:
        user.until("No imprime", "> ")
        desk.until("No imprime", "> ")
        desk.type("¿Está encendida?\r/note parece el spooler\r")
        user.until("Toni Test: ¿Está encendida?")
        desk.until("(note): parece el spooler", "the user read it")
        user.type("Sí, verde\x1b[31m fijo\r")
        desk.until("(user): Sí, verde fijo")

        assert world.broker is not None
        world.broker.kill()
        user.type("dicho sin servidor\r")
        desk.until("connection is lost")
        desk.type("said without a broker\r")
        desk.until("Not sent yet")
        world.start_broker()
        for screen in (user, desk):
            screen.until("dicho sin servidor", "said without a broker")
        desk.until("Connected again", "(user): dicho sin servidor", "Toni Test: said without a broker")
        user.until("usted: dicho sin servidor", "Toni Test: said without a broker")
        desk.type("última\r")
        user.until("Toni Test: última")
        desk.until("Toni Test: última")
        assert (user.leave(), desk.leave()) == (0, 0)
    for screen in (user, desk):
        for once in (
            "¿Está encendida?",
            "Sí, verde fijo",
            "dicho sin servidor",
            ": said without a broker",
            "última",
        ):
            said = [line for line in screen.lines() if re.match(r"\d\d:\d\d  \S", line) and once in line]
            assert len(said) == 1, (once, screen.lines())
    assert "spooler" not in user.seen
    rows = rows_of(site, ticket)
    assert [row["text"] for row in rows if row["kind"] == "ticket.reply"] == [
        "¿Está encendida?",
        "Sí, verde fijo",
        *sorted(("dicho sin servidor", "said without a broker"), key=lambda text: index_of(rows, text)),
        "última",
    ]


def rows_of(site: Site, ticket: str) -> list[dict[str, Any]]:
    done = site.machine("chat", ticket, "--json")
    return [json.loads(line) for line in done.out.splitlines()]


def index_of(rows: list[dict[str, Any]], text: str) -> int:
    return int(next(row["index"] for row in rows if row["text"] == text))


def test_programs_follow_both_sides_as_json_lines_and_go_on_where_they_were(site: Site) -> None:
    ticket = site.machine.ask("Sin red")
    following = subprocess.Popen(
        [str(BIN / "relevo-agent"), "chat", ticket, "--follow", "--json", "--data", str(site.machine.data)],
        env=site.world.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        site.toni("ticket", "take", ticket)
        site.toni("ticket", "reply", ticket, "primera")
        assert following.stdout is not None
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["text"] != "primera":
            heard.append(json.loads(following.stdout.readline()))
    finally:
        following.terminate()
        following.communicate(timeout=30)
    site.machine("reply", ticket, "segunda")
    later = site.machine("chat", ticket, "--json", "--after", str(heard[-1]["index"]))
    assert [json.loads(line)["text"] for line in later.out.splitlines()] == ["segunda"]
    told = site.toni("ticket", "chat", ticket, "--json")
    texts = [
        row["text"] for line in told.out.splitlines() if (row := json.loads(line))["kind"] == "ticket.reply"
    ]
    assert texts == ["primera", "segunda"]
    watching = site.toni.begin("ticket", "watch", "--after", "1", "--json")
    try:
        assert watching.stdout is not None
        while json.loads(watching.stdout.readline())["ticket"] != ticket:
            pass
    finally:
        watching.terminate()
        watching.communicate(timeout=30)
    shown = site.toni("ticket", "show", ticket)
    assert "read by the user at" in shown.out


def test_a_users_file_is_previewed_redacted_and_opened_by_whom_it_is_for(site: Site) -> None:
    ticket, folder = site.machine.ask("Da un error"), site.world.folder
    site.toni("ticket", "take", ticket)
    log = folder / "ana@example.com.log"
    log.write_bytes("login password=Zk9canary#77x from 203.0.113.77\n".encode("utf-16"))
    asked = site.machine("attach", ticket, str(log), status=2)
    assert "passwords and keys: 1" in asked.err and "Toni Test" in asked.err
    sent = site.machine("attach", ticket, str(log), "--yes", "--json").json()
    assert sent["removed"]["secret:password"] == 1
    site.toni("artifact", "get", sent["artifact"], "-o", "got.log")
    got = (folder / "got.log").read_text()
    assert got.startswith("login password=<secret:password> from ") and "203.0" not in got
    assert (folder / "got.log").stat().st_mode & 0o777 == 0o600
    (folder / "x.zip").write_bytes(b"PK\x03\x04canary")
    assert "--as-is" in site.machine("attach", ticket, "x.zip", "--yes", status=2).err
    site.machine("attach", ticket, "x.zip", "--yes", "--as-is", status=9)
    whole = site.machine("attach", ticket, "x.zip", "--yes", "--as-is", "--reason", "pedido", "--json").json()
    site.toni("artifact", "get", whole["artifact"], "-o", "no.zip", status=4)
    site.lena("artifact", "get", whole["artifact"], "-o", "yes.zip")
    assert (folder / "yes.zip").read_bytes() == (folder / "x.zip").read_bytes()
    stored = b"".join(path.read_bytes() for path in (site.world.broker_data / "artifacts").iterdir())
    assert b"canary" not in stored and b"password" not in stored


def test_a_technicians_file_is_fetched_to_the_named_place_and_nowhere_else(site: Site) -> None:
    ticket, folder = site.machine.ask("¿Cómo se instala?"), site.world.folder
    site.toni("ticket", "take", ticket)
    (folder / "guide.pdf").write_bytes(b"%PDF-1.7 guide")
    site.toni("ticket", "attach", ticket, "guide.pdf", "--name", "../../.profile")
    rows = site.machine("attachments", ticket, "--json").json()
    file = rows[-1]["attached"]
    assert file["name"] == "profile"
    site.machine("fetch", file["artifact"], "-o", "out.pdf")
    assert (folder / "out.pdf").read_bytes() == b"%PDF-1.7 guide"
    (folder / "link.pdf").symlink_to(folder / "elsewhere.pdf")
    for taken in ("out.pdf", "link.pdf"):
        site.machine("fetch", file["artifact"], "-o", taken, status=9)
    assert not (folder / "elsewhere.pdf").exists()
    stored = list((site.world.broker_data / "artifacts").iterdir())
    assert not any(b"guide" in path.read_bytes() for path in stored), "the broker holds ciphertext"
    wait_until(
        "the journal to reach the log",
        lambda: "file fetched" in site.toni("ticket", "show", ticket).out,
    )


def test_what_is_over_says_so(site: Site, tmp_path: Path) -> None:
    ticket = site.machine.ask("Nada")
    site.machine("cancel", ticket, "ya está")
    (tmp_path / "a.log").write_text("x\n")
    assert "not open" in site.machine("attach", ticket, str(tmp_path / "a.log"), "--yes", status=9).err
    site.machine("reply", ticket, "tarde", status=9)
    site.machine("chat", "T-999", status=3)
    site.machine("chat", "no-ticket", "--json", status=3)
    site.toni("ticket", "chat", "T-999", status=3)


def test_watching_what_is_not_there_says_only_that(site: Site) -> None:
    refused = site.toni("ticket", "watch", "T-999", status=3)
    assert len(refused.err.splitlines()) == 3, refused.err
