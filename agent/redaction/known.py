"""Who and what this machine knows by name: people with accounts, and its own host names."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from protocol.redaction.known import Known, Person

__all__ = ["Known", "Person", "known_here", "requester_here"]

FIRST_PERSON_UID = 1000
_NOBODY_UID = 65534
_MAX_NAMES = 5_000
"""Of a machine that lists a directory's users; the patterns stay small."""


@functools.cache
def known_here() -> Known:
    """What this machine's account database and host name say; read once per process."""
    return Known(people=tuple(_people()), hosts=tuple(_hosts()))


def _people() -> Iterable[Person]:
    try:
        import pwd
    except ImportError:  # Windows has no account database of this kind
        return
    for row in pwd.getpwall()[:_MAX_NAMES]:
        if row.pw_uid < FIRST_PERSON_UID or row.pw_uid == _NOBODY_UID:
            continue
        yield Person(row.pw_name, row.pw_gecos.split(",")[0].strip(), row.pw_dir)


def _hosts() -> Iterable[str]:
    """The host name, its qualified forms from /etc/hosts, and the names given there to others."""
    seen = [socket.gethostname()]
    try:
        lines = Path("/etc/hosts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines[:_MAX_NAMES]:
        seen += line.partition("#")[0].split()[1:]
    for name in dict.fromkeys(seen):
        if name and not name.lower().startswith(("localhost", "ip6-")):
            yield name


def requester_here() -> str | None:
    """Login of the person whose agent this is: R2 may see that person's own identifiers. None where
    the agent runs as a service account."""
    if os.name != "posix":
        return None
    import pwd

    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name if FIRST_PERSON_UID <= uid < _NOBODY_UID else None
    except KeyError:
        return None
