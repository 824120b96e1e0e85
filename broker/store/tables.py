"""Tables of the broker's core. Every table of the broker hangs on this one ``metadata``.

``broker.store.ticket_tables`` and ``broker.store.session_tables`` add theirs. A change here needs a
migration in ``broker/store/migrations``; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = ((end.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND for end in (datetime.min, datetime.max))


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds since 1970 UTC: sorts and compares on every database.

    Machines state times: one that is in no calendar in UTC is stored as the calendar's first or last, so that
    no row can be written that cannot be read.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else min(max(_FIRST, (value - _EPOCH) // _MICROSECOND), _LAST)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


BigId = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit key; SQLite's rowid must be declared INTEGER."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
"""Single facts of this broker: ``org``, ``paired``."""

FIX_ENTRIES = "action >= 'fix.' AND action < 'fix/'"
"""What machines told of fix runs: few of many entries, looked at together by reports. ``/`` follows ``.``."""

audit = Table(
    "audit",
    metadata,
    Column("idx", BigId, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary(32), nullable=False),
    Column("record", LargeBinary),
    Column("leaf", LargeBinary(32), nullable=False),
    # Copies out of the record, only to find entries; what counts is the record under its leaf.
    Column("action", String(64), nullable=False),
    Column("ticket", String(20)),
    Column("customer", String(64)),
    Column("agent", String(40)),
    Index("ix_audit_ticket", "ticket", "idx"),
    Index("ix_audit_fix", "idx", sqlite_where=text(FIX_ENTRIES), postgresql_where=text(FIX_ENTRIES)),
)
"""The log: ``leaf`` is ``protocol.audit.leaf_data(salt, record)``; ``record`` is NULL once erased."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigId, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
"""Every signed checkpoint (C2SP signed note), written with the entries that it covers."""

agents = Table(
    "agents",
    metadata,
    Column("agent", String(40), primary_key=True),
    Column("key", String(300), nullable=False),
    Column("hostname", String(200), nullable=False),
    Column("platform", String(200), nullable=False),
    Column("customer", String(64), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("version", String(40), nullable=False, default="", server_default=""),
    Column("enrolled", Instant, nullable=False),
    Column("last_seen", Instant),
    Column("journal_sequence", BigInteger, nullable=False, default=0, server_default="0"),
    Column("journal_sha256", String(64), nullable=False, default="0" * 64, server_default="0" * 64),
    Index("ix_agents_customer", "customer", "agent"),
)
"""Enrolled machines. ``journal_*``: the last journal entry that is in the log."""

tokens = Table(
    "tokens",
    metadata,
    Column("token", String(32), primary_key=True),
    Column("agent", String(40), ForeignKey("agents.agent"), nullable=False),
    Column("used", Instant, nullable=False),
)
"""Consumed enrolment tokens: the primary key is what makes a second use impossible."""

logins = Table(
    "logins",
    metadata,
    Column("token_sha256", LargeBinary(32), primary_key=True),
    Column("technician", String(64), nullable=False),
    Column("key", String(300), nullable=False),
    Column("created", Instant, nullable=False),
    Column("expires", Instant, nullable=False, index=True),
)
"""API logins; the bearer itself is never stored."""

login_nonces = Table(
    "login_nonces",
    metadata,
    Column("nonce", String(64), primary_key=True),
    Column("expires", Instant, nullable=False, index=True),
)
