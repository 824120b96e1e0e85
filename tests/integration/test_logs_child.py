"""Searching and following logs for real: the child process, journald's own files, and the action."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from agent import framing, processes
from agent.actions import logs as action
from agent.collectors.runner import CollectorHost
from agent.logs import journal
from agent.logs.messages import Lines, Said, Search
from protocol import assist
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance
from tests.unit.agent.test_diagnose import Events, Sink, journal_of, session_for

REMOTE = Path("/lib/systemd/systemd-journal-remote")
KEY = b"k" * 32
START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
WAIT_S = 30.0


def journal_files(folder: Path, entries: list[dict[str, str | bytes]]) -> Path:
    """Journal files made by systemd's own program from its export format (systemd.io/JOURNAL_EXPORT_FORMATS)."""
    data = b""
    for number, entry in enumerate(entries):
        micro = int((START + timedelta(minutes=number)).timestamp() * 1_000_000)
        lines = {
            "__REALTIME_TIMESTAMP": str(micro),
            "__MONOTONIC_TIMESTAMP": str(1_000_000 + number),
            "_BOOT_ID": "0123456789abcdef0123456789abcdef",
            "PRIORITY": "6",
            **entry,
        }
        for name, value in lines.items():
            if isinstance(value, bytes):
                data += name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
            else:
                data += f"{name}={value}\n".encode()
        data += b"\n"
    folder.mkdir()
    subprocess.run(
        [str(REMOTE), "-o", str(folder / "x.journal"), "-"],
        input=data,
        check=True,
        capture_output=True,
        timeout=30,
    )
    return folder


ENTRIES: list[dict[str, str | bytes]] = [
    {
        "MESSAGE": "printer needle jammed",
        "SYSLOG_IDENTIFIER": "cupsd",
        "_PID": "12",
        "_SYSTEMD_UNIT": "cups.service",
    },
    {"MESSAGE": "login password=canary77 needle", "SYSLOG_IDENTIFIER": "app", "_SYSTEMD_UNIT": "app.service"},
    {
        "MESSAGE": b"two\nlines \x1b[31m \xff needle",
        "SYSLOG_IDENTIFIER": "app",
        "_SYSTEMD_UNIT": "app.service",
    },
    {
        "MESSAGE": "from 10.77.66.55 needle",
        "SYSLOG_IDENTIFIER": "sshd",
        "_PID": "99",
        "_SYSTEMD_UNIT": "ssh.service",
    },
    {"MESSAGE": "nothing here", "SYSLOG_IDENTIFIER": "app", "_SYSTEMD_UNIT": "app.service"},
]


@asynccontextmanager
async def child(search: Search) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await processes.spawn(processes.own_program("agent.logs"), limit=5 << 20)
    assert process.stdin is not None
    framing.send(process.stdin, search)
    await process.stdin.drain()
    try:
        yield process
    finally:
        process.stdin.close()
        async with asyncio.timeout(WAIT_S):
            await process.wait()


async def said(process: asyncio.subprocess.Process) -> list[Said]:
    assert process.stdout is not None
    found: list[Said] = []
    async with asyncio.timeout(WAIT_S):
        while (message := await framing.receive(process.stdout, Said)) is not None:
            found.append(message)
    return found


async def lines_until(process: asyncio.subprocess.Process, count: int) -> list[assist.LogLine]:
    assert process.stdout is not None
    found: list[assist.LogLine] = []
    async with asyncio.timeout(WAIT_S):
        while len(found) < count:
            message = await framing.receive(process.stdout, Said)
            if isinstance(message, Lines):
                found += message.lines
            assert message is not None
            assert not isinstance(message, assist.Failed)
    return found


async def ready(process: asyncio.subprocess.Process) -> assist.LogSummary:
    """A follower says what it follows before anything new is shown."""
    assert process.stdout is not None
    async with asyncio.timeout(WAIT_S):
        while True:
            message = await framing.receive(process.stdout, Said)
            assert message is not None
            if isinstance(message, assist.LogSummary):
                return message


