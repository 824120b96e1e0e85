"""The broker's relay with nothing else: its copying code behind its server, two sockets, no tokens.

``python -m benchmarks.relay_server PORT CERT KEY``; the sides are ``/agent`` and ``/technician``.
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from broker.relay import Relay, Side
from protocol.drivers.memory import keep_buffers
from protocol.link import MAX_MESSAGE

_RELAY = Relay()


async def _leg(socket: WebSocket) -> None:
    await socket.accept()
    await _RELAY.carry("bench", 1, Side(socket.path_params["side"]), socket)


if __name__ == "__main__":
    keep_buffers()
    port, certificate, key = sys.argv[1:]
    uvicorn.run(
        Starlette(routes=[WebSocketRoute("/{side}", _leg)]),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        ws_ping_interval=None,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
