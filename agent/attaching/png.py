"""PNG pictures made anew: the pixels as they are, and nothing else that the file held.

W3C "Portable Network Graphics (PNG) Specification" (second edition). Whatever is not exactly as it says is
refused, so that nothing can hide in what a viewer would pass over. Pure: bytes in, bytes out.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from protocol.errors import Code, RelevoError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 64_000_000
MAX_RAW = 320 << 20
"""Bytes of unpacked pixels."""
_MAX_CHUNK = 1 << 20
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""x and y of the first pixel of a pass, and the steps (section 8.2)."""
_PALETTE_TYPE = 3


class _Header(NamedTuple):
    width: int
    height: int
    depth: int
    color: int
    interlaced: bool
    bytes: bytes


class _Parts(NamedTuple):
    header: _Header
    palette: bytes
    transparency: bytes
    packed: bytes


def clean(data: bytes) -> bytes:
    """The same picture without text, times, profiles, previews, EXIF, and what follows its end.

    Raises:
        RelevoError: ``malformed``; ``too-large`` over ``MAX_PIXELS`` or ``MAX_RAW``.
    """
    parts = _parts(data)
    pixels = _unpacked(parts)
    made = [SIGNATURE, _chunk(b"IHDR", parts.header.bytes)]
    if parts.palette:
        made.append(_chunk(b"PLTE", parts.palette))
    if parts.transparency:
        made.append(_chunk(b"tRNS", parts.transparency))
    packed = zlib.compress(pixels, 6)
    made += [_chunk(b"IDAT", packed[at : at + _MAX_CHUNK]) for at in range(0, len(packed), _MAX_CHUNK)]
    return b"".join([*made, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _bad(why: str) -> RelevoError:
    return RelevoError(Code.MALFORMED, f"PNG: {why}")


def _parts(data: bytes) -> _Parts:
    """The chunks that make the picture, each in its place; the others are passed over."""
    if not data.startswith(SIGNATURE):
        raise _bad("no signature")
    at, header, palette, transparency, ended = len(SIGNATURE), None, b"", b"", False
    packed: list[bytes] = []
    closed = False
    while not ended:
        kind, body = _read(data, at)
        at += 12 + len(body)
        if (kind == b"IHDR") != (header is None):
            raise _bad("a chunk out of place")
        closed = closed or (bool(packed) and kind != b"IDAT")
        if kind == b"IHDR":
            header = _header(body)
        elif kind == b"IDAT":
            if closed:
                raise _bad("pixels in several places")
            packed.append(body)
        elif kind == b"PLTE":
            palette = body
        elif kind == b"tRNS":
            transparency = body
        elif kind == b"IEND":
            ended = True
        elif not kind[0] & 0x20:
            raise _bad("an unknown chunk that matters")
    assert header is not None  # noqa: S101 - the first chunk is
    return _Parts(
        header, _palette(header, palette), _transparency(header, palette, transparency), b"".join(packed)
    )


def _read(data: bytes, at: int) -> tuple[bytes, bytes]:
    if len(data) < at + 12:
        raise _bad("cut off")
    (length,) = struct.unpack_from(">I", data, at)
    kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
    if len(body) != length or len(data) < at + 12 + length or not kind.isalpha() or not kind.isascii():
        raise _bad("cut off")
    if struct.unpack_from(">I", data, at + 8 + length)[0] != zlib.crc32(kind + body):
        raise _bad("a checksum does not hold")
    return kind, body


def _header(body: bytes) -> _Header:
    if len(body) != 13:
        raise _bad("header")
    width, height, depth, color, packing, filtering, interlace = struct.unpack(">IIBBBBB", body)
    if color not in _DEPTHS or depth not in _DEPTHS[color] or packing or filtering or interlace > 1:
        raise _bad("header")
    if not width or not height:
        raise _bad("no pixels")
    if width * height > MAX_PIXELS:
        raise RelevoError(Code.TOO_LARGE, f"a picture of {width}x{height}")
    return _Header(width, height, depth, color, bool(interlace), body)


def _palette(header: _Header, palette: bytes) -> bytes:
    """Only of pictures that are made of it; elsewhere it is a suggestion that nobody needs."""
    if header.color != _PALETTE_TYPE:
        return b""
    if not palette or len(palette) % 3 or len(palette) > 3 << header.depth:
        raise _bad("palette")
    return palette


def _transparency(header: _Header, palette: bytes, found: bytes) -> bytes:
    allowed = {0: (2,), 2: (6,), _PALETTE_TYPE: range(1, len(palette) // 3 + 1)}.get(header.color, ())
    if found and len(found) not in allowed:
        raise _bad("transparency")
    return found


def _rows(header: _Header) -> list[tuple[int, int]]:
    """Rows and bytes of a row (without its filter) of the picture, or of each pass."""
    bits = header.depth * _CHANNELS[header.color]
    sizes = [(header.width, header.height)]
    if header.interlaced:
        sizes = [
            (-(-(header.width - x) // dx), -(-(header.height - y) // dy))
            for x, y, dx, dy in _ADAM7
            if header.width > x and header.height > y
        ]
    return [(height, -(-width * bits // 8)) for width, height in sizes]


def _unpacked(parts: _Parts) -> bytes:
    """The filtered rows, exactly as many as the header says."""
    rows = _rows(parts.header)
    expected = sum(height * (1 + width) for height, width in rows)
    if expected > MAX_RAW:
        raise RelevoError(Code.TOO_LARGE, f"{expected} bytes of pixels")
    unpacker = zlib.decompressobj()
    try:
        pixels = unpacker.decompress(parts.packed, expected + 1)
    except zlib.error as error:
        raise _bad("pixels that do not unpack") from error
    if len(pixels) != expected or not unpacker.eof:
        raise _bad("another number of pixels than the header says")
    at = 0
    for height, width in rows:
        if any(kind > 4 for kind in pixels[at : at + height * (1 + width) : 1 + width]):
            raise _bad("an unknown filter")
        at += height * (1 + width)
    return pixels
