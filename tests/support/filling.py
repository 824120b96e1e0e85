"""Fills a real file system, hour by hour of a clock that is given, and has the agent's own code sample it.

Runs inside mount name spaces of its own: ``unshare -Urm python -m tests.support.filling FOLDER HOURS LAST``.
``FOLDER`` is an enrolled agent's, ``LAST`` the time of the last sample (RFC 3339).
"""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from agent.folder import Folder
from agent.trends.sampling import take
from protocol.times import parse_rfc3339

POINT = Path("/srv")
SIZE_MIB = 40
"""Of the file system; one MiB is written each hour."""


def main(folder: str, hours: int, last: str) -> None:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=0700", "none", str(POINT)], check=True
    )
    for hour in range(hours):
        (POINT / f"log.{hour}").write_bytes(b"x" * (1 << 20))
        take(Folder(Path(folder)), parse_rfc3339(last) - timedelta(hours=hours - 1 - hour))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
