"""The limit for an idle agent: CPython with asyncio and ssl that holds one connection.

``python -m benchmarks.bare_client PORT``
"""

from __future__ import annotations

import asyncio
import ssl
import sys


async def hold(port: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, _ = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    await reader.read()


if __name__ == "__main__":
    asyncio.run(hold(int(sys.argv[1])))
