"""A turned broker, a stolen key and a user who leaves: what self-service, files and chat make of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent import messages as local
from agent.actions.fix import report_json
from agent.cli import chatting
from agent.cli.selfhelp_flow import Flow
from agent.cli.selfhelp_talk import Scripted
from agent.fixes.runs import Run
from agent.folder import Folder
from agent.local import LocalServer
from agent.redaction.redactor import Redactor
from agent.selfservice import messages
from agent.selfservice.client import Channel
from agent.selfservice.offering import matches
from protocol import ids
from protocol.attached import by_technician
from protocol.conversation import Said, Side
from protocol.documents import PROTOCOL_VERSION, Attachment
from protocol.drivers.terminal import add_words
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.fix_states import RunState
from protocol.frames import FrameReader, frame
from protocol.organisation import DEFAULT_POLICY, Organisation, Revoked
from protocol.scopes import Clearance, Risk
from protocol.sshkeys import KeySigner
from protocol.tickets import State
from protocol.wire import from_msgpack
from protocol.wording import selfhelp
from tests.support.fixing import AGENT, PEOPLE, FixWorld, key
from tests.unit.agent.test_self_service import known, manifest
from tests.unit.agent.test_trend_keeper import HOUR, NOW, Machine

AT = datetime(2026, 11, 22, tzinfo=UTC)


# --- trends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("upto", [(1 << 40) - 1, 1 << 40, (1 << 53) - 1])
async def test_a_broker_cannot_use_up_a_machines_numbers_nor_have_it_send_again(
    tmp_path: Path, upto: int
) -> None:
    machine = Machine(tmp_path)
    machine.keep(8, NOW - 8 * HOUR)
    await machine.trends.connected()
    for _ in range(3):
        await machine.trends.acknowledged(upto)
    assert machine.broker.numbers == [*range(1, 9)]
    machine.keep(3, NOW)
    assert [sample.sequence for sample in machine.kept()] == [*range(1, 12)]
    await machine.trends.acknowledged(8)
    machine.now += 7 * HOUR
    await machine.trends.look(sample=False)
    assert machine.broker.numbers == [*range(1, 12)]


# --- conversations -----------------------------------------------------------------------------


class Turned:
    """An agent's socket behind which a broker makes up conversations."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages = pages
        self.asked = 0

    async def answer(self, request: local.LocalRequest) -> local.LocalAnswer:
        if not isinstance(request, local.ChatWanted):
            return local.Ok()
        page = self.pages[min(self.asked, len(self.pages) - 1)]
        self.asked += 1
        empty: dict[str, Any] = {"title": "x", "state": State.NEW, "rows": (), "more": False}
        return local.ChatPage(ticket=request.ticket, **(empty | page))

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError


def row(index: int, kind: str = "ticket.reply") -> Said:
    return Said(
        index=index, ticket="T-1", at=AT, by="A\x1b[2J", side=Side.TECHNICIAN, kind=kind, text="a\x1b]0;b"
    )


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    yield Folder(tmp_path / "agent")


@pytest.mark.parametrize(
    "pages",
    [
        [{"more": True}],
        [{"rows": (row(3),), "more": True}],
        [{"rows": (row(3),), "more": True}, {"rows": (row(2), row(9)), "more": True}],
    ],
)
async def test_a_conversation_that_does_not_go_on_ends_the_reading(
    folder: Folder, pages: list[dict[str, Any]]
) -> None:
    turned = Turned(*pages)
    server = await LocalServer(folder, turned.answer, turned.converse).start()
    try:
        with pytest.raises(RelevoError) as error:
            await asyncio.to_thread(list, chatting.pages(folder, "T-1", None, follow=False))
    finally:
        server.close()
    assert error.value.code is Code.NOT_FOUND or error.value.code is Code.MALFORMED
    assert turned.asked <= 2


@pytest.mark.parametrize("kind", ["ticket.teleport", "made.up", "ticket.pend", "ticket.take"])
def test_a_row_that_nobody_knows_is_shown_and_breaks_nothing(kind: str) -> None:
    shown = chatting.shown(row(1, kind))
    assert shown and "\x1b" not in shown


# --- leaving -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("ticket", "outcome"), [(None, "abandoned"), ("T-5", "ticket")])
def test_who_leaves_once_the_ticket_is_there_is_not_told_as_having_given_up(
    tmp_path: Path, ticket: str | None, outcome: str
) -> None:
    talk = Scripted(diagnose=False, fix=None, params={}, solved=False, guide=None, answers={}, attach=True)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        flow = Flow(Folder(tmp_path), Channel(ours), talk, "no imprime", "es")
        flow.story.ticket = ticket
        flow.give_up()
        (body,) = FrameReader().feed(theirs.recv(1 << 16))
    closed: messages.Command = from_msgpack(body, messages.Command)
    assert isinstance(closed, messages.Close)
    assert (closed.outcome, closed.ticket) == (outcome, ticket)


