"""JPEG pictures without what does not make the picture: EXIF, XMP, profiles, previews, comments, appendices.

ITU-T T.81 (markers and segments), JFIF 1.02, and Adobe's APP14 for the colour transform. The entropy-coded
data stay as they are: to make them anew takes a decoder, which the agent's base installation has not. Pure:
bytes in, bytes out.
"""

from __future__ import annotations

import struct

from agent.attaching.png import MAX_PIXELS
from protocol.errors import Code, RelevoError

SIGNATURE = b"\xff\xd8\xff"
_SOI, _EOI, _SOS, _DQT, _DHT, _DRI, _COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xFE
_FRAMES = (0xC0, 0xC1, 0xC2)
"""Baseline, extended and progressive, Huffman-coded: what cameras and programs write."""
_APP = range(0xE0, 0xF0)
_APP0, _APP14 = 0xE0, 0xEE
_RESTARTS = range(0xD0, 0xD8)
_JFIF = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
"""Version 1.1, no density, no preview."""
_MAX_COMPONENTS = 4


def clean(data: bytes) -> bytes:
    """The same picture with only the segments that a decoder needs.

    Raises:
        RelevoError: ``malformed``; ``too-large`` over ``MAX_PIXELS``.
    """
    return _Cleaner(data).run()


def _bad(why: str) -> RelevoError:
    return RelevoError(Code.MALFORMED, f"JPEG: {why}")


class _Cleaner:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 2
        self._made: list[bytes] = [b"\xff\xd8"]
        self._framed = False
        self._scans = 0
        self._restarts = False

    def run(self) -> bytes:
        if not self._data.startswith(SIGNATURE):
            raise _bad("no signature")
        while (marker := self._marker()) != _EOI:
            self._segment(marker, self._body())
            if marker == _SOS:
                self._entropy()
        if not self._scans:
            raise _bad("no pixels")
        return b"".join([*self._made, b"\xff\xd9"])

    def _marker(self) -> int:
        """The next marker; fill bytes before it are passed over."""
        if self._data[self._at : self._at + 1] != b"\xff":
            raise _bad("no marker where one belongs")
        while self._data[self._at : self._at + 1] == b"\xff":
            self._at += 1
        if self._at >= len(self._data):
            raise _bad("cut off")
        self._at += 1
        return self._data[self._at - 1]

    def _body(self) -> bytes:
        if len(self._data) < self._at + 2:
            raise _bad("cut off")
        (length,) = struct.unpack_from(">H", self._data, self._at)
        body = self._data[self._at + 2 : self._at + length]
        if length < 2 or len(body) != length - 2:
            raise _bad("cut off")
        self._at += length
        return body

    def _segment(self, marker: int, body: bytes) -> None:
        if marker in _APP or marker == _COM:
            kept = _application(marker, body)
        elif marker == _DQT:
            kept = _quantisation(body)
        elif marker == _DHT:
            kept = _huffman(body)
        elif marker == _DRI and len(body) == 2:
            kept, self._restarts = body, body != b"\0\0"
        elif marker in _FRAMES and not self._framed:
            kept, self._framed = _frame(body), True
        elif marker == _SOS and self._framed:
            kept = _scan(body)
            self._scans += 1
        else:
            raise _bad(f"marker {marker:02x}")
        if kept:
            self._made.append(bytes((0xFF, marker)) + struct.pack(">H", len(kept) + 2) + kept)

    def _entropy(self) -> None:
        """Up to the next marker that is neither a stuffed byte nor a restart."""
        begin = self._at
        while True:
            at = self._data.find(b"\xff", self._at)
            if at < 0 or at + 1 >= len(self._data):
                raise _bad("cut off")
            following = self._data[at + 1]
            self._at = at + 2
            if following == 0 or (following in _RESTARTS and self._restarts):
                continue
            self._at = at
            break
        self._made.append(self._data[begin : self._at])


def _application(marker: int, body: bytes) -> bytes:
    """What of an application's segment a decoder needs, written anew: almost always nothing."""
    if marker == _APP0 and body.startswith(b"JFIF\0"):
        return _JFIF
    if marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12 and body[11] <= 2:
        return b"Adobe\0\x64\0\0\0\0" + body[11:12]
    return b""


def _quantisation(body: bytes) -> bytes:
    at = 0
    while at < len(body):
        size = {0: 65, 1: 129}.get(body[at] >> 4)
        if size is None or body[at] & 15 > 3:
            raise _bad("quantisation table")
        at += size
    return _whole(body, at, "quantisation table")


def _huffman(body: bytes) -> bytes:
    at = 0
    while at < len(body):
        counts = body[at + 1 : at + 17]
        if body[at] >> 4 > 1 or body[at] & 15 > 3 or len(counts) != 16 or sum(counts) > 256:
            raise _bad("Huffman table")
        at += 17 + sum(counts)
    return _whole(body, at, "Huffman table")


def _frame(body: bytes) -> bytes:
    if len(body) < 6:
        raise _bad("frame")
    _precision, height, width, components = struct.unpack_from(">BHHB", body)
    if not height or not width or not 1 <= components <= _MAX_COMPONENTS:
        raise _bad("frame")
    if width * height > MAX_PIXELS:
        raise RelevoError(Code.TOO_LARGE, f"a picture of {width}x{height}")
    return _whole(body, 6 + 3 * components, "frame")


def _scan(body: bytes) -> bytes:
    if not body or not 1 <= body[0] <= _MAX_COMPONENTS:
        raise _bad("scan")
    return _whole(body, 4 + 2 * body[0], "scan")


def _whole(body: bytes, used: int, what: str) -> bytes:
    """The body, which must be used up to its last byte: room that nobody reads is room to hide in."""
    if used != len(body) or not body:
        raise _bad(what)
    return body
