"""Tables of what leaves the broker by itself: mails and webhook calls, and whom a ticket's user named."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from broker.store.tables import BigId, Instant, metadata

ticket_contacts = Table(
    "ticket_contacts",
    metadata,
    Column("ticket", BigInteger, ForeignKey("tickets.number"), primary_key=True, autoincrement=False),
    Column("email", String(254), nullable=False),
)
"""The requester's address: a person identifier, kept apart from the ticket and from the log so that it is
gone when it is deleted."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
    Column("log_index", BigInteger, nullable=False),
    Column("target", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("receiver", String(100), nullable=False),
    Column("message", String(100), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created", Instant, nullable=False),
    Column("hold_until", Instant, nullable=False),
    Column("next_try", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, default=0, server_default="0"),
    Column("error", String(200)),
    Column("ended", Instant),
    Index("uq_deliveries_once", "log_index", "target", "kind", "receiver", unique=True),
    Index("ix_deliveries_due", "state", "target", "next_try"),
    Index("ix_deliveries_ended", "ended"),
    Index("ix_deliveries_ticket", "ticket", "receiver", "created"),
)
"""One row per event and receiver; the unique index makes it one. ``target``: ``mail`` or the webhook's id;
``receiver``: ``requester``, ``technician:<id>``, ``queue:<id>`` or empty, never an address. ``message``: what
the other side recognises a repetition by. ``hold_until``: the receiver's hours; ``state``: ``queued``, ``sent``,
``failed`` or ``dropped`` (nobody to send to any more)."""
