"""Inviting an outside expert: what is wrong is said in the words of whoever typed it, before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from protocol.api import InvitationView
from protocol.errors import Code, RelevoError
from protocol.scopes import Scope
from technician.cli.ticket_tiers import require_expert
from technician.opening import require_within_invitation
from tests.unit.technician.audit_world import organisation

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def view(minutes: int, ended: datetime | None = None) -> InvitationView:
    return InvitationView(
        invitation="0" * 32,
        expert="vera",
        by="toni",
        scopes=(Scope.LOGS,),
        until=NOW + timedelta(minutes=minutes),
        ended=ended,
    )


def test_a_session_within_the_longest_invitation_or_of_a_colleague_is_asked_for() -> None:
    require_within_invitation([], 600, NOW)
    require_within_invitation([view(10), view(90)], 90, NOW)


@pytest.mark.parametrize("views", [[view(10)], [view(10), view(90, ended=NOW)]])
def test_a_longer_one_is_told_how_long_it_may_be(views: list[InvitationView]) -> None:
    with pytest.raises(RelevoError) as refused:
        require_within_invitation(views, 11, NOW)
    assert refused.value.code is Code.USAGE
    assert "--minutes 10" in refused.value.detail


@pytest.mark.parametrize(("who", "code"), [("nobody", Code.NOT_FOUND), ("ana", Code.USAGE)])
def test_only_an_expert_of_the_roster_is_invited(who: str, code: Code) -> None:
    with pytest.raises(RelevoError) as refused:
        require_expert(organisation(), who)
    assert refused.value.code is code
    assert who in refused.value.detail
