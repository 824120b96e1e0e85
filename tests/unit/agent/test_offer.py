"""The agent shows a request only if every signature and field of its grant holds."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from agent.folder import Membership
from agent.worker.offer import require_consentable, require_still_good, verify
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id
from protocol.organisation import Revoked
from protocol.scopes import Mode, Role, Scope
from tests.support.organisation import NOW, ORG, Cast, person, signer

CAST = Cast()
MEMBERSHIP = Membership(
    agent=CAST.agent, org=ORG, org_name="Test", customer="acme", mode=Mode.ATTENDED,
    url="wss://127.0.0.1:1", tls_sha256="0" * 64, root_sha256="0" * 64,
)  # fmt: skip


def refusal(grant_changes: dict[str, object] | None = None, *names: str, cast: Cast = CAST, now=NOW) -> Code:
    grant = cast.grant(**(grant_changes or {}))
    with pytest.raises(RelevoError) as caught:
        verify(cast.sealed(grant, *names), MEMBERSHIP, cast.organisation, now)
    return caught.value.code


def test_a_grant_signed_by_technician_and_issuer_is_shown() -> None:
    grant = CAST.grant()
    offer = verify(CAST.sealed(grant), MEMBERSHIP, CAST.organisation, NOW)
    assert offer.grant == grant
    assert offer.technician.name == "L2 Test"


def test_a_grant_without_the_issuers_signature_is_refused() -> None:
    assert refusal({}, "l2") is Code.SIGNATURE_INVALID


def test_a_grant_that_only_the_broker_signed_is_refused() -> None:
    assert refusal({}, "issuer") is Code.SIGNATURE_INVALID


def test_a_technician_who_is_not_in_the_roster_is_refused() -> None:
    assert (
        refusal(
            {"technician": "stranger", "technician_key": signer("stranger").public_key.text},
            "stranger",
            "issuer",
        )
        is Code.NOT_IN_ROSTER
    )


def test_a_standing_grant_for_an_attended_machine_is_refused() -> None:
    assert refusal({"mode": Mode.STANDING}) is Code.REFUSED


def test_another_persons_key_under_a_known_name_is_refused() -> None:
    assert refusal({"technician_key": signer("l3").public_key.text}, "l3", "issuer") is Code.NOT_IN_ROSTER


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": agent_id(signer("another machine").public_key.blob)},
        {"customer": "other"},
        {"org": "org-" + "a" * 32},
    ],
)
def test_a_grant_for_another_machine_customer_or_organisation_is_refused(changes: dict[str, object]) -> None:
    assert refusal(changes) is Code.IDENTITY_MISMATCH


def test_an_altered_grant_is_refused() -> None:
    envelope = CAST.sealed(CAST.grant())
    altered = msgspec.structs.replace(envelope, payload=envelope.payload.replace(b"find out", b"find 0ut"))
    with pytest.raises(RelevoError) as caught:
        verify(altered, MEMBERSHIP, CAST.organisation, NOW)
    assert caught.value.code is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("changes", "later"),
    [
        ({}, timedelta(minutes=4)),
        ({}, timedelta(hours=1)),
        (
            {
                "issued": NOW + timedelta(hours=1),
                "establish_by": NOW + timedelta(hours=2),
                "ends": NOW + timedelta(hours=3),
            },
            timedelta(),
        ),
        ({"ends": NOW + timedelta(days=2)}, timedelta()),
        ({"establish_by": NOW + timedelta(minutes=29)}, timedelta()),
        ({"ends": NOW - timedelta(minutes=1)}, timedelta()),
    ],
)
def test_a_grant_outside_its_time_is_refused(changes: dict[str, object], later: timedelta) -> None:
    assert refusal(changes, now=NOW + later) is Code.DOCUMENT_EXPIRED


def test_a_tier_cannot_ask_for_more_than_its_policy() -> None:
    assert (
        refusal(
            {"technician": "l1", "technician_key": signer("l1").public_key.text, "scopes": (Scope.TERMINAL,)}
        )
        is Code.SCOPE_NOT_ALLOWED
    )


def test_a_technician_of_another_customer_is_refused() -> None:
    cast = Cast(people=(person("l2", customer="other"),))
    assert refusal(cast=cast) is Code.CUSTOMER_NOT_ALLOWED


def test_an_auditor_cannot_open_a_session() -> None:
    cast = Cast(people=(person("l2", roles=(Role.AUDITOR, Role.ADMIN)),))
    assert refusal(cast=cast) is Code.ROLE_MISSING


def test_a_revoked_key_is_refused() -> None:
    cast = Cast(revoked=Revoked(keys=(signer("l2").public_key.fingerprint,)))
    assert refusal(cast=cast) is Code.REVOKED


def test_a_revoked_grant_is_refused_and_ends_a_running_session() -> None:
    cast = Cast(revoked=Revoked(grants=("ab" * 16,)))
    assert refusal(cast=cast) is Code.REVOKED
    offer = verify(CAST.sealed(CAST.grant()), MEMBERSHIP, CAST.organisation, NOW)
    require_still_good(offer, CAST.organisation, NOW)
    with pytest.raises(RelevoError):
        require_still_good(offer, cast.organisation, NOW)
    with pytest.raises(RelevoError):
        require_still_good(offer, Cast(people=()).organisation, NOW)


def test_consent_cannot_reach_beyond_what_was_asked_or_when() -> None:
    offer = verify(CAST.sealed(CAST.grant()), MEMBERSHIP, CAST.organisation, NOW)
    askable = offer.grant.scopes
    require_consentable(offer, askable, (Scope.LOGS,), NOW + timedelta(minutes=5), NOW)
    for scopes, until, now in (
        ((Scope.FIX,), offer.grant.ends, NOW),
        ((), offer.grant.ends, NOW),
        ((Scope.LOGS,), offer.grant.ends + timedelta(seconds=1), NOW),
        ((Scope.LOGS,), NOW, NOW),
        ((Scope.LOGS,), offer.grant.ends, offer.grant.establish_by + timedelta(seconds=1)),
    ):
        with pytest.raises(RelevoError):
            require_consentable(offer, askable, scopes, until, now)
