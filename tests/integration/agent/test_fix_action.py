"""Fix requests inside a session: the journal first, then the technician, and nothing that they may not see."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agent.actions import fix
from agent.actions.context import Session
from agent.fixes import launcher
from agent.fixes.services import FixServices
from agent.helper.client import HelperDesk
from agent.journal import Journal
from protocol import assist
from protocol.documents import Consent, FixRequest, Grant, JournalEntry
from protocol.dsse import open_envelope, unsafe_peek
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance, Risk
from protocol.wire import from_json
from tests.support.fix_driver import STEP, TOML
from tests.support.fixing import AGENT, AGENT_KEY, PEOPLE, FixWorld, parameters, starter

SECRET = "password=hunter2"


@dataclass
class Kept:
    """``ArtifactSink`` in memory."""

    fail: bool = False
    stored: list[dict[str, Any]] = field(default_factory=list)

    async def store(self, **what: Any) -> str:
        if self.fail:
            raise RelevoError(Code.UNREACHABLE, "broker")
        self.stored.append(what)
        return "art-" + "0" * 24


class Room:
    """A session with a real journal, and everything that left it."""

    def __init__(self, folder: Path) -> None:
        self.world = FixWorld(folder)
        self.events: list[assist.Event] = []
        self.questions: list[tuple[str, str]] = []
        self.answer: Code | None = None
        self.listening = True
        self.kept = Kept()
        self.journal = Journal(folder / "journal.db", AGENT)
        world = self.world
        membership: Any = None
        root = HelperDesk(folder, membership, world.served, world.machine, lambda: world.now)  # type: ignore[arg-type]

        async def organisation() -> Any:
            return world.served.organisation

        self.session = Session(
            grant=unsafe_peek(world.credentials.grant, Grant),
            grant_envelope=world.credentials.grant,
            consent=unsafe_peek(world.credentials.consent, Consent),
            consent_envelope=world.credentials.consent,
            technician=PEOPLE[0],
            clearance=Clearance.R1,
            max_risk=Risk.LOW,
            data=folder,
            work=folder,
            signer=AGENT_KEY,
            journal=self.journal,
            artifacts=self.kept,
            ask_user=self.ask,
            pseudonym_key=b"k" * 32,
            organisation=organisation,
            now=lambda: world.now,
            fixes=FixServices(world.desk, root, world.served, "es"),  # type: ignore[arg-type]
        )

    async def ask(self, question: str, detail: str) -> None:
        self.questions.append((question, detail))
        if self.answer is not None:
            raise RelevoError(self.answer, "the user")

    async def emit(self, event: assist.Event) -> None:
        if not self.listening:
            raise RelevoError(Code.SESSION_ENDED, "gone")
        self.events.append(event)

    async def plan(self, name: str, **params: str) -> assist.Planned:
        await fix.plan(assist.FixPlan(fix=name, params=parameters(**params)), self.session, self.emit)
        return self.last(assist.Planned)

    async def run(self, name: str, **params: str) -> None:
        request = self.world.request(await self.plan(name, **params))
        await fix.run(assist.FixRun(request=request, params=parameters(**params)), self.session, self.emit)

    def last(self, kind: type[Any]) -> Any:
        return [event for event in self.events if isinstance(event, kind)][-1]

    def entries(self) -> list[tuple[str, dict[str, str]]]:
        """Action and facts of each journal entry, its signature checked."""
        found = []
        for _, envelope in self.journal.unsent_after(0, 100):
            entry = open_envelope(envelope, JournalEntry, [AGENT_KEY.public_key])
            found.append((str(entry.action), {fact.key: fact.value for fact in entry.facts}))
        return found


@pytest.fixture
def room(tmp_path: Path) -> Room:
    made = Room(tmp_path)
    (tmp_path / "ground").mkdir()
    made.world.served.add(TOML.format(root=tmp_path / "ground", timeout=30).encode(), {"step.py": STEP})
    return made


@pytest.fixture
def mark(room: Room) -> Path:
    return room.world.folder / "ground" / "mark"


async def test_every_step_of_a_run_is_in_the_journal_and_on_the_ticket(room: Room, mark: Path) -> None:
    await room.run("count", mark=str(mark))
    actions = [(action, facts.get("state")) for action, facts in room.entries()]
    assert actions == [
        ("fix.planned", "planning"),
        ("fix.step", "asked"),
        ("fix.step", "prechecked"),
        ("fix.step", "planned"),
        ("fix.step", "awaiting_consent"),
        ("fix.started", "running"),
        ("fix.step", "verifying"),
        ("fix.done", "succeeded"),
    ]
    facts = room.entries()[-1][1]
    assert {"fix", "fix_version", "run", "state", "title_en", "title_es", "params"} <= set(facts)
    (stored,) = room.kept.stored
    assert (stored["kind"], stored["clearance"], stored["seal"]) == ("fix-run", Clearance.R1, False)
    report = from_json(stored["content"], fix.FixReport)
    assert (report.state, report.fix) == ("succeeded", "count")
    assert room.last(assist.FixOutcome).state == "succeeded"


async def test_the_user_is_asked_in_plain_words_with_the_whole_plan(room: Room, mark: Path) -> None:
    room.answer = Code.CONSENT_DENIED
    with pytest.raises(RelevoError) as caught:
        await room.run("count", mark=str(mark))
    assert caught.value.code is Code.CONSENT_DENIED
    ((question, detail),) = room.questions
    assert question == "Ana quiere ejecutar en este equipo la reparación «t»."
    assert detail == f"make {mark}\n"
    assert room.entries()[-1][1]["state"] == "denied"
    assert not mark.exists()


async def test_a_fix_that_is_revoked_while_the_user_reads_its_plan_is_not_run(room: Room, mark: Path) -> None:
    read = room.ask

    async def read_for_long(question: str, detail: str) -> None:
        await read(question, detail)
        room.world.served.revoke(fixes=("count",))

    room.session = replace(room.session, ask_user=read_for_long)
    with pytest.raises(RelevoError) as caught:
        await room.run("count", mark=str(mark))
    assert caught.value.code is Code.REVOKED
    assert (len(room.questions), mark.exists(), room.entries()[-1][1]["state"]) == (1, False, "cancelled")


async def test_a_fix_that_failed_ends_with_its_own_code(room: Room, mark: Path) -> None:
    with pytest.raises(RelevoError) as caught:
        await room.run("count", mark=str(mark), how="fails")
    assert caught.value.code is Code.FIX_FAILED
    assert caught.value.exit_status == 20
    assert room.last(assist.FixOutcome).state == "undone"
    assert [a for a, _ in room.entries()][-2:] == ["fix.undo-started", "fix.undone"]


async def test_an_undo_is_journalled_and_reported(room: Room, mark: Path) -> None:
    await room.run("count", mark=str(mark))
    await fix.undo_plan(assist.FixUndoPlan(fix="count"), room.session, room.emit)
    planned = room.last(assist.Planned)
    request = room.world.request(planned, mode="undo")
    assert unsafe_peek(request, FixRequest).mode == "undo"
    await fix.run(assist.FixRun(request=request), room.session, room.emit)
    assert not mark.exists()
    assert [a for a, _ in room.entries()][-4:] == [
        "fix.planned",
        "fix.step",
        "fix.undo-started",
        "fix.undone",
    ]
    assert "deshacer" in room.questions[-1][0]
    await fix.states(assist.FixStates(), room.session, room.emit)
    assert room.last(assist.FixOutcome).state == "undone"


async def test_secrets_and_names_in_a_plan_or_output_do_not_leave(room: Room, tmp_path: Path) -> None:
    step = STEP.replace(b'print("make", mark)', b'print("make", mark, given["params"]["how"])').replace(
        b'open(mark, "w").close()', b'open(mark, "w").close(); print(given["params"]["how"])'
    )
    room.world.served.held.clear()
    room.world.served.add(TOML.format(root=tmp_path / "ground", timeout=30).encode(), {"step.py": step})
    await room.run("count", mark=str(tmp_path / "ground" / "mark"), how=SECRET)
    left = repr(room.events) + repr(room.entries()) + repr(room.kept.stored)
    assert "hunter2" not in left
    assert "hunter2" in room.questions[0][1]


async def test_a_technician_who_left_stops_nothing_that_has_begun(room: Room, mark: Path) -> None:
    def leave() -> None:
        room.listening = False

    planned = await room.plan("count", mark=str(mark))
    request = assist.FixRun(request=room.world.request(planned), params=parameters(mark=str(mark)))
    emit = room.emit

    async def until_running(event: assist.Event) -> None:
        await emit(event)
        if isinstance(event, assist.FixOutcome) and event.state == "running":
            leave()

    with pytest.raises(RelevoError) as caught:
        await fix.run(request, room.session, until_running)
    assert caught.value.code is Code.SESSION_ENDED
    assert room.entries()[-1][1]["state"] == "succeeded"
    assert mark.exists()


async def test_a_journal_that_cannot_be_written_stops_it_before_it_looks(room: Room, mark: Path) -> None:
    room.journal._db.rows("PRAGMA query_only=1")
    with pytest.raises(RelevoError) as caught:
        await room.plan("count", mark=str(mark))
    assert caught.value.code is Code.CANNOT_RECORD
    assert not Path(f"{mark}.log").exists()


async def test_a_run_that_cannot_be_journalled_does_not_even_look(room: Room, mark: Path) -> None:
    planned = await room.plan("count", mark=str(mark))
    looked = Path(f"{mark}.log").read_text()
    request = assist.FixRun(request=room.world.request(planned), params=parameters(mark=str(mark)))
    room.journal._db.rows("PRAGMA query_only=1")
    with pytest.raises(RelevoError) as caught:
        await fix.run(request, room.session, room.emit)
    assert caught.value.code is Code.CANNOT_RECORD
    assert Path(f"{mark}.log").read_text() == looked


async def test_a_broker_that_is_away_does_not_change_how_a_run_ended(room: Room, mark: Path) -> None:
    room.kept.fail = True
    await room.run("count", mark=str(mark))
    assert room.last(assist.FixOutcome).state == "succeeded"


async def test_a_session_without_the_fix_scope_gets_nothing(room: Room) -> None:
    import dataclasses

    session = dataclasses.replace(room.session, fixes=None)
    with pytest.raises(RelevoError) as caught:
        await fix.plan(assist.FixPlan(fix="count"), session, room.emit)
    assert caught.value.code is Code.SCOPE_NOT_GRANTED


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/bin/python3").exists(),
    reason="needs root to become somebody else, and a Python that everybody reaches",
)
def test_a_step_of_an_ordinary_user_is_confined_without_root() -> None:
    """An own network namespace by way of a user namespace, the same user inside, no privilege to gain."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        Path(folder).chmod(0o755)
        copy = Path(folder) / "launcher.py"
        copy.write_bytes(Path(launcher.__file__).read_bytes())
        _confined(copy)


