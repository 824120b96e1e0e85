"""An outside expert before the agent: only with an invitation that holds, and only to look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from agent.folder import Membership
from agent.worker.offer import require_still_good, verify
from protocol.documents import Invitation
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.invitations import VIEW_ONLY
from protocol.organisation import Revoked
from protocol.scopes import Clearance, Mode, Risk, Role, Scope
from tests.support.organisation import NOW, ORG, Cast, person, signer

EXPERT = msgspec.structs.replace(person("vera", roles=(Role.EXPERT,)), tiers=())
PEOPLE = (person("l1", tier=1), person("l2", tier=2, customer="acme"), person("l3", tier=3), EXPERT)
CAST = Cast(people=PEOPLE)
MEMBERSHIP = Membership(
    agent=CAST.agent, org=ORG, org_name="Test", customer="acme", mode=Mode.ATTENDED,
    url="wss://127.0.0.1:1", tls_sha256="0" * 64, root_sha256="0" * 64,
)  # fmt: skip
ID = "cd" * 16


def invited(by: str = "l2", signed: str | None = None, **changes: Any) -> Envelope:
    document = Invitation(
        version=1,
        org=ORG,
        invitation=ID,
        ticket="T-1",
        customer="acme",
        agent=CAST.agent,
        expert="vera",
        scopes=(Scope.DIAGNOSE, Scope.LOGS),
        reason="driver",
        by=by,
        by_key=signer(by).public_key.text,
        issued=NOW - timedelta(hours=1),
        until=NOW + timedelta(days=1),
    )
    return seal(msgspec.structs.replace(document, **changes), signer(signed or by))


def shown(invitation: Envelope | None, cast: Cast = CAST, **grant: Any) -> Any:
    asked = cast.grant("vera", **grant)
    return verify(cast.sealed(asked), MEMBERSHIP, cast.organisation, NOW, invitation)


def refusal(invitation: Envelope | None, cast: Cast = CAST, **grant: Any) -> Code:
    with pytest.raises(RelevoError) as caught:
        shown(invitation, cast, **grant)
    return caught.value.code


def test_an_invited_expert_may_look_at_the_least_clearance_and_change_nothing() -> None:
    offer = shown(invited(), scopes=(Scope.LOGS,))
    assert (offer.policy.clearance, offer.policy.max_risk) == (Clearance.R1, Risk.READ_ONLY)
    assert offer.invited_by is not None and offer.invited_by.name == "L2 Test"
    assert VIEW_ONLY.isdisjoint({Scope.FIX, Scope.FILES, Scope.TERMINAL, Scope.CONTROL})


def test_without_an_invitation_an_expert_is_nobody() -> None:
    assert refusal(None) is Code.ROLE_MISSING


@pytest.mark.parametrize(
    ("invitation", "code"),
    [
        (invited(signed="vera"), Code.SIGNATURE_INVALID),
        (invited(signed="issuer"), Code.SIGNATURE_INVALID),
        (invited(by="vera"), Code.ROLE_MISSING),
        (invited(by="stranger"), Code.NOT_IN_ROSTER),
        (invited(by_key=signer("l3").public_key.text, signed="l3"), Code.NOT_IN_ROSTER),
        (invited(scopes=(Scope.DIAGNOSE, Scope.LOGS, Scope.FIX)), Code.SCOPE_NOT_ALLOWED),
        (invited(by="l1", scopes=(Scope.DIAGNOSE, Scope.LOGS, Scope.VIEW)), Code.SCOPE_NOT_ALLOWED),
        (invited(expert="l1"), Code.ROLE_MISSING),
        (invited(ticket="T-2"), Code.IDENTITY_MISMATCH),
        (invited(agent="ag-" + "a" * 32), Code.IDENTITY_MISMATCH),
        (invited(customer="other"), Code.CUSTOMER_NOT_ALLOWED),
        (invited(org="org-" + "a" * 32), Code.IDENTITY_MISMATCH),
        (invited(until=NOW), Code.DOCUMENT_EXPIRED),
        (invited(until=NOW + timedelta(minutes=5)), Code.DOCUMENT_EXPIRED),
        (invited(until=NOW + timedelta(days=15)), Code.DOCUMENT_EXPIRED),
        (invited(issued=NOW + timedelta(hours=1), until=NOW + timedelta(hours=2)), Code.DOCUMENT_EXPIRED),
    ],
)
def test_an_invitation_that_does_not_hold_shows_nothing_to_the_user(invitation: Envelope, code: Code) -> None:
    assert refusal(invitation) is code


@pytest.mark.parametrize("scope", sorted(set(Scope) - {Scope.DIAGNOSE, Scope.LOGS}))
def test_a_grant_beyond_the_invitation_is_refused(scope: Scope) -> None:
    assert refusal(invited(), scopes=(Scope.LOGS, scope)) is Code.SCOPE_NOT_ALLOWED


def test_a_technician_gains_nothing_by_an_invitation() -> None:
    asked = CAST.grant("l1", scopes=(Scope.DIAGNOSE,))
    with pytest.raises(RelevoError) as caught:
        verify(CAST.sealed(asked), MEMBERSHIP, CAST.organisation, NOW, invited(expert="l1"))
    assert caught.value.code is Code.ROLE_MISSING


def test_a_session_by_invitation_ends_with_whatever_it_rests_on() -> None:
    offer = shown(invited())
    require_still_good(offer, CAST.organisation, NOW)
    for gone in ("l2", "vera"):
        cast = Cast(people=tuple(p for p in PEOPLE if p.id != gone))
        with pytest.raises(RelevoError):
            require_still_good(offer, cast.organisation, NOW)
    for revoked in (Revoked(grants=(ID,)), Revoked(keys=(signer("l2").public_key.fingerprint,))):
        with pytest.raises(RelevoError) as caught:
            require_still_good(offer, Cast(people=PEOPLE, revoked=revoked).organisation, NOW)
        assert caught.value.code is Code.REVOKED
    with pytest.raises(RelevoError):
        require_still_good(offer, CAST.organisation, NOW + timedelta(days=1))
