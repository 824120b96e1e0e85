"""The technician's ssh-agent, spoken to directly (draft-ietf-sshm-ssh-agent): list keys, sign.

Synchronous and small on purpose: ``relevo login`` signs once, the holder signs in a thread.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from protocol.drivers.files import socket_address
from protocol.errors import Code, RelevoError
from protocol.sshkeys import PublicKey, pack_string

_REQUEST_IDENTITIES = 11
_IDENTITIES_ANSWER = 12
_SIGN_REQUEST = 13
_SIGN_RESPONSE = 14
_MAX_ANSWER = 256 << 10
_MAX_KEYS = 200
_ANSWER_S = 60.0
"""A security key waits for a touch, a cautious agent for a click."""


class Identity(NamedTuple):
    key: PublicKey
    comment: str


class SshAgent:
    """An agent at a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> SshAgent:
        """Raises RelevoError: ``not-found`` when ``SSH_AUTH_SOCK`` is not set."""
        path = environment.get("SSH_AUTH_SOCK", "")
        if not path:
            raise RelevoError(Code.NOT_FOUND, "no ssh-agent (SSH_AUTH_SOCK is not set)")
        return cls(Path(path))

    def identities(self) -> list[Identity]:
        """The Ed25519 and sk-Ed25519 keys that the agent holds; other kinds and certificates are left out.

        Raises:
            RelevoError: ``not-found`` (no agent answers), ``malformed``.
        """
        answer = _Reader(self._ask(bytes([_REQUEST_IDENTITIES]), _IDENTITIES_ANSWER))
        found = []
        for _ in range(min(answer.number(), _MAX_KEYS)):
            blob, comment = answer.string(), answer.string()
            try:
                found.append(Identity(PublicKey.from_blob(blob), comment.decode("utf-8", "replace")))
            except RelevoError:
                continue  # an RSA key, a certificate: not ours to use
        return found

    def sign(self, key: PublicKey, data: bytes) -> bytes:
        """The SSH signature blob by ``key`` over ``data``. Blocks while the agent asks its user.

        Raises:
            RelevoError: ``refused`` when the agent does not sign; ``not-found``, ``malformed``.
        """
        request = bytes([_SIGN_REQUEST]) + pack_string(key.blob) + pack_string(data) + struct.pack(">I", 0)
        return _Reader(self._ask(request, _SIGN_RESPONSE)).string()

    def _ask(self, request: bytes, expected: int) -> bytes:
        try:
            with socket.socket(socket.AF_UNIX) as agent, socket_address(self._path) as address:
                agent.settimeout(_ANSWER_S)
                agent.connect(address)
                agent.sendall(pack_string(request))
                (size,) = struct.unpack(">I", _exactly(agent, 4))
                if not 1 <= size <= _MAX_ANSWER:
                    raise RelevoError(Code.MALFORMED, f"ssh-agent answered with {size} bytes")
                answer = _exactly(agent, size)
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "the ssh-agent did not answer") from error
        except OSError as error:
            raise RelevoError(Code.NOT_FOUND, f"ssh-agent: {error.strerror or error}") from error
        if answer[0] != expected:
            raise RelevoError(Code.REFUSED, "the ssh-agent refused")
        return answer[1:]


class AgentSigner:
    """A key that an agent holds, as a ``protocol.sshkeys.Signer``."""

    def __init__(self, agent: SshAgent, key: PublicKey) -> None:
        self._agent = agent
        self._key = key

    @property
    def public_key(self) -> PublicKey:
        return self._key

    def sign(self, data: bytes) -> bytes:
        return self._agent.sign(self._key, data)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self) -> int:
        value: int = struct.unpack(">I", self._take(4))[0]
        return value

    def string(self) -> bytes:
        return self._take(self.number())

    def _take(self, count: int) -> bytes:
        piece, self._data = self._data[:count], self._data[count:]
        if len(piece) != count:
            raise RelevoError(Code.MALFORMED, "the ssh-agent's answer is cut short")
        return piece


def _exactly(agent: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        piece = agent.recv(count - len(received))
        if not piece:
            raise RelevoError(Code.NOT_FOUND, "the ssh-agent hung up")
        received += piece
    return bytes(received)
