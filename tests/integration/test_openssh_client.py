"""Debian's OpenSSH as the client of the agent's SSH server, through the relay: an independent oracle."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import msgspec
import pytest

from protocol.assist import About, Completed, Diagnose, Event, Progress
from protocol.drivers.assist import AssistServing, serve_assist
from protocol.drivers.leg import LegTunnel
from protocol.frames import FrameReader, frame
from protocol.ids import agent_id, new_grant_id
from protocol.scopes import Scope
from protocol.sshkeys import KeySigner
from protocol.wire import from_msgpack, to_msgpack
from technician.held import HeldRecord, HeldSession, own_process
from technician.sshconfig import render, write_pins
from tests.support.relay import Relay, running_relay
from tests.support.sessions import SmallAgent, new_key, write_key

ROOT = Path(__file__).resolve().parents[2]
SSH = shutil.which("ssh")

pytestmark = [pytest.mark.timeout(180), pytest.mark.skipif(SSH is None, reason="no OpenSSH client")]


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with running_relay() as running:
        yield running


@dataclass
class Machine:
    """An agent that serves one leg, and what the technician's side has on disk to reach it."""

    relay: Relay
    folder: Path
    held: HeldSession
    technician: KeySigner
    host: KeySigner
    agent: SmallAgent
    ends: list[AssistServing]

    @asynccontextmanager
    async def served(self, sftp: type[asyncssh.SFTPServer] | None = None) -> AsyncIterator[None]:
        """One leg: the agent waits at one end, the file ``proxy`` leads to the other."""
        here, there = self.relay.new_leg()
        address = json.dumps(dataclasses.asdict(there))
        proxy = self.folder / "relevo"
        command = shlex.join([sys.executable, "-m", "tests.support.leg_stdio", address])
        proxy.write_text(f"#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {command}\n")
        proxy.chmod(0o700)
        serving = asyncio.create_task(self._serve(LegTunnel(here), sftp))
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def _serve(self, leg: LegTunnel, sftp: type[asyncssh.SFTPServer] | None) -> None:
        serving = await serve_assist(
            leg,
            user=self.held.record.grant,
            technician_key=self.technician.public_key,
            host_key=self.host,
            handle=self.agent.handle,
            sftp=sftp,
        )
        self.ends.append(serving)
        await serving.wait_closed()

    def config(self, key_file: Path) -> Path:
        write_pins(self.held, self.technician.public_key)
        text = render(self.held, home=self.folder, program=self.folder / "relevo", key_file=key_file)
        path = self.folder / "config"
        path.write_text(text)
        return path

    async def ssh(
        self, *arguments: str, stdin: bytes = b"", program: str = "ssh"
    ) -> subprocess.CompletedProcess[bytes]:
        config = self.config(self.folder / "id")
        process = await asyncio.create_subprocess_exec(
            program,
            "-F",
            str(config),
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C", "RELEVO_CANARY": "x"},
        )
        out, err = await process.communicate(stdin)
        return subprocess.CompletedProcess(arguments, process.returncode or 0, out, err)


@pytest.fixture
async def machine(relay: Relay, tmp_path: Path) -> Machine:
    folder = tmp_path / "a home with spaces & 100%"
    (folder / "run").mkdir(parents=True)
    technician, host = new_key(), new_key()
    write_key(folder / "id", technician)
    pid, process = own_process()
    record = HeldRecord(
        grant=new_grant_id(),
        ticket="T-1",
        agent=agent_id(host.public_key.blob),
        host_key=host.public_key.text,
        scopes=(Scope.DIAGNOSE,),
        ends=datetime.now(UTC) + timedelta(minutes=5),
        pid=pid,
        process=process,
        up=True,
    )
    return Machine(relay, folder, HeldSession(folder / "run", record), technician, host, SmallAgent(), [])


