"""What the helper gives up before it serves anybody: the network, and the capabilities it does not use."""

from __future__ import annotations

import ctypes
import os
import struct

from protocol.errors import Code, RelevoError

_CLONE_NEWNET = 0x40000000
_CAPABILITY_VERSION_3 = 0x20080522
_KEPT = (0, 1, 2, 3)
"""CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER: restoring files. What a fix needs beyond comes back to its
own process by exec as root; this process keeps no way back to a network."""


def leave_network() -> int:
    """Enter an empty network namespace, and give a descriptor of the machine's.

    The descriptor is for started services and fixes that declare a network; using it takes a capability that
    this process drops. Call before any thread is started: a namespace belongs to a thread.

    Raises:
        RelevoError: ``refused`` when the system does not let us.
    """
    try:
        host = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise RelevoError(Code.REFUSED, f"no network namespaces here: {error.strerror}") from error
    _call("unshare", _CLONE_NEWNET)
    return host


def drop_capabilities() -> None:
    """Keep what restoring files takes, drop everything else from this process.

    Raises:
        RelevoError: ``refused``.
    """
    kept = sum(1 << number for number in _KEPT)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    # Two 32-bit halves of effective, permitted, inheritable (capset(2)).
    data = struct.pack("6I", kept, kept, 0, 0, 0, 0)
    _call("capset", header, data)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    functions = {"unshare": libc.unshare, "capset": libc.capset}
    if functions[name](*arguments) != 0:
        number = ctypes.get_errno()
        raise RelevoError(Code.REFUSED, f"{name}: {os.strerror(number)}")
