"""The machine's own floor decides; the organisation can only be stricter."""

from __future__ import annotations

import pytest

from agent import floor
from agent.floor import LocalFloor, decide
from agent.folder import Folder
from protocol.drivers.files import write_private
from protocol.errors import Code, RelevoError
from protocol.organisation import Policy, ScopeFloor
from protocol.scopes import Floor, Scope

BOTH = (Scope.DIAGNOSE, Scope.SCREENSHOT)


def test_without_settings_everything_is_asked() -> None:
    decision = decide(BOTH, LocalFloor(), Policy())
    assert decision == (BOTH, False)


def test_never_takes_a_scope_out_of_what_can_be_granted() -> None:
    local = LocalFloor().with_scope(Scope.SCREENSHOT, Floor.NEVER)
    assert decide(BOTH, local, Policy()).askable == (Scope.DIAGNOSE,)
    assert decide((Scope.SCREENSHOT,), local, Policy()) == ((), False)


def test_notify_needs_no_answer_only_if_it_covers_everything_asked() -> None:
    local = LocalFloor().with_scope(Scope.DIAGNOSE, Floor.NOTIFY)
    assert decide((Scope.DIAGNOSE,), local, Policy()).automatic
    assert not decide(BOTH, local, Policy()).automatic


def test_the_organisation_can_be_stricter_but_not_laxer() -> None:
    local = LocalFloor().with_scope(Scope.DIAGNOSE, Floor.NOTIFY)
    strict = Policy(consent_floor=(ScopeFloor(scope=Scope.DIAGNOSE, floor=Floor.ASK),))
    lax = Policy(consent_floor=(ScopeFloor(scope=Scope.SCREENSHOT, floor=Floor.NOTIFY),))
    assert not decide((Scope.DIAGNOSE,), local, strict).automatic
    assert not decide((Scope.SCREENSHOT,), LocalFloor(), lax).automatic


def test_a_damaged_floor_file_refuses_instead_of_asking(tmp_path) -> None:
    folder = Folder(tmp_path)
    floor.write(folder, LocalFloor().with_scope(Scope.LOGS, Floor.NEVER))
    assert floor.read(folder).of(Scope.LOGS) is Floor.NEVER
    write_private(folder.floor, b"{damaged")
    with pytest.raises(RelevoError) as caught:
        floor.read(folder)
    assert caught.value.code is Code.MALFORMED
