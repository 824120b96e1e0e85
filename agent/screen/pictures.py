"""What the child that takes pictures says: one ``Header`` frame per monitor, then the PNG's bytes."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.wire import Wire

MAX_MONITORS = 16
MAX_PIXELS = 64_000_000
MAX_PNG = 64 << 20
"""Bytes of one picture; the technician's side refuses larger ones."""
Pixels = Annotated[int, Meta(ge=1, le=65_535)]


class Header(Wire, frozen=True, tag="picture"):
    """A picture of ``size_bytes`` follows. ``monitor`` counts from 1."""

    monitor: Annotated[int, Meta(ge=1, le=MAX_MONITORS)]
    monitors: Annotated[int, Meta(ge=1, le=1_000)]
    width: Pixels
    height: Pixels
    size_bytes: Annotated[int, Meta(ge=1, le=MAX_PNG)]


class NoPicture(Wire, frozen=True, tag="none"):
    """No (further) picture: ``code`` empty at the regular end, else an error code and its detail."""

    code: Annotated[str, Meta(max_length=40)] = ""
    detail: Annotated[str, Meta(max_length=200)] = ""


Said = Header | NoPicture
