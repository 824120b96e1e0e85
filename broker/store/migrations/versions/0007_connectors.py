"""Tickets that live in another system too.

Revision ``0007``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _connectors()
    _connector_links()
    _connector_received()
    _connector_echoes()
    _connector_parked()


def _connectors() -> None:
    op.create_table(
        "connectors",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sent_cursor", sa.BigInteger(), nullable=False),
        sa.Column("heard_cursor", sa.BigInteger(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=300), nullable=True),
        sa.Column("sent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("received", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kept", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connectors")),
    )


def _connector_links() -> None:
    op.create_table(
        "connector_links",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("remote", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("marked", sa.Boolean(), nullable=False),
        sa.Column("said", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_connector_links_ticket")),
        sa.PrimaryKeyConstraint("connector", "ticket", name=op.f("pk_connector_links")),
    )
    op.create_index("ix_connector_links_remote", "connector_links", ["connector", "remote", "ticket"])
    op.create_index("ix_connector_links_ticket", "connector_links", ["ticket"])


def _connector_received() -> None:
    op.create_table(
        "connector_received",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "event", name=op.f("pk_connector_received")),
    )
    op.create_index("ix_connector_received_position", "connector_received", ["connector", "position"])


def _connector_echoes() -> None:
    op.create_table(
        "connector_echoes",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("log_index", BIG_ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("connector", "log_index", name=op.f("pk_connector_echoes")),
    )


def _connector_parked() -> None:
    op.create_table(
        "connector_parked",
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.String(length=4), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("ticket", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "direction", "key", name=op.f("pk_connector_parked")),
    )
    op.create_index("ix_connector_parked_next_try", "connector_parked", ["connector", "next_try"])
