"""The one door through which a technician's request reaches the machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from agent.actions.context import Session
from agent.actions.registry import ACTIONS, Action
from protocol import assist
from protocol.audit import Action as Act
from protocol.errors import Code, RelevoError
from protocol.wire import from_msgpack

_logger = logging.getLogger(__name__)

Send = Callable[[bytes], Awaitable[None]]
"""Write one frame's body to the channel and wait while it is full."""


async def serve_request(
    body: bytes, session: Session, send: Send, check: Callable[[], Awaitable[object]]
) -> None:
    """Decode one request, do it, and answer with events; the last one is ``Completed`` or ``Failed``.

    Every refusal is journalled. Whatever an action raises ends this request alone.

    Args:
        body: the request's frame.
        session: what was consented.
        send: the channel.
        check: raises ``stale-trust`` or ``revoked`` when nothing may be done any more.
    """

    async def emit(event: assist.Event) -> None:
        await send(msgspec.msgpack.encode(event))

    try:
        request = from_msgpack(body, assist.Request)
        action = _allowed(request, session)
        await check()
        async with asyncio.timeout(action.deadline_s):
            await action.run(request, session, emit)
        await emit(assist.Completed())
    except RelevoError as error:
        await _refuse(session, error.code, error.detail, send)
    except TimeoutError:
        await _refuse(session, Code.TIMEOUT, "the machine took too long", send)
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception:
        _logger.exception("request of session %s failed", session.grant.grant)
        await _refuse(session, Code.INTERNAL, "", send)


def _allowed(request: assist.Request, session: Session) -> Action:
    action = ACTIONS[type(request)]
    if session.now() >= session.consent.until:
        raise RelevoError(Code.SESSION_ENDED, session.grant.grant)
    if action.scope is not None and action.scope not in session.consent.scopes:
        raise RelevoError(Code.SCOPE_NOT_GRANTED, action.scope)
    return action


async def _refuse(session: Session, code: Code, detail: str, send: Send) -> None:
    try:
        session.record(Act.AGENT_REFUSED, code=code)
    except RelevoError:
        # The journal is what failed; the refusal itself needs no record to be safe.
        _logger.warning("refusal %s in session %s could not be journalled", code, session.grant.grant)
    await send(msgspec.msgpack.encode(assist.Failed(code=code, detail=detail[:1_000])))
