"""One raw line becomes one redacted line: keys that span lines, cutting, and the R1 copy."""

from __future__ import annotations

from datetime import datetime

from agent.logs.blocks import LINE_WINDOW
from agent.logs.messages import CUT, MAX_LINE
from agent.redaction import Redactor, residual
from protocol.assist import LogLine
from protocol.errors import RelevoError
from protocol.redaction.pem import MAX_BLOCK, PLACEHOLDER
from protocol.scopes import Clearance

_BEGIN = b"-----BEGIN "
_PRIVATE = b"PRIVATE KEY"
_END = b"-----END "
_NAME = 60
_UNSURE = "<secret:unsure>"
_MAX_SOURCE = 200


def key_spans(before: bytes, block: bytes) -> list[tuple[int, int]]:
    """Byte ranges of ``block`` that belong to a private key, in order.

    Args:
        before: what stands directly before the block, as far as it is known; the last 64 KB count.
    """
    found: list[tuple[int, int]] = []
    at = 0
    start = 0 if _open_at_end(before[-MAX_BLOCK:]) else _begin(block, 0)
    while start >= 0:
        end = block.find(_END, start)
        if end < 0:
            found.append((start, len(block)))
            break
        stop = block.find(b"\n", end)
        found.append((start, len(block) if stop < 0 else stop))
        at = end + len(_END)
        start = _begin(block, at)
    return found


def _open_at_end(before: bytes) -> bool:
    begin = before.rfind(_BEGIN)
    return begin >= 0 and _PRIVATE in before[begin : begin + _NAME] and before.find(_END, begin) < 0


def _begin(block: bytes, at: int) -> int:
    while (at := block.find(_BEGIN, at)) >= 0:
        if _PRIVATE in block[at : at + _NAME]:
            return at
        at += len(_BEGIN)
    return -1


class Cleaner:
    """Redacts lines for one clearance, and for R1 beside it."""

    def __init__(self, redactor: Redactor, for_ticket: Redactor | None) -> None:
        self._redactor = redactor
        self._for_ticket = for_ticket
        self._sources: dict[str, str] = {}

    def text(self, raw: bytes, *, in_key: bool = False, before: bytes = b"") -> tuple[str, int]:
        """The redacted line and how many secrets were removed from it.

        Args:
            before: the line above, where it may hold the name of what this line is the value of.
        """
        if in_key:
            return PLACEHOLDER, 1
        removed = self._redactor.secrets_removed
        line = raw[:LINE_WINDOW].rstrip(b"\r\n")
        if before:
            text = self._redactor.data(before + b"\n" + line).partition("\n")[2]
        else:
            text = self._redactor.data(line)
        if len(text) > MAX_LINE or len(raw) >= LINE_WINDOW:
            text = text[: MAX_LINE - len(CUT)] + CUT
        return text, self._redactor.secrets_removed - removed

    def source(self, name: str) -> str:
        """A source's name, redacted: file names may hold host names."""
        if name not in self._sources:
            self._sources[name] = (self._redactor.text(name) or "?")[:_MAX_SOURCE]
        return self._sources[name]

    def note(self, text: str) -> str:
        """A remark about a source: its name is redacted like any text."""
        return self._redactor.text(text)[:_MAX_SOURCE]

    def line(self, at: datetime | None, source: str, text: str) -> LogLine:
        return LogLine(at=at, source=self.source(source), text=text)

    def checked(self, lines: list[LogLine]) -> tuple[LogLine, ...]:
        """The lines once more under the residual scan; one that fails is replaced, not sent."""
        if _passes("\n".join(line.text for line in lines)):
            return tuple(lines)
        return tuple(
            line if _passes(line.text) else LogLine(at=line.at, source=line.source, text=_UNSURE)
            for line in lines
        )

    def r1(self, lines: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
        """The same lines for R1; empty when the clearance is R1 already."""
        if self._for_ticket is None or self._redactor.clearance is Clearance.R1:
            return ()
        again = self._for_ticket
        return tuple(
            LogLine(
                at=line.at,
                source=again.text(line.source)[:_MAX_SOURCE],
                text=again.text(line.text)[:MAX_LINE],
            )
            for line in lines
        )


def _passes(text: str) -> bool:
    try:
        residual(text.encode())
    except RelevoError:
        return False
    return True
