"""The command line's side of the local socket: one question, one answer."""

from __future__ import annotations

import contextlib
import socket
from typing import TypeVar

import msgspec

from agent import messages
from agent.folder import Folder
from protocol.drivers.files import socket_address
from protocol.errors import Code, RelevoError
from protocol.frames import FrameReader, frame
from protocol.wire import from_msgpack

A = TypeVar("A", bound=msgspec.Struct)


def ask(folder: Folder, request: messages.LocalRequest, answer: type[A], *, timeout_s: float = 60.0) -> A:
    """Ask the running agent.

    Raises:
        RelevoError: ``agent-not-running``, ``timeout``, or what the agent answers.
    """
    reader = FrameReader()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(timeout_s)
            with socket_address(folder.socket) as address:
                channel.connect(address)
            with contextlib.suppress(ConnectionError):  # it refused and hung up: its words are read below
                channel.sendall(frame(msgspec.msgpack.encode(request)))
            while data := channel.recv(64 << 10):
                for body in reader.feed(data):
                    return _expect(from_msgpack(body, messages.LocalAnswer), answer)
    except TimeoutError as error:
        raise RelevoError(Code.TIMEOUT, "the agent did not answer") from error
    except OSError as error:
        raise RelevoError(Code.AGENT_NOT_RUNNING, str(error)) from error
    raise RelevoError(Code.AGENT_NOT_RUNNING, "the agent closed the connection")


def _expect(message: messages.LocalAnswer, answer: type[A]) -> A:
    if isinstance(message, messages.LocalFailure):
        raise RelevoError(message.code, message.detail)
    if not isinstance(message, answer):
        raise RelevoError(Code.INTERNAL, f"unexpected {type(message).__name__}")
    return message
