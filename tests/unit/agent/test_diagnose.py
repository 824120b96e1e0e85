"""The diagnose action: recorded first, redacted for the reader, signed by the machine, kept on the ticket."""

import hashlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio

from agent.actions import bundle, diagnose
from agent.actions.context import Session
from agent.collectors.runner import CollectorHost
from agent.journal import Journal
from protocol import assist
from protocol.diagnosis import (
    BUNDLE_MEDIA_TYPE,
    Bundle,
    Clock,
    CollectorResult,
    FactClass,
    Item,
    Status,
    fact,
    table,
)
from protocol.documents import Basis, BundleSeal, Consent, Grant, JournalEntry
from protocol.dsse import open_envelope
from protocol.dsse import seal as sign
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id
from protocol.organisation import Organisation, Technician
from protocol.scopes import Clearance, Mode, Risk, Role, Scope
from protocol.sshkeys import KeySigner
from protocol.wire import from_json
from tests.support import planted_host

E = TypeVar("E")
_KEY = KeySigner.from_seed(b"\x01" * 32)
_TECHNICIAN = KeySigner.from_seed(b"\x02" * 32)
_NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@dataclass
class Kept:
    kind: str
    media_type: str
    clearance: Clearance
    content: bytes
    seal: bool


@dataclass
class Sink:
    """Keeps artifacts in memory; ``full`` refuses them."""

    kept: list[Kept] = field(default_factory=list)
    full: bool = False

    async def store(
        self, *, kind: str, name: str, media_type: str, clearance: Clearance, content: bytes, seal: bool
    ) -> str:
        if self.full:
            raise RelevoError(Code.UNREACHABLE, "store")
        self.kept.append(Kept(kind, media_type, clearance, content, seal))
        return f"art-{len(self.kept):024x}"


class Events(list[assist.Event]):
    async def __call__(self, event: assist.Event) -> None:
        self.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self if isinstance(event, kind)]

    @property
    def content(self) -> bytes:
        return b"".join(chunk.data for chunk in self.of(assist.Chunk))


async def _organisation() -> Organisation:
    raise RelevoError(Code.STALE_TRUST, "not needed here")


async def _nobody(question: str, detail: str) -> None:
    raise RelevoError(Code.CONSENT_DENIED, question)


def _documents() -> tuple[Grant, Consent]:
    agent = agent_id(_KEY.public_key.blob)
    scopes = (Scope.DIAGNOSE,)
    grant = Grant(
        version=1,
        org="org-" + "a" * 32,
        grant="0" * 32,
        ticket="T-7",
        customer="acme",
        agent=agent,
        technician="tina",
        technician_key=_TECHNICIAN.public_key.text,
        scopes=scopes,
        reason="slow",
        issued=_NOW,
        establish_by=_NOW + timedelta(minutes=2),
        ends=_NOW + timedelta(hours=1),
        mode=Mode.ATTENDED,
    )
    consent = Consent(
        version=1,
        grant=grant.grant,
        grant_sha256="0" * 64,
        agent=agent,
        agent_key=_KEY.public_key.text,
        scopes=scopes,
        given=_NOW,
        until=grant.ends,
        basis=Basis(act="user", channel="command"),
    )
    return grant, consent


def session_for(tmp_path: Path, clearance: Clearance, sink: Sink, host: CollectorHost) -> Session:
    grant, consent = _documents()
    return Session(
        grant=grant,
        grant_envelope=sign(grant, _TECHNICIAN),
        consent=consent,
        consent_envelope=sign(consent, _KEY),
        technician=Technician(
            id="tina", name="Tina", keys=(_TECHNICIAN.public_key.text,), roles=(Role.TECHNICIAN,), tiers=()
        ),
        clearance=clearance,
        max_risk=Risk.LOW,
        data=tmp_path,
        work=tmp_path,
        signer=_KEY,
        journal=Journal(tmp_path / "journal.db", grant.agent),
        artifacts=sink,
        ask_user=_nobody,
        pseudonym_key=b"k" * 32,
        organisation=_organisation,
        now=lambda: datetime.now(UTC),
        collectors=host,
    )


@pytest_asyncio.fixture
async def planted(tmp_path: Path) -> AsyncIterator[CollectorHost]:
    argv = (sys.executable, "-P", str(Path(planted_host.__file__)), str(tmp_path))
    host = CollectorHost(planted_host.COLLECTORS, argv)
    yield host
    await host.close()


