"""``python -m agent.logs``: one search or follow; a ``Search`` comes on stdin, ``Said`` go to stdout.

Ends when stdin ends: the worker that asked is gone or has had enough.
"""

from __future__ import annotations

import asyncio
import os
import sys

from agent import framing
from agent.logs.child import Child
from agent.logs.messages import Search

_NICE = 10


async def _main() -> None:
    reader, writer = await framing.standard_streams()
    search = await framing.receive(reader, Search)
    if search is None:
        return
    work = asyncio.create_task(Child(search, writer).run())
    gone = asyncio.create_task(reader.read())
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        # A search that runs in a thread cannot be interrupted; the process can.
        if not work.done():
            work.cancel()
            await asyncio.wait((work,), timeout=1)
            os._exit(0)
        gone.cancel()
    work.result()


def main() -> None:
    os.umask(0o077)
    os.nice(_NICE)
    try:
        asyncio.run(_main())
    except (BrokenPipeError, ConnectionError):
        sys.exit(0)


if __name__ == "__main__":
    main()
