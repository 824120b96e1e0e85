"""Tables of connectors: which ticket is which in the outside system, and how far either side was followed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from broker.store.tables import BigId, Instant, metadata

connectors = Table(
    "connectors",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("settings", LargeBinary, nullable=False),
    Column("secret", LargeBinary(32), nullable=False),
    Column("sent_cursor", BigInteger, nullable=False),
    Column("heard_cursor", BigInteger),
    Column("active", Boolean, nullable=False),
    Column("heard_at", Instant),
    Column("failing_since", Instant),
    Column("failures", Integer, nullable=False, default=0, server_default="0"),
    Column("error", String(40)),
    Column("detail", String(300)),
    Column("sent", BigInteger, nullable=False, default=0, server_default="0"),
    Column("received", BigInteger, nullable=False, default=0, server_default="0"),
    Column("kept", BigInteger, nullable=False, default=0, server_default="0"),
)
"""``settings``: SHA-256 of what it runs with, so that a change is recorded once. ``secret``: keys the
pseudonyms of people there. ``sent_cursor``: index of the last log entry that was told there;
``heard_cursor``: everything there up to this position was taken in."""

connector_links = Table(
    "connector_links",
    metadata,
    Column("connector", String(64), primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), primary_key=True, autoincrement=False),
    Column("remote", String(64), nullable=False),
    Column("status", String(64), nullable=False),
    Column("marked", Boolean, nullable=False),
    Column("said", BigInteger, nullable=False, default=0, server_default="0"),
    Index("ix_connector_links_remote", "connector", "remote", "ticket"),
    Index("ix_connector_links_ticket", "ticket"),
)
"""``status``: the last one known over there. ``marked``: our id is written there. ``said``: position of the
last message of ours there. Where several tickets name one ``remote``, the newest follows up the others."""

connector_received = Table(
    "connector_received",
    metadata,
    Column("connector", String(64), primary_key=True),
    Column("event", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("log_index", BigInteger, nullable=False),
    Index("ix_connector_received_position", "connector", "position"),
)
"""What was taken in and may be offered again: the primary key is what makes it once. Rows up to
``heard_cursor`` are deleted."""

connector_echoes = Table(
    "connector_echoes",
    metadata,
    Column("connector", String(64), primary_key=True),
    Column("log_index", BigId, primary_key=True, autoincrement=False),
)
"""Ticket events that came from this connector: their words are not told back. Rows up to ``sent_cursor`` are
deleted."""

connector_parked = Table(
    "connector_parked",
    metadata,
    Column("connector", String(64), primary_key=True),
    Column("direction", String(4), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("ticket", String(64), nullable=False),
    Column("code", String(40), nullable=False),
    Column("detail", String(300), nullable=False),
    Column("since", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try", Instant, nullable=False),
    Index("ix_connector_parked_next_try", "connector", "next_try"),
)
"""What one side refused for itself: it is tried again later and holds up nothing else. ``direction``: ``out``
with ``key`` a log index, or ``in`` with the outside system's event."""