async def test_a_disk_that_fills_up_behind_the_ticket_does_not_hide_its_number(tmp_path: Path) -> None:
    add_words(selfhelp.TABLE)
    talk = Scripted(diagnose=False, fix=None, params={}, solved=False, guide=None, answers={}, attach=True)
    run = ids.new_grant_id()
    ours, theirs = socket.socketpair()

    def worker() -> None:
        frames = FrameReader()
        for answer in (
            messages.Begun(run=run, words=""),
            messages.Failed(code=Code.CANNOT_RECORD, detail="journal.db: database or disk is full"),
        ):
            while not list(frames.feed(theirs.recv(1 << 16))):
                continue
            theirs.sendall(frame(msgspec.msgpack.encode(answer)))

    with ours, theirs:
        serving = asyncio.create_task(asyncio.to_thread(worker))
        flow = Flow(Folder(tmp_path), Channel(ours), talk, "no imprime", "es")
        opened = local.TicketOpened(ticket="T-5")
        story = await asyncio.to_thread(flow.run, lambda _category: opened)
        await serving
    assert (story.ticket, story.outcome) == ("T-5", "ticket")


# --- what leaves -------------------------------------------------------------------------------


def test_a_secret_that_a_fix_printed_encoded_does_not_leave_in_its_report() -> None:
    inner = base64.b64encode(b"xxxxxpassword=Zk9canary#77x\n").decode()
    run = Run(
        id="run-" + "0" * 24,
        grant=ids.new_grant_id(),
        ticket=None,
        technician=None,
        fix="mark",
        fix_version=1,
        fix_sha256="0" * 64,
        title_en="t",
        title_es="t",
        risk=Risk.LOW,
        run_as="user",
        params=(),
        state=RunState.SUCCEEDED,
        started=AT,
        changed=AT,
    )
    redactor = Redactor(Clearance.R1, b"k" * 32)
    assert b"Zk9" not in report_json(msgspec.structs.replace(run, output="password=Zk9canary#77x"), redactor)
    with pytest.raises(RelevoError) as error:
        report_json(msgspec.structs.replace(run, output=f"got {inner}"), redactor)
    assert error.value.code is Code.REDACTION_FAILED


def test_a_catalogue_full_of_known_errors_keeps_the_user_waiting_no_longer_than_there_is_time() -> None:
    error, bundle = known()
    looks = iter([True, True, False])
    found = matches(
        [error] * 2_000, bundle, lambda _id: manifest(), bundle.manifest.ended, lambda: next(looks)
    )
    assert len(found) == 2


# --- files of technicians ----------------------------------------------------------------------


def attachment(signer: KeySigner, **changes: Any) -> Attachment:
    made = Attachment(
        version=PROTOCOL_VERSION,
        attachment=ids.new_artifact_id(),
        ticket="T-1",
        agent=AGENT,
        technician="ana",
        key=signer.public_key.text,
        name="a.txt",
        media_type="text/plain",
        clearance=Clearance.R1,
        size_bytes=1,
        sha256=hashlib.sha256(b"x").hexdigest(),
        redaction=(),
        as_is=None,
        made=AT,
    )
    return msgspec.structs.replace(made, **changes)


def test_a_file_of_a_stolen_key_that_was_revoked_opens_nowhere(tmp_path: Path) -> None:
    organisation: Organisation = FixWorld(tmp_path).served.organisation
    assert organisation.policy == DEFAULT_POLICY
    ana, nobody = key("ana"), key("nobody")
    said, person = by_technician(seal(attachment(ana), ana), organisation)
    assert (said.technician, person) == ("ana", PEOPLE[0])
    stolen = msgspec.structs.replace(organisation.revoked, keys=(ana.public_key.fingerprint,))
    after = Organisation(roster=organisation.roster, policy=organisation.policy, revoked=stolen)
    for envelope, where, code in (
        (seal(attachment(ana), ana), after, Code.REVOKED),
        (seal(attachment(ana), nobody), organisation, Code.SIGNATURE_INVALID),
        (seal(attachment(nobody), nobody), organisation, Code.NOT_IN_ROSTER),
        (seal(attachment(ana, technician="bea"), ana), organisation, Code.NOT_IN_ROSTER),
        (seal(attachment(ana, technician=None), ana), organisation, Code.NOT_IN_ROSTER),
    ):
        with pytest.raises(RelevoError) as error:
            by_technician(envelope, where)
        assert error.value.code is code
    assert isinstance(stolen, Revoked)