def order(
    folder: Path, journal_folder: Path | None = None, clearance: Clearance = Clearance.R1, **request: object
) -> Search:
    return Search(
        request=assist.Logs(**request),  # type: ignore[arg-type]
        folders=(str(folder),),
        journal_folder=str(journal_folder) if journal_folder else None,
        clearance=clearance,
        key=KEY,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "log"
    made.mkdir()
    return made


needs_journal = pytest.mark.skipif(not REMOTE.exists(), reason="needs Debian's systemd-journal-remote")


@needs_journal
async def test_real_journal_files_are_searched_by_pattern_and_redacted(folder: Path, tmp_path: Path) -> None:
    made = journal_files(tmp_path / "journal", ENTRIES)
    async with child(order(folder, made, source="journal", pattern="needle")) as process:
        messages = await said(process)
    lines = [line for message in messages if isinstance(message, Lines) for line in message.lines]
    assert [line.at for line in lines] == [START + timedelta(minutes=n) for n in range(4)]
    assert lines[0].text == "cupsd[12]: printer needle jammed"
    assert lines[0].source == "journal:cups.service"
    assert lines[1].text == "app: login password=<secret:password> needle"
    assert "\\xff needle" in lines[2].text
    assert "10.77.66.55" not in lines[3].text
    (summary,) = [message for message in messages if isinstance(message, assist.LogSummary)]
    assert (summary.matched, summary.sent, summary.secrets_removed) == (4, 4, 1)


@needs_journal
async def test_a_unit_and_a_range_of_time_narrow_the_journal(folder: Path, tmp_path: Path) -> None:
    made = journal_files(tmp_path / "journal", ENTRIES)
    narrow = order(
        folder,
        made,
        source="journal:app.service",
        since=START + timedelta(minutes=2),
        until=START + timedelta(minutes=9),
    )
    async with child(narrow) as process:
        lines = [
            line for message in await said(process) if isinstance(message, Lines) for line in message.lines
        ]
    assert [line.text.split()[-1] for line in lines] == ["needle", "here"]


@needs_journal
async def test_files_and_journal_are_merged_by_time(folder: Path, tmp_path: Path) -> None:
    made = journal_files(tmp_path / "journal", ENTRIES)
    (folder / "app.log").write_text(f"{(START + timedelta(seconds=90)).isoformat()} between needle\n")
    with gzip.open(folder / "app.log.1.gz", "wt") as file:
        file.write(f"{(START - timedelta(hours=1)).isoformat()} before needle\n")
    async with child(order(folder, made, pattern="needle")) as process:
        lines = [
            line for message in await said(process) if isinstance(message, Lines) for line in message.lines
        ]
    assert [line.source.partition(":")[0] for line in lines] == [
        "app.log.1.gz",
        "journal",
        "journal",
        "app.log",
        "journal",
        "journal",
    ]


@needs_journal
async def test_nothing_is_left_of_a_follower_whose_asker_is_gone(folder: Path, tmp_path: Path) -> None:
    made = journal_files(tmp_path / "journal", ENTRIES)
    async with child(order(folder, made, source="journal", follow=True, since=START)) as process:
        await lines_until(process, 5)
        programs = [
            program
            for program in psutil.process_iter(["cmdline"])
            if str(made) in " ".join(program.info["cmdline"] or ())
        ]
        assert programs
    gone, alive = psutil.wait_procs(programs, timeout=WAIT_S)
    assert gone
    assert not alive


@needs_journal
async def test_nothing_is_left_of_a_follower_that_is_killed(folder: Path, tmp_path: Path) -> None:
    made = journal_files(tmp_path / "journal", ENTRIES)
    async with child(order(folder, made, source="journal", follow=True, since=START)) as process:
        await lines_until(process, 5)
        programs = [
            program
            for program in psutil.process_iter(["cmdline"])
            if str(made) in " ".join(program.info["cmdline"] or ())
        ]
        process.kill()
        gone, alive = psutil.wait_procs(programs, timeout=WAIT_S)
    assert gone
    assert not alive


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"MESSAGE":"x","__REALTIME_TIMESTAMP":"1795255200000000"}', (START, "journal", b"x")),
        (b'{"MESSAGE":[104,105],"_COMM":"a","_PID":"1"}', (None, "journal", b"a[1]: hi")),
        (b'{"MESSAGE":["one","two"]}', (None, "journal", b"one")),
        (b'{"MESSAGE":[300,-1,104]}', (None, "journal", b"h")),
        (b'{"MESSAGE":null}', None),
        (b'{"MESSAGE":{"a":1}}', None),
        (b"{}", None),
        (b"[]", None),
        (b"not json", None),
        (b"[" * 5000, None),
        (b'{"MESSAGE":"x","__REALTIME_TIMESTAMP":"99999999999999999999"}', (None, "journal", b"x")),
    ],
)
def test_what_journalctl_may_say(line: bytes, expected: tuple[object, ...] | None) -> None:
    assert journal.parse(line) == expected


