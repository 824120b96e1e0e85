"""A technician with scope ``files`` and an sftp client that keeps to no manners."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.packet import String, UInt64
from asyncssh.sftp import SFTPClientHandler

from agent.actions.context import Session
from agent.collectors.runner import CollectorHost
from agent.worker import files
from protocol.audit import Action
from protocol.documents import JournalEntry
from protocol.drivers.assist import AssistServing, serve_assist
from protocol.drivers.leg import LegTunnel
from protocol.drivers.ssh import SignerKeyPair, client_options
from protocol.receipts import make_receipt, render_text
from protocol.scopes import Clearance
from protocol.wire import from_json
from protocol.wording import Words
from protocol.wording.receipt import TABLE
from tests.support.relay import running_relay
from tests.support.sessions import SmallAgent, new_key
from tests.unit.agent.test_diagnose import Sink, session_for

pytestmark = pytest.mark.timeout(180)
USER = "a" * 32


class Shared:
    """The exchange folder of a session, an sftp client in it, and what lies beside it."""

    def __init__(
        self, tmp_path: Path, client: asyncssh.SFTPClient, session: Session, channels: list[Any]
    ) -> None:
        self.channels = channels
        self.folder = tmp_path / "data" / "exchange"
        self.outside = tmp_path / "data" / "agent.key"
        self.client = client
        self.session = session

    @property
    def handler(self) -> SFTPClientHandler:
        return self.client._handler

    def entries(self) -> list[JournalEntry]:
        journal = self.session.journal
        return [from_json(e.payload, JournalEntry) for e in journal.of_grant(self.session.grant.grant)]

    def journalled(self, action: Action) -> list[dict[str, str]]:
        return [{f.key: f.value for f in e.facts} for e in self.entries() if e.action is action]


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Shared]:
    folder = tmp_path / "data" / "exchange"
    folder.mkdir(parents=True, mode=0o700)
    (tmp_path / "data" / "agent.key").write_text("secret")
    session = session_for(tmp_path / "session", Clearance.R2, Sink(), CollectorHost())
    technician, host = new_key(), new_key()
    async with running_relay() as relay:
        here, there = relay.new_leg()
        channels: list[Any] = []
        make = files.exchange_server(folder, session)

        def noted(channel: Any) -> asyncssh.SFTPServer:
            channels.append(channel)
            return make(channel)

        async def serve() -> AssistServing:
            return await serve_assist(
                LegTunnel(here), user=USER, technician_key=technician.public_key, host_key=host,
                handle=SmallAgent().handle, sftp=noted,
            )  # fmt: skip

        serving = asyncio.create_task(serve())
        options = client_options(
            user=USER, key=SignerKeyPair(technician, may_block=False), host_key=host.public_key
        )
        leg = LegTunnel(there)
        async with (
            asyncssh.connect("relevo", 22, tunnel=leg, config=None, options=options) as connection,
            connection.start_sftp_client() as client,
        ):
            ended = asyncio.create_task((await serving).wait_closed())
            yield Shared(tmp_path, client, session, channels)
        leg.abort()
        await ended
        await leg.wait_closed()
        serving_files = [task for task in asyncio.all_tasks() if "_sftp_handler" in repr(task.get_coro())]
        if serving_files:
            assert not (await asyncio.wait(serving_files, timeout=30))[1]


async def refused(work: Awaitable[Any]) -> bool:
    try:
        await work
    except asyncssh.SFTPError:
        return True
    return False


# --- out of the folder ---------------------------------------------------------------------------


def _link_inside(s: Shared) -> str:
    (s.folder / "way").symlink_to(s.folder.parent)
    return "way/agent.key"


def _link_to_file(s: Shared) -> str:
    (s.folder / "key").symlink_to(s.outside)
    return "key"


PATHS: dict[str, Callable[[Shared], str]] = {
    "dots": lambda _: "../agent.key",
    "absolute": lambda s: str(s.outside),
    "many dots": lambda _: "a/../../../../../../data/agent.key",
    "through a link": _link_inside,
    "a link": _link_to_file,
}
ACTS: dict[str, Callable[[asyncssh.SFTPClient, str], Awaitable[Any]]] = {
    "read": lambda c, p: c.open(p, "rb"),
    "write": lambda c, p: c.open(p, asyncssh.FXF_WRITE),
    "stat": lambda c, p: c.stat(p),
    "truncate": lambda c, p: c.truncate(p, 0),
    "chmod": lambda c, p: c.chmod(p, 0o777),
    "chmod the link": lambda c, p: c.chmod(p, 0o777, follow_symlinks=False),
    "remove": lambda c, p: c.remove(p),
    "rename away": lambda c, p: c.rename(p, "mine"),
    "rename away, posix": lambda c, p: c.posix_rename(p, "mine"),
    "rename over": lambda c, p: c.posix_rename("own", p),
    "hard link": lambda c, p: c.link(p, "mine"),
    "readlink": lambda c, p: c.readlink(p),
    "list": lambda c, p: c.listdir(p.rpartition("/")[0] or p),
}


@pytest.mark.parametrize("way", PATHS)
async def test_nothing_outside_the_folder_is_reached(shared: Shared, way: str) -> None:
    (shared.folder / "own").write_text("own")
    before = shared.outside.stat()
    path = PATHS[way](shared)
    for name, act in ACTS.items():
        if not await refused(act(shared.client, path)):
            # ".." stops at the folder: the name is one inside it.
            assert name in ("list", "rename over")
            assert not path.startswith(("way", "key"))
        after = shared.outside.stat()
        assert shared.outside.read_text() == "secret"
        assert (after.st_mode, after.st_ino, after.st_nlink) == (before.st_mode, before.st_ino, 1)
        assert not (shared.folder / "mine").exists()


async def test_a_path_over_a_link_is_journalled_as_refused(shared: Shared) -> None:
    assert await refused(shared.client.open(_link_inside(shared), "rb"))
    assert shared.journalled(Action.AGENT_REFUSED) == [{"code": "refused", "path": "/way/agent.key"}]
    assert shared.journalled(Action.FILE_READ) == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../agent.key", "own"])
async def test_links_are_never_made(shared: Shared, target: str) -> None:
    (shared.folder / "own").write_text("own")
    assert await refused(shared.client.symlink(target, "new"))
    assert await refused(shared.client.link("own", "new"))
    assert os.listdir(shared.folder) == ["own"]


async def test_the_folder_itself_stays(shared: Shared) -> None:
    assert await refused(shared.client.rmdir("/"))
    assert await refused(shared.client.rename("/", "/elsewhere"))
    assert await refused(shared.client.chmod("/", 0o777))
    assert shared.folder.stat().st_mode & 0o777 == 0o700


async def test_a_pipe_in_the_folder_does_not_hold_the_session_up(shared: Shared) -> None:
    os.mkfifo(shared.folder / "pipe")
    assert await refused(shared.client.open("pipe", "rb"))
    assert await refused(shared.client.open("pipe", "wb"))


# --- modes and owners ----------------------------------------------------------------------------


async def test_no_set_user_id_no_other_mode_and_no_other_owner(shared: Shared) -> None:
    attrs = asyncssh.SFTPAttrs(permissions=0o4755)
    async with await shared.client.open("tool", "wb", attrs) as file:
        await file.write(b"#!/bin/sh\n")
        await file.setstat(asyncssh.SFTPAttrs(permissions=0o6777))
        assert await refused(file.setstat(asyncssh.SFTPAttrs(uid=12, gid=12)))
    await shared.client.chmod("tool", 0o6777)
    assert await refused(shared.client.chown("tool", 12, 12))
    await shared.client.mkdir("folder", asyncssh.SFTPAttrs(permissions=0o7777))
    assert stat.S_IMODE((shared.folder / "tool").stat().st_mode) == 0o600
    assert stat.S_IMODE((shared.folder / "folder").stat().st_mode) == 0o700
    assert (shared.folder / "tool").stat().st_uid == os.geteuid()


# --- too much ------------------------------------------------------------------------------------


async def test_a_file_copied_onto_its_own_end_neither_stops_the_session_nor_goes_on_after_it(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shared.folder / "seed").write_bytes(b"x" * (1 << 20))
    handle = await shared.handler.open(b"seed", asyncssh.FXF_READ | asyncssh.FXF_WRITE, asyncssh.SFTPAttrs())
    endless = asyncio.create_task(
        shared.handler._make_request(
            b"copy-data", String(handle), UInt64(0), UInt64(0), String(handle), UInt64(1 << 18)
        )
    )
    async with asyncio.timeout(30):
        while (shared.folder / "seed").stat().st_size < 4 << 20:
            await asyncio.sleep(0)  # the machine's own loop: it still turns
        monkeypatch.setattr(files, "_SPARE_BYTES", 1 << 60)  # the disk is almost full by now
        with pytest.raises(asyncssh.SFTPError):
            await endless
    assert (shared.folder / "seed").stat().st_size < 256 << 20


async def test_a_disk_that_is_almost_full_is_left_alone(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_SPARE_BYTES", 1 << 60)
    file = await shared.client.open("big", "wb")
    assert await refused(file.write(b"x"))


async def test_one_read_is_of_bounded_size(shared: Shared) -> None:
    with (shared.folder / "holes").open("wb") as sparse:
        sparse.truncate(8 << 30)
    handle = await shared.handler.open(b"holes", asyncssh.FXF_READ, asyncssh.SFTPAttrs())
    data, _ = await shared.handler.read(handle, 0, 0xFFFFFFFF)
    assert len(data) == 4 << 20


async def test_answers_that_nobody_fetches_are_not_piled_up(shared: Shared) -> None:
    with (shared.folder / "holes").open("wb") as sparse:
        sparse.truncate(8 << 30)
    handle = await shared.handler.open(b"holes", asyncssh.FXF_READ, asyncssh.SFTPAttrs())
    reader = shared.handler._reader
    assert reader is not None
    reader.channel.pause_reading()
    asked = [asyncio.create_task(shared.handler.read(handle, 0, 4 << 20)) for _ in range(100)]
    buffered = shared.channels[0].get_write_buffer_size
    async with asyncio.timeout(30):
        while not buffered():
            await asyncio.sleep(0.005)
    for _ in range(200):
        await asyncio.sleep(0.005)
        assert buffered() < 16 << 20
    reader.channel.get_connection().abort()
    await asyncio.gather(*asked, return_exceptions=True)


# --- on record -----------------------------------------------------------------------------------


async def test_every_change_is_in_the_journal_and_on_the_receipt(shared: Shared) -> None:
    async with await shared.client.open("a", "wb") as file:
        await file.write(b"1234")
    async with await shared.client.open("a", "rb") as file:
        content: Any = await file.read()
        assert content == b"1234"
    await shared.client.truncate("a", 1)
    await shared.client.mkdir("d")
    await shared.client.rename("a", "d/b")
    await shared.client.posix_rename("d/b", "c")
    await shared.client.remove("c")
    await shared.client.rmdir("d")
    assert await refused(shared.client.open("missing", "rb"))
    assert shared.journalled(Action.FILE_READ) == [{"path": "/a"}]
    assert shared.journalled(Action.FILE_WRITTEN) == [
        {"path": "/a"},
        {"path": "/a", "state": "attributes"},
        {"path": "/d", "state": "folder"},
        {"path": "/a", "state": "renamed", "to": "/d/b"},
        {"path": "/d/b", "state": "renamed", "to": "/c"},
        {"path": "/c", "state": "removed"},
        {"path": "/d", "state": "removed"},
    ]
    text = render_text(make_receipt(shared.entries()), Words("en", TABLE), UTC)
    for sentence in ("read the file /a", "wrote the file /a", "made the folder /d", "renamed /a to /d/b",
                     "removed /c"):  # fmt: skip
        assert sentence in text


async def test_what_cannot_be_journalled_does_not_happen(shared: Shared) -> None:
    (shared.folder / "a").write_text("a")
    shared.session.journal.close()
    for work in (
        shared.client.open("a", "rb"), shared.client.open("a", "wb"), shared.client.remove("a"),
        shared.client.rename("a", "b"), shared.client.mkdir("d"), shared.client.truncate("a", 0),
    ):  # fmt: skip
        assert await refused(work)
    assert (os.listdir(shared.folder), (shared.folder / "a").read_text()) == (["a"], "a")
