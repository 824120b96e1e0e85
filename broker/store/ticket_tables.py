"""Tables of tickets: the present state, and the append-only events that led to it."""

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
    Column("priority", Integer, nullable=False),
    Column("priority_reason", Text),
    Column("category", String(64)),
    Column("queue", String(64), nullable=False),
    Column("language", String(2), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("pending_reason", String(32)),
    Column("resume_at", Instant),
    Column("resolved", Instant),
    Column("closed", Instant),
    Column("hand_back", LargeBinary),
    Column("follow_up_of", BigInteger, ForeignKey("tickets.number")),
    Column("merged_into", BigInteger, ForeignKey("tickets.number")),
    Index("ix_tickets_customer", "customer", "number"),
    Index("ix_tickets_state", "state", "number"),
    Index("ix_tickets_agent", "agent", "number"),
    Index("ix_tickets_queue", "queue", "state", "number"),
    Index("ix_tickets_requester", "requester", "number"),
    # For the first page of filtered lists at a million tickets (benchmarks/desk_lists.py).
    Index("ix_tickets_work", "state", "tier", "priority", "number"),
    Index("ix_tickets_customer_work", "customer", "state", "tier", "priority", "number"),
    Index("ix_tickets_assignee_work", "assignee", "state", "number"),
    Index("ix_tickets_queue_number", "queue", "number"),
    # What a report of a period looks at.
    Index("ix_tickets_updated", "updated"),
)
"""``T-`` and ``number`` is the ticket's id. ``version`` counts its changes. ``priority_reason``: why it is
not what the customer's matrix says; ``hand_back``: ``protocol.escalation.HandBack`` as JSON."""

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
    Column("party", String(16), nullable=False),
    Column("reason", String(32)),
    Column("tier", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("assignee", String(64)),
    Column("queue", String(64), nullable=False),
    Column("clearance", String(2), nullable=False),
    Index("ix_ticket_events_ticket", "ticket", "log_index"),
    Index("ix_ticket_events_at", "at"),
)
"""Never updated, never deleted; clocks and figures are functions of these rows. ``log_index``: the audit
record written in the same transaction. ``tier``, ``priority``, ``assignee``, ``queue``: after the event;
``reason``: the pending reason, reason code or cause; ``clearance``: who may read ``text``."""

user_messages = Table(
    "user_messages",
    metadata,
    Column("agent", String(40), ForeignKey("agents.agent"), primary_key=True),
    Column("nonce", String(64), primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
)
"""Help requests and replies that were taken in: sent again after a lost answer, they change nothing."""
