"""Tables of tickets: the present state, and the append-only events that led to it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from broker.store.tables import BigId, Instant, metadata

counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Numbers handed out inside a transaction: ``ticket``."""

tickets = Table(
    "tickets",
    metadata,
    Column("number", BigId, primary_key=True, autoincrement=False),
    Column("title", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("customer", String(64), nullable=False),
    Column("agent", String(40), ForeignKey("agents.agent")),
    Column("requester", String(200), nullable=False),
    Column("tier", Integer, nullable=False),
    Column("assignee", String(64)),
    Column("impact", Integer, nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("created", Instant, nullable=False),
    Column("updated", Instant, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("resolution", Text),
    Column("cause", String(32)),
    Column("resolved_by_tier", Integer),
    Column("article", String(100)),
    Column("no_article_reason", Text),
    Column("reopen_count", Integer, nullable=False, default=0, server_default="0"),
    Index("ix_tickets_customer", "customer", "number"),
    Index("ix_tickets_state", "state", "number"),
    Index("ix_tickets_assignee", "assignee", "number"),
    Index("ix_tickets_agent", "agent", "number"),
)
"""``T-`` and ``number`` is the ticket's id. ``version`` counts its changes."""

ticket_events = Table(
    "ticket_events",
    metadata,
    Column("log_index", BigId, primary_key=True, autoincrement=False),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("text", Text, nullable=False),
    Column("public", Boolean, nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16), nullable=False),
    Index("ix_ticket_events_ticket", "ticket", "log_index"),
)
"""Never updated, never deleted. ``log_index``: the audit record written in the same transaction."""

user_messages = Table(
    "user_messages",
    metadata,
    Column("agent", String(40), ForeignKey("agents.agent"), primary_key=True),
    Column("nonce", String(64), primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
)
"""Help requests and replies that were taken in: sent again after a lost answer, they change nothing."""
