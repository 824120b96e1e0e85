"""Where things are in the organisation repository, and which role may say what (docs/adr/0005).

The risk of a fix is part of its path, because a TUF delegation is a set of path patterns: the signer of
``low`` can then name nothing that a reader would take for a ``high`` fix, nor the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, NamedTuple

from msgspec import Meta

from protocol.errors import Code, RelevoError
from protocol.organisation import Revoked
from protocol.scopes import Risk
from protocol.wire import Name, Sha256, Size, Wire

ROSTER = "roster.json"
POLICY = "policy.json"
REVOKED = "revoked.json"
DESK = "desk.json"
"""How the help desk works (``protocol.desk``); optional, and read by the broker alone."""
KNOWN_ERRORS = "known-errors/"
"""Folder of known errors (``protocol.known_errors``), one document each, of the top-level targets role."""

TIMESTAMP_LIFE = timedelta(minutes=30)
"""From signing to expiry: a timestamp's expiry minus this is when the broker last vouched."""
CLOCK_SLACK = timedelta(minutes=5)

MAX_TIMESTAMP = 16 << 10
MAX_ROOT = 512 << 10
MAX_SNAPSHOT = 1 << 20
MAX_TARGETS_METADATA = 5 << 20
MAX_DOCUMENT = 16 << 20
"""Bytes of roster, policy or revocations."""
MAX_PAYLOAD_FILE = 8 << 20
MAX_FIX_FILES = 64


class FixRole(NamedTuple):
    """A delegated TUF role; its name is the risk."""

    risk: Risk
    threshold: int

    @property
    def paths(self) -> list[str]:
        return [f"fixes/{self.risk}/*/*", f"fixes/{self.risk}/*/*/*"]


FIX_ROLES: tuple[FixRole, ...] = (
    FixRole(Risk.READ_ONLY, 1),
    FixRole(Risk.LOW, 1),
    FixRole(Risk.MEDIUM, 1),
    FixRole(Risk.HIGH, 2),
    FixRole(Risk.DESTRUCTIVE, 2),
)

_MANIFEST = re.compile(r"fixes/([a-z_]+)/([a-z0-9][a-z0-9._-]{0,63})/([1-9][0-9]{0,5})\.json")
_PAYLOAD = re.compile(
    r"fixes/([a-z_]+)/[a-z0-9][a-z0-9._-]{0,63}/[1-9][0-9]{0,5}/[A-Za-z0-9][A-Za-z0-9._-]{0,50}"
)
_KNOWN_ERROR = re.compile(r"known-errors/([a-z0-9][a-z0-9._-]{0,49})\.json")
_RISKS = {risk.value: risk for risk in Risk}
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,50}")


class FixRef(Wire, frozen=True):
    """A fix version as the verified delegated metadata names it."""

    id: Name
    version: Annotated[int, Meta(ge=1, le=999_999)]
    risk: Risk
    path: str
    """Target path of the manifest."""
    sha256: Sha256
    """Of the manifest's bytes, which name the payload by hash."""
    length: Size


def fix_role(risk: Risk) -> FixRole:
    return FIX_ROLES[tuple(Risk).index(risk)]


def manifest_path(risk: Risk, fix: str, version: int) -> str:
    return f"fixes/{risk}/{fix}/{version}.json"


def payload_path(risk: Risk, fix: str, version: int, name: str) -> str:
    """Raises RelevoError: ``malformed`` when ``name`` is not a plain file name of at most 51 characters."""
    if not _FILE.fullmatch(name):
        raise RelevoError(Code.MALFORMED, f"payload file name {name[:80]!r}")
    return f"fixes/{risk}/{fix}/{version}/{name}"


def parse_manifest_path(path: str) -> tuple[Risk, str, int] | None:
    """Risk, id and version, or None when ``path`` is not a manifest's (a payload file, something else)."""
    found = _MANIFEST.fullmatch(path)
    if not found or found[1] not in _RISKS:
        return None
    return _RISKS[found[1]], found[2], int(found[3])


def known_error_path(known_error: str) -> str:
    return f"{KNOWN_ERRORS}{known_error}.json"


def parse_known_error_path(path: str) -> str | None:
    """The id of a known error, or None when ``path`` is not that of one."""
    found = _KNOWN_ERROR.fullmatch(path)
    return found[1] if found else None


def risk_of(path: str) -> Risk | None:
    """The risk a manifest's or payload file's path states; None for any other path."""
    found = _MANIFEST.fullmatch(path) or _PAYLOAD.fullmatch(path)
    return _RISKS.get(found[1]) if found else None


def hash_prefixed(path: str, sha256: str) -> str:
    """``roster.json`` as ``<sha256>.roster.json``: the file name of a target in a consistent snapshot."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{sha256}.{name}"


def is_revoked(revoked: Revoked, fix: str, version: int) -> bool:
    return fix in revoked.fixes or f"{fix}/{version}" in revoked.fixes


def without_revoked(fixes: Iterable[FixRef], revoked: Revoked) -> tuple[FixRef, ...]:
    return tuple(ref for ref in fixes if not is_revoked(revoked, ref.id, ref.version))
