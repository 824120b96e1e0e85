"""A whole Relevo on this machine, driven only through the documented command lines.

Organisation, broker, agents and technicians are real processes and real files below one folder. The
integration tests and `make demo` share this. Only where it waits for a machine it asks the agent over its own
socket first, as starting a program for every look costs more processor time than what is waited for.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.folder import Folder
from agent.localclient import ask
from agent.messages import RequestList, RequestsQuery, Status, StatusQuery
from protocol.errors import RelevoError

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Result:
    """What a command did."""

    argv: tuple[str, ...]
    status: int
    out: str
    err: str
    seconds: float

    def json(self) -> Any:
        return json.loads(self.out)


class CommandFailed(AssertionError):
    """A command ended with another status than the one that was expected."""

    def __init__(self, result: Result, expected: int) -> None:
        super().__init__(
            f"{' '.join(result.argv)}\nstatus {result.status}, expected {expected}\n--- stdout\n{result.out}\n--- stderr\n{result.err}"
        )
        self.result = result


def wait_until(what: str, condition: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    """Poll until ``condition`` gives something true; fails loudly after ``seconds``.

    Most conditions start a program to look, which costs what is waited for its processor time: the looks
    become rarer, down to two a second.
    """
    deadline = time.monotonic() + seconds
    pause = 0.05
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(pause)
        pause = min(1.25 * pause, 0.5)


_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, also later: below those that the kernel gives to outgoing connections, and
    none that another worker of pytest, or this one, might choose in the meantime."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    while True:
        port = 10_000 + 2_800 * worker + random.randrange(2_800)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


@dataclass
class Running:
    """A program that keeps running."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def terminate(self, seconds: float = 60.0) -> int:
        """SIGTERM and wait; the exit status."""
        if self.alive:
            self.process.terminate()
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self.alive:
            self.process.kill()
        self.process.wait(30)

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass
class Machine:
    """A helped person's machine."""

    world: World
    data: Path
    env: dict[str, str] = field(default_factory=dict)
    running: Running | None = None

    def __call__(self, *arguments: str, status: int = 0, seconds: float = 90.0) -> Result:
        """``relevo-agent ARGUMENTS --data …``."""
        return self.world.command(
            "relevo-agent", *arguments, "--data", str(self.data), status=status, seconds=seconds, env=self.env
        )

    @property
    def id(self) -> str:
        return str(self("status", "--json").json()["agent"])

    def start(self) -> None:
        self.running = self.world.start(
            "relevo-agent", "run", "--verbose", "--data", str(self.data), env=self.env
        )
        wait_until("the agent to be online", self.online)

    def online(self) -> bool:
        assert self.running is not None
        if not self.running.alive:
            raise AssertionError(f"the agent died:\n{self.running.text()}")
        try:
            connected = ask(Folder(self.data), StatusQuery(), Status, timeout_s=10).online
        except RelevoError:
            return False
        return connected and bool(self("status", "--json").json()["online"])

    def first_request(self) -> Any:
        """The first request that waits for an answer, None where none does."""
        try:
            waiting = ask(Folder(self.data), RequestsQuery(), RequestList, timeout_s=10).rows
        except RelevoError:
            return None
        rows = self("requests", "--json").json() if waiting else None
        return rows[0] if rows else None

    def request(self) -> dict[str, Any]:
        """The one request that waits, once it is there."""
        found = wait_until("a request to be shown", self.first_request)
        assert isinstance(found, dict)
        return found

    def ask(self, text: str) -> str:
        return self("ask", text).out.strip()


