"""CSAT: a pure function of what users were asked and answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from broker.reports.figures import Group, Period, label, share, split
from protocol.lifecycle import SATISFIED
from protocol.reports import MIN_ANSWERS, Dimension, Figure, Metric


class Rating(NamedTuple):
    """The question put on one ticket. ``score`` 1 to 5, None without an answer."""

    asked: int
    score: int | None
    customer: str
    tier: int
    """Of whoever resolved it; 0: the user."""


def csat(ratings: Sequence[Rating], period: Period) -> list[Figure]:
    """Of the questions put in the period: satisfaction and response rate, overall, by customer and tier."""
    held = [rating for rating in ratings if period.holds(rating.asked)]
    found = _both(held)
    for customer, ones in split(held, lambda one: one.customer).items():
        found += _both(ones, label(Dimension.CUSTOMER, customer))
    for tier, ones in split(held, lambda one: one.tier).items():
        found += _both(ones, label(Dimension.TIER, tier))
    return found


def _both(ratings: Sequence[Rating], group: Group = ()) -> list[Figure]:
    scores = [rating.score for rating in ratings if rating.score is not None]
    good = sum(score >= SATISFIED for score in scores)
    return [
        share(Metric.CSAT, good, len(scores), group, least=MIN_ANSWERS),
        share(Metric.CSAT_RESPONSE, len(scores), len(ratings), group),
    ]
