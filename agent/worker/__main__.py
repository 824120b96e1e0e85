"""``python -m agent.worker``: one process per session, started while the user reads the request."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from agent import framing
from agent.worker.session import SessionWorker
from protocol.drivers.memory import keep_buffers


async def _main() -> None:
    reader, writer = await framing.standard_streams()
    await SessionWorker(reader, writer).run()


def main() -> None:
    os.umask(0o077)
    keep_buffers()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    # Five lines a channel, each formatted and written before the next byte of the session.
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    asyncio.run(_main())
    # A thread that waits for a broker which does not answer must not keep the process of a session.
    os._exit(0)


if __name__ == "__main__":
    main()
