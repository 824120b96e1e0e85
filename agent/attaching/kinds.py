"""What a file is, by its bytes and never by its name: text that can be redacted, a picture, or neither."""

from __future__ import annotations

import codecs
import enum
import json
import re

from agent.attaching import jpeg, png
from protocol.redaction.decoding import narrow_bytes

_CONTROLS = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
"""No text has these; tabs, line ends, form feeds, backspaces and terminal escapes it may."""
_PACKED = (b"%PDF", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ")
_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u00([2-7][0-9a-fA-F])")
_STAY = '"\\'
_TERMINAL = re.compile(r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|[^\x08]\x08(?!\x08)")
"""Colours and the like (ECMA-48 CSI), and characters that are struck over: ``grep --color``, ``script``, ``man``."""


class FileKind(enum.StrEnum):
    TEXT = "text"
    PICTURE = "picture"
    OPAQUE = "opaque"
    """An archive, a document, a program, another format: nothing can be taken out of it."""


MEDIA_TYPES = {png.SIGNATURE: "image/png", jpeg.SIGNATURE: "image/jpeg"}


def kind_of(data: bytes) -> FileKind:
    if any(data.startswith(signature) for signature in MEDIA_TYPES):
        return FileKind.PICTURE
    return FileKind.OPAQUE if as_text(data) is None else FileKind.TEXT


def picture_type(data: bytes) -> str:
    """The media type of a picture."""
    return next(name for signature, name in MEDIA_TYPES.items() if data.startswith(signature))


def as_text(data: bytes) -> str | None:
    """``data`` as the text that it is, whatever its encoding; None when it is no text.

    JSON's escapes of plain letters are written out, and a terminal's colours are taken away: they only hide
    words from the rules.
    """
    if data.startswith(_PACKED):
        return None
    text = _decoded(data)
    if text is None or _CONTROLS.search(text):
        return None
    return _without_escapes(_TERMINAL.sub("", text))


def _decoded(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strictly(data, "utf-16")
    if b"\0" in data:
        narrow = narrow_bytes(data)
        if b"\0" not in narrow:
            return _strictly(narrow, "utf-8")
        return _wide(data)
    return _strictly(data, "utf-8-sig") or (_strictly(data, "cp1252") if data else "")


def _wide(data: bytes) -> str | None:
    """UTF-16 without its mark: accepted where most of it is ASCII, which nothing else looks like."""
    for encoding in ("utf-16-le", "utf-16-be"):
        text = _strictly(data, encoding)
        if text and sum(char < "\x80" for char in text) * 2 > len(text):
            return text
    return None


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _without_escapes(text: str) -> str:
    if "\\u00" not in text:
        return text

    def plain(match: re.Match[str]) -> str:
        char = chr(int(match[2], 16))
        return match[0] if char in _STAY else f"{match[1]}{char}"

    return _ESCAPE.sub(plain, text)


def is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
