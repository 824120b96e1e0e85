"""The background holder as a real process, and the quick client that talks to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from protocol.assist import About, Chunk, Diagnose, Event, Logs, Progress, Screenshot
from protocol.drivers.assist import AssistServing, serve_assist
from protocol.drivers.files import socket_address
from protocol.drivers.leg import LegTunnel
from protocol.errors import Code, RelevoError
from protocol.ids import new_grant_id
from protocol.link import EndReason
from protocol.sshkeys import KeySigner, Signer
from protocol.wire import to_json
from technician.assist import end_session, exchange, session_status
from technician.held import (
    HeldRecord,
    HeldSession,
    HolderParameters,
    find_session,
    held_sessions,
    own_process,
    process_start,
)
from technician.holding import start_holder
from tests.support.relay import Relay, running_relay
from tests.support.securitykey import SecurityKey, security_key_agent
from tests.support.sessions import BULK, Papers, SmallAgent, new_key, papers, write_key

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with running_relay() as running:
        yield running


@dataclass
class Place:
    """A machine that waits, and a technician's home."""

    relay: Relay
    home: Path
    technician: Signer
    machine: KeySigner
    key: str
    agent: SmallAgent = field(default_factory=SmallAgent)
    serving: asyncio.Future[AssistServing] = field(default_factory=asyncio.Future)
    ended: asyncio.Task[RelevoError] | None = None
    started: list[HeldSession] = field(default_factory=list)

    def parameters(self, made: Papers, **changes: Any) -> HolderParameters:
        here, there = self.relay.new_leg()
        self.ended = asyncio.create_task(self._serve(LegTunnel(here), made.grant.grant))
        settings: dict[str, Any] = {
            "home": str(self.home),
            "url": there.url,
            "tls_sha256": there.tls_sha256,
            "token": there.token,
            "grant": made.grant_envelope,
            "consent": made.consent_envelope,
            "host_key": made.host_key.text,
            "key": self.key,
        }
        return HolderParameters(**{**settings, **changes})

    async def _serve(self, leg: LegTunnel, user: str) -> RelevoError:
        serving = await serve_assist(
            leg,
            user=user,
            technician_key=self.technician.public_key,
            host_key=self.machine,
            handle=self.agent.handle,
        )
        self.serving.set_result(serving)
        return await serving.wait_closed()

    async def open(self, *, minutes: float = 30, **changes: Any) -> HeldSession:
        made = papers(self.technician, self.machine, minutes=minutes)
        parameters = self.parameters(made, **changes)
        held = await asyncio.to_thread(start_holder, parameters, grant=made.grant.grant, timeout_s=30)
        self.started.append(held)
        return held

    async def ask(self, held: HeldSession, request: Any, timeout_s: float = 20) -> list[Event]:
        return await asyncio.to_thread(lambda: list(exchange(held, request, timeout_s=timeout_s)))

    async def gone(self, held: HeldSession) -> None:
        while process_start(held.record.pid) == held.record.process:
            await asyncio.sleep(0.02)


