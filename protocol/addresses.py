"""E-mail addresses as far as Relevo writes to them: the plain ASCII form of RFC 5321, nothing clever."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

from protocol.errors import Code, RelevoError

_ATOM = r"[A-Za-z0-9_+=.'&~^{}|*$#?/-]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PATTERN = rf"^(?![.-])(?!.*[.][.])(?!.*[.]@){_ATOM}{{1,64}}@{_LABEL}(?:[.]{_LABEL}){{0,10}}$(?!\n)"
"""No quoted or non-ASCII local part, no ``%`` or ``!`` routes, no comments, no literals in brackets: what
is left cannot carry a second address, a header or a command (RFC 5321 section 4.1.2)."""
MAX_ADDRESS = 254

Email = Annotated[str, Meta(pattern=PATTERN, max_length=MAX_ADDRESS)]
_FORM = re.compile(PATTERN)


def require_address(text: str) -> str:
    """``text``, if it is an address. Raises RelevoError: ``usage``."""
    if len(text) > MAX_ADDRESS or not _FORM.fullmatch(text):
        raise RelevoError(Code.USAGE, f"not an e-mail address: {text[:80]!r}")
    return text


def domain_of(address: str) -> str:
    """What stands after the ``@``, in lower case."""
    return address.rpartition("@")[2].lower()
