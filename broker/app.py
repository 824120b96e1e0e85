"""The ASGI application behind the guard: read the body, call the row's handler, answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from broker.calls import Call, Http, Open, Row
from broker.context import Broker
from broker.guard import Guard, Passed, deny, limit_key
from broker.problems import answer, problem
from broker.refusals import is_refusal, record_refusal
from broker.routes import ROUTES
from protocol.errors import Code, RelevoError
from protocol.wire import Wire, from_json

_log = structlog.get_logger("broker.app")

LARGE_BODY = 8 << 20

_EMPTY = b"{}"
"""What clients that always send JSON send to a route that takes nothing."""


def make_app(broker: Broker, rows: Sequence[Row] = ROUTES) -> ASGIApp:
    """The broker's whole HTTP and WebSocket interface."""
    return Guard(_Dispatch(broker), broker, rows)


class _Dispatch:
    """Only ever called by the guard."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._large: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        passed: Passed = scope["relevo"]
        if isinstance(passed.row, Http):
            await self._http(passed, passed.row, scope, receive, send)
        else:
            await self._socket(passed, scope, receive, send)

    async def _http(self, passed: Passed, row: Http, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        request = Request(scope, receive)
        call = Call(request, passed.caller, None, passed.reference, passed.source)
        try:
            with self._alone(row):
                body = await _body(request, row)
                call = Call(request, passed.caller, body, passed.reference, passed.source, call.about)
                response = answer(await row.handler(self._broker, call))
        except ClientDisconnect:
            return
        except RelevoError as error:
            await self._refused(call, row, error)
            response = problem(error, passed.reference)
        except Exception:
            _log.exception("bug", path=row.path, reference=passed.reference)
            response = problem(RelevoError(Code.INTERNAL), passed.reference)
        if response.status_code == RelevoError(Code.TOO_LARGE).http_status:
            response.headers["connection"] = "close"
        self._broker.metrics.requests.labels(row.method, row.path, str(response.status_code)).inc()
        self._broker.metrics.seconds.labels(row.method, row.path).observe(time.monotonic() - started)
        await response(scope, receive, send)

    @contextlib.contextmanager
    def _alone(self, row: Http) -> Iterator[None]:
        """Large bodies are held one at a time per route, so that they cannot fill the memory."""
        if row.max_body <= LARGE_BODY:
            yield
            return
        if row.path in self._large:
            raise RelevoError(Code.RATE_LIMITED, "another such request is being served")
        self._large.add(row.path)
        try:
            yield
        finally:
            self._large.discard(row.path)

    async def _refused(self, call: Call, row: Http, error: RelevoError) -> None:
        if row.access is Open.PUBLIC and error.code is Code.NOT_FOUND:
            _log.debug(
                "nothing-there", path=row.path
            )  # TUF clients ask for the next root until there is none
            return
        _log.info(
            "refused", code=error.code.value, detail=error.detail, path=row.path, reference=call.reference
        )
        self._broker.metrics.refusals.labels(error.code.value).inc()
        if row.access is Open.PROOF and is_refusal(error.code):
            self._broker.limiter.spend(limit_key(row, call.source), time.monotonic())
        await record_refusal(
            self._broker,
            row.refusal,
            error,
            method=row.method,
            path=row.path,
            source=call.source,
            caller=call.caller,
            about=call.about,
        )

    async def _socket(self, passed: Passed, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        assert not isinstance(passed.row, Http)  # noqa: S101 - told apart by the caller
        try:
            await passed.row.handler(self._broker, socket)
        except RelevoError as error:
            _log.info(
                "socket-refused", code=error.code.value, detail=error.detail, reference=passed.reference
            )
            await _close(socket, scope, receive, send, error, passed.reference)
        except Exception:
            _log.exception("bug", path=passed.row.path, reference=passed.reference)
            await _close(socket, scope, receive, send, RelevoError(Code.INTERNAL), passed.reference)


async def _body(request: Request, row: Http) -> Wire | None:
    """The decoded body of a row that takes one.

    Raises:
        RelevoError: ``too-large`` as soon as that is known, ``timeout``, ``malformed``.
    """
    if row.streams:
        return None
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and int(stated) > row.max_body:
        raise RelevoError(Code.TOO_LARGE, f"body of {stated[:20]} bytes, at most {row.max_body}")
    data = bytearray()
    try:
        async with asyncio.timeout(row.body_deadline_s):
            async for piece in request.stream():
                data += piece
                if len(data) > (row.max_body if row.takes else len(_EMPTY)):
                    raise RelevoError(Code.TOO_LARGE, f"more than {row.max_body} bytes of body")
    except TimeoutError as error:
        raise RelevoError(Code.TIMEOUT, "the request's body came too slowly") from error
    if row.takes:
        return from_json(bytes(data), row.takes)
    if data not in (b"", _EMPTY):
        raise RelevoError(Code.TOO_LARGE, "this route takes no body")
    return None


async def _close(
    socket: WebSocket, scope: Scope, receive: Receive, send: Send, error: RelevoError, reference: str
) -> None:
    """End a socket whose handler failed, in whatever state that left it."""
    if socket.client_state.name == "DISCONNECTED" or socket.application_state.name in (
        "DISCONNECTED",
        "RESPONSE",
    ):
        return
    if socket.application_state.name == "CONNECTING":
        await deny(scope, receive, send, error, reference)
        return
    internal = error.code is Code.INTERNAL
    await socket.close(code=1011 if internal else 1008, reason=error.code.value)