@pytest.fixture
async def place(relay: Relay, tmp_path: Path) -> AsyncIterator[Place]:
    technician = new_key()
    key = write_key(tmp_path / "id", technician)
    made = Place(relay, tmp_path / "home", technician, new_key(), str(key))
    yield made
    for held in made.started:
        with contextlib.suppress(ProcessLookupError):
            if process_start(held.record.pid) == held.record.process:
                os.kill(held.record.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(held.record.pid, 0)
    if made.ended is not None:
        made.ended.cancel()
        await asyncio.gather(made.ended, return_exceptions=True)


async def test_requests_go_through_the_holder(place: Place) -> None:
    held = await place.open()
    assert find_session(place.home, "T-1").record == held.record
    for _ in range(3):
        assert await place.ask(held, About()) == [Progress(step="about")]
    with pytest.raises(RelevoError) as caught:
        await place.ask(held, Screenshot())
    assert (caught.value.code, caught.value.detail) == (Code.SCOPE_NOT_GRANTED, "screenshot")


async def test_bulk_arrives_whole_also_for_several_at_once_and_over_broken_connections(place: Place) -> None:
    held = await place.open()
    place.relay.kill_after = [place.relay.forwarded + 5_000_000, place.relay.forwarded + 12_000_000]
    answers = await asyncio.gather(*(place.ask(held, Diagnose()) for _ in range(5)))
    for events in answers:
        chunks = [event.data for event in events if isinstance(event, Chunk)]
        assert chunks == [BULK[n:] + BULK[:n] for n in range(40)]
    assert place.relay.kill_after == []


async def test_more_requests_at_once_than_channels_get_a_typed_refusal(place: Place) -> None:
    held = await place.open()
    following = [exchange(held, Logs(follow=True), timeout_s=20) for _ in range(8)]
    results = await asyncio.gather(
        *(asyncio.to_thread(next, each) for each in following), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, RelevoError)]
    assert {error.code for error in refused} <= {Code.RATE_LIMITED}
    with pytest.raises(RelevoError) as caught:
        await place.ask(held, About())
    assert caught.value.code is Code.RATE_LIMITED
    for each in following:
        each.close()


async def test_a_client_that_leaves_interrupts_its_request(place: Place) -> None:
    held = await place.open()
    following = exchange(held, Logs(follow=True), timeout_s=20)
    assert await asyncio.to_thread(next, following) == Progress(step="following")
    following.close()
    await place.agent.interrupted.wait()


async def test_a_request_that_stays_silent_times_out(place: Place) -> None:
    held = await place.open()
    with pytest.raises(RelevoError) as caught:
        await place.ask(held, Logs(follow=True), timeout_s=0.2)
    assert caught.value.code is Code.TIMEOUT


async def test_ending_the_session_tells_the_agent_and_leaves_nothing_behind(place: Place) -> None:
    held = await place.open()
    await asyncio.to_thread(end_session, held)
    assert place.ended is not None
    ended = await place.ended
    assert (ended.code, ended.detail) == (Code.SESSION_ENDED, EndReason.TECHNICIAN.value)
    await place.gone(held)
    assert [path.suffix for path in held.folder.iterdir()] == [".log"]
    with pytest.raises(RelevoError) as caught:
        find_session(place.home, "T-1")
    assert caught.value.code is Code.NO_SESSION
    with pytest.raises(RelevoError) as caught:
        await place.ask(held, About())
    assert caught.value.code is Code.NO_SESSION


async def test_the_user_stopping_reaches_a_request_under_way(place: Place) -> None:
    held = await place.open()
    following = exchange(held, Logs(follow=True), timeout_s=20)
    await asyncio.to_thread(next, following)
    (await place.serving).end(EndReason.USER_STOP)
    with pytest.raises(RelevoError) as caught:
        await asyncio.to_thread(list, following)
    assert (caught.value.code, caught.value.detail) == (Code.SESSION_ENDED, "user-stop")
    await place.gone(held)
    assert held_sessions(place.home) == []


async def test_the_session_ends_at_its_time(place: Place) -> None:
    held = await _open_shortly(place)
    assert place.ended is not None
    ended = await place.ended
    assert (ended.code, ended.detail) == (Code.SESSION_ENDED, EndReason.TIME_UP.value)
    await place.gone(held)


async def _open_shortly(place: Place) -> HeldSession:
    """For three seconds, and for longer where a busy machine needs them to begin."""
    for seconds in (3, 12):
        with contextlib.suppress(RelevoError):
            return await place.open(minutes=seconds / 60)
        assert place.ended is not None
        place.ended.cancel()
        await asyncio.gather(place.ended, return_exceptions=True)
        place.serving = asyncio.get_running_loop().create_future()
    return await place.open(minutes=1)


async def test_a_terminated_holder_ends_the_session_in_order(place: Place) -> None:
    held = await place.open()
    os.kill(held.record.pid, signal.SIGTERM)
    assert place.ended is not None
    assert (await place.ended).detail == EndReason.TECHNICIAN.value
    await place.gone(held)
    assert not held.socket.exists()


