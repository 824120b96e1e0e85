"""Tables of the SLA clocks: what is due when, and which notices are given."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from broker.store.tables import Instant, metadata

sla_due = Table(
    "sla_due",
    metadata,
    Column("ticket", BigInteger, ForeignKey("tickets.number"), primary_key=True, autoincrement=False),
    Column("due", Instant),
    Column("breaches", Instant),
    Column("notice", Instant),
    Index("ix_sla_due_due", "due", "ticket"),
    Index("ix_sla_due_breaches", "breaches"),
    Index("ix_sla_due_notice", "notice"),
)
"""Open tickets with a clock that is not stopped: a copy of what the pure function says, to sort and to wait
by; thrown away and made anew at any time. ``due``: the earliest; ``breaches``: from this instant on a clock
is breached; ``notice``: when the next share of a target is used up."""

sla_notices = Table(
    "sla_notices",
    metadata,
    Column("ticket", BigInteger, ForeignKey("tickets.number"), primary_key=True, autoincrement=False),
    Column("clock", String(32), primary_key=True),
    Column("cycle", Integer, primary_key=True, autoincrement=False),
    Column("percent", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("log_index", BigInteger),
)
"""Shares of a target that were reached: the primary key is what makes each be told once, whatever restarts.
``log_index``: the event that told it; NULL where a larger share was reached by the same time and told."""
