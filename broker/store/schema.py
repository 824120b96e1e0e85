"""The schema's versions (alembic). Every table that exists is imported here.

Alembic itself is imported only to migrate: it brings every database it knows, and most starts of the
broker find a current schema.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, MetaData, inspect, text

from broker.store import (
    connector_tables,
    conversation_tables,
    desk_tables,
    knowledge_tables,
    outgoing_tables,
    self_service_tables,
    session_tables,
    signature_tables,
    sla_tables,
    tables,
    ticket_tables,
    trend_tables,
)
from broker.store.databases import make_engine
from protocol.errors import Code, RelevoError

METADATA: MetaData = tables.metadata
MODULES = (
    tables,
    ticket_tables,
    session_tables,
    desk_tables,
    sla_tables,
    conversation_tables,
    outgoing_tables,
    trend_tables,
    knowledge_tables,
    connector_tables,
    signature_tables,
    self_service_tables,
)
"""Imported for the tables that they add to ``METADATA``."""


_MIGRATIONS = Path(__file__).parent / "migrations"


@cache
def head() -> str:
    """The newest schema version that this program knows; a migration's file name begins with its version."""
    found = [path.name.partition("_")[0] for path in _MIGRATIONS.glob("versions/[0-9]*_*.py")]
    if not found:
        raise RelevoError(Code.INTERNAL, "no migrations in this installation")
    return max(found)


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring the database to the newest schema; the versions before and after.

    Raises:
        RelevoError: ``cannot-record``; ``usage`` for a database this version does not know.
    """
    engine = make_engine(url, writer=True)
    try:
        with engine.begin() as conn:
            before = _version(conn)
            if before != head():
                _migrate(conn)
        return before, head()
    finally:
        engine.dispose()


def _migrate(conn: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


def version(url: str) -> str | None:
    """The database's schema version; None when it is empty or not there."""
    engine = make_engine(url, writer=False)
    try:
        with engine.begin() as conn:
            return _version(conn)
    finally:
        engine.dispose()


def require_current(url: str) -> None:
    """Raises RelevoError: ``conflict`` when ``relevo-broker migrate`` has to run first."""
    found = version(url)
    if found != head():
        raise RelevoError(Code.CONFLICT, f"schema {found or 'none'}, needed {head()}: relevo-broker migrate")


def _version(conn: Connection) -> str | None:
    if not inspect(conn).has_table("alembic_version"):
        return None
    found: str | None = conn.execute(text("select version_num from alembic_version")).scalar_one_or_none()
    return found
