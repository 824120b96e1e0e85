"""How the C library keeps memory between frames.

The relay and both ends of a leg take and give back buffers of a quarter of a megabyte many times a second.
With its defaults glibc returns each to the system and faults it in again: a fifth of their CPU time.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h
KEPT_FREE = 64 << 20
"""Free bytes at the end of the heap above which they are returned."""
_STEP = 4 << 20
_LARGEST_IN_HEAP = 32 << 20
"""glibc takes no larger value (HEAP_MAX / 2)."""


def keep_buffers() -> bool:
    """Set it for this process, before threads start. False where the C library is another."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    done = [
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP),
        mallopt(_M_TRIM_THRESHOLD, KEPT_FREE),
        mallopt(_M_TOP_PAD, _STEP),
    ]
    return all(done)
