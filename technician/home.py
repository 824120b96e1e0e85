"""The technician's home folder: which organisation, which broker, which key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from protocol.api import Login
from protocol.drivers.files import read_file, write_private
from protocol.drivers.http import BrokerHttp
from protocol.errors import Code, RelevoError
from protocol.ids import OrgId
from protocol.wire import Name, Sha256, Wire, from_json, to_json
from technician.catalogue import forget

if TYPE_CHECKING:
    from protocol.drivers.repository import Repository  # imports tuf, which most commands do not need

_CONFIG = "config.json"
_LOGIN = "login.json"
_MAX = 64 << 10


class HomeConfig(Wire, frozen=True):
    """``HOME/config.json``: what ``relevo login`` (or ``org connect``) settled."""

    url: Annotated[str, Meta(pattern=r"^wss://[^/\s]+$(?!\n)", max_length=300)]
    org: OrgId
    root_sha256: Sha256
    tls_sha256: Sha256
    technician: Name
    key: Annotated[str, Meta(min_length=1, max_length=4_000)]
    """What ``technician.keys.load_signer`` takes: a key file's path, or a fingerprint in the ssh-agent."""
    language: Annotated[str, Meta(pattern=r"^(en|es)$(?!\n)")] | None = None


def load_config(home: Path) -> HomeConfig:
    """Raises RelevoError: ``unauthenticated`` before the first login; ``malformed``."""
    try:
        return from_json(read_file(home / _CONFIG, _MAX), HomeConfig)
    except RelevoError as error:
        if error.code is Code.NOT_FOUND:
            raise RelevoError(Code.UNAUTHENTICATED, f"never logged in from {home}") from error
        raise


def save_config(home: Path, config: HomeConfig) -> None:
    forget(home)  # it may be another organisation's
    write_private(home / _CONFIG, to_json(config))


def load_login(home: Path) -> Login | None:
    """The stored login, which may have expired; None when there is none."""
    try:
        return from_json(read_file(home / _LOGIN, _MAX), Login)
    except RelevoError as error:
        if error.code in (Code.NOT_FOUND, Code.MALFORMED):
            return None
        raise


def save_login(home: Path, login: Login) -> None:
    write_private(home / _LOGIN, to_json(login))


def forget_login(home: Path) -> None:
    (home / _LOGIN).unlink(missing_ok=True)


def repository(home: Path, http: BrokerHttp, root_sha256: str) -> Repository:
    """The home's copy of the organisation repository, read from the broker."""
    from protocol.drivers.repository import Repository
    from protocol.drivers.sources import from_broker

    return Repository(home / "repository", root_sha256, from_broker(http))