def journal_of(session: Session) -> list[JournalEntry]:
    entries = session.journal.of_grant(session.grant.grant)
    return [open_envelope(entry, JournalEntry, [_KEY.public_key]) for entry in entries]


async def test_the_bundle_is_sent_sealed_stored_and_recorded(tmp_path: Path, planted: CollectorHost) -> None:
    sink, events = Sink(), Events()
    session = session_for(tmp_path, Clearance.R1, sink, planted)
    await diagnose.run(assist.Diagnose(only=("good", "partial")), session, events)

    assert {event.collector for event in events.of(assist.CollectorDone)} == {"good", "partial"}
    (start,) = events.of(assist.ContentStart)
    (end,) = events.of(assist.ContentEnd)
    assert (start.size_bytes, start.media_type) == (len(events.content), BUNDLE_MEDIA_TYPE)
    assert end.seal is not None
    document = open_envelope(end.seal, BundleSeal, [_KEY.public_key])
    digest = hashlib.sha256(events.content).hexdigest()
    assert (document.sha256, document.ticket, document.clearance) == (digest, "T-7", Clearance.R1)
    found = from_json(events.content, Bundle)
    assert [result.collector for result in found.results] == ["good", "partial"]
    assert list(json.loads(events.content)) == ["manifest", "results"]

    (kept,) = sink.kept
    assert (kept.content, kept.clearance, kept.seal, kept.kind) == (
        events.content,
        Clearance.R1,
        False,
        "bundle",
    )
    actions = [entry.action for entry in journal_of(session)]
    assert actions == ["diagnose.started", "diagnose.done"]
    done = {fact.key: fact.value for fact in journal_of(session)[-1].facts}
    assert (done["sha256"], done["artifact"]) == (digest, f"art-{1:024x}")
    assert done["not_ok"] == "partial"


async def test_a_higher_clearance_is_stored_sealed_beside_the_clear_r1_version(
    tmp_path: Path, planted: CollectorHost
) -> None:
    sink, events = Sink(), Events()
    await diagnose.run(
        assist.Diagnose(only=("good",)), session_for(tmp_path, Clearance.R3, sink, planted), events
    )
    assert [(kept.clearance, kept.seal) for kept in sink.kept] == [
        (Clearance.R1, False),
        (Clearance.R3, True),
    ]
    assert events.content == sink.kept[1].content
    assert len(events.of(assist.Stored)) == 2


async def test_an_unknown_collector_is_refused_and_nothing_is_recorded(
    tmp_path: Path, planted: CollectorHost
) -> None:
    session = session_for(tmp_path, Clearance.R1, Sink(), planted)
    with pytest.raises(RelevoError) as refused:
        await diagnose.run(assist.Diagnose(only=("good", "nope")), session, Events())
    assert refused.value.code is Code.NOT_FOUND
    assert journal_of(session) == []


async def test_nothing_is_collected_when_it_cannot_be_recorded(
    tmp_path: Path, planted: CollectorHost
) -> None:
    session = session_for(tmp_path, Clearance.R1, Sink(), planted)
    session.journal.close()
    with pytest.raises(RelevoError) as refused:
        await diagnose.run(assist.Diagnose(only=("good",)), session, Events())
    assert refused.value.code is Code.CANNOT_RECORD
    assert planted.pid is None


async def test_a_result_that_cannot_be_stored_is_not_called_done(
    tmp_path: Path, planted: CollectorHost
) -> None:
    session = session_for(tmp_path, Clearance.R1, Sink(full=True), planted)
    with pytest.raises(RelevoError) as failed:
        await diagnose.run(assist.Diagnose(only=("good",)), session, Events())
    assert failed.value.code is Code.UNREACHABLE
    assert [entry.action for entry in journal_of(session)] == ["diagnose.started"]


async def test_a_technician_who_leaves_ends_the_action(tmp_path: Path, planted: CollectorHost) -> None:
    async def gone(event: assist.Event) -> None:
        if isinstance(event, assist.ContentStart):
            raise RelevoError(Code.SESSION_ENDED, "channel")

    session = session_for(tmp_path, Clearance.R1, Sink(), planted)
    with pytest.raises(RelevoError) as ended:
        await diagnose.run(assist.Diagnose(only=("good",)), session, gone)
    assert ended.value.code is Code.SESSION_ENDED


async def test_the_real_collectors_make_a_bundle_for_every_clearance(tmp_path: Path) -> None:
    host = CollectorHost()
    try:
        for clearance in Clearance:
            events = Events()
            folder = tmp_path / clearance
            folder.mkdir()
            await diagnose.run(
                assist.Diagnose(only=("system", "network", "disks", "accounts")),
                session_for(folder, clearance, Sink(), host),
                events,
            )
            assert from_json(events.content, Bundle).manifest.clearance is clearance
    finally:
        await host.close()