async def _connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to who listens there soon; the name is there a moment before it listens."""
    while True:
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return await asyncio.open_unix_connection(str(path))
        await asyncio.sleep(0.02)


def _events(out: bytes) -> list[Event]:
    reader = FrameReader()
    events = [from_msgpack(body, Event) for body in reader.feed(out)]
    assert reader.pending == 0
    return events


def _request(request: object) -> bytes:
    return frame(to_msgpack(request))


async def test_ssh_reaches_the_assist_subsystem_and_speaks_frames(machine: Machine) -> None:
    async with machine.served():
        done = await machine.ssh("-s", "relevo-T-1", "assist", stdin=_request(About()))
    assert done.returncode == 0, done.stderr
    assert _events(done.stdout) == [Progress(step="about"), Completed()]


async def test_ssh_gets_bulk_byte_exact_while_the_relay_breaks(machine: Machine) -> None:
    machine.relay.kill_after = [2_000_000, 5_000_000]
    async with machine.served():
        done = await machine.ssh("-s", "relevo-T-1", "assist", stdin=_request(Diagnose()))
    assert done.returncode == 0, done.stderr
    assert machine.relay.kill_after == []
    assert len(_events(done.stdout)) == 41


async def test_ssh_agrees_on_the_pinned_algorithms(machine: Machine) -> None:
    async with machine.served():
        done = await machine.ssh("-vv", "-s", "relevo-T-1", "assist", stdin=_request(About()))
    said = done.stderr.decode()
    assert "kex: algorithm: curve25519-sha256" in said or "kex: algorithm: mlkem768x25519-sha256" in said
    assert "cipher: aes256-gcm@openssh.com" in said
    assert "compression: none" in said
    assert "kex-strict-s-v00@openssh.com" in said
    assert "using public key authentication" in said or "publickey" in said


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("relevo-T-1", "id"), id="command"),
        pytest.param(("relevo-T-1",), id="shell"),
        pytest.param(("-tt", "relevo-T-1"), id="terminal"),
        pytest.param(("-s", "relevo-T-1", "sftp"), id="sftp"),
        pytest.param(("-s", "relevo-T-1", "shell"), id="other subsystem"),
        pytest.param(("-W", "127.0.0.1:1", "relevo-T-1"), id="stdio forwarding"),
    ],
)
async def test_everything_but_the_assist_subsystem_is_refused(
    machine: Machine, arguments: tuple[str, ...]
) -> None:
    async with machine.served():
        done = await machine.ssh("-o", "RequestTTY=auto", *arguments)
    assert done.returncode == 255
    assert done.stdout == b""
    assert machine.agent.requests == []


async def test_forwardings_and_environment_are_refused_and_assist_still_works(machine: Machine) -> None:
    wanted = ["-o", "ClearAllForwardings=no", "-A", "-X", "-v", "-o", "SendEnv=RELEVO_CANARY"]
    wanted += ["-R", "127.0.0.1:0:127.0.0.1:9", "-o", "SetEnv=LD_PRELOAD=/tmp/evil.so"]
    async with machine.served():
        done = await machine.ssh(*wanted, "-s", "relevo-T-1", "assist", stdin=_request(About()))
        said = done.stderr.decode()
    assert _events(done.stdout)[-1] == Completed()
    assert "remote port forwarding failed" in said or "remote forward failure" in said


async def test_a_local_forwarding_carries_nothing(machine: Machine) -> None:
    listener = machine.folder / "l"
    async with machine.served():
        config = machine.config(machine.folder / "id")
        process = await asyncio.create_subprocess_exec(
            "ssh", "-F", str(config), "-o", "ClearAllForwardings=no", "-o", "ExitOnForwardFailure=yes",
            "-N", "-L", f"./{listener.name}:127.0.0.1:22", "relevo-T-1",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=machine.folder,
        )  # fmt: skip
        reader, writer = await _connected(listener)
        assert await reader.read() == b""
        writer.close()
        process.terminate()
        await process.communicate()


async def test_sftp_is_served_only_where_it_was_named(machine: Machine) -> None:
    exchange = machine.folder / "exchange"
    exchange.mkdir()
    (exchange / "note.txt").write_text("hello")

    class Exchange(asyncssh.SFTPServer):
        def __init__(self, channel: object) -> None:
            super().__init__(channel, chroot=str(exchange).encode())  # type: ignore[arg-type]

    async with machine.served(sftp=Exchange):
        done = await machine.ssh("-b", "-", "relevo-T-1", stdin=b"ls -1 /\n", program="sftp")
    assert done.returncode == 0, done.stderr
    assert b"note.txt" in done.stdout
    async with machine.served():
        done = await machine.ssh("-b", "-", "relevo-T-1", stdin=b"ls -1 /\n", program="sftp")
    assert done.returncode != 0


async def test_another_host_key_is_noticed_by_ssh_before_it_logs_in(machine: Machine) -> None:
    async with machine.served():
        swapped = msgspec.structs.replace(machine.held.record, host_key=new_key().public_key.text)
        machine.held = HeldSession(machine.held.folder, swapped)
        done = await machine.ssh("-s", "relevo-T-1", "assist", stdin=_request(About()))
    assert done.returncode == 255
    assert b"IDENTIFICATION HAS CHANGED" in done.stderr or b"Host key verification failed" in done.stderr
    assert machine.agent.requests == []


@pytest.mark.parametrize("what", ["other key", "other user", "no key", "password"])
async def test_ssh_does_not_get_in_as_anybody_else(machine: Machine, what: str) -> None:
    write_key(machine.folder / "other", new_key())
    options = {
        "other key": ["-o", f'IdentityFile="{str(machine.folder / "other").replace("%", "%%")}"'],
        "other user": ["-l", "root"],
        "no key": ["-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=none"],
        "password": ["-o", "PreferredAuthentications=password,keyboard-interactive", "-o",
                     "PasswordAuthentication=yes", "-o", "KbdInteractiveAuthentication=yes"],
    }[what]  # fmt: skip
    if what == "other key":
        (machine.folder / "id").unlink()
        shutil.copy(machine.folder / "other", machine.folder / "id")
        (machine.folder / "id").chmod(0o600)
        shutil.copy(machine.folder / "other.pub", machine.folder / "id.pub")
    async with machine.served():
        done = await machine.ssh(
            *options, "-o", "BatchMode=yes", "-s", "relevo-T-1", "assist", stdin=_request(About())
        )
    assert done.returncode == 255
    assert b"Permission denied (publickey)" in done.stderr
    assert machine.agent.requests == []


@pytest.mark.parametrize("principals", [[], ["root"], None])
async def test_a_certificate_never_logs_in(machine: Machine, principals: list[str] | None) -> None:
    """Signed by the technician's own key, for this user, for another, for all: refused each time."""
    other = new_key()
    write_key(machine.folder / "other", other)
    names = [machine.held.record.grant] if principals is None else principals
    command = ["ssh-keygen", "-q", "-s", str(machine.folder / "id"), "-I", "cert"]
    command += ["-n", ",".join(names)] if names else []
    subprocess.run([*command, str(machine.folder / "other.pub")], check=True, capture_output=True)
    (machine.folder / "id").rename(machine.folder / "technician")
    for suffix in ("", ".pub", "-cert.pub"):
        shutil.copy(machine.folder / f"other{suffix}", machine.folder / f"id{suffix}")
    (machine.folder / "id").chmod(0o600)
    accepted = "PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com,ssh-ed25519"
    async with machine.served():
        done = await machine.ssh("-v", "-o", accepted, "-s", "relevo-T-1", "assist", stdin=_request(About()))
    assert b"Offering public key" in done.stderr
    assert b"ED25519-CERT" in done.stderr
    assert done.returncode == 255
    assert machine.agent.requests == []


async def test_a_key_only_the_ssh_agent_holds_works_with_the_written_pub_file(
    machine: Machine, tmp_path: Path
) -> None:
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        (await _connected(socket))[1].close()
        add = ["ssh-add", "-q", str(machine.folder / "id")]
        subprocess.run(add, check=True, env={"SSH_AUTH_SOCK": str(socket)}, capture_output=True)
        (machine.folder / "id").unlink()
        write_pins(machine.held, machine.technician.public_key)
        text = render(machine.held, home=machine.folder, program=machine.folder / "relevo", key_file=None)
        (machine.folder / "config").write_text(text)
        async with machine.served():
            process = await asyncio.create_subprocess_exec(
                "ssh", "-F", str(machine.folder / "config"), "-s", "relevo-T-1", "assist",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={"PATH": "/usr/bin:/bin", "SSH_AUTH_SOCK": str(socket)},
            )  # fmt: skip
            out, err = await process.communicate(_request(About()))
        assert _events(out)[-1] == Completed(), err
    finally:
        agent.terminate()
        agent.wait()
