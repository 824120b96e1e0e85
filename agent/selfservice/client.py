"""The user's side of self-service: one connection to the running agent, one command after the other."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from agent.folder import Folder
from agent.messages import LocalFailure, SelfServe
from agent.selfservice import messages
from protocol.drivers.files import socket_address
from protocol.errors import Code, RelevoError
from protocol.frames import FrameReader, frame
from protocol.wire import from_msgpack

A = TypeVar("A", bound=msgspec.Struct)
_CONNECT_S = 10.0
_ANSWER_S = 3_600.0
"""A step of a fix may take long; the worker's own limits end it earlier."""

Hear = Callable[[messages.Looking | messages.Stepping], None]


class Channel:
    """An open run of self-service. Made by ``opened``."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = FrameReader()
        self._waiting: list[messages.Answer] = []

    def call(self, command: messages.Command, answer: type[A], hear: Hear = lambda _step: None) -> A:
        """Send a command and wait for its answer; ``hear`` is told of steps on the way.

        Raises:
            RelevoError: what the worker answers; ``interrupted`` when it went away; ``timeout``.
        """
        try:
            with contextlib.suppress(ConnectionError):  # it refused and hung up: its words are read below
                self._connection.sendall(frame(msgspec.msgpack.encode(command)))
            while True:
                said = self._next()
                if isinstance(said, messages.Looking | messages.Stepping):
                    hear(said)
                elif isinstance(said, answer):
                    return said
                else:
                    raise RelevoError(Code.INTERNAL, f"unexpected {type(said).__name__}")
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "the agent did not answer") from error
        except OSError as error:
            raise RelevoError(Code.INTERRUPTED, "the agent went away") from error

    def leave(self, command: messages.Command) -> None:
        """The last command, for whose answer nobody waits."""
        with contextlib.suppress(OSError):
            self._connection.sendall(frame(msgspec.msgpack.encode(command)))

    def _next(self) -> messages.Answer:
        while not self._waiting:
            data = self._connection.recv(256 << 10)
            if not data:
                raise RelevoError(Code.INTERRUPTED, "the agent went away")
            self._waiting += [_read(body) for body in self._frames.feed(data)]
        said = self._waiting.pop(0)
        if isinstance(said, messages.Failed):
            raise RelevoError(said.code, said.detail)
        return said


def _read(body: bytes | memoryview) -> messages.Answer:
    said: messages.Answer | LocalFailure = from_msgpack(body, messages.Answer | LocalFailure)
    if isinstance(said, LocalFailure):
        raise RelevoError(said.code, said.detail)
    return said


@contextlib.contextmanager
def opened(folder: Folder) -> Iterator[Channel]:
    """A run of self-service with this folder's agent; leaving the block ends it, however it is left.

    Raises:
        RelevoError: ``agent-not-running``; ``conflict`` (with the first call) while another run goes on.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(_CONNECT_S)
            with socket_address(folder.socket) as address:
                connection.connect(address)
            connection.sendall(frame(msgspec.msgpack.encode(SelfServe())))
            connection.settimeout(_ANSWER_S)
        except OSError as error:
            raise RelevoError(Code.AGENT_NOT_RUNNING, str(error)) from error
        yield Channel(connection)
