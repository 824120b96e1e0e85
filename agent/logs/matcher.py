"""Which lines of a block of log are wanted, by RE2 (as fast as ``bytes.find`` where the pattern is a
literal, and many times faster where that falls back to every byte)."""

from __future__ import annotations

import re

import re2

from protocol.errors import Code, RelevoError
from protocol.redaction.pseudonyms import KINDS

_PSEUDONYM = re.compile(rf"(?:{KINDS})-|<secret|<masked")
_MAX_MEMORY = 16 << 20
_LINES = "(?m)"
"""Put before every pattern: ``^`` and ``$`` are the ends of a line."""


class Matcher:
    """A wanted pattern over lines.

    ``find`` looks at raw bytes and is only a filter: whoever redacts a line then asks ``shows``
    whether what is left still matches. Otherwise counting matches would tell what was removed.

    Args:
        pattern: RE2 expression, applied line by line; None wants every line.

    Raises:
        RelevoError: ``parameter-invalid`` when it is no RE2 expression or too large.
    """

    def __init__(self, pattern: str | None) -> None:
        self._raw: re2._Regexp | None = None
        self._clean: re2._Regexp | None = None
        self.every = pattern is None or pattern == ""
        if pattern is None or self.every:
            return
        options = re2.Options()
        options.never_nl = True
        options.never_capture = True
        options.log_errors = False
        options.max_mem = _MAX_MEMORY
        try:
            self._clean = re2.compile(f"{_LINES}{pattern}", options)
            # A pseudonym is not in the file: such a pattern can only be tried on redacted lines.
            self.every = bool(_PSEUDONYM.search(pattern))
            if not self.every:
                options.encoding = re2.Options.Encoding.UTF8
                self._raw = re2.compile(f"{_LINES}{pattern}".encode(), options)
        except re2.error as error:
            raise RelevoError(Code.PARAMETER_INVALID, f"pattern: {_said(error)}"[:200]) from error

    @property
    def filters(self) -> bool:
        """Whether lines can be refused by ``shows``."""
        return self._clean is not None

    def find(self, block: bytes, start: int) -> int:
        """Offset of the next match at or after ``start`` (the start of a line), or -1."""
        if self.every:
            return start if start < len(block) else -1
        assert self._raw is not None  # noqa: S101 - one of the two, see __init__
        found = self._raw.search(block, start)
        return found.start() if found else -1

    def shows(self, text: str) -> bool:
        """Whether the redacted line still matches."""
        return self._clean is None or self._clean.search(text) is not None


def _said(error: re2.error) -> str:
    """RE2's reason, which comes as bytes and quotes the pattern with our ``(?m)`` before it."""
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text.replace(_LINES, "")
