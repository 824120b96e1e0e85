"""``python -m agent.screen``: write pictures of the monitors to stdout, see ``pictures``.

It is started ahead of need and waits for a line on stdin: the monitor's number, 0 for all of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

import mss
import mss.exception
import mss.tools

from agent.screen.pictures import MAX_MONITORS, MAX_PIXELS, MAX_PNG, Header, NoPicture, Said
from protocol.errors import Code, RelevoError
from protocol.frames import frame
from protocol.wire import to_msgpack

_COMPRESSION = 3
"""Of zlib. A desktop becomes as small with it as with 6, and sooner."""
_PR_SET_PDEATHSIG = 1
_MAX_LINE = 20


def _end_with_worker() -> None:
    """A display that never answers must not keep us when the worker, and its time limit, are gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() == 1:  # it ended before the line above took effect
            sys.exit(1)


def _say(said: Said, content: bytes = b"") -> None:
    sys.stdout.buffer.write(frame(to_msgpack(said)))
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _why_not() -> str | None:
    """Why there is no screen to look at, or None. A Wayland compositor shows X clients only their
    own windows, so a picture taken through XWayland would be black: better none than a wrong one."""
    if not sys.platform.startswith("linux"):
        return None
    if os.environ.get("WAYLAND_DISPLAY"):
        return "the desktop runs Wayland; pictures need X11"
    if not os.environ.get("DISPLAY"):
        return "no display: nobody is logged in to a desktop here"
    return None


def take(wanted: int | None) -> None:
    """Take and write the picture of one monitor (1 = first) or of each.

    Raises:
        RelevoError: ``not-applicable`` without a display, ``not-found`` without such a monitor,
            ``too-large``.
    """
    reason = _why_not()
    if reason is not None:
        raise RelevoError(Code.NOT_APPLICABLE, reason)
    try:
        with mss.MSS() as screen:
            # The first entry is all monitors together; a display without monitors has only that.
            monitors = (screen.monitors[1:] or screen.monitors)[:MAX_MONITORS]
            if wanted is not None and wanted > len(monitors):
                raise RelevoError(Code.NOT_FOUND, f"monitor {wanted} of {len(monitors)}")
            for number, monitor in enumerate(monitors, 1):
                if wanted in (None, number):
                    _take_one(screen, number, len(monitors), monitor)
    except mss.exception.ScreenShotError as error:
        raise RelevoError(Code.NOT_APPLICABLE, f"the display cannot be read: {error}") from error


def _take_one(screen: mss.MSS, number: int, monitors: int, area: dict[str, int]) -> None:
    if area["width"] * area["height"] > MAX_PIXELS:
        raise RelevoError(Code.TOO_LARGE, f"monitor {number}: {area['width']}x{area['height']}")
    shot = screen.grab(area)
    png = mss.tools.to_png(shot.rgb, shot.size, level=_COMPRESSION)
    if png is None or len(png) > MAX_PNG:
        raise RelevoError(Code.TOO_LARGE, f"monitor {number}")
    header = Header(
        monitor=number,
        monitors=monitors,
        width=shot.size.width,
        height=shot.size.height,
        size_bytes=len(png),
    )
    _say(header, png)


def _load() -> None:
    """Load what a picture needs, which mss does with the first display, and one that there cannot be will do."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(mss.exception.ScreenShotError), mss.MSS(display="none"):
            pass


def main() -> None:
    _end_with_worker()
    _load()
    line = sys.stdin.buffer.readline(_MAX_LINE)
    if not line:  # the session is over, and nobody wanted a picture
        return
    try:
        take(int(line) or None)
    except RelevoError as error:
        _say(NoPicture(code=error.code, detail=error.detail[:200]))
    else:
        _say(NoPicture())


if __name__ == "__main__":
    main()
