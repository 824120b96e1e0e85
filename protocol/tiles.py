"""Tiles of the log (c2sp.org/tlog-tiles): fixed runs of up to 256 hashes, addressed by path.

A tile at level L and number N holds the roots of 256 complete subtrees of 256**L leaves each. Full
tiles never change, so they can be files behind any cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from protocol.errors import Code, RelevoError
from protocol.merkle import HASH_SIZE, NodeAt

WIDTH = 256
HEIGHT = 8
MAX_LEVEL = 63
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<number>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class Tile(NamedTuple):
    """``level`` None means an entry bundle."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{number_path(self.number)}{partial}"


def number_path(number: int) -> str:
    """``1234067`` as ``x001/x234/067``."""
    if number < 0:
        raise RelevoError(Code.USAGE, f"tile {number}")
    parts = [f"{number % 1000:03d}"]
    while number := number // 1000:
        parts.append(f"x{number % 1000:03d}")
    return "/".join(reversed(parts))


def parse_path(path: str) -> Tile:
    """The tile that a path names.

    Raises:
        RelevoError: ``malformed`` for anything but the one way to write it.
    """
    found = _PATH.fullmatch(path)
    if not found:
        raise RelevoError(Code.MALFORMED, "not a tile path")
    level = None if found["level"] == "entries" else int(found["level"])
    width = int(found["width"] or WIDTH)
    tile = Tile(level, int(found["number"].replace("/", "").replace("x", "")), width)
    if tile.path != path or width > WIDTH or (level or 0) > MAX_LEVEL:
        raise RelevoError(Code.MALFORMED, "not a tile path")
    return tile


def width_at(level: int, number: int, size: int) -> int:
    """How many hashes this tile has in a tree of ``size`` leaves: 0 (none) to 256 (full)."""
    available = size >> (HEIGHT * level)
    return max(0, min(WIDTH, available - number * WIDTH))


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree of this size, level by level."""
    level = 0
    while count := size >> (HEIGHT * level):
        for number in range((count + WIDTH - 1) // WIDTH):
            yield Tile(level, number, width_at(level, number, size))
        level += 1


def content(tile: Tile, node_at: NodeAt) -> bytes:
    """The tile's bytes from stored nodes. Raises RelevoError: ``usage`` for an entry bundle."""
    if tile.level is None:
        raise RelevoError(Code.USAGE, "an entry bundle has no hashes")
    first = tile.number * WIDTH
    return b"".join(node_at(tile.level * HEIGHT, first + i) for i in range(tile.width))


def hashes(data: bytes) -> list[bytes]:
    """A tile's bytes as hashes. Raises RelevoError: ``malformed``."""
    if not data or len(data) % HASH_SIZE or len(data) > WIDTH * HASH_SIZE:
        raise RelevoError(Code.MALFORMED, f"tile of {len(data)} bytes")
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]
