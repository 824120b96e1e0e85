"""The last look at a finished bundle: no secret may be in it, in any encoding. Fails closed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from protocol.errors import Code, RelevoError
from protocol.redaction import pem
from protocol.redaction.decoding import decode, narrow_bytes
from protocol.redaction.folding import folded
from protocol.redaction.redactor import engine_for
from protocol.redaction.rules import Family, Rule
from protocol.redaction.secrets import SECRET_RULES

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_MAX_DECODED = 32 << 20
_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([\"\\/])|[bfnrt])")
_SHAPELESS = frozenset({"key", "card"})
"""Kinds that only look random: signatures, checksums and counters do too, so a bundle may hold them."""


def residual(data: bytes) -> None:
    """Look for secrets in ``data`` as it is, JSON-unescaped, as UTF-16 and inside base64, each in plain letters too.

    Raises:
        RelevoError: ``redaction-failed`` with the kind of secret, never the secret.
    """
    for channel, text in _views(data):
        found = _first(text)
        if found is None and (letters := folded(text)) != text:
            found = _first(letters)
        if found is not None:
            raise RelevoError(Code.REDACTION_FAILED, f"{found} survives ({channel})")


def _views(data: bytes) -> Iterator[tuple[str, str]]:
    plain = decode(data)
    yield "plain", plain
    if "\\" in plain:
        once = _unescape(plain)
        yield "escaped", once
        if "\\" in once:
            yield "escaped twice", _unescape(once)
    if b"\0" in data:
        yield "utf-16", narrow_bytes(data).decode("utf-8", "backslashreplace")
    budget = _MAX_DECODED
    for match in _BASE64.finditer(data):
        budget -= len(match[0])
        if budget < 0:
            raise RelevoError(Code.REDACTION_FAILED, "more encoded data than can be checked")
        inner = _decoded(match[0])
        if inner is not None:
            yield "base64", inner


def _decoded(run: bytes) -> str | None:
    """The text inside a base64 run, where there is one; a run may begin up to three characters early."""
    run = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    for skip in range(4):
        part = run[skip:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        try:
            inner = base64.b64decode(part + b"=" * (-len(part) % 4))
        except binascii.Error:
            continue
        inner = narrow_bytes(inner)
        printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in inner)
        if inner and printable * 10 >= len(inner) * 9:
            return inner.decode("utf-8", "backslashreplace")
    return None


def _unescape(text: str) -> str:
    return (
        _ESCAPES.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2] or "\n", text)
        .encode("utf-8", "backslashreplace")
        .decode()
    )


def _first(text: str) -> str | None:
    if pem.remove_keys(text)[1]:
        return "private-key"
    found: list[str] = []

    def note(rule: Rule, match: re.Match[str]) -> str:
        hidden = match[match.lastgroup] if match.lastgroup else match[0]
        if (
            rule.kind not in _SHAPELESS
            and "<secret:" not in hidden
            and (rule.accept is None or rule.accept(match, hidden))
        ):
            found.append(rule.kind)
        return match[0]

    engine_for(frozenset({Family.SECRET})).apply(text, note)
    return found[0] if found else None


__all__ = ["SECRET_RULES", "residual"]
