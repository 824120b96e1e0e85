"""Editing one line of text from the bytes that a terminal sends, without I/O.

A chat needs its own: while somebody types, messages of the other side have to be shown above the line. What
is pasted (xterm's bracketed paste) keeps its line ends and is one message, not one for each line.
"""

from __future__ import annotations

import codecs
import enum
import re
import unicodedata

from protocol.columns import columns

MAX_TEXT = 20_000
PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
_PASTE_BEGIN, _PASTE_END = "\x1b[200~", "\x1b[201~"
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[@-~]|O.|[^\[O])")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;?]*|O)?\Z")
_MAX_ESCAPE = 32
_LINE_END = "⏎"


class Quit(enum.Enum):
    QUIT = "quit"


class LineEditor:
    """The text that is being typed. Enter, Backspace, ^U, ^W and ^D do what they do everywhere."""

    def __init__(self) -> None:
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._pasting = False

    def feed(self, data: bytes) -> list[str | Quit]:
        """The lines that ``data`` completes; ``Quit`` for ^D on an empty line."""
        done: list[str | Quit] = []
        rest = self._held + self._decoder.decode(data)
        self._held = ""
        while rest:
            if rest[0] != "\x1b":
                self._char(rest[0], done)
                rest = rest[1:]
                continue
            found = _ESCAPE.match(rest)
            if found is None:
                if _UNFINISHED.match(rest) and len(rest) < _MAX_ESCAPE:
                    self._held = rest
                    break
                rest = rest[1:]
                continue
            self._pasting = (self._pasting or found[0] == _PASTE_BEGIN) and found[0] != _PASTE_END
            rest = rest[found.end() :]
        return done

    def shown(self, width: int) -> str:
        """The end of the text as it fits into ``width`` columns, harmless to a terminal."""
        out, room = [], width
        for char in reversed(self.text):
            shown = _LINE_END if char == "\n" else char
            taken = columns(shown)
            if taken > room:
                break
            room -= taken
            out.append(shown)
        return "".join(reversed(out))

    def _char(self, char: str, done: list[str | Quit]) -> None:
        match char:
            case "\r" | "\n" if self._pasting:
                self._add("\n")
            case "\r" | "\n":
                if self.text.strip():
                    done.append(self.text.strip("\n"))
                self.text = ""
            case "\x7f" | "\b":
                self.text = self.text[:-1]
            case "\x15":
                self.text = ""
            case "\x17":
                self.text = self.text.rstrip()
                self.text = self.text[: max(self.text.rfind(" "), self.text.rfind("\n")) + 1]
            case "\x04" if not self.text:
                done.append(Quit.QUIT)
            case "\t":
                self._add(" ")
            case _ if unicodedata.category(char) not in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp"):
                self._add(char)

    def _add(self, char: str) -> None:
        if len(self.text) < MAX_TEXT:
            self.text += char
