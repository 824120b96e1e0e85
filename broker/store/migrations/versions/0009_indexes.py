"""Indexes for the first page of filtered lists at a million tickets, and for reports.

Revision ``0009``.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FIX_ENTRIES = "action >= 'fix.' AND action < 'fix/'"


def upgrade() -> None:
    op.create_index("ix_tickets_work", "tickets", ["state", "tier", "priority", "number"])
    op.create_index(
        "ix_tickets_customer_work", "tickets", ["customer", "state", "tier", "priority", "number"]
    )
    # With both, SQLite reads everything that somebody ever had, to save itself the sorting of what is open.
    op.drop_index("ix_tickets_assignee", "tickets")
    op.create_index("ix_tickets_assignee_work", "tickets", ["assignee", "state", "number"])
    op.create_index("ix_tickets_queue_number", "tickets", ["queue", "number"])
    op.create_index("ix_tickets_updated", "tickets", ["updated"])
    op.create_index(
        "ix_audit_fix",
        "audit",
        ["idx"],
        sqlite_where=sa.text(FIX_ENTRIES),
        postgresql_where=sa.text(FIX_ENTRIES),
    )
