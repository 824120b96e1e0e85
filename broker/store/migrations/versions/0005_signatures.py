"""What signatures of known errors said about bundles.

Revision ``0005``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "signature_queue",
        sa.Column("artifact", sa.String(length=32), nullable=False),
        sa.Column("queued", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact"], ["artifacts.artifact"], name=op.f("fk_signature_queue_artifact")
        ),
        sa.PrimaryKeyConstraint("artifact", name=op.f("pk_signature_queue")),
    )
    op.create_index("ix_signature_queue_queued", "signature_queue", ["queued"])
    op.create_table(
        "signature_results",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("artifact", sa.String(length=32), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("known_error", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("bindings", sa.Text(), nullable=False),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.Column("clearance", sa.String(length=2), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("feedback", sa.String(length=16), nullable=True),
        sa.Column("feedback_by", sa.String(length=64), nullable=True),
        sa.Column("feedback_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_signature_results_ticket")),
        sa.ForeignKeyConstraint(
            ["artifact"], ["artifacts.artifact"], name=op.f("fk_signature_results_artifact")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature_results")),
    )
    op.create_index(
        "uq_signature_results_once", "signature_results", ["artifact", "known_error", "version"], unique=True
    )
    op.create_index("ix_signature_results_ticket", "signature_results", ["ticket", "id"])
    op.create_index("ix_signature_results_error", "signature_results", ["known_error", "version", "feedback"])
    op.create_index("ix_signature_results_at", "signature_results", ["at"])
    op.create_table(
        "signature_reviews",
        sa.Column("known_error", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("judged", sa.Integer(), nullable=False),
        sa.Column("confirmed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("known_error", "version", name=op.f("pk_signature_reviews")),
    )
