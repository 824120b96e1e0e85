"""Tables of sessions, their relay legs, artifacts, and what of the agents' journals is in the log."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from broker.store.tables import Instant, metadata

sessions = Table(
    "sessions",
    metadata,
    Column("grant_id", String(32), primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
    Column("customer", String(64), nullable=False),
    Column("agent", String(40), ForeignKey("agents.agent"), nullable=False),
    Column("technician", String(64), nullable=False),
    Column("technician_key", String(300), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested", Instant, nullable=False),
    Column("establish_by", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("consent", LargeBinary),
    Column("legs", Integer, nullable=False, default=0, server_default="0"),
    Column("why_ended", String(32)),
    Column("refusal", String(40)),
    Column("ended", Instant),
    Column("invitation", LargeBinary),
    Index("ix_sessions_ticket", "ticket", "requested"),
    Index("ix_sessions_agent", "agent", "state"),
    Index("ix_sessions_technician", "technician", "requested"),
    Index("ix_sessions_state", "state"),
)
"""``grant_id`` is used once and for ever. ``envelope``: the grant with both signatures (DSSE JSON);
``consent``: the agent's; ``invitation``: what an outside expert came with; ``refusal``: the agent's error code. After consent ``scopes`` and ``ends``
are what was granted."""

relay_legs = Table(
    "relay_legs",
    metadata,
    Column("grant_id", String(32), ForeignKey("sessions.grant_id"), primary_key=True),
    Column("leg", Integer, primary_key=True),
    Column("side", String(16), primary_key=True),
    Column("token_sha256", LargeBinary(32), nullable=False, unique=True),
    Column("next_sha256", LargeBinary(32), unique=True),
)
"""One-time tokens as hashes. ``token_sha256`` works until ``next_sha256`` was used for the first time."""

artifacts = Table(
    "artifacts",
    metadata,
    Column("artifact", String(32), primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
    Column("customer", String(64), nullable=False),
    Column("agent", String(40)),
    Column("grant_id", String(32), ForeignKey("sessions.grant_id")),
    Column("kind", String(16), nullable=False),
    Column("name", String(200), nullable=False),
    Column("clearance", String(2), nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("media_type", String(80), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("made", Instant, nullable=False),
    Column("stored", Instant, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Index("ix_artifacts_ticket", "ticket", "stored"),
)
"""``manifest``: the signed envelope of whoever made it (DSSE JSON). The content is a file of the artifact's name.
``grant_id``: the session that it comes from; None for what somebody attached. ``agent``: None on a ticket without
a machine."""

journal = Table(
    "journal",
    metadata,
    Column("agent", String(40), ForeignKey("agents.agent"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("log_index", BigInteger, nullable=False),
)
"""Which entry of an agent's journal is which record of the log: a second, different entry under the
same number is a fork."""
