"""Tables of the help desk: escalations, ratings, timers, invitations, notices."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from broker.store.tables import BigId, Instant, metadata

escalations = Table(
    "escalations",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
    Column("from_tier", Integer, nullable=False),
    Column("to_tier", Integer, nullable=False),
    Column("reason_code", String(32), nullable=False),
    Column("handover", LargeBinary, nullable=False),
    Column("no_diagnostics_reason", Text, nullable=False),
    Column("skip_reason", Text, nullable=False),
    Column("clearance", String(2), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("accepted_by", String(64)),
    Column("accepted_at", Instant),
    Column("returned_by", String(64)),
    Column("returned_at", Instant),
    Column("return_reason", Text),
    Index("ix_escalations_ticket", "ticket", "id"),
)
"""``id``: index of the audit record that began it. ``handover``: ``protocol.escalation.Handover`` as JSON."""

ratings = Table(
    "ratings",
    metadata,
    Column("ticket", BigInteger, ForeignKey("tickets.number"), primary_key=True, autoincrement=False),
    Column("asked", Instant, nullable=False),
    Column("score", Integer),
    Column("text", Text),
    Column("answered", Instant),
)
"""CSAT: the primary key is what makes it be asked once."""

timers = Table(
    "timers",
    metadata,
    Column("ticket", BigInteger, ForeignKey("tickets.number"), primary_key=True, autoincrement=False),
    Column("kind", String(32), primary_key=True),
    Column("due", Instant, nullable=False),
    Index("ix_timers_due", "due"),
)
"""What happens to a ticket by itself. A timer fires by being deleted in the transaction that acts, so it
fires once, whatever restarts."""

invitations = Table(
    "invitations",
    metadata,
    Column("invitation", String(32), primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
    Column("expert", String(64), nullable=False),
    Column("by", String(64), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("until", Instant, nullable=False),
    Column("ended", Instant),
    Column("envelope", LargeBinary, nullable=False),
    Index("ix_invitations_ticket", "ticket"),
    Index("ix_invitations_expert", "expert"),
)
"""``envelope``: the assignee's signed ``Invitation`` (DSSE JSON)."""

notices = Table(
    "notices",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("receiver", String(64), primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
    Column("clock", String(32), nullable=False),
    Column("percent", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("seen", Instant),
    Index("ix_notices_receiver", "receiver", "id"),
    Index("uq_notices_step", "ticket", "clock", "percent", "receiver", unique=True),
)
"""``id``: index of the audit record. One row for each person told; the unique index makes it once."""
