"""A technician, or somebody with a technician's key, who wants more than was granted."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from protocol import assist
from protocol.api import Login, LoginChallenge, LoginRequest
from protocol.audit import Action, Actor, ActorKind
from protocol.documents import FixRequest, LoginProof
from protocol.drivers.files import socket_address
from protocol.drivers.http import BrokerHttp
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.frames import FrameReader, frame
from protocol.ids import new_nonce
from protocol.sshkeys import Signer
from protocol.wire import from_msgpack, to_msgpack
from technician.assist import exchange
from technician.held import ASSIST, HeldSession, find_session
from tests.evil.broker import (
    EvilWorld,
    Honest,
    agent_of,
    machine_key,
    require_clean,
    signer_of,
    taken_ticket,
)
from tests.support.world import Machine, Person, wait_until


@pytest.fixture(scope="module")
def machine(world: EvilWorld) -> Machine:
    return world.machine()


@pytest.fixture(scope="module")
def held(world: EvilWorld, ana: Person, machine: Machine) -> HeldSession:
    """Asked for logs and fixes and got logs only."""
    ticket = taken_ticket(ana, machine)
    world.open_session(ana, machine, ticket, "logs,fix", allow=("--scope", "logs"), minutes=60)
    return find_session(ana.home, ticket)


def answer(held: HeldSession, request: assist.Request) -> Code | None:
    """The code the agent refuses with, None when it did as asked."""
    try:
        for _ in exchange(held, request, timeout_s=30):
            pass
    except RelevoError as error:
        return error.code
    return None


@contextlib.contextmanager
def channel(held: HeldSession) -> Iterator[socket.socket]:
    """An assist channel of the session, for whatever bytes one likes."""
    with socket.socket(socket.AF_UNIX) as raw, socket_address(held.socket) as address:
        raw.settimeout(30)
        raw.connect(address)
        with contextlib.suppress(ConnectionError):  # a refusal may hang up first; its words can be read
            raw.sendall(ASSIST)
        yield raw


def last_words(raw: socket.socket) -> assist.Event | None:
    """The last event before the other side closes, which need not have read everything of ours."""
    reader = FrameReader()
    last: assist.Event | None = None
    with contextlib.suppress(ConnectionError):
        while data := raw.recv(65_536):
            for body in reader.feed(data):
                last = from_msgpack(body, assist.Event)
    return last


def require_alive(held: HeldSession) -> None:
    assert answer(held, assist.About()) is None


def fix_request(held: HeldSession, signer: Signer) -> assist.FixRun:
    request = FixRequest(
        version=1, grant=held.record.grant, sequence=1, challenge=new_nonce(), fix="stale-lock",
        fix_version=1, fix_sha256="0" * 64, params_sha256="0" * 64, plan_sha256="0" * 64, mode="apply",
    )  # fmt: skip
    return assist.FixRun(request=seal(request, signer))


REQUESTS: dict[str, assist.Request] = {
    "diagnose": assist.Diagnose(),
    "screenshot": assist.Screenshot(),
    "fix-plan": assist.FixPlan(fix="stale-lock"),
    "fix-undo-plan": assist.FixUndoPlan(fix="stale-lock"),
    "fix-states": assist.FixStates(),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_was_not_granted_is_refused_and_recorded(
    world: EvilWorld, machine: Machine, held: HeldSession, bystander: Honest, name: str
) -> None:
    mine = agent_of(machine)
    before = len(world.audit(Action.AGENT_REFUSED, agent=mine, grant=held.record.grant))

    assert answer(held, REQUESTS[name]) is Code.SCOPE_NOT_GRANTED

    wait_until(
        "the refusal in the log",
        lambda: len(world.audit(Action.AGENT_REFUSED, agent=mine, grant=held.record.grant)) > before,
    )
    require_alive(held)
    bystander.require_undisturbed()


def test_a_signed_fix_request_does_not_replace_the_scope(ana: Person, held: HeldSession) -> None:
    assert answer(held, fix_request(held, signer_of(ana))) is Code.SCOPE_NOT_GRANTED


def test_logs_are_not_in_a_session_for_diagnosis(ana: Person, bystander: Honest) -> None:
    session = find_session(ana.home, bystander.ticket)
    assert answer(session, assist.Logs()) is Code.SCOPE_NOT_GRANTED
    bystander.require_undisturbed()


RAW: dict[str, tuple[bytes, Code | None]] = {
    "no msgpack": (frame(b"\xc1"), Code.MALFORMED),
    "empty": (frame(b""), Code.MALFORMED),
    "nesting": (frame(b"\x91" * 50_000), Code.MALFORMED),
    "array bomb": (frame(b"\xdd\xff\xff\xff\xff"), Code.MALFORMED),
    "unknown request": (
        frame(msgspec.msgpack.encode({"type": "exec", "argv": ["id"]})), Code.MALFORMED,
    ),
    "unknown field": (
        frame(msgspec.msgpack.encode({"type": "logs", "command": "id"})), Code.MALFORMED,
    ),
    "wrong type": (frame(msgspec.msgpack.encode({"type": "logs", "limit": "all"})), Code.MALFORMED),
    "out of range": (frame(msgspec.msgpack.encode({"type": "logs", "limit": 1 << 40})), Code.MALFORMED),
    "an event": (frame(to_msgpack(assist.Completed())), Code.MALFORMED),
    "over the limit": (struct.pack(">I", 0xFFFFFFFF) + b"x" * 100, Code.TOO_LARGE),
    "path": (frame(to_msgpack(assist.Logs(source="../../etc/shadow"))), None),
    "evil pattern": (frame(to_msgpack(assist.Logs(pattern="(a+)+$" * 50 + "(", limit=1))), None),
}  # fmt: skip


@pytest.mark.parametrize("what", RAW)
def test_bytes_that_are_no_request_cost_their_channel_only(
    held: HeldSession, bystander: Honest, what: str
) -> None:
    sent, code = RAW[what]

    with channel(held) as raw:
        raw.sendall(sent)
        last = last_words(raw)

    assert isinstance(last, assist.Failed)
    if code is not None:
        assert last.code is code
    assert last.code is not Code.INTERNAL
    require_alive(held)
    bystander.require_undisturbed()


def test_half_a_frame_and_silence_and_hanging_up_disturb_nobody(held: HeldSession, bystander: Honest) -> None:
    whole = frame(to_msgpack(assist.About()))
    with channel(held) as cut:
        cut.sendall(whole[: len(whole) // 2])
    with channel(held) as ended:
        ended.sendall(whole[: len(whole) // 2])
        ended.shutdown(socket.SHUT_WR)
        last = last_words(ended)
    assert last is None or (isinstance(last, assist.Failed) and last.code is Code.MALFORMED)
    with channel(held) as silent:
        require_alive(held)
        silent.sendall(whole[:2])
    require_alive(held)
    bystander.require_undisturbed()


def test_one_channel_serves_one_request(held: HeldSession) -> None:
    """More input means "cancel", never a second request on the quiet."""
    with channel(held) as raw:
        raw.sendall(frame(to_msgpack(assist.About())) + frame(to_msgpack(assist.Logs())))
        reader, events = FrameReader(), []
        with contextlib.suppress(ConnectionError):
            while data := raw.recv(65_536):
                events += [from_msgpack(body, assist.Event) for body in reader.feed(data)]
    assert not any(isinstance(event, assist.LogLines | assist.LogSummary) for event in events)
    require_alive(held)


def test_too_many_channels_are_refused_and_the_rest_goes_on(held: HeldSession, bystander: Honest) -> None:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(channel(held)) for _ in range(40)]
        for raw in opened:
            with contextlib.suppress(ConnectionError):  # the one refused already hangs up on us
                raw.sendall(frame(to_msgpack(assist.Logs(follow=True)))[:3])
        wait_until("a refusal", lambda: any(_refused(raw) for raw in opened))
        bystander.require_undisturbed()
    wait_until("room again", lambda: answer(held, assist.About()) is None)


def _refused(raw: socket.socket) -> bool:
    raw.settimeout(0.02)
    try:
        return b"rate-limited" in raw.recv(4_096)
    except (TimeoutError, ConnectionError):
        return False


# --- who may ask at all ------------------------------------------------------------------------


def test_somebody_who_is_not_in_the_roster_gets_no_login(world: EvilWorld) -> None:
    mallory = world.person_without_login("mallory")
    own = mallory("login", world.url, "--key", str(mallory.key), "--root", world.root_sha256, status=4)
    require_clean(own)

    pin = world.keys.tls_sha256
    http, signer = BrokerHttp(world.url, pin), signer_of(mallory)
    challenge = http.post_json("/v1/auth/challenge", {}, LoginChallenge)
    proof = LoginProof(
        version=1, org=challenge.org, technician="ana", nonce=challenge.nonce, tls_sha256=pin,
        at=datetime.now(UTC),
    )  # fmt: skip
    with pytest.raises(RelevoError) as refused:
        http.post_json(
            "/v1/auth/login", LoginRequest(key=signer.public_key.text, proof=seal(proof, signer)), Login
        )
    assert int(refused.value.exit_status) in (4, 8)
    world.audited(Action.LOGIN_REFUSED)


def test_a_technician_of_another_customer_does_not_even_see_the_ticket(
    world: EvilWorld, held: HeldSession, bystander: Honest
) -> None:
    gus = world.technician("gus", customer="globex")
    for command in (
        ("ticket", "show", held.record.ticket),
        ("ticket", "take", held.record.ticket),
        ("session", "open", held.record.ticket, "--scope", "logs", "--reason", "x"),
        ("artifact", "list", held.record.ticket),
        ("session", "end", held.record.ticket),
    ):
        result = gus(*command, status=9 if command[:2] == ("session", "end") else 3)
        require_clean(result)
    assert held.record.ticket not in gus("ticket", "list", "--json").out
    assert held.record.ticket not in gus("session", "list", "--json").out
    world.audited(Action.ACCESS_REFUSED, actor=Actor(kind=ActorKind.TECHNICIAN, id="gus"), customer="acme")
    require_alive(held)
    bystander.require_undisturbed()


def test_a_colleague_cannot_open_end_or_join_the_session_of_another(
    world: EvilWorld, held: HeldSession
) -> None:
    from protocol.api import Leg, LegRequest, SessionEnd, SessionRequest, SessionView
    from technician.login import client

    bob = world.technician("bob", tier=2)
    result = bob("session", "open", held.record.ticket, "--scope", "logs", "--reason", "x", status=9)
    require_clean(result)
    api = client(bob.home)
    grant = held.record.grant
    with pytest.raises(RelevoError) as joined:
        api.post_json(f"/v1/sessions/{grant}/legs", LegRequest(), Leg)
    with pytest.raises(RelevoError) as ended:
        api.post_json(f"/v1/sessions/{grant}/end", SessionEnd(), SessionView)
    assert {int(joined.value.exit_status), int(ended.value.exit_status)} <= {3, 4, 9}
    stolen = _grant_of(world, grant)
    with pytest.raises(RelevoError) as replayed:
        api.post_json("/v1/sessions", SessionRequest(grant=stolen), SessionView)
    assert replayed.value.code in (Code.MALFORMED, Code.IDENTITY_MISMATCH, Code.REPLAYED)
    require_alive(held)


def _grant_of(world: EvilWorld, grant: str):  # type: ignore[no-untyped-def]
    from protocol.envelope import Envelope
    from protocol.wire import from_json

    record = world.audit(Action.SESSION_REQUESTED, grant=grant)[-1]
    return from_json(record.evidence[0], Envelope)


@pytest.mark.parametrize("scope", ["terminal", "files", "control"])
def test_a_scope_above_the_tier_is_refused_before_the_user_hears_of_it(
    world: EvilWorld, machine: Machine, held: HeldSession, scope: str
) -> None:
    tess = _tess(world)
    ticket = taken_ticket(tess, machine)
    result = tess("session", "open", ticket, "--scope", scope, "--reason", "x", status=4)
    require_clean(result)
    assert machine("requests", "--json").json() == []
    world.audited(Action.SESSION_REFUSED, ticket=ticket)
    require_alive(held)


_TESS: dict[EvilWorld, Person] = {}


def _tess(world: EvilWorld) -> Person:
    if world not in _TESS:
        _TESS[world] = world.technician("tess", tier=1)
    return _TESS[world]


# --- after the end -----------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["session end", "stop", "ticket close", "ticket cancel"])
def test_after_the_end_nothing_is_answered_and_the_grant_is_dead(
    world: EvilWorld, ana: Person, machine: Machine, bystander: Honest, end: str
) -> None:
    ticket = taken_ticket(ana, machine)
    world.open_session(ana, machine, ticket, "diagnose")
    session = find_session(ana.home, ticket)
    grant = session.record.grant
    match end:
        case "session end":
            ana("session", "end", ticket)
        case "stop":
            machine("stop")
        case "ticket close":
            ana("ticket", "resolve", ticket, "done", "--no-article", "once")
            ana("ticket", "close", ticket, "--reason", "they say so")
        case _:
            ana("ticket", "cancel", ticket, "--reason", "x")

    def over() -> bool:
        rows = machine("status", "--json").json()["sessions"]
        return all(row["grant"] != grant for row in rows)

    wait_until("the end on the machine", over)
    assert answer(session, assist.About()) in (Code.SESSION_ENDED, Code.NO_SESSION, Code.SESSION_LOST)
    require_clean(ana("diagnose", ticket, "--only", "uptime", status=9))
    from protocol.api import Leg, LegRequest
    from technician.login import client

    with pytest.raises(RelevoError) as refused:
        client(ana.home).post_json(f"/v1/sessions/{grant}/legs", LegRequest(), Leg)
    assert int(refused.value.exit_status) in (4, 5, 9)
    offered = world.offer(machine, _grant_of(world, grant))
    assert offered.code == "replayed"
    bystander.require_undisturbed()
    assert json.loads(ana("session", "list", "--json").out)


def test_fix_requests_of_others_and_without_a_plan_run_nothing(
    world: EvilWorld, ana: Person, machine: Machine
) -> None:
    ticket = taken_ticket(ana, machine)
    world.open_session(ana, machine, ticket, "fix")
    session = find_session(ana.home, ticket)

    by_the_machine = answer(session, fix_request(session, machine_key(machine)))
    unplanned = answer(session, fix_request(session, signer_of(ana)))
    foreign = fix_request(session, signer_of(ana))
    other = msgspec.structs.replace(
        foreign,
        request=seal(
            msgspec.structs.replace(
                msgspec.json.decode(foreign.request.payload, type=FixRequest), grant="0" * 32
            ),
            signer_of(ana),
        ),
    )
    elsewhere = answer(session, other)

    for code in (by_the_machine, unplanned, elsewhere):
        assert code is not None
        assert code is not Code.INTERNAL
        assert int(RelevoError(code).exit_status) in (4, 8, 9)
    assert not world.audit(Action.FIX_STARTED, agent=agent_of(machine))
    world.audited(Action.AGENT_REFUSED, agent=agent_of(machine), grant=session.record.grant)
    require_alive(session)
    ana("session", "end", ticket)