async def test_a_pattern_that_is_none_is_said_by_the_child(folder: Path) -> None:
    async with child(order(folder, pattern="(")) as process:
        (failed,) = await said(process)
    assert isinstance(failed, assist.Failed)
    assert failed.code is Code.PARAMETER_INVALID


async def test_a_journal_that_cannot_be_read_is_said(folder: Path, tmp_path: Path) -> None:
    (folder / "app.log").write_text("line\n")
    missing = tmp_path / "no-journal"
    async with child(order(folder, missing)) as process:
        messages = await said(process)
    (summary,) = [message for message in messages if isinstance(message, assist.LogSummary)]
    assert summary.sent == 1
    assert summary.unreadable == ("journal: there is none, or it may not be read",)
    async with child(order(folder, missing, source="journal", follow=True)) as process:
        failed = (await said(process))[-1]
    assert isinstance(failed, assist.Failed)
    assert failed.code is Code.NOT_APPLICABLE


# --- follow ------------------------------------------------------------------------------------


async def test_following_sees_appended_rotated_truncated_and_new_files(folder: Path) -> None:
    log = folder / "app.log"
    log.write_text("old line\n")
    async with child(order(folder, source="app.log", follow=True)) as process:
        assert (await ready(process)).sources == ("app.log",)
        with log.open("a") as file:
            file.write("appended password=canary77\nhalf a ")
            file.flush()
            (line,) = await lines_until(process, 1)
            assert line.text == "appended password=<secret:password>"
            file.write("line\n")
        (line,) = await lines_until(process, 1)
        assert line.text == "half a line"
        log.rename(folder / "app.log.1")
        log.write_text("after rotation\n")
        (line,) = await lines_until(process, 1)
        assert line.text == "after rotation"
        os.truncate(log, 0)
        log.write_text("x\n")
        (line,) = await lines_until(process, 1)
        assert line.text == "x"


async def test_following_sees_new_files_and_a_key_that_is_written_slowly(folder: Path) -> None:
    async with child(order(folder, follow=True)) as process:
        # The system's own journal may be followed as well; only the file matters here.
        await ready(process)
        log = folder / "new.log"
        with log.open("w") as file:
            found: list[assist.LogLine] = []
            for text in (
                "first",
                "-----BEGIN RSA PRIVATE KEY-----",
                "Q2FuYXJ5c2VjcmV0",
                "QQ==",
                "-----END RSA PRIVATE KEY-----",
                "last",
            ):
                file.write(f"{text}\n")
                file.flush()
                while len([line for line in found if line.source == "new.log"]) < 1:
                    found += await lines_until(process, 1)
            while not any(line.text == "last" for line in found):
                found += await lines_until(process, 1)
    own = [line.text for line in found if line.source == "new.log"]
    assert own == ["first", *["<secret:private-key>"] * 4, "last"]


async def test_following_starts_with_what_was_since(folder: Path) -> None:
    now = datetime.now(UTC)
    (folder / "app.log").write_text(
        f"{(now - timedelta(hours=2)).isoformat()} too old\n{(now - timedelta(minutes=2)).isoformat()} recent\n"
    )
    request = order(folder, source="app.log", follow=True, since=now - timedelta(hours=1))
    async with child(request) as process:
        (line,) = await lines_until(process, 1)
        assert line.text.endswith("recent")
        with (folder / "app.log").open("a") as file:
            file.write("new\n")
        (line,) = await lines_until(process, 1)
        assert line.text == "new"


# --- the action --------------------------------------------------------------------------------


def configured(tmp_path: Path) -> Path:
    made = tmp_path / "own-logs"
    made.mkdir()
    (tmp_path / "log-folders.json").write_text(json.dumps([str(made)]))
    return made


