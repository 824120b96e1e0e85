"""What every message and document of Relevo is made of.

A message is a type, declared once: frozen, closed to unknown fields, with its limits in the type
(house style 3 and 6). Two encodings exist: JSON for what is signed, stored or served over HTTP,
msgpack for what travels on a link or a channel.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from protocol.errors import Code, RelevoError
from protocol.times import rfc3339


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all wire types. Subclasses repeat ``frozen=True`` (msgspec does not inherit it)."""


W = TypeVar("W")

Moment = Annotated[datetime, Meta(tz=True)]
"""An instant with a zone; written as RFC 3339 in UTC."""
Line = Annotated[str, Meta(min_length=1, max_length=200)]
"""One short line for people: a title, a name, a reason."""
Text = Annotated[str, Meta(max_length=20_000)]
"""Free text for people: descriptions, notes, replies."""
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)")]
"""Identifier chosen by an administrator: customers, technicians, fixes, collectors."""
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Nonce = Annotated[str, Meta(pattern=r"^[0-9a-f]{32,64}$(?!\n)")]
Size = Annotated[int, Meta(ge=0, le=1 << 40)]
"""Bytes."""
Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class Fact(Wire, frozen=True):
    """A named value in an audit or journal entry. Keys carry their unit: ``size_bytes``."""

    key: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)")]
    value: Annotated[str, Meta(max_length=4_000)]


def facts(**values: object) -> tuple[Fact, ...]:
    """Facts from keywords, in the order given; values that are None are left out."""
    return tuple(Fact(key=k, value=_text(v)[:4_000]) for k, v in values.items() if v is not None)


def _text(value: object) -> str:
    return rfc3339(value) if isinstance(value, datetime) else str(value)


def to_json(value: object) -> bytes:
    """JSON bytes. What is signed is these bytes; they are never made again from the value."""
    return msgspec.json.encode(value)


def from_json(data: bytes | str, kind: type[W]) -> W:
    """Decode strictly.

    Raises:
        RelevoError: ``malformed`` for anything that is not exactly a ``kind``.
    """
    try:
        return msgspec.json.decode(data, type=kind, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RelevoError(Code.MALFORMED, f"{getattr(kind, '__name__', kind)}: {_plain(error)}") from error


def to_msgpack(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


def from_msgpack(data: bytes | bytearray | memoryview, kind: Any) -> Any:
    """Decode a link or channel message of ``kind`` (a struct or a tagged union) strictly.

    Raises:
        RelevoError: ``malformed``.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RelevoError(Code.MALFORMED, _plain(error)) from error


def _plain(error: Exception) -> str:
    """msgspec quotes what it refuses; details end up in logs and on terminals."""
    return ascii(str(error))[1:-1][:500]
