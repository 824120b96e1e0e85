"""The moves of an article as a table, and who may read what."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import Code, RelevoError
from protocol.knowledge import (
    RULES,
    ArticleMove,
    ArticleState,
    Visibility,
    next_state,
    rank,
    reader_at,
    reader_of,
    reader_up_to,
)
from protocol.organisation import CustomerTier, Technician
from protocol.scopes import Role


def person(*roles: Role, **tiers: int) -> Technician:
    listed = tuple(CustomerTier(customer=c.replace("any", "*"), tier=t) for c, t in tiers.items())
    return Technician(id="p", name="P", keys=("k",), roles=roles or (Role.TECHNICIAN,), tiers=listed)


def test_the_table_of_moves_has_no_way_around_the_review() -> None:
    for state, move in itertools.product(ArticleState, ArticleMove):
        if state in RULES[move].sources:
            assert next_state(state, move) is RULES[move].target
        else:
            with pytest.raises(RelevoError) as caught:
                next_state(state, move)
            assert caught.value.code is Code.INVALID_TRANSITION
    into = {move for move in ArticleMove if RULES[move].target is ArticleState.PUBLISHED}
    assert into == {ArticleMove.PUBLISH}
    assert RULES[ArticleMove.PUBLISH].sources == {ArticleState.IN_REVIEW}
    assert [v.value for v in Visibility] == ["public", "L1", "L2", "L3"]


def test_a_technician_reads_by_the_tier_at_the_customer() -> None:
    both = reader_of(person(acme=1, globex=3))
    assert both.may_read(Visibility.L3, None), "what is for every customer: by the highest tier"
    assert both.may_read(Visibility.L3, "globex") and both.may_read(Visibility.L1, "acme")
    assert not both.may_read(Visibility.L2, "acme")
    assert not both.may_read(Visibility.PUBLIC, "initech"), "nothing of a customer that is not theirs"
    everywhere = reader_of(person(any=2, acme=1))
    assert everywhere.may_read(Visibility.L2, "initech") and not everywhere.may_read(Visibility.L2, "acme")


def test_on_a_ticket_only_the_tier_there_counts() -> None:
    at_acme = reader_at(person(acme=1, globex=3), "acme")
    assert at_acme.may_read(Visibility.L1, None) and not at_acme.may_read(Visibility.L2, None)
    assert not at_acme.may_read(Visibility.PUBLIC, "globex")


def test_without_a_tier_there_is_only_what_anybody_may_read() -> None:
    for role in (Role.EXPERT, Role.APPROVER):
        reader = reader_of(person(role))
        assert reader.may_read(Visibility.PUBLIC, None)
        assert not reader.may_read(Visibility.L1, None) and not reader.may_read(Visibility.PUBLIC, "acme")
    assert reader_of(person(Role.AUDITOR)).may_read(Visibility.L3, "acme")
    assert not reader_of(person(Role.ADMIN)).may_read(Visibility.L2, "acme")


@given(st.sampled_from(Visibility), st.sampled_from(Visibility), st.sampled_from(["acme", "globex", None]))
def test_a_ceiling_is_never_passed(ceiling: Visibility, wanted: Visibility, customer: str | None) -> None:
    allowed = reader_up_to(ceiling, "acme").may_read(wanted, customer)
    assert allowed == (rank(wanted) <= rank(ceiling) and customer != "globex")
