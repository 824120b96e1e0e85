"""The control link of an agent: ``WS /v1/agent``. Proof first, then typed messages until it ends.

A frame that the protocol does not allow ends this link and no other: the agent gets the code, the log
a record, and the agent may come back. What each message does is in ``broker.link_messages``.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

import structlog
from sqlalchemy import select, update
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from broker.calls import refusal_facts
from broker.context import Broker
from broker.journal import Recorded
from broker.limits import source_of
from broker.link_messages import HANDLERS, reconcile
from broker.presence import CLOSE_FAULT, CLOSE_MALFORMED, CLOSE_REFUSED, Link, close_code
from broker.refusals import claimed
from broker.relay import close_socket
from broker.store.engine import Tx
from broker.store.tables import agents
from protocol import ids, link
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.documents import LinkProof
from protocol.dsse import open_envelope
from protocol.errors import Code, RelevoError
from protocol.sshkeys import PublicKey
from protocol.wire import from_msgpack, to_msgpack

PATH = "/v1/agent"
WELCOME_S = 15.0
TOO_BIG = 1009
"""The close code with which the server itself ends an oversized frame."""

_log = structlog.get_logger("broker.link")


class _Known(NamedTuple):
    """What the store holds about the agent that proved itself."""

    customer: str
    key: str
    journal_sequence: int


async def agent_link(broker: Broker, socket: WebSocket) -> None:
    """Serve one link until it ends. Cancelling it drops the link."""
    await socket.accept()
    made = await _introduce(broker, socket, source_of(socket.client))
    if made is None:
        return
    control, sessions = made
    broker.presence.enter(control)
    try:
        await _serve(broker, control, sessions)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if control.dropped is None or task is None:
            raise
        task.uncancel()
        _log.info("link-dropped", agent=control.agent, close=control.dropped)
        await close_socket(socket, control.dropped)


async def _serve(broker: Broker, control: Link, sessions: tuple[str, ...]) -> None:
    try:
        await reconcile(broker, control, sessions)
        await _converse(broker, control)
    except (WebSocketDisconnect, WebSocketDisconnected):
        _log.debug("link-gone", agent=control.agent)
    except RelevoError as error:
        await _refuse_link(broker, control, error)
    finally:
        newest = broker.presence.leave(control)
    if newest:
        await _seen(broker, control.agent)


# --- before the agent has proved itself --------------------------------------------------------


async def _introduce(broker: Broker, socket: WebSocket, source: str) -> tuple[Link, tuple[str, ...]] | None:
    """Challenge, Hello, Welcome; None when it was refused, recorded and closed."""
    claim: str | None = None
    try:
        nonce = ids.new_nonce()
        async with broker.doorstep.wait():
            await _send(socket, link.Challenge(nonce=nonce))
            hello = await _hello(socket)
        claim = hello.agent
        async with asyncio.timeout(WELCOME_S):
            known = await _prove(broker, hello, nonce)
            await _send(socket, link.Welcome(at=broker.clock(), journal_sequence=known.journal_sequence))
        return Link(socket, hello.agent, known.customer, known.key, source), hello.sessions
    except (WebSocketDisconnect, WebSocketDisconnected):
        return None
    except TimeoutError:
        await close_socket(socket, CLOSE_REFUSED)
    except RelevoError as error:
        await _refuse_stranger(broker, socket, error, claim, source)
    return None


async def _hello(socket: WebSocket) -> link.Hello:
    """Raises RelevoError: ``malformed`` for any other first message, ``too-large``."""
    message = _decode(await socket.receive())
    if not isinstance(message, link.Hello):
        raise RelevoError(Code.MALFORMED, "the first message must be hello")
    return message


async def _prove(broker: Broker, hello: link.Hello, nonce: str) -> _Known:
    """The enrolled agent behind the link, after its key signed our nonce and our certificate.

    Raises:
        RelevoError: ``identity-mismatch``, ``signature-invalid``, ``unauthenticated`` when it is not
            enrolled, ``revoked``.
    """
    org = broker.organisation.require()
    key = PublicKey.from_text(hello.key)
    if ids.agent_id(key.blob) != hello.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the agent's id is not the hash of its key")
    proof = open_envelope(hello.proof, LinkProof, [key])
    if proof.agent != hello.agent or proof.nonce != nonce:
        raise RelevoError(Code.REPLAYED, "the proof was made for another link")
    if proof.tls_sha256 != broker.identity.tls_sha256:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the agent sees another certificate than ours")
    if hello.agent in org.revoked.agents:
        raise RelevoError(Code.REVOKED, hello.agent)
    now = broker.clock()

    def unit(tx: Tx) -> _Known:
        row: Any = tx.conn.execute(
            select(agents.c.customer, agents.c.key, agents.c.journal_sequence).where(
                agents.c.agent == hello.agent
            )
        ).one_or_none()
        if row is None or PublicKey.from_text(row.key) != key:
            raise RelevoError(Code.UNAUTHENTICATED, f"{hello.agent} is not enrolled")
        tx.conn.execute(
            update(agents)
            .where(agents.c.agent == hello.agent)
            .values(last_seen=now, version=hello.version, platform=hello.platform)
        )
        return _Known(row.customer, row.key, row.journal_sequence)

    return await broker.store.write(unit)


async def _refuse_stranger(
    broker: Broker, socket: WebSocket, error: RelevoError, claim: str | None, source: str
) -> None:
    """Failure, record, close. The record says what was claimed; none of it is proven."""
    _log.info("link-refused", code=error.code.value, detail=error.detail, source=source)
    broker.limiter.spend(source, time.monotonic())
    actor = claimed(ActorKind.AGENT, claim) if claim else Actor(kind=ActorKind.UNKNOWN, id=source[:100])
    await _record(broker, Action.AGENT_LINK_REFUSED, error, actor, source)
    await _fail(socket, error.code)


# --- afterwards --------------------------------------------------------------------------------


async def _converse(broker: Broker, control: Link) -> None:
    """Messages until the link ends.

    Raises:
        RelevoError: the agent did something that ends the link.
    """
    loop = asyncio.get_running_loop()
    while True:
        event = await control.socket.receive()
        if event["type"] == "websocket.disconnect" and event.get("code") != TOO_BIG:
            return
        pause = control.heard_now(loop.time())
        message = _decode(event)
        handler = HANDLERS.get(type(message))
        if handler is None:
            raise RelevoError(Code.MALFORMED, f"{type(message).__name__} out of order")
        await handler(broker, control, message)
        if pause:
            await asyncio.sleep(pause)


async def _refuse_link(broker: Broker, control: Link, error: RelevoError) -> None:
    """The agent broke the protocol, or we cannot record what it says: it has to come back."""
    _log.warning("link-ended", agent=control.agent, code=error.code.value, detail=error.detail)
    if close_code(error.code) != CLOSE_FAULT and not isinstance(error, Recorded):
        actor = Actor(kind=ActorKind.AGENT, id=control.agent)
        await _record(
            broker, Action.REQUEST_REFUSED, error, actor, control.source, control.agent, control.customer
        )
    await _fail(control.socket, error.code)


async def _record(
    broker: Broker,
    action: Action,
    error: RelevoError,
    actor: Actor,
    source: str,
    agent: str | None = None,
    customer: str | None = None,
) -> None:
    broker.metrics.refusals.labels(error.code.value).inc()
    if agent is not None and not broker.refusals.admit(actor, error.code, time.monotonic()):
        return
    record = AuditRecord(
        at=broker.clock(),
        actor=actor,
        action=action,
        customer=customer,
        agent=agent,
        facts=refusal_facts("WS", PATH, error.code, source),
    )
    try:
        await broker.store.write(lambda tx: tx.audit(record))
    except RelevoError as failure:
        _log.error("refusal-not-recorded", code=error.code.value, why=failure.code.value)


async def _seen(broker: Broker, agent: str) -> None:
    """Note when the agent was last there; only a convenience, so a full disk does not matter."""
    now = broker.clock()
    wanted = update(agents).where(agents.c.agent == agent).values(last_seen=now)
    try:
        await broker.store.write(lambda tx: tx.conn.execute(wanted).rowcount)
    except RelevoError as error:
        _log.info("last-seen-not-stored", agent=agent, code=error.code.value)


def _decode(event: Any) -> link.FromAgent:
    """Raises RelevoError: ``malformed`` or ``too-large``."""
    if event["type"] == "websocket.disconnect":
        if event.get("code") == TOO_BIG:
            raise RelevoError(Code.TOO_LARGE, "frame over the limit")
        raise WebSocketDisconnect(event.get("code", 1005))
    data = event.get("bytes")
    if data is None:
        raise RelevoError(Code.MALFORMED, "text on the control link")
    if len(data) > link.MAX_MESSAGE:
        raise RelevoError(Code.TOO_LARGE, f"message of {len(data)} bytes")
    message: link.FromAgent = from_msgpack(data, link.FromAgent)
    return message


async def _send(socket: WebSocket, message: link.FromBroker) -> None:
    await socket.send({"type": "websocket.send", "bytes": to_msgpack(message)})


async def _fail(socket: WebSocket, code: Code) -> None:
    """Say why, then close; a peer that takes neither is cut off by the transport."""
    try:
        async with asyncio.timeout(2.0):
            await _send(socket, link.Failure(ref=0, code=code))
    except (TimeoutError, WebSocketDisconnect, WebSocketDisconnected):
        _log.debug("failure-not-sent", code=code.value)
    await close_socket(socket, close_code(code) if code is not Code.MALFORMED else CLOSE_MALFORMED)