async def test_a_killed_holder_is_noticed_and_its_files_are_cleared(place: Place) -> None:
    held = await place.open()
    following = exchange(held, Logs(follow=True), timeout_s=20)
    await asyncio.to_thread(next, following)
    os.kill(held.record.pid, signal.SIGKILL)
    with pytest.raises(RelevoError) as caught:
        await asyncio.to_thread(list, following)
    assert caught.value.code in (Code.SESSION_ENDED, Code.SESSION_LOST)
    await place.gone(held)
    assert held_sessions(place.home) == []
    assert not held.socket.exists()


async def test_the_holder_shows_whether_the_ends_are_apart(place: Place) -> None:
    held = await place.open()
    await place.relay.stop()
    while (await asyncio.to_thread(session_status, held)).up:
        await asyncio.sleep(0.02)
    await place.relay.start()
    assert await place.ask(held, About()) == [Progress(step="about")]
    while not (await asyncio.to_thread(session_status, held)).up:
        await asyncio.sleep(0.02)
    assert find_session(place.home, "T-1").record.up


async def test_the_holder_is_a_process_of_its_own_with_private_files(place: Place) -> None:
    held = await place.open()
    holder = psutil.Process(held.record.pid)
    assert os.getsid(held.record.pid) == held.record.pid
    assert holder.cwd() == "/"
    for path in held.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(held.folder.stat().st_mode) == 0o700
    token_words = " ".join(holder.cmdline()) + " ".join(holder.environ().values())
    assert not any(token in token_words for token in place.relay.tokens)
    open_files = {Path(f"/proc/{held.record.pid}/fd/{number}").readlink() for number in (0, 1)}
    assert open_files == {Path("/dev/null")}


async def test_a_home_with_a_very_long_path_works(place: Place, tmp_path: Path) -> None:
    place.home = tmp_path / ("long" * 30) / ("er" * 40)
    held = await place.open()
    assert await place.ask(held, About()) == [Progress(step="about")]


async def test_a_security_key_logs_in(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = SecurityKey()
    (tmp_path / "sk.pub").write_text(key.public_key.text)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "sk.sock"))
    place.technician, place.key = key, str(tmp_path / "sk.pub")
    with security_key_agent(tmp_path / "sk.sock", key):
        held = await place.open()
        assert key.counter == 2  # the grant and the login
        assert await place.ask(held, About()) == [Progress(step="about")]


async def test_a_security_key_that_nobody_touches_does_not_log_in(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = SecurityKey()
    made = papers(key, place.machine)
    key.touched = False
    (tmp_path / "sk.pub").write_text(key.public_key.text)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "sk.sock"))
    place.technician, place.key = key, str(tmp_path / "sk.pub")
    with security_key_agent(tmp_path / "sk.sock", key), pytest.raises(RelevoError) as caught:
        await asyncio.to_thread(start_holder, place.parameters(made), grant=made.grant.grant, timeout_s=30)
    assert caught.value.code is Code.REFUSED
    assert place.agent.requests == []


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("another machine's key", Code.SIGNATURE_INVALID),
        ("consent by another machine", Code.SIGNATURE_INVALID),
        ("another grant's consent", Code.HASH_MISMATCH),
        ("swapped machine", Code.IDENTITY_MISMATCH),
        ("somebody else's grant", Code.SIGNATURE_INVALID),
        ("over", Code.SESSION_ENDED),
        ("unknown token", Code.REFUSED),
        ("wrong pin", Code.IDENTITY_MISMATCH),
        ("no key", Code.NOT_FOUND),
    ],
)
async def test_a_holder_that_cannot_hold_says_why_and_is_gone(place: Place, what: str, code: Code) -> None:
    other = new_key()
    made = papers(place.technician, place.machine)
    another = papers(place.technician, place.machine)
    changes: dict[str, Any] = {
        "another machine's key": {"host_key": other.public_key.text},
        "consent by another machine": {
            "consent": papers(place.technician, place.machine, consent_by=other).consent_envelope
        },
        "another grant's consent": {"consent": another.consent_envelope},
        "swapped machine": {
            "consent": papers(place.technician, place.machine, consent_by=other).consent_envelope,
            "host_key": other.public_key.text,
        },
        "somebody else's grant": {"grant": papers(new_key(), place.machine).grant_envelope},
        "over": {},
        "unknown token": {"token": "f" * 64},
        "wrong pin": {"tls_sha256": "0" * 64},
        "no key": {"key": str(place.home / "none")},
    }[what]
    if what == "over":
        made = papers(place.technician, place.machine, minutes=-1)
    parameters = place.parameters(made, **changes)
    with pytest.raises(RelevoError) as caught:
        await asyncio.to_thread(start_holder, parameters, grant=made.grant.grant, timeout_s=30)
    assert caught.value.code is code
    assert held_sessions(place.home) == []
    assert {path.suffix for path in (place.home / "run").iterdir()} <= {".log"}
    assert place.agent.requests == []