async def test_a_search_is_journalled_sent_and_stored_for_r1_and_for_the_technician(tmp_path: Path) -> None:
    (configured(tmp_path) / "relevo-test.log").write_text("from 10.77.66.55 password=canary77\nother\n")
    sink, events = Sink(), Events()
    session = session_for(tmp_path, Clearance.R2, sink, CollectorHost())
    await action.run(assist.Logs(source="relevo-test.log", pattern="from"), session, events)

    (found,) = events.of(assist.LogLines)
    assert [line.text for line in found.lines] == ["from 10.77.66.55 password=<secret:password>"]
    (summary,) = events.of(assist.LogSummary)
    assert (summary.matched, summary.secrets_removed) == (1, 1)
    r1, r2 = sink.kept
    assert (r1.clearance, r1.seal, r1.kind) == (Clearance.R1, False, "logs")
    assert (r2.clearance, r2.seal) == (Clearance.R2, True)
    assert b"10.77.66.55" not in r1.content
    assert b"10.77.66.55" in r2.content
    assert b"canary" not in r1.content + r2.content
    started, done = journal_of(session)
    assert (started.action, done.action) == (Action.LOGS_STARTED, Action.LOGS_DONE)
    facts = {fact.key: fact.value for fact in done.facts}
    assert facts["lines"] == "1"
    assert facts["secrets_removed"] == "1"
    assert facts["pattern"] == "from"
    assert len(facts["artifact"].split()) == 2


async def test_an_r1_technicians_search_is_stored_once_in_the_clear(tmp_path: Path) -> None:
    (configured(tmp_path) / "relevo-test.log").write_text("from 10.77.66.55\n")
    sink, events = Sink(), Events()
    await action.run(
        assist.Logs(source="relevo-test.log"),
        session_for(tmp_path, Clearance.R1, sink, CollectorHost()),
        events,
    )
    (r1,) = sink.kept
    assert (r1.clearance, r1.seal) == (Clearance.R1, False)
    assert b"10.77.66.55" not in r1.content
    assert len(events.of(assist.Stored)) == 1


async def test_a_refused_search_is_in_the_journal_too(tmp_path: Path) -> None:
    session = session_for(tmp_path, Clearance.R1, Sink(), CollectorHost())
    with pytest.raises(RelevoError) as caught:
        await action.run(assist.Logs(source="../../etc/shadow"), session, Events())
    assert caught.value.code is Code.PARAMETER_INVALID
    assert [entry.action for entry in journal_of(session)] == [Action.LOGS_STARTED, Action.LOGS_DONE]


async def test_nothing_is_searched_that_cannot_be_recorded(tmp_path: Path) -> None:
    session = session_for(tmp_path, Clearance.R1, Sink(), CollectorHost())
    session.journal.close()
    events = Events()
    with pytest.raises(Exception, match=r"cannot-record|closed"):
        await action.run(assist.Logs(), session, events)
    assert events == []


async def test_cancelling_a_follow_ends_its_child_and_is_recorded(tmp_path: Path) -> None:
    log = configured(tmp_path) / "relevo-test.log"
    log.write_text("old\n")
    session = session_for(tmp_path, Clearance.R1, Sink(), CollectorHost())
    seen = asyncio.Event()

    async def emit(event: assist.Event) -> None:
        if isinstance(event, assist.LogSummary | assist.LogLines):
            seen.set()

    work = asyncio.create_task(action.run(assist.Logs(source="relevo-test.log", follow=True), session, emit))
    async with asyncio.timeout(WAIT_S):
        await seen.wait()
    children = psutil.Process().children(recursive=True)
    assert children
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not psutil.wait_procs(children, timeout=WAIT_S)[1]
    assert journal_of(session)[-1].action is Action.LOGS_DONE


async def test_a_technician_who_stops_reading_holds_the_search_and_loses_nothing(tmp_path: Path) -> None:
    lines = 30_000
    (configured(tmp_path) / "relevo-test.log").write_text(
        "".join(f"line {i} {'x' * 200}\n" for i in range(lines))
    )
    session = session_for(tmp_path, Clearance.R1, Sink(), CollectorHost())
    gate, held = asyncio.Event(), asyncio.Event()
    got: list[str] = []

    async def emit(event: assist.Event) -> None:
        if isinstance(event, assist.LogLines):
            held.set()
            await gate.wait()
            got.extend(line.text.split()[1] for line in event.lines)

    work = asyncio.create_task(action.run(assist.Logs(source="relevo-test.log", limit=lines), session, emit))
    async with asyncio.timeout(WAIT_S):
        await held.wait()
        assert not work.done()
        gate.set()
        await work
    assert got == [str(i) for i in range(lines)]
