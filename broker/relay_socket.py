"""``WS /v1/relay``: a one-time token in the first frame, then blind copying (``broker.relay``)."""

from __future__ import annotations

import asyncio
import time

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from broker.calls import About
from broker.context import Broker
from broker.limits import source_of
from broker.refusals import record_refusal
from broker.relay import CLOSE_ENDED, close_socket
from broker.sessions import legs
from protocol.api import RelayHello, RelayReady
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.wire import from_json, to_json

PATH = "/v1/relay"
CLOSE_REFUSED = 4403
CLOSE_FAULT = 1011
MAX_HELLO = 512

_log = structlog.get_logger("broker.relay")


async def relay_leg(broker: Broker, socket: WebSocket) -> None:
    """Attach one side of a leg and serve it until it ends. Cancelling it detaches the side."""
    await socket.accept()
    place = await _admit(broker, socket)
    if place is None:
        return
    if not broker.sessions.is_live(place.grant):
        await close_socket(socket, CLOSE_ENDED)
        return
    code = await broker.relay.carry(place.grant, place.leg, place.side, socket)
    _log.info("leg-detached", grant=place.grant, leg=place.leg, side=place.side.value, close=code)


async def _admit(broker: Broker, socket: WebSocket) -> legs.Place | None:
    """The place the token leads to, after the answer with the next token; None when refused and closed."""
    try:
        async with broker.doorstep.wait():
            token = await _hello(socket)
        place = await broker.store.write(lambda tx: legs.redeem(broker, tx, token))
        ready = to_json(RelayReady(next_token=place.next_token)).decode()
        async with asyncio.timeout(10.0):
            await socket.send({"type": "websocket.send", "text": ready})
        return place
    except (WebSocketDisconnect, WebSocketDisconnected):
        return None
    except TimeoutError:
        await close_socket(socket, CLOSE_REFUSED)
    except RelevoError as error:
        await _refuse(broker, socket, error)
    return None


async def _hello(socket: WebSocket) -> str:
    """Raises RelevoError: ``unauthenticated`` unless the first frame is a small ``RelayHello`` in text."""
    event = await socket.receive()
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code", 1005))
    text = event.get("text")
    try:
        if text is None or len(text) > MAX_HELLO:
            raise RelevoError(Code.MALFORMED, "not a relay hello")
        return from_json(text, RelayHello).token
    except RelevoError as error:
        raise RelevoError(Code.UNAUTHENTICATED, "the first frame showed no token") from error


async def _refuse(broker: Broker, socket: WebSocket, error: RelevoError) -> None:
    source = source_of(socket.client)
    _log.info("leg-refused", code=error.code.value, source=source)
    if error.code is Code.UNAUTHENTICATED:
        broker.limiter.spend(source, time.monotonic())
        broker.metrics.refusals.labels(error.code.value).inc()
        await record_refusal(
            broker,
            Action.ACCESS_REFUSED,
            error,
            method="WS",
            path=PATH,
            source=source,
            caller=None,
            about=About(),
        )
        await close_socket(socket, CLOSE_REFUSED)
        return
    await close_socket(socket, CLOSE_FAULT)
