"""A token makes one machine an agent, once, and only as an administrator meant it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from protocol import dsse
from protocol.api import EnrolRequest
from protocol.documents import Enrolment
from tests.support.broker_world import World, new_key, paired


async def _enrol(world: World, request: EnrolRequest, source: str = "192.0.2.1") -> tuple[int, str]:
    answer = await world.call("POST", "/v1/enrol", request, source=source)
    return answer.status, "" if answer.status == 200 else answer.code


async def test_a_machine_with_a_good_token_becomes_an_agent(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machine = new_key()
        answer = await world.call("POST", "/v1/enrol", world.org.enrol_request(world.org.token(), machine))
        assert answer.status == 200
        assert answer.json["customer"] == "acme"
        listed = await world.call("GET", "/v1/agents", token=await world.login("ada"))
        assert [row["agent"] for row in listed.json["rows"]] == [answer.json["agent"]]
        assert listed.json["rows"][0]["online"] is False


async def test_of_fifty_at_once_exactly_one_wins(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        token = world.org.token()
        results = await asyncio.gather(
            *(_enrol(world, world.org.enrol_request(token), source=f"198.51.100.{n}") for n in range(50))
        )
        assert results.count((200, "")) == 1
        assert results.count((409, "token-used")) == 49
        records = await world.audit(await world.login("olga"))
        actions = [record["action"] for record in records]
        assert actions.count("agent.enrolled") == 1
        assert actions.count("agent.enrolment-refused") == 49


async def test_the_same_machine_that_lost_the_answer_gets_it_again(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        request = world.org.enrol_request(world.org.token())
        assert await _enrol(world, request) == (200, "")
        world.clock.forward(hours=2)
        assert await _enrol(world, request) == (200, "")
        records = await world.audit(await world.login("olga"))
        assert [record["action"] for record in records].count("agent.enrolled") == 1


async def test_an_expired_token_and_one_from_the_future_are_refused(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        old = world.org.token(expires=world.org.now - timedelta(seconds=1))
        early = world.org.token(issued=world.org.now + timedelta(minutes=1))
        for token in (old, early):
            assert await _enrol(world, world.org.enrol_request(token)) == (403, "token-expired")


@pytest.mark.parametrize(
    ("signer", "code"),
    [("toni", "role-missing"), ("olga", "role-missing"), ("stranger", "not-in-roster")],
)
async def test_only_an_administrators_signature_makes_a_token(tmp_path: Path, signer: str, code: str) -> None:
    async with paired(tmp_path) as world:
        key = world.org.keys.get(signer, new_key())
        request = world.org.enrol_request(world.org.token(), signer=key)
        assert await _enrol(world, request) == (403, code)


async def test_a_token_altered_after_signing_is_refused(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        token = world.org.token()
        good = world.org.enrol_request(token)
        forged = dsse.seal(world.org.token(token=token.token, customer="globex"), new_key())
        moved = EnrolRequest(
            token=type(good.token)(
                payload_type=good.token.payload_type,
                payload=forged.payload,
                signatures=good.token.signatures,
            ),
            enrolment=good.enrolment,
        )
        assert await _enrol(world, moved) == (403, "signature-invalid")


async def test_an_agents_id_must_be_the_hash_of_its_own_key(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        other = world.org.enrol_request(world.org.token())
        stolen = dsse.unsafe_peek(other.enrolment, Enrolment)
        request = world.org.enrol_request(world.org.token(), agent=stolen.agent)
        assert await _enrol(world, request) == (403, "identity-mismatch")


async def test_a_token_of_another_organisation_or_an_unknown_customer_is_refused(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        foreign = world.org.token(org="org-" + "a" * 32)
        unknown = world.org.token(customer="initech")
        assert await _enrol(world, world.org.enrol_request(foreign, org=foreign.org)) == (
            403,
            "identity-mismatch",
        )
        assert await _enrol(world, world.org.enrol_request(unknown)) == (404, "not-found")


async def test_an_enrolment_for_another_token_is_refused(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        request = world.org.enrol_request(world.org.token(), token=world.org.token().token)
        assert await _enrol(world, request) == (403, "identity-mismatch")


async def test_a_machine_is_enrolled_only_once(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        machine = new_key()
        assert await _enrol(world, world.org.enrol_request(world.org.token(), machine)) == (200, "")
        assert await _enrol(world, world.org.enrol_request(world.org.token(), machine)) == (
            409,
            "already-exists",
        )


async def test_a_refusal_is_recorded_with_its_evidence_and_claims_nothing_as_proven(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        request = world.org.enrol_request(world.org.token(), signer=new_key(), hostname="\x1b[2Jdesk")
        await _enrol(world, request)
        records = await world.audit(await world.login("olga"))
        refused = next(r for r in records if r["action"] == "agent.enrolment-refused")
        assert refused["actor"]["kind"] == "unknown"
        assert {"key": "code", "value": "not-in-roster"} in refused["facts"]
        assert len(refused["evidence"]) == 2