def _confined(copy: Path) -> None:
    code = (
        "import os,socket\nprint([n for _, n in socket.if_nameindex()], os.getuid(), os.getgid())\n"
        "status = open('/proc/self/status').read()\n"
        "print([l for l in status.splitlines() if l.startswith(('CapEff', 'NoNewPrivs'))])\n"
    )
    python = ["/usr/bin/python3", "-I", "-S"]
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *python, str(copy), "none", "1"]
    done = subprocess.run([*command, *python, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "['lo'] 65534 65534"
    assert done.stdout.splitlines()[1] == "['CapEff:\\t0000000000000000', 'NoNewPrivs:\\t1']"


def test_a_step_that_cannot_be_confined_is_not_started(tmp_path: Path) -> None:
    """Fail closed: where no namespace can be made, nothing runs."""
    forbid = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
    step = [sys.executable, "-I", "-S", launcher.__file__, "none", "1", "/bin/touch", str(tmp_path / "ran")]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh", *step],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == launcher.REFUSED, done.stderr
    assert not (tmp_path / "ran").exists()


async def test_a_root_fix_without_a_helper_is_not_applicable(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.world.served.add(*starter("start-service"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RelevoError) as caught:
        await room.plan("start-service", service="cron")
    assert caught.value.code is Code.NOT_APPLICABLE
    await fix.states(assist.FixStates(), room.session, room.emit)
