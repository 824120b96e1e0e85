"""Reports as the HTTP API gives them: figures with what they were made of, and what they mean in words.

A figure never stands alone: ``numerator`` and ``denominator`` (or ``n``) come with it, and the report holds
the definition of each of its metrics in both languages. ``value`` is None where there is nothing to measure
or too little to say it; ``note`` tells which.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from protocol.wire import Count, Moment, Wire

MIN_ANSWERS = 10
"""With fewer answers no satisfaction is stated (4-domain.md, "Metrics")."""
MAX_FIGURES = 20_000
MAX_POINTS = 2_000
MAX_PROBLEMS = 1_000
MAX_DAYS = 3_660
"""The longest period of a report."""

Text = Annotated[str, Meta(max_length=2_000)]


class ReportName(enum.StrEnum):
    SLA = "sla"
    TIERS = "tiers"
    QUALITY = "quality"
    RECURRING = "recurring"
    BACKLOG = "backlog"
    CSAT = "csat"
    SELF_SERVICE = "self-service"


class Metric(enum.StrEnum):
    SLA_ATTAINMENT = "sla-attainment"
    OLA_ATTAINMENT = "ola-attainment"
    MTTA = "mtta"
    MTTR = "mttr"
    FCR = "fcr"
    FLR = "flr"
    ESCALATION_RATE = "escalation-rate"
    BOUNCE_RATE = "bounce-rate"
    REOPEN_RATE = "reopen-rate"
    RESOLVED = "resolved"
    BACKLOG = "backlog"
    CSAT = "csat"
    CSAT_RESPONSE = "csat-response"
    RECURRENCE = "recurrence"
    PROBLEM_CANDIDATES = "problem-candidates"
    SELF_SERVICE_RUNS = "self-service-runs"
    DEFLECTION = "deflection"
    FIX_SUCCESS = "fix-success"
    VERIFY_CAUGHT = "verify-caught"
    UNDO_SUCCESS = "undo-success"
    SIGNATURE_COVERAGE = "signature-coverage"
    SIGNATURE_PRECISION = "signature-precision"
    SIGNATURE_UNKNOWN = "signature-unknown"
    WARNING_PRECISION = "warning-precision"


class Statistic(enum.StrEnum):
    SHARE = "share"
    """``numerator`` over ``denominator``, 0 to 1."""
    COUNT = "count"
    MEAN = "mean"
    MEDIAN = "median"
    """With an even number of values the mean of the middle two."""
    P90 = "p90"
    """Nearest rank: the smallest value that at least nine tenths do not exceed."""


class Unit(enum.StrEnum):
    SHARE = "share"
    MINUTES = "minutes"
    """Of the clock on the wall."""
    BUSINESS_MINUTES = "business_minutes"
    """Of the customer's calendar."""
    TICKETS = "tickets"
    RUNS = "runs"
    SIGNATURES = "signatures"


class Dimension(enum.StrEnum):
    """By what a figure is narrower than its report."""

    CLOCK = "clock"
    TIER = "tier"
    TO_TIER = "to_tier"
    PRIORITY = "priority"
    CATEGORY = "category"
    CUSTOMER = "customer"
    AGE = "age"
    OUTCOME = "outcome"
    SIGNATURE = "signature"


class Note(enum.StrEnum):
    NO_DATA = "no-data"
    """Nothing of the kind happened: there is no share of nothing."""
    TOO_FEW = "too-few"
    """Fewer than ``MIN_ANSWERS``."""


class Label(Wire, frozen=True):
    by: Dimension
    value: Text


class Figure(Wire, frozen=True):
    """One number. ``numerator`` and ``denominator`` are None where it is not a share; ``n``: of how many."""

    metric: Metric
    statistic: Statistic
    unit: Unit
    value: float | None
    n: Count
    numerator: Count | None = None
    denominator: Count | None = None
    group: tuple[Label, ...] = ()
    note: Note | None = None


class Point(Wire, frozen=True):
    at: Moment
    """The moment, or where the week begins."""
    value: float | None
    n: Count


class Series(Wire, frozen=True):
    """A figure over time: of a moment (backlog), or of the week that begins there."""

    metric: Metric
    unit: Unit
    points: Annotated[tuple[Point, ...], Meta(max_length=MAX_POINTS)]
    group: tuple[Label, ...] = ()


class Seen(Wire, frozen=True):
    """Something that was found on machines, and on how many."""

    value: Text
    machines: Count


class RecurringProblem(Wire, frozen=True):
    """A signature that matched: what a product team needs to know, and no name of a customer."""

    known_error: Text
    versions: tuple[Count, ...]
    """Of the known error, ascending."""
    tickets: Count
    machines: Count
    customers: Count
    first: Moment
    last: Moment
    candidate: bool
    tickets_7d: Count
    """The most in any seven days of the period, as is ``machines_7d``."""
    machines_7d: Count
    confirmed: Count
    wrong: Count
    systems: tuple[Seen, ...] = ()
    packages: tuple[Seen, ...] = ()
    evidence: tuple[Text, ...] = ()
    """Of some of its matches, redacted as for R1."""


class Definition(Wire, frozen=True):
    metric: Metric
    en: str
    es: str


class Scope(Wire, frozen=True):
    """Of what a report speaks: ``[since, until)`` and the filters; None: not narrowed by it."""

    since: Moment
    until: Moment
    customer: Text | None = None
    tier: int | None = None
    priority: int | None = None
    category: Text | None = None


class Report(Wire, frozen=True):
    """``GET /v1/reports/{name}``."""

    name: ReportName
    made: Moment
    scope: Scope
    tickets: Count
    """Looked at: those that something happened to in the period, or that were open at its end."""
    customers: tuple[Text, ...]
    """Whose they are."""
    figures: Annotated[tuple[Figure, ...], Meta(max_length=MAX_FIGURES)]
    series: tuple[Series, ...] = ()
    problems: Annotated[tuple[RecurringProblem, ...], Meta(max_length=MAX_PROBLEMS)] = ()
    definitions: tuple[Definition, ...] = ()
