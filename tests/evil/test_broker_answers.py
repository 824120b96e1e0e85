"""A turned broker lies over HTTP: answers of the wrong kind and size, and an organisation of its own making."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocol.audit import Action
from tests.evil.broker import (
    EvilWorld,
    agent_of,
    require_clean,
    require_refused,
    signer_of,
    taken_ticket,
)
from tests.evil.front import Answer, Asked
from tests.support.world import BIN, Machine, Person

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u009b31m\r\n[bold red]x[/]\x00"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def machine(world: EvilWorld) -> Machine:
    return world.machine()


@pytest.fixture(scope="module")
def ticket(ana: Person, machine: Machine) -> str:
    return taken_ticket(ana, machine)


ANSWERS: dict[str, tuple[Answer, set[int]]] = {
    "too large": (Answer(200, JSON, b"[" + b"0," * (35 << 20)), {2}),
    "nothing": (Answer(200, JSON, b""), {2}),
    "another type": (Answer(200, JSON, b'{"rows":7}'), {2}),
    "nesting": (Answer(200, JSON, b"[" * 200_000), {2}),
    "no JSON": (Answer(200, {"content-type": "text/html"}, b"<script>alert(1)</script>"), {2}),
    "no text": (Answer(200, JSON, b'{"rows":"\xff\xfe"}'), {2}),
    "redirect": (Answer(302, {"location": "https://evil.example/"}, b""), {2}),
    "compressed": (Answer(200, {**JSON, "content-encoding": "gzip"}, b"\x1f\x8b"), {2}),
    "teapot": (Answer(418, {"content-type": "text/plain"}, HOSTILE.encode()), {4}),
    "fault": (Answer(500, JSON, b"{}"), {7}),
    "hostile problem": (
        Answer(
            403,
            {"content-type": "application/problem+json"},
            json.dumps(
                {"type": HOSTILE, "title": HOSTILE, "status": 403, "detail": HOSTILE * 99, "code": "refused",
                 "reference": HOSTILE}
            ).encode(),
        ),
        {4},
    ),
    "invented code": (
        Answer(
            403,
            {"content-type": "application/problem+json"},
            b'{"type":"x","title":"x","status":403,"detail":"x","code":"welcome","reference":"x"}',
        ),
        {4},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_of_the_wrong_kind_is_a_typed_error_in_two_lines(
    world: EvilWorld, ana: Person, what: str
) -> None:
    answer, statuses = ANSWERS[what]
    for command in (("ticket", "list"), ("agent", "list"), ("session", "list")):
        with world.evil.lying(ask=lambda asked: answer if asked.path.startswith("/v1/") else None):
            asking = ana.begin(*command)
            out, err = asking.communicate(timeout=60)
        assert asking.returncode in statuses, (command, asking.returncode, err)
        assert out == ""
        assert len(err.strip().splitlines()) <= 4
        for bad in ("Traceback", "\x1b", "\u202e", "\u009b"):
            assert bad not in err


def test_debug_output_of_hostile_details_is_escaped_too(world: EvilWorld, ana: Person) -> None:
    answer, _ = ANSWERS["hostile problem"]
    with world.evil.lying(ask=lambda asked: answer if asked.path.startswith("/v1/") else None):
        asking = ana.begin("ticket", "list", "--debug")
        _, err = asking.communicate(timeout=60)
    assert asking.returncode in (2, 4)
    assert "\x1b" not in err
    assert "\u202e" not in err


def test_hostile_words_in_every_field_are_words(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str
) -> None:
    """Every free text field of what the broker says is replaced, in listings and in detail."""

    def poison(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {k: poison(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v, key) for v in value]
        return HOSTILE if key in _FREE and isinstance(value, str) else value

    def lie(asked: Asked, answer: Answer) -> Answer:
        if answer.status != 200 or not asked.path.startswith("/v1/") or "auth" in asked.path:
            return answer
        return Answer(200, answer.headers, json.dumps(poison(json.loads(answer.body))).encode())

    with world.evil.lying(answer=lie):
        for command in (
            ("ticket", "list"),
            ("ticket", "show", ticket),
            ("agent", "list"),
            ("agent", "show", agent_of(machine)),
            ("session", "list"),
            ("artifact", "list", ticket),
        ):
            result = ana(*command)
            require_clean(result)
            as_json = ana(*command, "--json")
            assert "\x1b" not in as_json.out
            json.loads(as_json.out)


_FREE = frozenset(
    {"title", "description", "requester", "resolution", "hostname", "platform", "version", "by", "text",
     "reason", "name", "media_type"}
)  # fmt: skip


# --- an organisation of its own making ---------------------------------------------------------


@pytest.fixture
def repository(world: EvilWorld) -> Iterator[dict[str, bytes]]:
    """What is served now, path by path, as an attacker would keep it for later."""
    folder = world.broker_data / "repository"
    yield {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def serving(change: Callable[[str, bytes], bytes]) -> Callable[[Asked, Answer], Answer]:
    def lie(asked: Asked, answer: Answer) -> Answer:
        if not asked.path.startswith("/repo/") or answer.status != 200:
            return answer
        return Answer(200, answer.headers, change(asked.path.removeprefix("/repo/"), answer.body))

    return lie


def _roster_with_one_more(path: str, body: bytes) -> bytes:
    if not path.endswith(".roster.json"):
        return body
    return body.replace(b'"technicians":[', b'"technicians":[{"id":"mallory","name":"M","keys":["ssh-ed25519 AAAA"],'
                        b'"roles":["technician"],"tiers":[{"customer":"*","tier":3}]},')  # fmt: skip


def _targets_with_a_stolen_roster(path: str, body: bytes) -> bytes:
    if not path.endswith(".targets.json"):
        return body
    metadata = json.loads(body)
    for info in metadata["signed"]["targets"].values():
        info["hashes"]["sha256"] = "0" * 64
    return json.dumps(metadata).encode()


def _without_signatures(path: str, body: bytes) -> bytes:
    if not path.startswith("metadata/") or not path.endswith("timestamp.json"):
        return body
    metadata = json.loads(body)
    metadata["signatures"] = []
    return json.dumps(metadata).encode()


def _garbage(path: str, body: bytes) -> bytes:
    return b"\x00" * len(body) if path.endswith("timestamp.json") else body


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (_roster_with_one_more, {"hash-mismatch"}),
        (_targets_with_a_stolen_roster, {"hash-mismatch", "signature-invalid"}),
        (_without_signatures, {"signature-invalid"}),
        (_garbage, {"malformed", "signature-invalid"}),
    ],
)
def test_a_forged_organisation_is_believed_by_nobody(
    world: EvilWorld,
    ana: Person,
    machine: Machine,
    ticket: str,
    change: Callable[[str, bytes], bytes],
    codes: set[str],
) -> None:
    """The machine refuses the offer, a new machine does not join, the technician does not go on."""
    world.technician(f"fresh{change.__name__}".replace("_", "-"))  # so that everybody has news to fetch
    token = world.token()
    with world.evil.lying(answer=serving(change)):
        offered = world.offer(machine, world.sealed(world.grant(ana, machine, ticket), signer_of(ana)))
        joining = subprocess.run(
            [str(BIN / "relevo-agent"), "enrol", str(token), "--data", str(token.with_suffix(""))],
            env=world.environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        opening = ana.begin("session", "open", ticket, "--scope", "diagnose", "--reason", "x", "--wait", "2")
        _, err = opening.communicate(timeout=60)

    assert offered.code in codes
    require_refused(offered, str(offered.code), machine)
    assert joining.returncode in (2, 8), joining.stderr
    assert opening.returncode in (2, 8), err
    for text in (joining.stderr, err):
        assert "Traceback" not in text


def test_an_older_organisation_is_a_rollback_for_whoever_saw_the_newer(
    world: EvilWorld, ana: Person, machine: Machine, ticket: str, repository: dict[str, bytes]
) -> None:
    """Also with fresh snapshot and timestamp: those keys the broker has, the one for targets it has not."""
    zoe = world.technician("zoe")
    grant = world.grant(zoe, machine, ticket)
    fresh = world.offer(machine, world.sealed(world.grant(ana, machine, ticket), signer_of(ana)))
    machine("deny", fresh.grant)
    world.admin("org", "technician", "remove", "zoe")
    world.admin("org", "publish")
    refused = world.offer(machine, world.sealed(grant, signer_of(zoe)))
    assert refused.code in ("not-in-roster", "revoked")

    def old(asked: Asked) -> Answer | None:
        path = asked.path.removeprefix("/repo/")
        if not asked.path.startswith("/repo/"):
            return None
        if path in repository:
            return Answer(200, {"content-type": "application/json"}, repository[path])
        return Answer(404, {"content-type": "text/plain"}, b"")

    with world.evil.lying(ask=old):
        again = world.offer(machine, world.sealed(world.grant(ana, machine, ticket), signer_of(ana)))
    assert again.code in ("rollback", "signature-invalid")
    require_refused(again, str(again.code), machine)
    logged = world.audited(Action.AGENT_REFUSED, agent=agent_of(machine))
    assert any(fact.value == again.code for fact in logged.facts)


def test_what_the_broker_hides_from_the_agents_is_found_when_it_matters(
    world: EvilWorld, machine: Machine, ticket: str, tmp_path: Path
) -> None:
    """RepositoryChanged is withheld: the next offer makes the machine look for itself."""
    from protocol import link

    yan = world.technician("yan")
    envelope = world.sealed(world.grant(yan, machine, ticket), signer_of(yan))
    with world.evil.lying(
        to_agent=lambda agent, message: () if isinstance(message, link.RepositoryChanged) else (message,)
    ):
        world.admin("org", "technician", "remove", "yan")
        world.admin("org", "publish")
        offered = world.offer(machine, envelope)
    assert offered.code in ("not-in-roster", "revoked")
