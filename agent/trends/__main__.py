"""A short-lived child that takes one sample, so that the idle agent loads nothing for it.

Reads a ``SampleWanted`` as JSON on stdin and writes a ``Sampled`` on stdout.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agent.folder import Folder
from agent.trends.sampling import take
from agent.trends.wanted import SampleWanted
from protocol.wire import from_json, to_json


def main() -> None:
    wanted = from_json(sys.stdin.buffer.read(16 << 10), SampleWanted)
    sys.stdout.buffer.write(to_json(take(Folder(Path(wanted.folder)), wanted.at)))


if __name__ == "__main__":
    main()
