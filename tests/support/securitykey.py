"""A software security key behind a real ssh-agent socket: it speaks the agent protocol in a thread.

It makes the signatures a FIDO device makes for ``sk-ssh-ed25519@openssh.com`` (OpenSSH PROTOCOL.u2f):
over the hash of the application, flags, a counter and the hash of the message.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.sshkeys import SK_ED25519, PublicKey, pack_string

APPLICATION = b"ssh:"
PRESENT = 1


class SecurityKey:
    """One credential. ``touched`` False is a device that nobody touches; it says so in its signature."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        raw = self._private.public_key().public_bytes_raw()
        blob = pack_string(SK_ED25519.encode()) + pack_string(raw) + pack_string(APPLICATION)
        self.public_key = PublicKey.from_blob(blob)
        self.counter = 0
        self.touched = True
        self.refuses = False

    def sign(self, data: bytes) -> bytes:
        self.counter += 1
        tail = bytes([PRESENT if self.touched else 0]) + struct.pack(">I", self.counter)
        signed = hashlib.sha256(APPLICATION).digest() + tail + hashlib.sha256(data).digest()
        signature = self._private.sign(signed)
        return pack_string(SK_ED25519.encode()) + pack_string(signature) + tail


@contextmanager
def security_key_agent(path: Path, key: SecurityKey) -> Iterator[None]:
    """An ssh-agent at ``path`` that holds ``key``, one connection after another."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(8)
    thread = threading.Thread(target=_serve, args=(listening, key), daemon=True)
    thread.start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def _serve(listening: socket.socket, key: SecurityKey) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        with client, contextlib.suppress(OSError, struct.error):
            while request := _read(client):
                client.sendall(pack_string(_answer(request, key)))


def _read(client: socket.socket) -> bytes:
    head = client.recv(4, socket.MSG_WAITALL)
    return client.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL) if len(head) == 4 else b""


def _answer(request: bytes, key: SecurityKey) -> bytes:
    if request[0] == 11:
        other = pack_string(b"ssh-rsa") + pack_string(b"\x01") + pack_string(b"\x02")
        keys = pack_string(other) + pack_string(b"an old key")
        keys += pack_string(key.public_key.blob) + pack_string(b"blue one")
        return bytes([12]) + struct.pack(">I", 2) + keys
    if request[0] == 13 and not key.refuses:
        blob, rest = _string(request[1:])
        data, _ = _string(rest)
        if blob == key.public_key.blob:
            return bytes([14]) + pack_string(key.sign(data))
    return bytes([5])


def _string(data: bytes) -> tuple[bytes, bytes]:
    (size,) = struct.unpack(">I", data[:4])
    return data[4 : 4 + size], data[4 + size :]
