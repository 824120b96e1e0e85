"""A turned broker between a technician and a machine that are opening, using and ending a session."""

from __future__ import annotations

import base64
import json
import os
import secrets
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from protocol import link
from protocol.api import Leg, SessionGranted
from protocol.audit import Action
from protocol.documents import Consent
from protocol.dsse import open_envelope, seal
from protocol.envelope import Envelope
from protocol.link import EndReason
from protocol.scopes import Scope
from protocol.wire import from_json, to_json
from tests.evil.broker import (
    EvilWorld,
    Honest,
    Offered,
    TooLate,
    agent_of,
    in_time,
    machine_key,
    require_clean,
    signer_of,
    taken_ticket,
)
from tests.evil.front import Answer, Asked, RelayEnd
from tests.support.world import Machine, Person, Result, wait_until


@pytest.fixture(scope="module")
def machine(world: EvilWorld) -> Machine:
    return world.machine()


@pytest.fixture(scope="module")
def ticket(ana: Person, machine: Machine) -> str:
    return taken_ticket(ana, machine)


@pytest.fixture(scope="module")
def other(world: EvilWorld) -> Machine:
    """A machine that the broker would like to put in the place of the right one."""
    return world.machine()


def attempt(
    person: Person, machine: Machine, ticket: str, scopes: str, *allow: str, wait: int = 30
) -> Result:
    """`session open` with the user allowing it; whatever comes of it."""
    reason = f"attempt {secrets.token_hex(4)}"
    asking = person.begin(
        "session", "open", ticket, "--scope", scopes, "--reason", reason, "--wait", str(wait)
    )

    def answered() -> bool:
        if asking.poll() is not None:
            return True
        rows = [row for row in machine("requests", "--json").json() if row["reason"] == reason]
        if rows:
            machine("allow", rows[0]["id"], *allow)
        return bool(rows)

    # A busy machine needs longer to start the program than it then waits for an answer.
    wait_until("the request or a refusal", answered, seconds=wait + 60)
    out, err = asking.communicate(timeout=60)
    return Result(tuple(str(a) for a in asking.args), asking.returncode, out, err, 0.0)


def require_nothing_held(person: Person, ticket: str) -> None:
    """No holder of this ticket is left on the technician's machine."""
    for record in person.home.glob("run/*.json"):
        assert json.loads(record.read_text())["ticket"] != ticket


def end_all(person: Person, machine: Machine, ticket: str) -> None:
    """Whatever the attack left open is ended by the machine's user, and the broker knows."""

    def over() -> bool:
        machine("stop", "--all")
        rows = person("session", "list", "--json").json()
        return all(row["state"] == "ended" for row in rows if row["ticket"] == ticket)

    wait_until("no session", over)


def consented(answer: Answer) -> SessionGranted:
    return from_json(answer.body, SessionGranted)


def is_consent(asked: Asked) -> bool:
    return "/consent" in asked.path


# --- replay and transplant ---------------------------------------------------------------------


def test_a_grant_that_was_used_once_opens_nothing_a_second_time(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str, bystander: Honest
) -> None:
    offers: list[link.Offer] = []

    def keep(agent: str, message: link.FromBroker) -> tuple[link.FromBroker]:
        if isinstance(message, link.Offer):
            offers.append(message)
        return (message,)

    with world.evil.lying(to_agent=keep):
        world.open_session(ana, machine, ticket, "diagnose")
        ana("session", "end", ticket)
    wait_until("the session's end", lambda: not machine("status", "--json").json()["sessions"])
    before = len(machine("receipts", "--json").out)

    offered = world.offer(machine, offers[0].grant)

    assert offered.code == "replayed"
    assert offered.refusal is not None
    assert machine("requests", "--json").json() == []
    assert len(machine("receipts", "--json").out) == before, "the old session's receipt grew"
    logged = world.audited(Action.AGENT_REFUSED, agent=agent_of(machine))
    assert {(f.key, f.value) for f in logged.facts} >= {("code", "replayed")}
    bystander.require_undisturbed()


@pytest.mark.parametrize("end", ["deny", "unanswered"])
def test_a_grant_that_the_user_refused_cannot_be_put_before_them_again(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str, end: str
) -> None:

    def offered(life: timedelta) -> tuple[Envelope, Offered]:
        grant = world.grant(ana, machine, ticket, establish_by=datetime.now(UTC) + life)
        envelope = world.sealed(grant, signer_of(ana))
        first = world.offer(machine, envelope)
        if first.code == "document-expired":
            raise TooLate
        return envelope, first

    envelope, first = in_time(offered) if end == "unanswered" else offered(timedelta(minutes=1))
    assert isinstance(first.answer, link.OfferShown)
    if end == "deny":
        machine("deny", first.grant)
    control = world.evil.link(agent_of(machine))
    wait_until(
        "the end of the first request",
        lambda: any(isinstance(m, link.SessionEnded) and m.grant == first.grant for m in list(control.heard)),
    )

    again = world.offer(machine, envelope)

    assert again.code in ("replayed", "document-expired")
    assert machine("requests", "--json").json() == []


