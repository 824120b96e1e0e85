"""Who may read which articles: by the tier that the roster gives, at the customer that an article is for."""

from __future__ import annotations

from typing import NamedTuple

from protocol.knowledge_model import Visibility, of_tier, rank
from protocol.organisation import Technician
from protocol.scopes import ANY_CUSTOMER, Role


class Reader(NamedTuple):
    """The most that somebody may read, by whom an article is for.

    Attributes:
        general: of articles for every customer.
        customers: of those for one customer, by customer.
        others: of those for a customer that is not listed; None: nothing.
    """

    general: Visibility
    customers: tuple[tuple[str, Visibility], ...] = ()
    others: Visibility | None = None

    def of(self, customer: str | None) -> Visibility | None:
        """The ceiling for an article of this customer; None: nothing of it."""
        if customer is None:
            return self.general
        return dict(self.customers).get(customer, self.others)

    def may_read(self, visibility: Visibility, customer: str | None) -> bool:
        ceiling = self.of(customer)
        return ceiling is not None and rank(visibility) <= rank(ceiling)

    def tier(self, customer: str | None) -> int:
        """The tier at which the reader stands towards articles of this customer; 0: anybody."""
        ceiling = self.of(customer)
        return 0 if ceiling is None else rank(ceiling)


def reader_up_to(ceiling: Visibility, customer: str | None) -> Reader:
    """Somebody who is helping, or is, ``customer``, and may read up to ``ceiling`` there."""
    return Reader(ceiling, () if customer is None else ((customer, ceiling),))


def reader_of(person: Technician) -> Reader:
    """What the roster lets this person read when no ticket narrows it.

    Articles for every customer: by the highest tier that the person has anywhere. Auditors read all,
    administrators look at every customer as tier 1 does, whoever has no tier reads what anybody may.
    """
    if Role.AUDITOR in person.roles:
        return Reader(Visibility.L3, (), Visibility.L3)
    tiers = {row.customer: of_tier(row.tier) for row in person.tiers}
    others = tiers.pop(ANY_CUSTOMER, None)
    if Role.ADMIN in person.roles:
        others = others or Visibility.L1
    most = max((*tiers.values(), others or Visibility.PUBLIC), key=rank)
    return Reader(most, tuple(tiers.items()), others)


def reader_at(person: Technician, customer: str) -> Reader:
    """What the person may read while working for this customer: by the tier there."""
    ceiling = reader_of(person).of(customer)
    return reader_up_to(ceiling, customer) if ceiling is not None else Reader(Visibility.PUBLIC)
