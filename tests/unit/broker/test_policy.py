"""Who may do what with a ticket and which grant may be issued, as tables of values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import policy
from broker.policy import Act, AgentFacts
from protocol import ids
from protocol.api import TicketView
from protocol.documents import Basis, Consent, Grant
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.organisation import DEFAULT_POLICY, Customer, Organisation, Policy, Revoked, Roster, Technician
from protocol.scopes import Mode, Role, Scope
from protocol.tickets import State
from tests.support.broker_world import new_key, person

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEYS = {name: new_key() for name in ("toni", "tere", "gil", "olga", "pia")}
MACHINE = new_key()
AGENT = ids.agent_id(MACHINE.public_key.blob)
TONI = person("toni", KEYS["toni"], Role.TECHNICIAN, tiers={"acme": 1})
TERE = person("tere", KEYS["tere"], Role.TECHNICIAN, tiers={"*": 3})
GIL = person("gil", KEYS["gil"], Role.TECHNICIAN, tiers={"globex": 2})
OLGA = person("olga", KEYS["olga"], Role.AUDITOR)
PIA = person("pia", KEYS["pia"], Role.APPROVER, tiers={"acme": 3})
ORG = Organisation(
    roster=Roster(
        org="org-" + "a" * 32,
        name="Test",
        technicians=(TONI, TERE, GIL, OLGA, PIA),
        customers=(Customer(id="acme", name="Acme"), Customer(id="globex", name="Globex")),
        broker=None,
    ),
    policy=DEFAULT_POLICY,
    revoked=Revoked(),
)
FACTS = AgentFacts(AGENT, "acme", Mode.ATTENDED, MACHINE.public_key.text)
replace = msgspec.structs.replace


def ticket(**changes: Any) -> TicketView:
    view = TicketView(
        ticket="T-1",
        title="x",
        description="",
        state=State.IN_PROGRESS,
        customer="acme",
        agent=AGENT,
        requester="desk-1",
        tier=1,
        assignee="toni",
        impact=2,
        urgency=2,
        priority=3,
        created=NOW,
        updated=NOW,
        version=3,
    )
    return replace(view, **changes)


def grant(**changes: Any) -> Grant:
    asked = Grant(
        version=1,
        org=ORG.roster.org,
        grant="0" * 32,
        ticket="T-1",
        customer="acme",
        agent=AGENT,
        technician="toni",
        technician_key=KEYS["toni"].public_key.text,
        scopes=(Scope.DIAGNOSE,),
        reason="because",
        issued=NOW,
        establish_by=NOW + timedelta(minutes=3),
        ends=NOW + timedelta(minutes=30),
        mode=Mode.ATTENDED,
    )
    return replace(asked, **changes)


def code_of(grant_: Grant, **given_: Any) -> Code | None:
    arguments: dict[str, Any] = {
        "org": ORG,
        "person": TONI,
        "ticket": ticket(),
        "agent": FACTS,
        "seen": False,
        "now": NOW,
    }
    try:
        policy.check_grant(grant=grant_, **(arguments | given_))
    except RelevoError as error:
        return error.code
    return None


_ACTS: list[tuple[Technician, dict[str, Any], Act, Code | None]] = [
    (TONI, {}, Act.RESOLVE, None),
    (TONI, {}, Act.NOTE, None),
    (TONI, {"assignee": "tere"}, Act.RESOLVE, Code.CONFLICT),
    (TONI, {"assignee": None}, Act.START, Code.CONFLICT),
    (TONI, {"tier": 2}, Act.TAKE, Code.TIER_TOO_LOW),
    (TONI, {"tier": 2}, Act.CLOSE, Code.TIER_TOO_LOW),
    (TONI, {"tier": 2}, Act.REPLY, None),
    (TONI, {"customer": "globex"}, Act.NOTE, Code.NOT_FOUND),
    (TERE, {"customer": "globex", "tier": 3}, Act.TAKE, None),
    (GIL, {}, Act.NOTE, Code.NOT_FOUND),
    (OLGA, {}, Act.NOTE, Code.ROLE_MISSING),
    (PIA, {}, Act.TAKE, Code.ROLE_MISSING),
]


@pytest.mark.parametrize(("who", "changes", "act", "code"), _ACTS)
def test_who_may_do_what(who: Technician, changes: dict[str, Any], act: Act, code: Code | None) -> None:
    if code is None:
        assert policy.may_act(who, ticket(**changes), act) in (1, 3)
        return
    with pytest.raises(RelevoError) as caught:
        policy.may_act(who, ticket(**changes), act)
    assert caught.value.code is code


def test_a_plain_good_grant_may_be_issued() -> None:
    assert code_of(grant()) is None


_REVOKED_KEY = replace(ORG, revoked=Revoked(keys=(KEYS["toni"].public_key.fingerprint,)))
_MINUTE = timedelta(minutes=1)
_RULES: list[tuple[str, dict[str, Any], dict[str, Any], Code | None]] = [
    ("other organisation", {"org": "org-" + "b" * 32}, {}, Code.IDENTITY_MISMATCH),
    ("someone else's grant", {}, {"person": TERE}, Code.IDENTITY_MISMATCH),
    ("someone else's key", {"technician_key": KEYS["tere"].public_key.text}, {}, Code.NOT_IN_ROSTER),
    ("revoked key", {}, {"org": _REVOKED_KEY}, Code.REVOKED),
    ("revoked agent", {}, {"org": replace(ORG, revoked=Revoked(agents=(AGENT,)))}, Code.REVOKED),
    ("revoked grant", {}, {"org": replace(ORG, revoked=Revoked(grants=("0" * 32,)))}, Code.REVOKED),
    ("seen before", {}, {"seen": True}, Code.REPLAYED),
    ("no ticket", {}, {"ticket": None}, Code.NOT_FOUND),
    ("no agent", {}, {"agent": None}, Code.NOT_APPLICABLE),
    ("ticket without agent", {}, {"ticket": ticket(agent=None)}, Code.NOT_APPLICABLE),
    ("new ticket", {}, {"ticket": ticket(state=State.NEW)}, Code.CONFLICT),
    ("pending ticket", {}, {"ticket": ticket(state=State.PENDING)}, None),
    ("resolved ticket", {}, {"ticket": ticket(state=State.RESOLVED)}, Code.TICKET_CLOSED),
    ("closed ticket", {}, {"ticket": ticket(state=State.CLOSED)}, Code.TICKET_CLOSED),
    ("cancelled ticket", {}, {"ticket": ticket(state=State.CANCELLED)}, Code.TICKET_CLOSED),
    ("not the assignee", {}, {"ticket": ticket(assignee="tere")}, Code.CONFLICT),
    ("nobody's ticket", {}, {"ticket": ticket(assignee=None)}, Code.CONFLICT),
    ("other machine", {"agent": ids.agent_id(b"other")}, {}, Code.IDENTITY_MISMATCH),
    ("other customer", {"customer": "globex"}, {}, Code.CUSTOMER_NOT_ALLOWED),
    ("machine moved", {}, {"agent": FACTS._replace(customer="globex")}, Code.CUSTOMER_NOT_ALLOWED),
    ("scope above tier", {"scopes": (Scope.DIAGNOSE, Scope.TERMINAL)}, {}, Code.SCOPE_NOT_ALLOWED),
    ("scope twice", {"scopes": (Scope.LOGS, Scope.LOGS)}, {}, Code.MALFORMED),
    ("blank reason", {"reason": "   "}, {}, Code.USAGE),
    ("empty policy", {}, {"org": replace(ORG, policy=Policy())}, Code.REFUSED),
    ("standing on attended", {"mode": Mode.STANDING}, {}, Code.REFUSED),
    (
        "standing on standing",
        {"mode": Mode.STANDING},
        {"agent": FACTS._replace(mode=Mode.STANDING)},
        None,
    ),
    ("issued a minute ago", {"issued": NOW - _MINUTE}, {}, None),
    ("issued longer ago", {"issued": NOW - _MINUTE * 1.01}, {}, Code.DOCUMENT_EXPIRED),
    ("issued in the future", {"issued": NOW + _MINUTE * 1.01}, {}, Code.DOCUMENT_EXPIRED),
    ("answer due at issue", {"establish_by": NOW}, {}, Code.PARAMETER_INVALID),
    ("answer due in 15 min", {"establish_by": NOW + _MINUTE * 15}, {}, None),
    ("answer due later", {"establish_by": NOW + _MINUTE * 15.1}, {}, Code.PARAMETER_INVALID),
    ("ends at issue", {"ends": NOW}, {}, Code.PARAMETER_INVALID),
    ("ends at the limit", {"ends": NOW + _MINUTE * 120}, {}, None),
    ("ends after the limit", {"ends": NOW + _MINUTE * 120.1}, {}, Code.PARAMETER_INVALID),
]


@pytest.mark.parametrize(("name", "changes", "given_", "code"), _RULES, ids=[row[0] for row in _RULES])
def test_each_rule_of_a_grant(
    name: str, changes: dict[str, Any], given_: dict[str, Any], code: Code | None
) -> None:
    assert code_of(grant(**changes), **given_) is code


@given(
    issued=st.integers(-7_200, 7_200),
    wait=st.integers(-60, 7_200),
    lasts=st.integers(-60, 90_000),
)
def test_no_grant_is_issued_outside_its_times(issued: int, wait: int, lasts: int) -> None:
    made = NOW + timedelta(seconds=issued)
    asked = grant(
        issued=made, establish_by=made + timedelta(seconds=wait), ends=made + timedelta(seconds=lasts)
    )
    good = (
        abs(issued) <= 60
        and 0 < wait <= 900
        and issued + wait > 0
        and issued + lasts > 0
        and lasts <= 120 * 60
    )
    assert (code_of(asked) is None) == good


def consent(**changes: Any) -> Consent:
    given_ = Consent(
        version=1,
        grant="0" * 32,
        grant_sha256=seal(grant(), KEYS["toni"]).digest,
        agent=AGENT,
        agent_key=MACHINE.public_key.text,
        scopes=(Scope.DIAGNOSE,),
        given=NOW,
        until=NOW + timedelta(minutes=5),
        basis=Basis(act="user", channel="command"),
    )
    return replace(given_, **changes)


_CONSENTS: list[tuple[str, dict[str, Any], timedelta, Code | None]] = [
    ("good", {}, timedelta(0), None),
    ("exactly to the end", {"until": NOW + timedelta(minutes=30)}, timedelta(0), None),
    ("beyond the end", {"until": NOW + timedelta(minutes=31)}, timedelta(0), Code.PARAMETER_INVALID),
    ("over already", {"until": NOW}, timedelta(0), Code.PARAMETER_INVALID),
    ("other grant", {"grant": "1" * 32}, timedelta(0), Code.IDENTITY_MISMATCH),
    ("other machine", {"agent": ids.agent_id(b"x")}, timedelta(0), Code.IDENTITY_MISMATCH),
    ("other key", {"agent_key": KEYS["gil"].public_key.text}, timedelta(0), Code.IDENTITY_MISMATCH),
    ("other bytes", {"grant_sha256": "ab" * 32}, timedelta(0), Code.HASH_MISMATCH),
    ("more scopes", {"scopes": (Scope.DIAGNOSE, Scope.LOGS)}, timedelta(0), Code.SCOPE_NOT_GRANTED),
    ("scope twice", {"scopes": (Scope.DIAGNOSE,) * 2}, timedelta(0), Code.SCOPE_NOT_GRANTED),
    ("too late", {}, timedelta(minutes=3), Code.DOCUMENT_EXPIRED),
    ("said to be late", {"given": NOW + timedelta(minutes=4)}, timedelta(0), Code.DOCUMENT_EXPIRED),
]


@pytest.mark.parametrize(("name", "changes", "later", "code"), _CONSENTS, ids=[row[0] for row in _CONSENTS])
def test_each_rule_of_a_consent(
    name: str, changes: dict[str, Any], later: timedelta, code: Code | None
) -> None:
    def check() -> None:
        policy.check_consent(
            consent=consent(**changes),
            grant=grant(),
            envelope=seal(grant(), KEYS["toni"]),
            agent=FACTS,
            now=NOW + later,
        )

    if code is None:
        check()
        return
    with pytest.raises(RelevoError) as caught:
        check()
    assert caught.value.code is code


def _still(org: Organisation, **changes: Any) -> bool:
    arguments: dict[str, Any] = {
        "technician": "toni",
        "key": KEYS["toni"].public_key.text,
        "customer": "acme",
        "scopes": (Scope.DIAGNOSE,),
        "grant": "0" * 32,
        "agent": AGENT,
        "invitation": None,
        "now": NOW,
    }
    return policy.still_allowed(org=org, **(arguments | changes))


def test_a_session_goes_on_only_while_everything_it_rests_on_stands() -> None:
    assert _still(ORG)
    roster = ORG.roster
    gone = replace(ORG, roster=replace(roster, technicians=(TERE,)))
    moved = replace(TONI, tiers=())
    demoted = replace(TONI, roles=(Role.AUDITOR,))
    for person_ in (moved, demoted):
        assert not _still(replace(ORG, roster=replace(roster, technicians=(person_,))))
    assert not _still(gone)
    assert not _still(_REVOKED_KEY)
    assert not _still(replace(ORG, policy=Policy()))
    assert not _still(ORG, scopes=(Scope.TERMINAL,))
    assert not _still(replace(ORG, revoked=Revoked(agents=(AGENT,))))
    assert not _still(replace(ORG, revoked=Revoked(grants=("0" * 32,))))
