"""Tables of early warning: what machines told about themselves, and the warnings that came of it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
)

from broker.store.tables import BigId, Instant, metadata

trend_agents = Table(
    "trend_agents",
    metadata,
    Column("agent", String(40), ForeignKey("agents.agent"), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("last_at", Instant),
    Column("received", Instant, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("judged", BigInteger, nullable=False),
)
"""How far each machine's samples are known. ``last_at``: of the newest sample that was taken in, by the
machine's clock; ``missing``: numbers that were skipped; ``refused``: samples that could not be; ``judged``:
up to which sequence forecasts were made."""

trend_points = Table(
    "trend_points",
    metadata,
    Column("agent", String(40), ForeignKey("agents.agent"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("subject", String(80), primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("value", Float(53), nullable=False),
    Column("limit", Float(53), nullable=False),
    Column("daily", Boolean, nullable=False, default=False, server_default=false()),
    Index("ix_trend_points_age", "agent", "daily", "at"),
)
"""Readings as they came for two weeks, then the last of each day (``daily``) for a year."""

trend_warnings = Table(
    "trend_warnings",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("agent", String(40), ForeignKey("agents.agent"), nullable=False),
    Column("customer", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("opened", Instant, nullable=False),
    Column("ticket", BigInteger, ForeignKey("tickets.number")),
    Column("eta_s", Float(53)),
    Column("r2", Float(53)),
    Column("severity", Integer, nullable=False),
    Column("told", Instant, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("outcome", String(8)),
    Column("judged_by", String(200)),
    Column("judged_at", Instant),
    Index("ix_trend_warnings_key", "agent", "kind", "subject", "id"),
    Index("ix_trend_warnings_ticket", "ticket"),
    Index("ix_trend_warnings_customer", "customer", "opened"),
    Index("ix_trend_warnings_kind", "kind", "opened"),
)
"""``id``: index of the audit record. ``ticket``: NULL where so many were open that none was opened;
``severity``, ``told``: as last said on the ticket, and when; ``evidence``: ``protocol.trend_api.Evidence`` as
JSON, as it was when the ticket was opened; ``outcome``: ``true`` or ``false`` once somebody said whether it
was right."""
