"""Attachments and read marks of the conversation on a ticket.

Revision ``0002``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("artifacts") as artifacts:
        artifacts.alter_column("agent", existing_type=sa.String(length=40), nullable=True)
        artifacts.alter_column("grant_id", existing_type=sa.String(length=32), nullable=True)
    op.create_table(
        "attachments",
        sa.Column("log_index", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("artifact", sa.String(length=32), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("technician", sa.String(length=64), nullable=True),
        sa.Column("as_is", sa.Text(), nullable=True),
        sa.Column("redaction", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["artifact"], ["artifacts.artifact"], name=op.f("fk_attachments_artifact")),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_attachments_ticket")),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_attachments")),
        sa.UniqueConstraint("artifact", name=op.f("uq_attachments_artifact")),
    )
    op.create_index("ix_attachments_ticket", "attachments", ["ticket"], unique=False)
    op.create_table(
        "read_marks",
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("read", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_read_marks_ticket")),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_read_marks")),
    )
    op.create_table(
        "said_once",
        sa.Column("technician", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_said_once_ticket")),
        sa.PrimaryKeyConstraint("technician", "nonce", name=op.f("pk_said_once")),
    )