@dataclass
class Person:
    """A technician, admin or auditor with a home of their own."""

    world: World
    id: str
    home: Path
    key: Path

    def __call__(self, *arguments: str, status: int = 0, seconds: float = 90.0) -> Result:
        """``relevo ARGUMENTS`` with this home."""
        return self.world.command(
            "relevo", *arguments, status=status, seconds=seconds, env={"RELEVO_HOME": str(self.home)}
        )

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """The same in the background, for commands that wait for the user."""
        return subprocess.Popen(
            [str(BIN / "relevo"), *arguments],
            env=self.world.environment({"RELEVO_HOME": str(self.home)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )


class World:
    """Everything below ``folder``; stops what it started when it is closed."""

    def __init__(self, folder: Path, *, announce: Callable[[Result], None] = lambda result: None) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"wss://127.0.0.1:{self.port}"
        self.broker_data = folder / "broker"
        self.admin = Person(self, "admin", folder / "admin", folder / "admin" / "keys" / "admin")
        self.broker: Running | None = None
        self._announce = announce
        self._running: list[Running] = []
        self._machines = 0
        folder.mkdir(parents=True, exist_ok=True)

    # --- running things ------------------------------------------------------------------------

    def environment(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "TZ", "SSH_AUTH_SOCK", "PYTHONWARNINGS", "DISPLAY", "TERM")
        env = {name: os.environ[name] for name in kept if name in os.environ}
        return {**env, "PATH": f"{BIN}:{env.get('PATH', '/usr/bin:/bin')}", **(extra or {})}

    def command(
        self,
        *argv: str,
        status: int = 0,
        seconds: float = 90.0,
        env: dict[str, str] | None = None,
        stdin: str = "",
    ) -> Result:
        """Run a command to its end and require its exit status."""
        began = time.monotonic()
        done = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=seconds,
            env=self.environment(env),
            input=stdin,
            cwd=self.folder,
        )
        result = Result(tuple(argv), done.returncode, done.stdout, done.stderr, time.monotonic() - began)
        self._announce(result)
        if result.status != status:
            raise CommandFailed(result, status)
        return result

    def start(self, *argv: str, env: dict[str, str] | None = None) -> Running:
        """Start a program that keeps running; its output goes to a file."""
        log = self.folder / f"{argv[0]}-{len(self._running)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment(env),
                cwd=self.folder,
            )
        running = Running(process, log)
        self._running.append(running)
        return running

    def close(self) -> None:
        """Stop everything, newest first."""
        for holder in self.folder.glob("*/run/*.json"):
            with contextlib.suppress(ValueError, KeyError, ProcessLookupError, OSError):
                found = json.loads(holder.read_text())
                if holder.parent.parent.name.startswith("tech") or "ticket" in found:
                    os.kill(int(found["pid"]), signal.SIGTERM)
        for running in reversed(self._running):
            if running.alive:
                running.process.terminate()
                try:
                    running.process.wait(10)
                except subprocess.TimeoutExpired:
                    running.kill()

    # --- the organisation and its broker -------------------------------------------------------

    def found(self, *, customers: tuple[str, ...] = ("acme",), fixes: bool = True) -> None:
        """Organisation, broker, customers and fixes, published and serving."""
        self.init_organisation()
        self.start_broker()
        for customer in customers:
            self.admin("org", "customer", "add", customer, "--name", customer.title())
        if fixes:
            for fix in sorted((ROOT / "fixes").iterdir()):
                if (fix / "manifest.toml").exists():
                    self.admin("org", "fix", "add", str(fix))
        self.admin("org", "publish")

    def init_organisation(self) -> None:
        self.command("relevo-broker", "init", "--data", str(self.broker_data), "--url", self.url)
        self.admin("org", "init", "--name", "Relevo Test", "--home", str(self.admin.home))
        self.admin("org", "connect", str(self.broker_data))

    def start_broker(self) -> None:
        self.broker = self.start(
            "relevo-broker", "serve", "--data", str(self.broker_data), "--listen", f"127.0.0.1:{self.port}"
        )
        broker = self.broker

        def ready() -> bool:
            if not broker.alive:
                raise AssertionError(f"the broker died:\n{broker.text()}")
            return "ready https://" in broker.text()

        wait_until("the broker to be ready", ready)

    @property
    def root_sha256(self) -> str:
        return str(json.loads((self.admin.home / "config.json").read_text())["root_sha256"])

    def technician(
        self, id_: str, *, tier: int = 2, customer: str | None = None, role: str = "technician"
    ) -> Person:
        """A person in the roster, logged in with a key that ssh-keygen made."""
        person = self.person_without_login(id_)
        scope = ("--customer", customer) if customer else ()
        self.admin("org", "technician", "add", id_, "--name", f"{id_.title()} Test", "--tier", str(tier),
                   "--role", role, *scope, "--key", f"{person.key}.pub")  # fmt: skip
        self.admin("org", "publish")
        person("login", self.url, "--key", str(person.key), "--root", self.root_sha256)
        return person

    def person_without_login(self, id_: str) -> Person:
        home = self.folder / f"tech-{id_}"
        home.mkdir(mode=0o700)
        key = home / "id_ed25519"
        self.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", id_, "-f", str(key))
        return Person(self, id_, home, key)

    # --- machines ------------------------------------------------------------------------------

    def token(self, *, customer: str = "acme", mode: str = "attended", expires: str = "1h") -> Path:
        path = self.folder / f"token-{time.monotonic_ns()}.json"
        self.admin(
            "org", "token", "--customer", customer, "--mode", mode, "--expires", expires, "-o", str(path)
        )
        return path

    def machine(
        self, *, customer: str = "acme", env: dict[str, str] | None = None, start: bool = True
    ) -> Machine:
        self._machines += 1
        machine = Machine(self, self.folder / f"agent-{self._machines}", env or {})
        machine("enrol", str(self.token(customer=customer)))
        if start:
            machine.start()
        return machine

    # --- sessions ------------------------------------------------------------------------------

    def open_session(
        self,
        person: Person,
        machine: Machine,
        ticket: str,
        scopes: str,
        *,
        allow: tuple[str, ...] = (),
        minutes: int = 10,
    ) -> Result:
        """Ask, let the user allow it, and wait until the session is open."""
        began = time.monotonic()
        asking = person.begin("session", "open", ticket, "--scope", scopes, "--minutes", str(minutes),
                              "--reason", "test", "--wait", "60")  # fmt: skip

        def shown() -> Any:
            if asking.poll() is not None:
                out, err = asking.communicate()
                raise AssertionError(f"session open ended early ({asking.returncode}):\n{out}\n{err}")
            return machine.first_request()

        request = wait_until("the request to be shown", shown)
        machine("allow", request["id"], *allow)
        out, err = asking.communicate(timeout=60)
        result = Result(
            tuple(str(a) for a in asking.args), asking.returncode, out, err, time.monotonic() - began
        )
        self._announce(result)
        if result.status:
            raise CommandFailed(result, 0)
        return result


@contextlib.contextmanager
def world_in(folder: Path) -> Iterator[World]:
    world = World(folder)
    try:
        yield world
    finally:
        world.close()
