"""``python -m agent.attaching``: a picture on stdin, the same without anything but its pixels on stdout.

A process of its own with limits: what takes a stranger's file apart must not be able to harm anything else.
Exit status 3 and the error's code on stdout where the picture is refused.
"""

from __future__ import annotations

import sys

from agent.attaching import jpeg, png
from protocol.attaching import MAX_FILE
from protocol.errors import RelevoError

REFUSED = 3


def main() -> None:
    data = sys.stdin.buffer.read(MAX_FILE + 1)
    try:
        cleaned = png.clean(data) if data.startswith(png.SIGNATURE) else jpeg.clean(data)
    except RelevoError as error:
        sys.stdout.write(f"{error.code.value} {error.detail}")
        sys.exit(REFUSED)
    sys.stdout.buffer.write(cleaned)


if __name__ == "__main__":
    main()
