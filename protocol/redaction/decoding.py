"""Bytes of unknown encoding as text: what is hidden by an encoding is found by no rule."""

from __future__ import annotations

import re

_WIDE_LE = re.compile(rb"(?:[\t\n\r\x20-\x7e]\0){6,}")
_WIDE_BE = re.compile(rb"(?:\0[\t\n\r\x20-\x7e]){6,}")
_WIDE_TEXT = re.compile(r"(?:[\t\n\r\x20-\x7e]\0){6,}|(?:\0[\t\n\r\x20-\x7e]){6,}")


def decode(data: bytes) -> str:
    """``data`` as text: UTF-16 by its mark or its NULs, else UTF-8 with bad bytes shown as ``\\xff``."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "backslashreplace")
    if b"\0" in data:
        data = narrow_bytes(data)
    return data.decode("utf-8", "backslashreplace")


def narrow_bytes(data: bytes) -> bytes:
    """Runs of ASCII written as UTF-16 become plain ASCII, wherever they stand."""
    data = _WIDE_LE.sub(lambda found: found[0].replace(b"\0", b""), data)
    return _WIDE_BE.sub(lambda found: found[0].replace(b"\0", b""), data)


def narrow(text: str) -> str:
    """As ``narrow_bytes``, for text that was decoded without looking."""
    if "\0" not in text:
        return text
    return _WIDE_TEXT.sub(lambda found: found[0].replace("\0", ""), text)
