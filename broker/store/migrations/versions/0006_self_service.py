"""Self-service runs.

Revision ``0006``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "self_service_runs",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=True),
        sa.Column("diagnosed", sa.Boolean(), nullable=False),
        sa.Column("articles", sa.Text(), nullable=False),
        sa.Column("fixes", sa.Text(), nullable=False),
        sa.Column("guide_path", sa.Text(), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("run", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.agent"], name=op.f("fk_self_service_runs_agent")),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_self_service_runs_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_self_service_runs")),
        sa.UniqueConstraint("agent", "nonce", name="uq_self_service_runs_nonce"),
        sa.UniqueConstraint("agent", "run", name="uq_self_service_runs_run"),
    )
    op.create_index("ix_self_service_runs_ended", "self_service_runs", ["ended"])
    op.create_index("ix_self_service_runs_agent", "self_service_runs", ["agent", "ended"])
