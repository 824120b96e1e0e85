"""Patterns that other people wrote: RE2 alone, whose time grows with the text and never explodes.

``re2`` is imported when the first pattern is compiled: the idle agent never needs one.
"""

from __future__ import annotations

import functools
from typing import Protocol, cast

from protocol.errors import Code, RelevoError

MAX_PATTERN = 500
"""Characters of a pattern."""
MAX_MEMORY = 1 << 20
"""Bytes that one compiled pattern may take; RE2 refuses what would need more."""


class Pattern(Protocol):
    """What is used of a compiled RE2 pattern."""

    def search(self, text: str) -> object | None: ...

    def fullmatch(self, text: str) -> object | None: ...


@functools.lru_cache(2_048)
def compiled(pattern: str, *, flags: str = "") -> Pattern:
    """A pattern ready to use. Case counts unless ``flags`` has an ``i``; it may also hold ``m`` and ``s``.

    Raises:
        RelevoError: ``usage`` for what is no RE2 pattern, or too long or too large for one.
    """
    import re2

    if len(pattern) > MAX_PATTERN:
        raise RelevoError(Code.USAGE, f"a pattern of {len(pattern)} characters, at most {MAX_PATTERN}")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return cast(Pattern, re2.compile(f"(?{flags})(?:{pattern})" if flags else pattern, options=options))
    except re2.error as error:
        raise RelevoError(Code.USAGE, f"not an RE2 pattern: {pattern[:80]!r}") from error


def literal(text: str) -> str:
    """``text`` as a pattern that matches just it."""
    import re2

    return cast(str, re2.escape(text))
