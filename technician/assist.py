"""The quick client: one request to the agent through the holder of an open session, no SSH of its own.

Light to import on purpose (no asyncssh, cryptography, rich or urllib3): a whole ``relevo diagnose`` on an
open session should cost about as much as starting Python.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, TypeVar

from protocol.assist import Completed, Event, Failed, Request
from protocol.drivers.files import socket_address
from protocol.errors import Code, RelevoError
from protocol.frames import FrameReader, frame
from protocol.wire import from_msgpack, to_msgpack
from technician.held import (
    ASSIST,
    CONTROL,
    Control,
    End,
    HeldRecord,
    HeldSession,
    Published,
    PublishedNow,
    Status,
    find_session,
    is_alive,
)

__all__ = ["HeldSession", "end_session", "exchange", "find_session", "published_now", "session_status"]

A = TypeVar("A", HeldRecord, PublishedNow)

_CONNECT_S = 5.0
_CONTROL_S = 15.0
_READ = 256 << 10


def exchange(held: HeldSession, request: Request, *, timeout_s: float | None) -> Iterator[Event]:
    """Send ``request`` at once; give the events as they come, stop after ``Completed`` (which is not given).

    The machine works on beside what the caller does before it takes the first event. Closing the
    iterator early tells the agent that nobody wants the rest.

    Args:
        timeout_s: longest silence between two events, seconds; None: as long as the session lives.

    Raises:
        RelevoError: the code of a ``Failed`` event; ``session-ended`` or ``session-lost`` when it was
            cut; ``timeout``; ``malformed`` for anything that is no event.
    """
    holder = _connect(held)
    holder.settimeout(timeout_s)
    try:
        _say(holder, ASSIST + frame(to_msgpack(request)))
    except OSError as error:
        holder.close()
        raise _cut(held) from error
    return _events(held, holder)


def _say(holder: socket.socket, sent: bytes) -> None:
    """Send; to one that has hung up already, nothing: its last words say why and can still be read."""
    with contextlib.suppress(ConnectionError):
        holder.sendall(sent)


def _events(held: HeldSession, holder: socket.socket) -> Iterator[Event]:
    with holder:
        try:
            for body in _frames(holder):
                event: Event = from_msgpack(body, Event)
                if isinstance(event, Completed):
                    return
                if isinstance(event, Failed):
                    raise RelevoError(event.code, event.detail)
                yield event
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "the machine did not answer in time") from error
        except OSError as error:
            raise _cut(held) from error
        raise _cut(held)


def session_status(held: HeldSession) -> HeldRecord:
    """What the holder says now. Raises RelevoError: ``no-session``, ``timeout``, ``session-lost``."""
    return _control(held, Status(), HeldRecord)


def end_session(held: HeldSession) -> HeldRecord:
    """End the session; returns when the holder has let go of it. Raises as ``session_status``."""
    return _control(held, End(), HeldRecord)


def published_now(held: HeldSession) -> int | None:
    """Version of the snapshot that the broker serves now, not verified; None: the broker does not say.

    The holder asks for it: what it takes is loaded there. Raises as ``session_status``.
    """
    return _control(held, Published(), PublishedNow).snapshot_version


def _control(held: HeldSession, message: Control, answer: type[A]) -> A:
    with _connect(held) as holder:
        holder.settimeout(_CONTROL_S)
        try:
            _say(holder, CONTROL + frame(to_msgpack(message)))
            for body in _frames(holder):
                found: A = from_msgpack(body, answer)
                return found
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "the session's holder did not answer") from error
        except OSError as error:
            raise _cut(held) from error
        raise _cut(held)


def _connect(held: HeldSession) -> socket.socket:
    holder = socket.socket(socket.AF_UNIX)
    holder.settimeout(_CONNECT_S)
    try:
        with socket_address(held.socket) as address:
            holder.connect(address)
    except OSError as error:
        holder.close()
        raise RelevoError(Code.NO_SESSION, held.record.ticket) from error
    return holder


def _frames(holder: socket.socket) -> Iterator[bytes]:
    reader = FrameReader()
    while True:
        data: Any = holder.recv(_READ)
        if not data:
            return
        yield from reader.feed(data)


def _cut(held: HeldSession) -> RelevoError:
    if is_alive(held.record):
        return RelevoError(Code.SESSION_LOST, "the answer was cut")
    return RelevoError(Code.SESSION_ENDED, "the session's holder has gone")
