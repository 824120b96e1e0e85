"""Who may read which article, as conditions of the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from broker.store.knowledge_tables import articles
from protocol.knowledge import REVIEWER_TIER, Reader, rank

Condition = ColumnElement[bool]


def live(reader: Reader) -> ColumnElement[bool]:
    """Articles whose published text the reader may see."""
    return and_(
        articles.c.live_version.is_not(None), _covered(reader, articles.c.live_rank, articles.c.live_customer)
    )


def workshop(reader: Reader, person: str) -> ColumnElement[bool]:
    """Articles whose newest text the person may see before it is published: one's own, and as a reviewer."""
    return and_(
        _covered(reader, articles.c.rank, articles.c.customer),
        or_(articles.c.owner == person, _covered(reader, None, articles.c.customer)),
    )


def in_workshop(reader: Reader, person: str, owner: str, rank_: int, customer: str | None) -> bool:
    """The same of one article."""
    tier = reader.tier(customer)
    return rank_ <= tier and reader.of(customer) is not None and (tier >= REVIEWER_TIER or owner == person)


def _covered(
    reader: Reader, needed: ColumnElement[Any] | None, customer: ColumnElement[Any]
) -> ColumnElement[bool]:
    """``needed`` is within what the reader has towards ``customer``; None: what a reviewer needs."""
    listed: dict[int, list[str]] = {}
    for name, ceiling in reader.customers:
        listed.setdefault(rank(ceiling), []).append(name)
    ways = [and_(customer.is_(None), _within(rank(reader.general), needed))]
    ways += [and_(customer.in_(names), _within(held, needed)) for held, names in listed.items()]
    if reader.others is not None:
        unlisted = customer.not_in([name for name, _ in reader.customers])
        ways.append(and_(customer.is_not(None), unlisted, _within(rank(reader.others), needed)))
    return or_(*ways)


def _within(held: int, needed: ColumnElement[Any] | None) -> ColumnElement[bool]:
    if needed is not None:
        return needed <= held
    return articles.c.number.is_not(None) if held >= REVIEWER_TIER else false()
