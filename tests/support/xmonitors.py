"""``python xmonitors.py DISPLAY NAME=X,Y,WIDTH,HEIGHT …``: define RandR monitors, as ``xrandr --setmonitor``."""

from __future__ import annotations

import ctypes
import sys


class MonitorInfo(ctypes.Structure):
    """``XRRMonitorInfo`` of X11/extensions/Xrandr.h."""

    _fields_ = (
        ("name", ctypes.c_ulong),
        ("primary", ctypes.c_int),
        ("automatic", ctypes.c_int),
        ("noutput", ctypes.c_int),
        ("x", ctypes.c_int),
        ("y", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("mwidth", ctypes.c_int),
        ("mheight", ctypes.c_int),
        ("outputs", ctypes.c_void_p),
    )


def define(display: str, monitors: dict[str, tuple[int, int, int, int]]) -> None:
    x11, xrandr = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXrandr.so.2")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XDefaultRootWindow.restype = x11.XInternAtom.restype = ctypes.c_ulong
    x11.XDefaultRootWindow.argtypes = (ctypes.c_void_p,)
    x11.XInternAtom.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
    x11.XSync.argtypes = (ctypes.c_void_p, ctypes.c_int)
    xrandr.XRRSetMonitor.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.POINTER(MonitorInfo))
    connection = x11.XOpenDisplay(display.encode())
    root = x11.XDefaultRootWindow(connection)
    for name, (x, y, width, height) in monitors.items():
        atom = x11.XInternAtom(connection, name.encode(), 0)
        info = MonitorInfo(name=atom, x=x, y=y, width=width, height=height, mwidth=100, mheight=100)
        xrandr.XRRSetMonitor(connection, root, ctypes.byref(info))
    x11.XSync(connection, 0)


if __name__ == "__main__":
    wanted = {}
    for argument in sys.argv[2:]:
        title, _, area = argument.partition("=")
        left, top, wide, high = map(int, area.split(","))
        wanted[title] = (left, top, wide, high)
    define(sys.argv[1], wanted)
