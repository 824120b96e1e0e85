"""Table of self-service: what machines told about runs without a technician."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table, Text, UniqueConstraint

from broker.store.tables import BigId, Instant, metadata

self_service_runs = Table(
    "self_service_runs",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("agent", String(40), ForeignKey("agents.agent"), nullable=False),
    Column("customer", String(64), nullable=False),
    Column("category", String(64), nullable=False),
    Column("language", String(2), nullable=False),
    Column("started", Instant, nullable=False),
    Column("ended", Instant, nullable=False),
    Column("received", Instant, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("ticket", BigInteger, ForeignKey("tickets.number")),
    Column("diagnosed", Boolean, nullable=False),
    Column("articles", Text, nullable=False),
    Column("fixes", Text, nullable=False),
    Column("guide_path", Text, nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("run", String(32), nullable=False),
    UniqueConstraint("agent", "nonce", name="uq_self_service_runs_nonce"),
    UniqueConstraint("agent", "run", name="uq_self_service_runs_run"),
    Index("ix_self_service_runs_ended", "ended"),
    Index("ix_self_service_runs_agent", "agent", "ended"),
)
"""``outcome``: solved, ticket or abandoned; only ``ticket`` has one. ``articles``, ``fixes``, ``guide_path``:
JSON lists as in ``protocol.documents.SelfServiceRecord``; ``guide_path`` begins with the guide's id. Times are
the machine's, held to what is possible (``broker.selfservice.records``)."""