# --- what a bundle must not hold ----------------------------------------------------------------

_PASSWORD = "Tr0ub4dor-hunter2-canary"
_TEXTS = (
    f"login failed password={_PASSWORD}",
    f"https://ana:{_PASSWORD}@files.example.org/x",
    f'{{\\"api_key\\": \\"{_PASSWORD}\\"}}',
    f"Authorization: Bearer {_PASSWORD}{_PASSWORD}",
)
_ADDRESS = "198.51.100.77"
_HOST = "canary-host.internal.example.org"
_PERSON = "canaryperson"


def canaries() -> tuple[CollectorResult, ...]:
    """A result with secrets in every kind of place, and identifiers in facts of their classes."""
    made = [
        CollectorResult(
            collector="logs-summary",
            version=1,
            started=_NOW,
            ended=_NOW,
            status=Status.OK,
            reason=text[:400],
            facts=(
                fact("model", text),
                fact("gateway", _ADDRESS, FactClass.NETWORK),
                fact("hostname", _HOST, FactClass.NETWORK),
                fact("owner_name", _PERSON, FactClass.PERSON),
                fact("subject", "Payroll 2026 canarytitle.xlsx", FactClass.BUSINESS),
                fact("path", f"/home/{_PERSON}/canaryfolder/x.txt", FactClass.PATH),
            ),
            tables=(
                table(
                    "repeated",
                    ("count", ("message", FactClass.TEXT), "type"),
                    [(1, f"{text} from {_ADDRESS} {_HOST}", text)],
                ),
            ),
            items=(Item(kind="command", source=f"tool --verbose {text}", sha256="a" * 64),),
            warnings=(text,),
        )
        for text in _TEXTS
    ]
    return tuple(made)


def make(clearance: Clearance) -> bytes:
    of = bundle.RunOf(
        run="0" * 16,
        ticket="T-7",
        grant="0" * 32,
        agent=agent_id(_KEY.public_key.blob),
        os="Debian",
        started=_NOW,
        ended=_NOW,
        clock=Clock(wall=_NOW, mono_s=1.0),
    )
    return bundle.make(of, canaries(), clearance, b"k" * 32)


@pytest.mark.parametrize("clearance", list(Clearance))
def test_no_secret_is_in_a_bundle_of_any_clearance(clearance: Clearance) -> None:
    content = make(clearance)
    assert _PASSWORD.encode() not in content
    assert b"hunter2" not in content
    assert sum(count.count for count in from_json(content, Bundle).manifest.redaction) >= len(_TEXTS)


def test_identifiers_are_pseudonyms_at_r1_and_clear_where_they_may_be() -> None:
    r1, r2, r3 = (make(clearance) for clearance in Clearance)
    for hidden in (_ADDRESS, _HOST, _PERSON, "canarytitle", "canaryfolder"):
        assert hidden.encode() not in r1
    for hidden in (_PERSON, "canarytitle", "canaryfolder"):
        assert hidden.encode() not in r2
    assert _ADDRESS.encode() in r2
    for clear in (_ADDRESS, _HOST, _PERSON, "canarytitle", "canaryfolder"):
        assert clear.encode() in r3


def test_hashes_of_sources_are_for_r3_alone() -> None:
    assert ["a" * 64 in make(clearance).decode() for clearance in Clearance] == [False, False, True]


def test_a_result_in_which_a_secret_survived_is_left_out_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a class of values were missing from the rules: the last look at the bytes still refuses."""
    monkeypatch.setattr(bundle._Redaction, "cell", lambda _self, value, _cls: value)
    content = make(Clearance.R3)
    assert _PASSWORD.encode() not in content
    survivors = [
        result for result in from_json(content, Bundle).results if result.status is not Status.FAILED
    ]
    assert all(
        result.reason == "redaction"
        for result in from_json(content, Bundle).results
        if result not in survivors
    )
    assert len(survivors) < len(_TEXTS)


def test_a_bundle_that_cannot_be_made_clean_never_comes_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_data: bytes) -> None:
        raise RelevoError(Code.REDACTION_FAILED, "password survives (plain)")

    monkeypatch.setattr(bundle, "residual", refuse)
    with pytest.raises(RelevoError) as refused:
        make(Clearance.R3)
    assert refused.value.code is Code.REDACTION_FAILED
