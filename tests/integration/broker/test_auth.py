"""Logging in: only who proves a key of the roster, each proof once, and only as long as the roster says so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text

from broker.auth import MAX_LOGINS
from broker.nonces import LIFE, Nonces
from broker.store.tables import logins
from protocol import dsse
from protocol.documents import LoginProof
from protocol.errors import Code, RelevoError
from protocol.organisation import Revoked
from protocol.scopes import Role
from tests.support.broker_world import World, new_key, paired, unpaired


async def _nonce(world: World) -> str:
    return str((await world.call("POST", "/v1/auth/challenge")).json["nonce"])


async def _try(world: World, who: str = "toni", **changes: Any) -> tuple[int, str]:
    nonce = changes.pop("nonce", None) or await _nonce(world)
    answer = await world.call("POST", "/v1/auth/login", world.org.login_request(who, nonce, **changes))
    return answer.status, "" if answer.status == 200 else answer.code


async def test_a_technician_who_proves_a_roster_key_is_logged_in(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        token = await world.login("toni")
        me = await world.call("GET", "/v1/me", token=token)
        assert (me.status, me.json["id"]) == (200, "toni")


async def test_the_bearer_is_stored_only_as_its_hash(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        token = await world.login("toni")
        await world.broker.store.close()
        held = (tmp_path / "broker.db").read_bytes()
        assert token.removeprefix("relevo_").encode() not in held
        assert bytes.fromhex(token.removeprefix("relevo_")) not in held


async def test_a_login_that_is_replayed_is_refused(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        nonce = await _nonce(world)
        assert await _try(world, nonce=nonce) == (200, "")
        assert await _try(world, nonce=nonce) == (409, "replayed")
        assert await _try(world, "gil", nonce=nonce) == (409, "replayed")


async def test_a_challenge_lasts_two_minutes(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        nonce = await _nonce(world)
        world.clock.forward(minutes=2, seconds=1)
        assert await _try(world, nonce=nonce) == (403, "document-expired")


async def test_a_challenge_of_another_broker_or_an_invented_one_is_refused(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        for nonce in (Nonces().make(world.clock()), "0" * 64, "ab" * 16):
            assert await _try(world, nonce=nonce) == (403, "document-expired")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tls_sha256": "0" * 64}, "identity-mismatch"),
        ({"org": "org-" + "a" * 32}, "identity-mismatch"),
        ({"technician": "nobody"}, "not-in-roster"),
        ({"technician": "ada"}, "not-in-roster"),
    ],
)
async def test_a_proof_for_something_else_is_refused(
    tmp_path: Path, changes: dict[str, str], code: str
) -> None:
    async with paired(tmp_path) as world:
        assert await _try(world, **changes) == (403, code)


async def test_a_key_that_is_not_in_the_roster_is_refused_under_any_name(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        assert await _try(world, "ada", key=new_key()) == (403, "not-in-roster")


async def test_a_proof_altered_after_signing_is_refused(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        request = world.org.login_request("toni", await _nonce(world))
        proof = dsse.unsafe_peek(request.proof, LoginProof)
        other = msgspec.json.encode(msgspec.structs.replace(proof, technician="ada"))
        forged = msgspec.structs.replace(request, proof=msgspec.structs.replace(request.proof, payload=other))
        answer = await world.call("POST", "/v1/auth/login", forged)
        assert (answer.status, answer.code) == (403, "signature-invalid")


async def test_failed_logins_are_recorded_and_then_only_turned_away(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        nonce = await _nonce(world)
        outcomes = [await _try(world, "ada", key=new_key(), nonce=nonce) for _ in range(130)]
        assert outcomes[0] == (403, "not-in-roster")
        assert outcomes[-1] == (429, "rate-limited")
        size = world.broker.store.log_size
        assert await _try(world, "ada", key=new_key(), nonce=nonce) == (429, "rate-limited")
        assert world.broker.store.log_size == size
        elsewhere = await world.call("POST", "/v1/auth/challenge", source="198.51.100.7")
        assert elsewhere.status == 200, "others are not disturbed"


async def test_a_failed_login_leaves_its_evidence_in_the_log(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        await _try(world, "ada", key=new_key())
        records = await world.audit(await world.login("olga"))
        refused = next(r for r in records if r["action"] == "login.refused")
        assert refused["actor"] == {"kind": "unknown", "id": "technician ada"}
        assert len(refused["evidence"]) == 1


async def test_an_administrator_who_is_removed_is_out_at_once(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        world.org.add("bea", Role.ADMIN)
        ada = await world.login("ada")
        assert (await world.publish(world.org.next(), ada)).status == 200
        bea = await world.login("bea")
        world.org.people = [p for p in world.org.people if p.id != "ada"]
        assert (await world.publish(world.org.next(), bea)).status == 200
        answer = await world.call("GET", "/v1/me", token=ada)
        assert (answer.status, answer.code) == (403, "not-in-roster")


async def test_a_revoked_key_is_out_at_once_and_cannot_come_back(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        ada, toni = await world.login("ada"), await world.login("toni")
        world.org.revoked = Revoked(keys=(world.org.keys["toni"].public_key.fingerprint,))
        assert (await world.publish(world.org.next(), ada)).status == 200
        assert (await world.call("GET", "/v1/me", token=toni)).code == "revoked"
        assert await _try(world) == (403, "revoked")


async def test_a_role_taken_away_no_longer_opens_its_routes(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        world.org.add("bea", Role.ADMIN)
        ada = await world.login("ada")
        await world.publish(world.org.next(), ada)
        bea = await world.login("bea")
        world.org.people = [
            msgspec.structs.replace(p, roles=(Role.AUDITOR,)) if p.id == "bea" else p
            for p in world.org.people
        ]
        await world.publish(world.org.next(), ada)
        answer = await world.publish(world.org.next(), bea)
        assert (answer.status, answer.code) == (403, "role-missing")


async def test_a_login_ends_after_twelve_hours_and_on_logout(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        first = await world.login("toni")
        assert (await world.call("POST", "/v1/auth/logout", token=first)).status == 204
        assert (await world.call("GET", "/v1/me", token=first)).code == "unauthenticated"
        second = await world.login("toni")
        world.clock.forward(hours=12)
        assert (await world.call("GET", "/v1/me", token=second)).code == "unauthenticated"


async def test_old_logins_and_challenges_are_forgotten(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        first = await world.login("toni")
        for _ in range(MAX_LOGINS):
            world.clock.forward(seconds=1)
            await world.login("toni")
        assert (await world.call("GET", "/v1/me", token=first)).code == "unauthenticated"
        world.clock.forward(hours=13)
        await world.login("gil")
        held = await world.broker.store.read(
            lambda conn: conn.execute(select(logins.c.technician)).scalars().all()
        )
        nonces = await world.broker.store.read(
            lambda conn: conn.execute(text("select count(*) from login_nonces")).scalar_one()
        )
        assert (list(held), nonces) == (["gil"], 1)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer relevo_",
        "Bearer relevo_" + "0" * 64,
        "Basic YTpi",
        "Bearer \xe9",
        "x" * 5_000,
    ],
)
async def test_a_bad_authorization_header_is_unauthenticated(tmp_path: Path, header: str) -> None:
    async with paired(tmp_path) as world:
        answer = await world.call("GET", "/v1/me", headers={"authorization": header})
        assert (answer.status, answer.code) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_nobody_can_log_in_before_pairing(tmp_path: Path) -> None:
    async with unpaired(tmp_path) as world:
        assert (await world.call("POST", "/v1/auth/challenge")).code == "not-connected"
        answer = await world.call("POST", "/v1/auth/login", world.org.login_request("ada", "0" * 64))
        assert answer.code == "not-connected"


def test_a_nonce_is_good_for_its_life_and_only_where_it_was_made() -> None:
    from datetime import UTC, datetime

    made = datetime(2026, 11, 21, 12, tzinfo=UTC)
    nonces = Nonces()
    nonce = nonces.make(made)
    assert nonces.check(nonce, made + LIFE) == made + LIFE
    for other, now in ((nonces, made + LIFE + timedelta(seconds=1)), (Nonces(), made), (nonces, made - LIFE)):
        with pytest.raises(RelevoError) as caught:
            other.check(nonce, now)
        assert caught.value.code is Code.DOCUMENT_EXPIRED
