"""A turned machine against the technician who wants to help it, and against everybody else's log."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from protocol import assist
from protocol.audit import Action
from protocol.documents import BundleSeal
from protocol.drivers.assistchannel import AssistChannel
from protocol.dsse import seal
from protocol.errors import RelevoError
from protocol.frames import frame
from protocol.scopes import Clearance
from protocol.wire import from_msgpack, to_msgpack
from tests.evil.agent import HostileAgent
from tests.evil.broker import EvilWorld, Honest, machine_key, require_clean, taken_ticket
from tests.support.world import Machine, Person

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u009b31m\r\n[bold red]x[/] =HYPERLINK(1)\x00"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Script:
    """What the hostile agent answers; each test sets it."""

    def __init__(self) -> None:
        self.events: Iterable[assist.Event | bytes] = ()

    async def __call__(self, channel: AssistChannel) -> None:
        try:
            body = await channel.receive()
            if body is None:
                return
            from_msgpack(body, assist.Request)
            for event in self.events:
                if isinstance(event, bytes):
                    await channel.write(event)
                else:
                    await channel.send(to_msgpack(event))
        except RelevoError:
            return  # the technician has had enough


@pytest.fixture(scope="module")
def turned(world: EvilWorld) -> Machine:
    """Enrolled by its owner, then taken over: no honest agent runs there."""
    return world.machine(start=False)


@pytest.fixture(scope="module")
def script() -> Script:
    return Script()


@pytest.fixture(scope="module")
def hostile(turned: Machine, script: Script) -> Iterator[HostileAgent]:
    with HostileAgent(turned, script, platform=HOSTILE) as agent:
        yield agent


@pytest.fixture(scope="module")
def ticket(world: EvilWorld, ana: Person, hostile: HostileAgent) -> str:
    made = ana("ticket", "new", "strange machine", "--agent", hostile.machine.id).out.split()[0]
    ana("ticket", "take", made)
    ana(
        "session", "open", made, "--scope", "diagnose,logs,screenshot,fix", "--reason", "x", "--minutes", "60"
    )
    return str(made)


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that announces ``width`` x ``height``."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", data or zlib.compress(b"\0" * 1_000_000, 9))
        + chunk(b"IEND", b"")
    )


def content(
    name: str, media_type: str, body: bytes, *, size: int | None = None, sha256: str | None = None
) -> list[assist.Event]:
    return [
        assist.ContentStart(name=name, media_type=media_type, size_bytes=len(body) if size is None else size),
        *(assist.Chunk(data=body[at : at + assist.CHUNK]) for at in range(0, len(body), assist.CHUNK)),
        assist.ContentEnd(sha256=sha256 or hashlib.sha256(body).hexdigest()),
    ]


def endless() -> Iterator[assist.Event]:
    while True:
        yield assist.ContentStart(name="x", media_type="image/png", size_bytes=1)
        yield assist.Chunk(data=b"\0" * assist.CHUNK)


PICTURES: dict[str, tuple[Iterable[assist.Event | bytes], set[int]]] = {
    "a bomb": (content("monitor-1.png", "image/png", png(60_000, 60_000)), {2, 4, 8}),
    "a broken picture": (content("monitor-1.png", "image/png", png(64, 64)[:90]), {2, 8}),
    "no picture": (content("monitor-1.png", "image/png", b"#!/bin/sh\necho owned\n"), {2, 8}),
    "a terabyte": (content("monitor-1.png", "image/png", b"x", size=1 << 40), {2, 8}),
    "more than announced": (content("monitor-1.png", "image/png", b"x" * 400_000, size=3), {2, 8}),
    "another hash": (content("monitor-1.png", "image/png", png(1, 1), sha256="0" * 64), {2, 8}),
    "nothing at all": ([assist.Completed()], {2, 3, 8}),
    "no frame": ([b"\xff\xff\xff\xff" + b"x" * 64], {2}),
    "half a frame": ([frame(b"x" * 1_000)[:500]], {2, 7}),
    "no event": ([frame(b"\xc1")], {2}),
    "an event of tomorrow": ([frame(msgspec.msgpack.encode({"type": "shell", "argv": ["sh"]}))], {2}),
    "an invented code": ([frame(msgspec.msgpack.encode({"type": "failed", "code": "you-win"}))], {2}),
}


@pytest.mark.parametrize("what", PICTURES)
def test_a_hostile_picture_is_refused_and_no_file_is_left(
    ana: Person, bystander: Honest, script: Script, ticket: str, tmp_path: Path, what: str
) -> None:
    script.events, statuses = PICTURES[what]
    target = tmp_path / "screen.png"

    asking = ana.begin("screenshot", ticket, "-o", str(target))
    out, err = asking.communicate(timeout=60)

    assert asking.returncode in statuses, (asking.returncode, out, err)
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
    bystander.require_undisturbed()


def test_a_stream_without_end_is_cut_off(ana: Person, script: Script, ticket: str, tmp_path: Path) -> None:
    script.events = endless()

    asking = ana.begin("screenshot", ticket, "-o", str(tmp_path / "x.png"))
    _, err = asking.communicate(timeout=60)

    assert asking.returncode in (2, 8), err
    assert list(tmp_path.iterdir()) == []


def test_a_name_from_the_machine_never_chooses_the_file(
    ana: Person, script: Script, ticket: str, tmp_path: Path
) -> None:
    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    script.events = [
        *content("../../../../tmp/evil.png", "image/png", picture.getvalue()),
        assist.Completed(),
    ]

    asking = ana.begin("screenshot", ticket, "-o", str(tmp_path / "x.png"))
    asking.communicate(timeout=60)

    assert {path.name for path in tmp_path.iterdir()} <= {"x.png"}
    assert not (tmp_path.parent / "evil.png").exists()
    assert not Path("/tmp/evil.png").exists()


def test_terminal_escapes_in_log_lines_are_shown_not_obeyed(ana: Person, script: Script, ticket: str) -> None:
    line = assist.LogLine(at=NOW, source=HOSTILE, text=HOSTILE * 50)
    summary = assist.LogSummary(
        matched=1, sent=1, scanned_bytes=1, truncated=False, secrets_removed=0, sources=(HOSTILE,),
        unreadable=(HOSTILE,),
    )  # fmt: skip
    script.events = [assist.LogLines(lines=(line,)), summary, assist.Completed()]

    result = ana("logs", ticket)

    assert "owned" in result.out
    require_clean(result)
    as_json = ana("logs", ticket, "--json")
    assert not {"\x1b", "\x9b", "\u202e"} & set(as_json.out)
    assert json.loads(as_json.out.splitlines()[0])["text"] == HOSTILE * 50


@pytest.mark.parametrize("command", ["diagnose", "logs", "screenshot", "fix"])
def test_hostile_words_in_a_failure_stay_words(
    ana: Person, script: Script, ticket: str, tmp_path: Path, command: str
) -> None:
    from protocol.errors import Code

    script.events = [
        assist.Progress(step=HOSTILE, done=1 << 52, total=1),
        assist.Failed(code=Code.REFUSED, detail=HOSTILE),
    ]
    argv = {
        "diagnose": ("diagnose", ticket),
        "logs": ("logs", ticket),
        "screenshot": ("screenshot", ticket, "-o", str(tmp_path / "x.png")),
        "fix": ("fix", "plan", ticket, "stale-lock"),
    }[command]
    asking = ana.begin(*argv)
    out, err = asking.communicate(timeout=60)
    assert asking.returncode in (2, 4), (asking.returncode, out, err)
    for text in (out, err):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "Traceback" not in text


def test_a_bundle_sealed_for_another_ticket_or_by_another_key_is_not_believed(
    world: EvilWorld, ana: Person, bystander: Honest, hostile: HostileAgent, script: Script, ticket: str
) -> None:
    body = b'{"manifest":{}}'
    claim = BundleSeal(
        version=1, agent=hostile.machine.id, grant=hostile.grants[-1].grant, ticket=ticket,
        clearance=Clearance.R2, sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body), made=NOW,
    )  # fmt: skip
    own, foreign = machine_key(hostile.machine), machine_key(bystander.machine)
    lies = {
        "unsealed": None,
        "foreign key": seal(claim, foreign),
        "foreign ticket": seal(msgspec.structs.replace(claim, ticket=bystander.ticket), own),
        "foreign machine": seal(msgspec.structs.replace(claim, agent=bystander.machine.id), own),
        "other bytes": seal(msgspec.structs.replace(claim, sha256="0" * 64), own),
        "no bundle": seal(claim, own),
    }
    for name, sealed in lies.items():
        events = content("bundle.json", "application/json", body)
        events[-1] = assist.ContentEnd(sha256=hashlib.sha256(body).hexdigest(), seal=sealed)
        script.events = [*events, assist.Completed()]
        asking = ana.begin("diagnose", ticket, "--json")
        out, err = asking.communicate(timeout=60)
        assert asking.returncode in (2, 8), (name, asking.returncode, err)
        assert out == "", name
        assert "Traceback" not in err
    bystander.require_undisturbed()


def test_a_platform_that_is_an_escape_sequence_is_printed_as_words(
    ana: Person, hostile: HostileAgent, ticket: str
) -> None:
    assert hostile.online
    require_clean(ana("agent", "list"))
    require_clean(ana("agent", "show", hostile.machine.id))
    require_clean(ana("ticket", "show", ticket))
    require_clean(ana("session", "list"))


def test_a_ticket_in_hostile_words_is_safe_in_every_listing(
    world: EvilWorld, ana: Person, bystander: Honest
) -> None:
    made = taken_ticket(ana, bystander.machine, HOSTILE.replace("\0", "") * 5)
    bystander.machine("reply", made, HOSTILE.replace("\0", "") * 5)

    for command in (("ticket", "list"), ("ticket", "show", made), ("audit", "show", made)):
        require_clean(ana(*command))
    require_clean(bystander.machine("tickets"))
    assert world.audited(Action.TICKET_CREATED, ticket=made)
