"""A log file as blocks of whole lines: plain, gzip, xz, bzip2 and UTF-16; bounded in every way."""

from __future__ import annotations

import bz2
import codecs
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

READ = 256 << 10
"""Small enough that a block stays in the processor's cache while it is cut and searched."""
LINE_WINDOW = 64 << 10
"""Bytes of one line that are looked at: four times what is sent, so that no secret is cut in half
where the line is cut for sending."""
MAX_UNPACKED = 2 << 30
_FREE_UNPACKED = 64 << 20
_MAX_RATIO = 400
"""A compressed log of real lines shrinks 10 to 100 times; a bomb 1,000 times."""


class TooLargeError(Exception):
    """Unpacking stopped at the limit; what came before was read."""


class NotTextError(Exception):
    """The file holds binary data."""


Read = Callable[[int], bytes]


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def open_stream(descriptor: int, name: str, start: int, end: int) -> Read:
    """A read function over bytes ``start`` to ``end`` of a descriptor, unpacked where the name says so.

    ``start`` only counts for plain files. Reading raises TooLargeError, NotTextError, OSError, or the
    unpackers' own errors (zlib.error, lzma.LZMAError, EOFError).
    """
    ending = name.rpartition(".")[2].lower()
    makers: dict[str, Callable[[], _Unpacker]] = {
        "gz": _Gzip,
        "xz": lambda: lzma.LZMADecompressor(memlimit=128 << 20),
        "bz2": bz2.BZ2Decompressor,
    }
    if ending in makers:
        return _text(_unpacked(_plain(descriptor, 0, end), makers[ending]))
    return _text(_plain(descriptor, start, end))


def blocks(read: Read) -> Iterator[tuple[bytes, int]]:
    """Blocks of whole lines (the last line of the last block may lack its end), each with the number
    of bytes that were read for it. Of a line longer than ``LINE_WINDOW`` only its start is kept."""
    carry = b""
    taken = 0
    while data := read(READ):
        taken += len(data)
        cut = data.rfind(b"\n") + 1
        if not cut:
            carry = (carry + data)[:LINE_WINDOW]
            continue
        if len(carry) >= LINE_WINDOW:
            first = data.find(b"\n")
            yield carry[:LINE_WINDOW] + b"\n" + data[first + 1 : cut], taken
        else:
            yield b"".join((carry, memoryview(data)[:cut])), taken  # one copy, not two
        taken = 0
        carry = data[cut:]
    if carry:
        yield carry, taken


def _plain(descriptor: int, start: int, end: int) -> Read:
    position = start

    def read(size: int) -> bytes:
        nonlocal position
        data = os.pread(descriptor, min(size, end - position), position) if position < end else b""
        position += len(data)
        return data

    return read


class _Gzip:
    """``zlib.decompressobj`` with the interface of the other two: it keeps what it was not asked for."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))


def _unpacked(packed: Read, make: Callable[[], _Unpacker]) -> Read:
    """Read what several members, one after another, hold."""
    state = make()
    pending = b""
    read_in = read_out = 0
    more_inside = False

    def read(size: int) -> bytes:
        nonlocal state, pending, read_in, read_out, more_inside
        while True:
            if state.eof:
                rest = state.unused_data or packed(READ)
                if not rest.strip(b"\0"):
                    return b""
                state, pending = make(), rest
            elif not pending and not more_inside and getattr(state, "needs_input", True):
                pending = packed(READ)
                read_in += len(pending)
                if not pending:
                    raise EOFError("compressed file ends early")
            data = state.decompress(pending, size)
            pending = b""
            more_inside = len(data) == size
            read_out += len(data)
            if read_out > MAX_UNPACKED or (read_out > _FREE_UNPACKED and read_out > read_in * _MAX_RATIO):
                raise TooLargeError
            if data:
                return data

    return read


def _text(inner: Read) -> Read:
    """Refuse binary data at its first block; turn UTF-16 with a mark into UTF-8."""
    first = True
    decoder: codecs.IncrementalDecoder | None = None

    def read(size: int) -> bytes:
        nonlocal first, decoder
        data = inner(size)
        if first and data:
            first = False
            if data.startswith((b"\xff\xfe", b"\xfe\xff")):
                decoder = codecs.getincrementaldecoder("utf-16")("backslashreplace")
            elif _is_binary(data[:4096]):
                raise NotTextError
        if decoder is not None:
            return decoder.decode(data, final=not data).encode("utf-8", "backslashreplace")
        return data

    return read


def _is_binary(head: bytes) -> bool:
    """More than a twentieth of control characters; a few NULs (a crash tore the file) are still text."""
    control = sum(byte < 9 or 13 < byte < 27 for byte in head)
    return control * 20 > len(head)
