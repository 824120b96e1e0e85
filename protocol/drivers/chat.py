"""A conversation on a terminal: what the other side says appears above the line that is being typed.

Two threads of our own, one that listens and one that sends, and the caller's thread, which alone touches
the terminal. Messages to send are kept in order; one that did not get through is tried again until it does
or the chat is left, and who sends makes sure that it is taken in once.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import shutil
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from protocol.drivers.terminal import printable, words
from protocol.errors import Code, RelevoError
from protocol.lineedit import PASTE_OFF, PASTE_ON, LineEditor, Quit

AGAIN = frozenset(
    {Code.UNREACHABLE, Code.TIMEOUT, Code.AGENT_NOT_RUNNING, Code.RATE_LIMITED, Code.SESSION_LOST}
)
"""What may be over in a moment."""
AGAIN_S = 1.0
MAX_UNSENT = 100
_READ = 4_096
_LEAST_WIDTH = 10


class Over(threading.Event):
    """Set when the chat is left."""


class Partner(Protocol):
    """The other side, over whatever carries it."""

    def follow(self, show: Callable[[str], None], over: Over) -> None:
        """Show what there is and what comes, until ``over``. ``show`` takes whole, harmless lines.

        Raises:
            RelevoError: the conversation cannot go on.
        """

    def send(self, text: str, nonce: str) -> None:
        """Say something. With the same ``nonce`` again it is said once.

        Raises:
            RelevoError: of ``AGAIN``: it is not known to have been said; else it was not.
        """


class _Shown(NamedTuple):
    text: str


class _Ended(NamedTuple):
    error: RelevoError | None


_News = _Shown | _Ended


def converse(partner: Partner, prompt: str, new_nonce: Callable[[], str]) -> None:
    """Talk until the user leaves (^D, ^C or ``/quit``) or the conversation cannot go on.

    Raises:
        RelevoError: why it could not; ``conflict`` when messages were left that had not been sent.
    """
    desk = _Desk(partner, new_nonce)
    with _raw_terminal(), desk.running():
        _talk(desk, prompt)
    if desk.error is not None:
        raise desk.error
    if desk.unsent():
        raise RelevoError(Code.CONFLICT, words()("chat.unsent", count=desk.unsent()))


class _Desk:
    """What goes between the threads. Everything in it is a queue or set once."""

    def __init__(self, partner: Partner, new_nonce: Callable[[], str]) -> None:
        self.error: RelevoError | None = None
        self.wake, self._ring = os.pipe()
        self._partner = partner
        self._new_nonce = new_nonce
        self._over = Over()
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._outgoing: queue.Queue[str] = queue.Queue(MAX_UNSENT)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        for work in (self._listen, self._send):
            threading.Thread(target=work, daemon=True).start()
        try:
            yield
        finally:
            self._over.set()

    def say(self, text: str) -> bool:
        """False: too much waits to be sent."""
        try:
            self._outgoing.put_nowait(text)
        except queue.Full:
            return False
        return True

    def unsent(self) -> int:
        return self._outgoing.unfinished_tasks

    def news(self) -> Iterator[_News]:
        os.read(self.wake, _READ)
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._news.get_nowait()

    def _tell(self, news: _News) -> None:
        self._news.put(news)
        os.write(self._ring, b"!")

    def _listen(self) -> None:
        error: RelevoError | None = None
        try:
            self._partner.follow(lambda text: self._tell(_Shown(text)), self._over)
        except RelevoError as problem:
            error = problem
        except Exception as problem:  # a thread's bug has to end the chat, not to hang it
            error = RelevoError(Code.INTERNAL, type(problem).__name__)
        self._tell(_Ended(error))

    def _send(self) -> None:
        while not self._over.is_set():
            try:
                text = self._outgoing.get(timeout=AGAIN_S)
            except queue.Empty:
                continue
            if self._sent(text):
                self._outgoing.task_done()

    def _sent(self, text: str) -> bool:
        """False: the chat was left first."""
        nonce, told = self._new_nonce(), False
        while not self._over.is_set():
            try:
                self._partner.send(text, nonce)
                return True
            except RelevoError as error:
                if error.code not in AGAIN:
                    why = words()(str(error.code), detail=printable(error.detail))
                    self._tell(_Shown(words()("chat.not-sent", text=printable(text[:60]), why=why)))
                    return True
            except Exception as error:  # as above
                self._tell(_Ended(RelevoError(Code.INTERNAL, type(error).__name__)))
                return False
            if not told:
                self._tell(_Shown(words()("chat.will-be-sent", text=printable(text[:60]))))
                told = True
            self._over.wait(AGAIN_S)
        return False


def _talk(desk: _Desk, prompt: str) -> None:
    editor, leaving = LineEditor(), False
    _draw(prompt, editor)
    while not leaving:
        try:
            ready = select.select([sys.stdin, desk.wake], [], [])[0]
            if desk.wake in ready:
                for news in desk.news():
                    if isinstance(news, _Ended):
                        desk.error, leaving = news.error, True
                    else:
                        _above(news.text)
            if sys.stdin in ready:
                data = os.read(sys.stdin.fileno(), _READ)
                leaving = leaving or not data or _typed(desk, editor.feed(data))
        except KeyboardInterrupt:
            leaving = True
        _draw(prompt, editor)
    _finish(desk)


def _typed(desk: _Desk, lines: list[str | Quit]) -> bool:
    """True: the user leaves."""
    for line in lines:
        if isinstance(line, Quit) or line.strip() == "/quit":
            return True
        if not desk.say(line):
            _above(words()("chat.not-sent", text=printable(line[:60]), why=words()("chat.too-many")))
    return False


def _finish(desk: _Desk) -> None:
    """What was typed last still goes out, as far as that takes no long time."""
    ends = time.monotonic() + 2 * AGAIN_S
    while desk.error is None and desk.unsent() and time.monotonic() < ends:
        time.sleep(0.02)
    sys.stdout.write("\r\x1b[K")
    sys.stdout.flush()


def _above(text: str) -> None:
    sys.stdout.write(f"\r\x1b[K{text}\n")


def _draw(prompt: str, editor: LineEditor) -> None:
    room = max(_LEAST_WIDTH, shutil.get_terminal_size().columns - len(prompt) - 1)
    sys.stdout.write(f"\r\x1b[K{prompt}{editor.shown(room)}")
    sys.stdout.flush()


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Keys as they are pressed, without echo; everything as it was afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        sys.stdout.write(PASTE_ON)
        yield
    finally:
        sys.stdout.write(PASTE_OFF)
        sys.stdout.flush()
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def on_terminal() -> bool:
    """Whether somebody can read and type here."""
    return sys.stdin.isatty() and sys.stdout.isatty()