def test_the_consent_of_another_machine_is_not_taken_for_this_one(
    world: EvilWorld, ana: Person, machine: Machine, other: Machine, ticket: str, bystander: Honest
) -> None:
    def swap(asked: Asked, answer: Answer) -> Answer:
        if not is_consent(asked) or answer.status != 200:
            return answer
        granted = consented(answer)
        claim = from_json(granted.consent.payload, Consent)
        key = machine_key(other)
        forged = seal(msgspec.structs.replace(claim, agent_key=key.public_key.text), key)
        return Answer(200, answer.headers, to_json(msgspec.structs.replace(granted, consent=forged)))

    with world.evil.lying(answer=swap):
        result = attempt(ana, machine, ticket, "diagnose")

    assert result.status == 8
    require_clean(result)
    require_nothing_held(ana, ticket)
    bystander.require_undisturbed()
    end_all(ana, machine, ticket)


def test_the_consent_to_an_older_grant_is_not_taken_for_a_new_one(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    old: list[SessionGranted] = []

    def keep(asked: Asked, answer: Answer) -> Answer:
        if is_consent(asked) and answer.status == 200:
            old.append(consented(answer))
        return answer

    with world.evil.lying(answer=keep):
        world.open_session(ana, machine, ticket, "diagnose")
        ana("session", "end", ticket)

    def transplant(asked: Asked, answer: Answer) -> Answer:
        if not is_consent(asked) or answer.status != 200:
            return answer
        new = msgspec.structs.replace(consented(answer), consent=old[0].consent)
        return Answer(200, answer.headers, to_json(new))

    with world.evil.lying(answer=transplant):
        result = attempt(ana, machine, ticket, "diagnose")

    assert result.status == 8
    require_nothing_held(ana, ticket)
    end_all(ana, machine, ticket)


def test_a_whole_older_session_is_not_taken_for_the_one_that_was_asked_for(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    old: list[bytes] = []

    def keep(asked: Asked, answer: Answer) -> Answer:
        if is_consent(asked) and answer.status == 200:
            old.append(answer.body)
        return answer

    with world.evil.lying(answer=keep):
        world.open_session(ana, machine, ticket, "diagnose")
        ana("session", "end", ticket)

    with world.evil.lying(
        ask=lambda asked: (
            Answer(200, {"content-type": "application/json"}, old[0]) if is_consent(asked) else None
        )
    ):
        result = ana(
            "session", "open", ticket, "--scope", "diagnose", "--reason", "x", "--wait", "5", status=8
        )

    require_clean(result)
    require_nothing_held(ana, ticket)
    end_all(ana, machine, ticket)


# --- widening ----------------------------------------------------------------------------------


def test_consent_cannot_be_widened_towards_the_technician(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    def widen(asked: Asked, answer: Answer) -> Answer:
        if not is_consent(asked) or answer.status != 200:
            return answer
        granted = consented(answer)
        payload = granted.consent.payload.replace(b'["diagnose"]', b'["diagnose","logs"]')
        assert payload != granted.consent.payload
        wider = msgspec.structs.replace(granted.consent, payload=payload)
        return Answer(200, answer.headers, to_json(msgspec.structs.replace(granted, consent=wider)))

    with world.evil.lying(answer=widen):
        result = attempt(ana, machine, ticket, "diagnose,logs", "--scope", "diagnose")

    assert result.status == 8
    require_nothing_held(ana, ticket)
    end_all(ana, machine, ticket)


def test_more_than_the_technician_asked_for_is_never_put_before_the_user(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    refused: list[link.OfferRefused] = []

    def widen(agent: str, message: link.FromBroker) -> tuple[link.FromBroker]:
        if not isinstance(message, link.Offer):
            return (message,)
        payload = message.grant.payload.replace(b'["diagnose"]', b'["diagnose","logs"]')
        return (
            msgspec.structs.replace(message, grant=msgspec.structs.replace(message.grant, payload=payload)),
        )

    def listen(agent: str, message: link.FromAgent) -> tuple[link.FromAgent]:
        if isinstance(message, link.OfferRefused):
            refused.append(message)
        return (message,)

    with world.evil.lying(to_agent=widen, from_agent=listen):
        result = attempt(ana, machine, ticket, "diagnose", wait=2)
        wait_until("the machine's refusal", lambda: refused)

    assert result.status in (5, 8, 9)
    require_clean(result)
    assert refused[0].code == "signature-invalid"
    assert machine("requests", "--json").json() == []


def test_what_the_user_did_not_grant_stays_shut_however_the_broker_paints_it(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    """The broker tells everybody that all was granted; the machine goes by what its own key signed."""

    def paint(asked: Asked, answer: Answer) -> Answer:
        body = answer.body.replace(b'"scopes":["diagnose"]', b'"scopes":["diagnose","logs","screenshot"]')
        return Answer(answer.status, answer.headers, body)

    with world.evil.lying(answer=paint):
        result = attempt(ana, machine, ticket, "diagnose,logs", "--scope", "diagnose")
        if result.status == 0:
            ana("logs", ticket, "--since", "1h", status=4)
            assert world.audited(Action.AGENT_REFUSED, agent=agent_of(machine))
    end_all(ana, machine, ticket)


# --- the machine behind the name, and the legs --------------------------------------------------


def test_the_leg_of_another_machine_is_not_this_machine(
    world: EvilWorld, ana: Person, machine: Machine, other: Machine, ticket: str, bystander: Honest
) -> None:
    """Two sessions at once, and the broker pairs each technician with the other machine."""
    second = taken_ticket(ana, other)
    kept: list[Leg] = []

    def cross(asked: Asked, answer: Answer) -> Answer:
        if not asked.path.endswith("/legs") or answer.status >= 300:
            return answer
        kept.append(from_json(answer.body, Leg))
        return answer

    with world.evil.lying(answer=cross):
        world.open_session(ana, other, second, "diagnose")
    stolen = _fresh_leg(world, ana, kept[0].grant)

    def misdirect(asked: Asked, answer: Answer) -> Answer:
        if not asked.path.endswith("/legs") or answer.status >= 300:
            return answer
        mine = from_json(answer.body, Leg)
        return Answer(
            answer.status, answer.headers, to_json(msgspec.structs.replace(mine, token=stolen.token))
        )

    with world.evil.lying(answer=misdirect):
        result = attempt(ana, machine, ticket, "diagnose")

    assert result.status in (4, 8), result
    require_clean(result)
    require_nothing_held(ana, ticket)
    assert ana("diagnose", second, "--only", "uptime", "--json").status == 0
    bystander.require_undisturbed()
    end_all(ana, machine, ticket)
    end_all(ana, other, second)


def _fresh_leg(world: EvilWorld, person: Person, grant: str) -> Leg:
    """One more leg of a session, with the technician's own login: the broker can make any."""
    from technician.login import client

    return client(person.home).post_json(f"/v1/sessions/{grant}/legs", {}, Leg)


def test_the_tokens_of_a_session_open_nothing_once_it_is_over(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str, bystander: Honest
) -> None:
    world.open_session(ana, machine, ticket, "diagnose")
    grant = held_grant(ana, ticket)
    ana("session", "end", ticket)
    end_all(ana, machine, ticket)
    tokens = [token for token, end in list(world.evil.tokens.items()) if end.grant == grant]

    assert len(tokens) >= 4, "two first tokens and their successors"
    assert {_knock(world, token) for token in tokens} <= {4401, 4403, 4404}

    world.audited(Action.ACCESS_REFUSED)
    bystander.require_undisturbed()


def held_grant(person: Person, ticket: str) -> str:
    records = [json.loads(path.read_text()) for path in person.home.glob("run/*.json")]
    return next(str(record["grant"]) for record in records if record["ticket"] == ticket)


def _knock(world: EvilWorld, token: str) -> int | None:
    """Go to the broker's relay with this token; the code it closes with."""
    import ssl

    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    where = f"wss://127.0.0.1:{world.backend}/v1/relay"
    with connect(where, ssl=context, proxy=None, open_timeout=60, close_timeout=1) as socket:
        socket.send(json.dumps({"token": token}))
        try:
            socket.recv(60)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
    return None


@pytest.mark.parametrize("how", ["flip", "drop", "twice", "swap", "garbage"])
def test_a_broker_that_touches_the_relay_gains_nothing_but_a_broken_session(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str, bystander: Honest, how: str
) -> None:
    world.open_session(ana, machine, ticket, "diagnose")
    grant = held_grant(ana, ticket)
    touched: list[bytes] = []

    def meddle(end: RelayEnd, frame: bytes) -> tuple[bytes, ...]:
        if end != RelayEnd("agent", grant) or len(touched) == 2 or len(frame) < 40:
            return (frame,)
        touched.append(frame)
        match how:
            case "flip":
                return (frame[:-9] + bytes([frame[-9] ^ 1]) + frame[-8:],)
            case "drop":
                return () if len(touched) == 1 else (frame,)
            case "twice":
                return (frame, frame)
            case "garbage":
                return (os.urandom(len(frame)),)
            case _:  # the first comes after the second
                return () if len(touched) == 1 else (frame, touched[0])

    with world.evil.lying(relay=meddle):
        asking = ana.begin("diagnose", ticket, "--json")
        more = ana.begin("diagnose", ticket, "--only", "uptime")  # what follows shows what is missing
        out, err = asking.communicate(timeout=60)
        more.communicate(timeout=60)
    assert touched
    result = Result(("diagnose",), asking.returncode, out, err, 0.0)
    require_clean(result)
    if result.status == 0:  # repaired by resuming, never altered: the machine's seal was verified
        assert result.json()["manifest"]["ticket"] == ticket
    else:
        assert result.status in (2, 7, 8, 9), result
    bystander.require_undisturbed()
    end_all(ana, machine, ticket)
    wait_until("the holder to leave", lambda: not _holds(ana, ticket))


def _holds(person: Person, ticket: str) -> bool:
    return any(json.loads(r.read_text())["ticket"] == ticket for r in person.home.glob("run/*.json"))


def test_the_broker_sees_nothing_of_a_session_but_ciphertext(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    world.evil.relayed.clear()
    world.open_session(ana, machine, ticket, "diagnose")
    ana("diagnose", ticket, "--only", "uptime,cpu", "--json")
    ana("session", "end", ticket)

    passed = b"".join(frame for _, frame in world.evil.relayed)
    assert len(passed) > 5_000
    for canary in (b"uptime", b"diagnose", b"collector", b"manifest", b"assist"):
        assert canary not in passed
        assert base64.b64encode(canary) not in passed


# --- keeping silent ----------------------------------------------------------------------------


def test_a_broker_that_never_says_end_cannot_prolong_a_session(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    """The grant's own end is kept by the machine; so is the user's stop."""

    def silent(agent: str, message: link.FromBroker) -> tuple[link.FromBroker, ...]:
        return () if isinstance(message, link.End) else (message,)

    def allowed(life: timedelta) -> Offered:
        ends = datetime.now(UTC) + life
        short = world.grant(ana, machine, ticket, ends=ends, establish_by=ends)
        offered = world.offer(machine, world.sealed(short, signer_of(ana)))
        machine("allow", offered.grant)
        return offered

    with world.evil.lying(to_agent=silent):
        offered = in_time(allowed)
        gone = world.evil.link(agent_of(machine))
        wait_until(
            "the session to end by itself",
            lambda: any(
                isinstance(m, link.SessionEnded) and m.grant == offered.grant and m.why is EndReason.TIME_UP
                for m in list(gone.heard)
            ),
        )
        world.open_session(ana, machine, ticket, "diagnose")
        machine("stop")
        wait_until("no session", lambda: not machine("status", "--json").json()["sessions"])
        result = ana("diagnose", ticket, "--only", "uptime", status=9)
        require_clean(result)


def test_consent_that_the_broker_invents_opens_nothing_on_the_machine(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str, bystander: Honest
) -> None:
    """The request is shown; the broker joins legs as if the user had agreed."""
    offered = world.offer(machine, world.sealed(world.grant(ana, machine, ticket), signer_of(ana)))
    assert isinstance(offered.answer, link.OfferShown)
    control = world.evil.link(agent_of(machine))

    control.send(link.Join(grant=offered.grant, leg=1, token="ab" * 32))
    control.send(link.Done(ref=0), link.JournalAck(sequence=0))

    assert machine("requests", "--json").json()[0]["grant"] == offered.grant
    assert machine("status", "--json").json()["sessions"] == []
    assert not any(e.action is Action.CONSENT_GIVEN for e in offered.journalled)
    machine("deny", offered.grant)
    bystander.require_undisturbed()


def test_two_offers_under_one_grant_id_are_one_request(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    """What the user reads is what they agree to: a second offer cannot slip under the first."""
    asked = world.grant(ana, machine, ticket)
    wider = msgspec.structs.replace(asked, scopes=(Scope.DIAGNOSE, Scope.FILES))
    first = world.offer(machine, world.sealed(asked, signer_of(ana)))
    control = world.evil.link(agent_of(machine))
    control.send(link.Offer(grant=world.sealed(wider, signer_of(ana)), ticket_title="the same"))

    rows = machine("requests", "--json").json()
    assert [row["scopes"] for row in rows] == [["diagnose"]]
    machine("allow", first.grant)

    def agreed() -> link.ConsentGiven | None:
        found = [
            m for m in list(control.heard) if isinstance(m, link.ConsentGiven) and m.grant == first.grant
        ]
        return found[0] if found else None

    given = wait_until("the consent", agreed)
    consent = open_envelope(given.consent, Consent, [machine_key(machine).public_key])
    assert consent.scopes == (Scope.DIAGNOSE,)
    assert consent.grant_sha256 == world.sealed(asked, signer_of(ana)).digest
    end_all(ana, machine, ticket)
