"""Runs in front of a fix's step, in a process of its own: takes away what the step must not have, then
becomes the step. Standard library only; started by path, isolated (``python -I -S``).

Usage: launcher.py NETWORK CONFINED PROGRAM ARGUMENTS…
NETWORK is ``none`` (a namespace with nothing in it), ``loopback`` (one with its own loopback up), ``host``
(stay) or ``fd:N`` (join the namespace open as N). CONFINED 1 adds what no fix payload needs to do without.

Exit status 125: something could not be taken away, and the step was not started.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import sys

REFUSED = 125
_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_NETWORK_CAPABILITIES = (12, 13, 16, 17, 19, 21)
"""NET_ADMIN, NET_RAW, SYS_MODULE, SYS_RAWIO, SYS_PTRACE, SYS_ADMIN: ways for root back to a network."""
_MEMORY_BYTES = 1 << 30
_FILE_BYTES = 4 << 30
_DESCRIPTORS = 256

_libc = ctypes.CDLL(None, use_errno=True)


def main(words: list[str]) -> int:
    network, confined, *argv = words
    parent = os.getppid()
    try:
        _enter_network(network)
        if confined == "1":
            _confine(root_without_network=network == "none" and os.geteuid() == 0)
            _call(_libc.prctl, _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                return REFUSED
        os.execve(argv[0], argv, os.environ)  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        sys.stderr.write(f"launcher: {network}: {error.strerror}\n")
    return REFUSED


def _enter_network(network: str) -> None:
    if network.startswith("fd:"):
        descriptor = int(network[3:])
        _call(_libc.setns, descriptor, _CLONE_NEWNET)
        os.close(descriptor)
    elif network != "host":
        _new_network()
        if network == "loopback":
            _loopback_up()


def _new_network() -> None:
    if os.geteuid() == 0:
        _call(_libc.unshare, _CLONE_NEWNET)
        return
    uid, gid = os.geteuid(), os.getegid()
    _call(_libc.unshare, _CLONE_NEWUSER | _CLONE_NEWNET)
    # The same user inside as outside (user_namespaces(7)): exec then leaves it without capabilities.
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def _confine(*, root_without_network: bool) -> None:
    _call(_libc.prctl, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if root_without_network:
        for capability in _NETWORK_CAPABILITIES:
            _call(_libc.prctl, _PR_CAPBSET_DROP, capability, 0, 0, 0)
    for limit, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (value, value))


def _call(function, *arguments: int) -> None:  # type: ignore[no-untyped-def]  # a libc function
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