async def test_a_holder_whose_starter_died_does_not_stay(place: Place) -> None:
    made = papers(place.technician, place.machine)
    parameters = place.parameters(made)
    process = subprocess.Popen(
        [sys.executable, "-m", "technician.holder"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    process.stdin.write(to_json(parameters))
    process.stdin.close()
    assert await asyncio.to_thread(process.wait) == 1
    assert place.ended is not None
    assert (await place.ended).code is Code.SESSION_ENDED
    assert held_sessions(place.home) == []


async def test_garbage_instead_of_parameters_is_a_typed_failure(place: Place) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "technician.holder"],
        input=b'{"home": 3}',
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b'"malformed"' in done.stdout


async def test_rude_local_clients_disturb_nobody(place: Place) -> None:
    held = await place.open()
    for rude in (b"", b"X", b"A", b"A\xff\xff\xff\xff", b"C", b"C\0\0\0\1\xc1", b"C\xff\xff\xff\xff"):
        with socket.socket(socket.AF_UNIX) as client, socket_address(held.socket) as address:
            client.connect(address)
            client.sendall(rude)
    assert await place.ask(held, About()) == [Progress(step="about")]


# --- files of dead holders --------------------------------------------------------------------------------


def _record(**changes: Any) -> HeldRecord:
    pid, process = own_process()
    made = papers(new_key(), new_key())
    record = HeldRecord(
        grant=new_grant_id(),
        ticket="T-7",
        agent=made.grant.agent,
        host_key=made.host_key.text,
        scopes=made.grant.scopes,
        ends=made.grant.ends,
        pid=pid,
        process=process,
        up=True,
    )
    return msgspec.structs.replace(record, **changes)


def _leave(home: Path, record: HeldRecord) -> Path:
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{record.grant}.json").write_bytes(to_json(record))
    (folder / f"{record.grant}.sock").touch()
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"process": "1"}, id="the number belongs to another process now"),
        pytest.param({"pid": 2**22 + 1}, id="no such process"),
        pytest.param({"process": ""}, id="unknown start"),
    ],
)
def test_what_a_dead_holder_left_is_removed(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = _leave(tmp_path, _record(**changes))
    with pytest.raises(RelevoError) as caught:
        find_session(tmp_path, "T-7")
    assert caught.value.code is Code.NO_SESSION
    assert list(folder.iterdir()) == []


def test_a_living_holder_is_found_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    record = _record()
    folder = _leave(tmp_path, record)
    (folder / "junk.json").write_text("{}")
    (folder / f"{new_grant_id()}.json").write_bytes(to_json(record))
    assert find_session(tmp_path, "T-7").record == record
    assert len(held_sessions(tmp_path)) == 1
    assert (folder / "junk.json").exists()


def test_a_zombie_does_not_count_as_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()
    while process_start(child.pid):
        pass
    child.wait()
    child.stdout.close()


def test_the_quick_client_loads_nothing_heavy() -> None:
    code = (
        "import sys, technician.assist; "
        "print([m for m in ('asyncssh','cryptography','rich','urllib3','asyncio','websockets','ssl','tuf',"
        "'subprocess') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
