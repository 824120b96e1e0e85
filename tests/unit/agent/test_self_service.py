"""Self-service on the machine: whom it listens to, what it offers, and what it keeps until it is told."""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from agent import messages as local
from agent.folder import Folder
from agent.local import LocalServer
from agent.selfservice import messages, outbox
from agent.selfservice.offering import matches, offer
from agent.selfservice.records import Records
from protocol.diagnosis import Bundle
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest, parse_manifest
from protocol.frames import frame
from protocol.known_errors import KnownError, parse_known_error
from protocol.wire import from_json
from tests.support.fixing import ROOT, parameters, starter

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RECORD = Envelope(payload_type="x", payload=b"{}", signatures=())


# --- who may call ------------------------------------------------------------------------------


def heard_by(user: int, path: Path, said: bytes) -> bytes:
    """What a process of this user hears on the socket. It is forked: another user may not read our Python."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(user)
            with socket.socket(socket.AF_UNIX) as caller:
                caller.settimeout(30)
                caller.connect(str(path))
                os.write(writing, b"heard ")
                caller.sendall(said)
                os.write(writing, caller.recv(100))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        heard = pipe.read()
    os.waitpid(child, 0)
    return heard


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
async def test_another_user_of_the_machine_is_not_served_even_with_the_socket_wide_open() -> None:
    place = Path("/tmp") / f"relevo-self-{os.getpid()}"
    folder = Folder(place)
    place.mkdir(mode=0o755)
    taken: list[object] = []

    async def answer(request: local.LocalRequest) -> local.LocalAnswer:
        raise AssertionError(request)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(reader)
        writer.write(b"served")

    server = await LocalServer(folder, answer, converse).start()
    try:
        where = folder.socket
        where.chmod(0o777)
        where.parent.chmod(0o755)  # asking the folder for it again would close it
        hello = frame(msgspec.msgpack.encode(local.SelfServe()))
        for user, heard in ((65_534, b"heard "), (0, b"heard served")):
            assert await asyncio.to_thread(heard_by, user, where, hello) == heard
    finally:
        server.close()
        for path in (folder.socket, folder.root / "run", place):
            path.unlink() if path.is_socket() else path.rmdir() if path.is_dir() else None
    assert len(taken) == 1


# --- what is offered ---------------------------------------------------------------------------


def known(**changes: object) -> tuple[KnownError, Bundle]:
    """The starter's stale lock, and a bundle that shows it."""
    folder = ROOT / "fixes" / "known-errors" / "stale-lock"
    toml = (folder / "known-error.toml").read_bytes()
    bundles = {file.name: file.read_bytes() for file in folder.glob("*.json")}
    error = parse_known_error(toml, bundles)
    return msgspec.structs.replace(error, **changes), from_json(bundles["positive-backup.json"], Bundle)


def manifest(**changes: str) -> Manifest:
    return parse_manifest(*starter("stale-lock", **changes))


def found(error: KnownError, bundle: Bundle, fix: Manifest | None) -> tuple[messages.Match, ...]:
    return matches([error], bundle, lambda _id: fix, bundle.manifest.ended)


def test_a_known_error_offers_its_fix_with_what_the_machine_showed_filled_in() -> None:
    error, bundle = known()
    (match,) = found(error, bundle, manifest())
    (fix,) = match.fixes
    assert fix.fix == "stale-lock"
    assert fix.params[0].value.startswith("/")


@pytest.mark.parametrize(
    "fix",
    [
        None,
        manifest(**{"self_service = true\n": ""}),
        manifest(**{'platforms = ["linux"]': 'platforms = ["macos"]'}),
    ],
    ids=["not approved", "not marked", "not for here"],
)
def test_a_fix_that_users_may_not_run_here_is_never_offered(fix: Manifest | None) -> None:
    error, bundle = known()
    (match,) = found(error, bundle, fix)
    assert match.fixes == ()
    assert offer("stale-lock", parameters(path="/tmp/a.lock"), lambda _id: fix, NOW) is None


def test_what_the_known_error_does_not_leave_to_users_is_not_offered_either() -> None:
    error, bundle = known(self_service=False)
    assert found(error, bundle, manifest())[0].fixes == ()
    error, bundle = known(visibility="L1", self_service=False)
    assert found(error, bundle, manifest()) == ()


@pytest.mark.parametrize(
    "value", ["/etc/passwd", "/tmp/../etc/x.lock", "-rf", "/tmp/a.lock\n/tmp/b.lock", ""]
)
def test_parameters_that_somebody_names_are_held_to_the_signed_schema(value: str) -> None:
    assert offer("stale-lock", parameters(path=value), lambda _id: manifest(), NOW) is None


# --- what is told later ------------------------------------------------------------------------


class Broker:
    """Answers as it is told to."""

    def __init__(self, *answers: RelevoError | None) -> None:
        self.answers = list(answers)
        self.heard = 0

    async def __call__(self, record: Envelope) -> None:
        assert record == RECORD
        self.heard += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


def kept(folder: Folder, count: int) -> None:
    for number in range(count):
        outbox.put(folder, f"{number:064x}", RECORD)


@pytest.mark.parametrize(
    ("code", "left"),
    [(Code.UNREACHABLE, 2), (Code.TIMEOUT, 2), (Code.CANNOT_RECORD, 2), (Code.NOT_FOUND, 0)],
)
async def test_a_record_waits_for_the_link_and_goes_once_it_is_refused(
    tmp_path: Path, code: Code, left: int
) -> None:
    folder = Folder(tmp_path)
    kept(folder, 2)
    assert await Records(folder, Broker(RelevoError(code, "no"))).send_all() == left
    assert await Records(folder, Broker()).send_all() == 0


async def test_a_record_over_which_the_link_is_lost_again_and_again_is_set_aside(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    kept(folder, 1)
    lost = RelevoError(Code.UNREACHABLE, "the link went down")
    broker = Broker(*[lost] * 10)
    records = Records(folder, broker)
    for _ in range(6):
        await records.send_all()
    assert broker.heard == 4
    assert outbox.waiting(folder) == []


async def test_what_is_no_record_is_taken_out_of_the_way(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    kept(folder, 1)
    (tmp_path / "outbox" / "a.json").write_text("not a record")
    broker = Broker()
    assert await Records(folder, broker).send_all() == 0
    assert broker.heard == 1


def test_the_outbox_never_grows_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST", 5)
    folder = Folder(tmp_path)
    kept(folder, 8)
    assert [path.name[-6] for path in outbox.waiting(folder)] == list("34567")
