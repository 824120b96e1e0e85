"""Trend facts, forecasts and warnings.

Revision ``0008``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "trend_agents",
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("judged", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.agent"], name=op.f("fk_trend_agents_agent")),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_trend_agents")),
    )
    op.create_table(
        "trend_points",
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("limit", sa.Float(precision=53), nullable=False),
        sa.Column("daily", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.agent"], name=op.f("fk_trend_points_agent")),
        sa.PrimaryKeyConstraint("agent", "kind", "subject", "at", name=op.f("pk_trend_points")),
    )
    op.create_index("ix_trend_points_age", "trend_points", ["agent", "daily", "at"])
    _warnings()


def _warnings() -> None:
    op.create_table(
        "trend_warnings",
        sa.Column("id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=True),
        sa.Column("eta_s", sa.Float(precision=53), nullable=True),
        sa.Column("r2", sa.Float(precision=53), nullable=True),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=True),
        sa.Column("judged_by", sa.String(length=200), nullable=True),
        sa.Column("judged_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent"], ["agents.agent"], name=op.f("fk_trend_warnings_agent")),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_trend_warnings_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trend_warnings")),
    )
    op.create_index("ix_trend_warnings_key", "trend_warnings", ["agent", "kind", "subject", "id"])
    op.create_index("ix_trend_warnings_ticket", "trend_warnings", ["ticket"])
    op.create_index("ix_trend_warnings_customer", "trend_warnings", ["customer", "opened"])
    op.create_index("ix_trend_warnings_kind", "trend_warnings", ["kind", "opened"])
