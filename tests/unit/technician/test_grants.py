"""Before anything is opened, the answer must be by that machine, for that grant, for no more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from protocol.api import SessionGranted, SessionView
from protocol.errors import Code, RelevoError
from protocol.organisation import Revoked
from protocol.scopes import Scope
from technician.grants import verify_consent
from tests.support.organisation import NOW, Cast

CAST = Cast()
GRANT = CAST.grant()
ASKED = CAST.sealed(GRANT, "l2")
ISSUED = CAST.sealed(GRANT)


def granted(grant=ISSUED, **consent: object) -> SessionGranted:
    view = SessionView(
        grant=GRANT.grant, ticket="T-1", agent=GRANT.agent, technician="l2", scopes=GRANT.scopes,
        state="consented", reason="r", requested=NOW, ends=GRANT.ends,
    )  # fmt: skip
    by = str(consent.pop("by", "machine"))
    return SessionGranted(session=view, grant=grant, consent=CAST.consent(ISSUED, GRANT, by, **consent))


def refusal(answer: SessionGranted) -> Code:
    with pytest.raises(RelevoError) as caught:
        verify_consent(ASKED, answer, CAST.organisation)
    return caught.value.code


def test_consent_for_less_is_accepted() -> None:
    grant, consent, machine = verify_consent(ASKED, granted(scopes=(Scope.LOGS,)), CAST.organisation)
    assert grant == GRANT
    assert consent.scopes == (Scope.LOGS,)
    assert machine == CAST.machine.public_key


def test_a_broker_that_swaps_the_machine_is_caught() -> None:
    assert refusal(granted(by="another machine")) is Code.IDENTITY_MISMATCH


def test_a_machine_that_was_given_up_is_not_connected_to() -> None:
    stolen = Cast(revoked=Revoked(agents=(GRANT.agent,)))
    with pytest.raises(RelevoError) as caught:
        verify_consent(ASKED, granted(), stolen.organisation)
    assert caught.value.code is Code.REVOKED


def test_a_broker_that_makes_up_consent_under_the_machines_name_is_caught() -> None:
    assert refusal(granted(by="issuer", agent_key=CAST.machine.public_key.text)) is Code.SIGNATURE_INVALID


def test_consent_for_another_grant_is_refused() -> None:
    assert refusal(granted(grant_sha256="0" * 64)) is Code.IDENTITY_MISMATCH


def test_consent_for_more_or_for_longer_is_refused() -> None:
    assert refusal(granted(scopes=(Scope.FIX,))) is Code.SCOPE_NOT_ALLOWED
    assert refusal(granted(until=GRANT.ends + timedelta(seconds=1))) is Code.SCOPE_NOT_ALLOWED


def test_a_grant_that_the_broker_changed_is_refused() -> None:
    wider = CAST.sealed(CAST.grant(scopes=tuple(Scope)))
    assert refusal(granted(grant=wider)) is Code.IDENTITY_MISMATCH


def test_a_grant_without_the_issuers_signature_is_refused() -> None:
    assert refusal(granted(grant=ASKED)) is Code.SIGNATURE_INVALID
