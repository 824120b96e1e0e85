"""Joining the organisation with tokens that are used, expired, forged or somebody else's."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.api import Enrolled, EnrolRequest
from protocol.audit import Action
from protocol.documents import Enrolment, EnrolmentToken
from protocol.drivers.http import BrokerHttp
from protocol.dsse import seal
from protocol.enrolment import TokenFile
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id
from protocol.sshkeys import KeySigner
from protocol.wire import from_json, to_json
from tests.evil.broker import EvilWorld, Honest, require_clean, signer_of
from tests.evil.front import Answer, Asked
from tests.support.world import BIN, Result

MANY = 20
AT_ONCE = 10
"""Processes at a time: more interpreters at once only measure the machine."""


def enrol(world: EvilWorld, token: Path, folder: Path, status: int) -> Result:
    result = world.command("relevo-agent", "enrol", str(token), "--data", str(folder), status=status)
    require_clean(result)
    assert (folder / "membership.json").exists() == (status == 0)
    return result


def changed(world: EvilWorld, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A good token's file with ``change``."""
    held = json.loads(world.token().read_text())
    change(held)
    path = folder / "changed.json"
    path.write_text(json.dumps(held))
    return path


def test_of_many_machines_with_one_token_exactly_one_gets_in(world: EvilWorld, tmp_path: Path) -> None:
    token = world.token()
    statuses: list[int] = []
    left = list(range(MANY))
    running: list[subprocess.Popen[bytes]] = []

    while left or running:
        while left and len(running) < AT_ONCE:
            argv = [
                str(BIN / "relevo-agent"),
                "enrol",
                str(token),
                "--data",
                str(tmp_path / f"m{left.pop()}"),
            ]
            running.append(
                subprocess.Popen(
                    argv, env=world.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
        statuses.append(running.pop(0).wait(60))

    assert sorted(statuses) == [0] + [9] * (MANY - 1)
    assert len(list(tmp_path.glob("*/membership.json"))) == 1
    world.audited(Action.ENROLMENT_REFUSED)


def test_a_used_token_is_a_conflict_also_for_a_second_machine(
    world: EvilWorld, bystander: Honest, tmp_path: Path
) -> None:
    token = world.token()
    enrol(world, token, tmp_path / "first", 0)
    enrol(world, token, tmp_path / "second", 9)
    refused = world.command("relevo-agent", "enrol", str(token), "--data", str(tmp_path / "first"), status=9)
    require_clean(refused)
    bystander.require_undisturbed()


def test_an_expired_token_is_refused_also_when_the_machine_does_not_mind(
    world: EvilWorld, tmp_path: Path
) -> None:
    """Signed by the administrator, but yesterday's; the second machine asks the broker all the same."""

    def age(held: dict[str, Any]) -> None:
        token = from_json(json.dumps(held["token"]), Envelope)
        claims, now = from_json(token.payload, EnrolmentToken), datetime.now(UTC)
        old = msgspec.structs.replace(claims, issued=now - timedelta(days=2), expires=now - timedelta(days=1))
        held["token"] = json.loads(to_json(seal(old, signer_of(world.admin))))

    token = changed(world, tmp_path, age)
    enrol(world, token, tmp_path / "late", 4)

    held = from_json(token.read_text(), TokenFile)
    claims = from_json(held.token.payload, EnrolmentToken)
    key = KeySigner(Ed25519PrivateKey.generate())
    enrolment = Enrolment(
        version=1, token=claims.token, org=claims.org, agent=agent_id(key.public_key.blob),
        agent_key=key.public_key.text, hostname="h", platform="p", at=datetime.now(UTC),
    )  # fmt: skip
    asked = EnrolRequest(token=held.token, enrolment=seal(enrolment, key))
    with pytest.raises(RelevoError) as refused:
        BrokerHttp(world.url, held.tls_sha256).post_json("/v1/enrol", asked, Enrolled)
    assert refused.value.code in (Code.TOKEN_EXPIRED, Code.DOCUMENT_EXPIRED)
    world.audited(Action.ENROLMENT_REFUSED)


def _other_customer(held: dict[str, Any]) -> None:
    payload = base64.b64decode(held["token"]["payload"])
    altered = payload.replace(b'"acme"', b'"globex"')
    assert altered != payload
    held["token"]["payload"] = base64.b64encode(altered).decode()


def _other_organisation(held: dict[str, Any]) -> None:
    held["org"] = "org-" + "a" * 32


def _other_root(held: dict[str, Any]) -> None:
    held["root_sha256"] = "0" * 64


def _other_certificate(held: dict[str, Any]) -> None:
    held["tls_sha256"] = "0" * 64


def _from_the_future(held: dict[str, Any]) -> None:
    held["targets_version"] = 1 << 40


def _without_signature(held: dict[str, Any]) -> None:
    held["token"]["signatures"] = []


def _plaintext(held: dict[str, Any]) -> None:
    held["url"] = held["url"].replace("wss://", "ws://")


def _unknown_field(held: dict[str, Any]) -> None:
    held["then_run"] = "sh"


LIES: tuple[tuple[Callable[[dict[str, Any]], None], set[int]], ...] = (
    (_other_customer, {4, 8}),
    (_other_organisation, {8}),
    (_other_root, {8}),
    (_other_certificate, {8}),
    (_from_the_future, {8}),
    (_without_signature, {4, 8}),
    (_plaintext, {2}),
    (_unknown_field, {2}),
)


@pytest.mark.parametrize(("change", "statuses"), LIES, ids=[c.__name__.strip("_") for c, _ in LIES])
def test_a_token_that_was_tampered_with_joins_nothing(
    world: EvilWorld, tmp_path: Path, change: Callable[[dict[str, Any]], None], statuses: set[int]
) -> None:
    token = changed(world, tmp_path, change)
    done = subprocess.run(
        [str(BIN / "relevo-agent"), "enrol", str(token), "--data", str(tmp_path / "m")],
        env=world.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode in statuses, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "m" / "membership.json").exists()


@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        (
            b'{"agent":"ag-'
            + b"a" * 32
            + b'","customer":"acme","mode":"attended","org":"org-'
            + b"b" * 32
            + b'"}',
            {8},
        ),
        (b"{}", {2}),
        (b"[" * 100_000, {2}),
        (b"x" * (70 << 20), {2}),
    ],
    ids=["another machine", "nothing", "nesting", "seventy megabytes"],
)
def test_a_broker_that_lies_about_the_enrolment_enrols_nobody(
    world: EvilWorld, tmp_path: Path, answer: bytes, statuses: set[int]
) -> None:
    def lie(asked: Asked) -> Answer | None:
        if asked.path != "/v1/enrol":
            return None
        return Answer(200, {"content-type": "application/json"}, answer)

    token = world.token()
    with world.evil.lying(ask=lie):
        done = subprocess.run(
            [str(BIN / "relevo-agent"), "enrol", str(token), "--data", str(tmp_path / "m")],
            env=world.environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode in statuses, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "m" / "membership.json").exists()
    enrol(world, token, tmp_path / "m", 0)
