"""Who can open what this machine seals: the verified roster decides, and revocation takes it away."""

from __future__ import annotations

import msgspec

from agent.worker.artifacts import recipients_for
from protocol.organisation import Revoked, Technician
from protocol.scopes import Clearance, Role
from protocol.sshkeys import PublicKey
from tests.support.organisation import Cast, person, signer

SPARE = signer("spare").public_key.text


def text(name: str) -> str:
    return signer(name).public_key.text


def fingerprint(key: str) -> str:
    return PublicKey.from_text(key).fingerprint


def found(cast: Cast, clearance: Clearance = Clearance.R3, technician: str = "l2") -> set[str]:
    return set(recipients_for(cast.organisation, cast.grant(technician), clearance))


def test_those_of_the_clearance_at_this_customer_and_the_sessions_own_technician() -> None:
    people = (
        *Cast().people,
        person("elsewhere", tier=3, customer="other"),
        person("boss", tier=3, roles=(Role.ADMIN,)),
    )
    assert found(Cast(people=people)) == {text("l2"), text("l3")}


def test_a_revoked_key_opens_nothing_new() -> None:
    assert found(Cast(revoked=Revoked(keys=(fingerprint(text("l3")),)))) == {text("l2")}


def test_the_other_key_of_somebody_whose_one_key_was_revoked_still_does() -> None:
    two = msgspec.structs.replace(person("l3", tier=3), keys=(text("l3"), SPARE))
    cast = Cast(people=(person("l2"), two), revoked=Revoked(keys=(fingerprint(text("l3")),)))
    assert found(cast) == {text("l2"), SPARE}


def test_age_recipients_go_with_the_last_key_of_their_owner() -> None:
    def listed(*age: str) -> Technician:
        return msgspec.structs.replace(person("l3", tier=3), age_recipients=age)

    gone = Revoked(keys=(fingerprint(text("l3")),))
    assert found(Cast(people=(person("l2"), listed("age1abc")))) == {text("l2"), "age1abc"}
    assert found(Cast(people=(person("l2"), listed("age1abc")), revoked=gone)) == {text("l2")}
    kept = msgspec.structs.replace(listed("age1abc", text("l3")), keys=(text("l3"), SPARE))
    assert found(Cast(people=(person("l2"), kept), revoked=gone)) == {text("l2"), "age1abc"}
