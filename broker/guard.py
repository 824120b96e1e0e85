"""The one door of the broker: every HTTP request and WebSocket passes the role matrix here.

The table of ``broker.routes`` is both router and matrix, so nothing can be reached that it does not
list, and nothing it lists can be reached without the right that stands beside it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from starlette.datastructures import Headers
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.auth import authenticate
from broker.calls import About, Caller, Open, Row
from broker.context import Broker
from broker.limits import source_of
from broker.problems import problem
from broker.refusals import is_refusal, record_refusal
from protocol.errors import Code, RelevoError
from protocol.ids import new_reference

_log = structlog.get_logger("broker.guard")


class Passed(NamedTuple):
    """What the guard found out; in the ASGI scope under ``relevo``."""

    row: Row
    caller: Caller | None
    reference: str
    source: str


class _Compiled(NamedTuple):
    row: Row
    pattern: re.Pattern[str]
    convertors: dict[str, object]


class Guard:
    """ASGI middleware: match, authenticate, authorise; then, and only then, the application."""

    def __init__(self, app: ASGIApp, broker: Broker, rows: Sequence[Row]) -> None:
        self._app = app
        self._broker = broker
        self._rows: list[_Compiled] = []
        for row in rows:
            pattern, _format, convertors = compile_path(row.path)
            self._rows.append(_Compiled(row, pattern, dict(convertors)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            raise RuntimeError(f"unexpected ASGI scope {scope['type']}")
        reference = new_reference()
        source = source_of(scope.get("client"))
        row: Row | None = None
        caller: Caller | None = None
        try:
            row, scope["path_params"] = self._match(scope)
            caller = await self._identify(scope, row, source)
            _require_right(row, caller)
        except RelevoError as error:
            await self._refuse(error, row, caller, source, reference)
            await deny(scope, receive, send, error, reference)
            return
        scope["relevo"] = Passed(row, caller, reference, source)
        await self._app(scope, receive, send)

    def _match(self, scope: Scope) -> tuple[Row, dict[str, str]]:
        method = "WS" if scope["type"] == "websocket" else scope["method"]
        if method == "HEAD":
            method = "GET"
        for row, pattern, _convertors in self._rows:
            if row.method != method:
                continue
            found = pattern.match(scope["path"])
            if found:
                return row, found.groupdict()
        raise RelevoError(Code.NOT_FOUND, "no such route")

    async def _identify(self, scope: Scope, row: Row, source: str) -> Caller | None:
        """The caller; None where the row asks for no login.

        Raises:
            RelevoError: ``unauthenticated``, ``not-in-roster``, ``revoked``; ``rate-limited`` for a
                source that was refused too often.
        """
        if row.access is Open.PUBLIC:
            return None
        blocked = self._broker.limiter.blocked(limit_key(row, source), time.monotonic())
        if row.access is Open.PROOF:
            if blocked:
                raise RelevoError(Code.RATE_LIMITED, "too many refused attempts from this address")
            return None
        try:
            return await authenticate(self._broker, Headers(scope=scope).get("authorization"))
        except RelevoError as error:
            # Whoever holds a live login is never held up by others behind the same address.
            if blocked:
                raise RelevoError(Code.RATE_LIMITED, "too many refused attempts from this address") from error
            raise

    async def _refuse(
        self, error: RelevoError, row: Row | None, caller: Caller | None, source: str, reference: str
    ) -> None:
        _log.info(
            "refused",
            code=error.code.value,
            path=row.path if row else "-",
            source=source,
            reference=reference,
        )
        self._broker.metrics.refusals.labels(error.code.value).inc()
        if row is not None and is_refusal(error.code):
            if caller is None:
                self._broker.limiter.spend(limit_key(row, source), time.monotonic())
            await record_refusal(
                self._broker,
                row.refusal,
                error,
                method=row.method,
                path=row.path,
                source=source,
                caller=caller,
                about=About(),
            )


def limit_key(row: Row, source: str) -> str:
    """What shares a limit: attempts of one address at one route that asks for a proof, and all its
    attempts at the others together."""
    return f"{source} {row.path if row.access is Open.PROOF else '*'}"


def _require_right(row: Row, caller: Caller | None) -> None:
    """The role matrix. Raises RelevoError: ``unauthenticated`` or ``role-missing``."""
    if isinstance(row.access, Open):
        return
    if caller is None:
        raise RelevoError(Code.UNAUTHENTICATED, "no login")
    if not row.access & set(caller.person.roles):
        raise RelevoError(Code.ROLE_MISSING, f"{caller.person.id} for {row.method} {row.path}")


async def deny(scope: Scope, receive: Receive, send: Send, error: RelevoError, reference: str) -> None:
    """Answer with the problem; a WebSocket that was not accepted yet gets it as its HTTP answer."""
    response = problem(error, reference)
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.code.value})
        return
    await response(scope, receive, send)
