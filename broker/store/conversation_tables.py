"""Tables of the conversation: attachments, read marks, what technicians said once."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from broker.store.tables import BigId, Instant, metadata

attachments = Table(
    "attachments",
    metadata,
    Column("log_index", BigId, primary_key=True, autoincrement=False),
    Column("artifact", String(32), ForeignKey("artifacts.artifact"), nullable=False, unique=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
    Column("technician", String(64)),
    Column("as_is", Text),
    Column("redaction", LargeBinary, nullable=False),
    Index("ix_attachments_ticket", "ticket"),
)
"""Which row of the conversation is which artifact. ``technician``: who put it there, None for the user;
``redaction``: facts as JSON, how many of each class were taken out."""

read_marks = Table(
    "read_marks",
    metadata,
    Column("ticket", BigInteger, ForeignKey("tickets.number"), primary_key=True, autoincrement=False),
    Column("delivered", BigInteger),
    Column("delivered_at", Instant),
    Column("read", BigInteger),
    Column("read_at", Instant),
)
"""How far the requester's machine got the conversation, and how far the requester saw it, by log index."""

said_once = Table(
    "said_once",
    metadata,
    Column("technician", String(64), primary_key=True),
    Column("nonce", String(64), primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
)
"""Replies and notes that were taken in: sent again after a lost answer, they change nothing."""
