"""``python -m agent.selfservice FOLDER``: the worker of one run of self-service; frames on stdin and stdout."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from agent import framing
from agent.folder import Folder
from agent.selfservice.worker import Worker
from protocol.drivers.memory import keep_buffers


async def _main(folder: Folder) -> None:
    reader, writer = await framing.standard_streams()
    await Worker(folder, reader, writer).run()


if __name__ == "__main__":
    os.umask(0o077)
    keep_buffers()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    asyncio.run(_main(Folder(Path(sys.argv[1]))))
