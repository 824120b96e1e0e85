"""Which outside systems are connected: one file each in the broker's folder, looked at again and again.

``relevo-broker connector add`` writes it while the broker runs; the broker alone writes the database.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from broker.connectors.contract import Connector
from broker.connectors.request_tracker import RequestTracker
from broker.connectors.web import DEADLINE_S, WebClient, require_url
from protocol.drivers.files import private_folder, read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.wire import Name, Wire, from_json, to_json

FOLDER = "connectors"
MAX_CONNECTORS = 20
MAX_TOKEN = 1_000
MIN_POLL_S, MAX_POLL_S = 1, 3_600

System = Literal["rt"]
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class QueueOf(Wire, frozen=True):
    """A queue over there, and the customer that its tickets belong to."""

    queue: Annotated[str, Meta(min_length=1, max_length=100)]
    customer: Name


class ConnectorSettings(Wire, frozen=True):
    """``connectors/<name>.json``."""

    name: Name
    system: System
    url: Annotated[str, Meta(max_length=300)]
    token_file: Annotated[str, Meta(max_length=1_000)]
    queues: Annotated[tuple[QueueOf, ...], Meta(min_length=1, max_length=100)]
    poll_s: Annotated[int, Meta(ge=MIN_POLL_S, le=MAX_POLL_S)] = 30
    notes: bool = False
    """Internal notes of R1 cross too, both ways."""
    ca_file: Annotated[str, Meta(max_length=1_000)] | None = None

    def customer_of(self, queue: str) -> str | None:
        return next((row.customer for row in self.queues if row.queue == queue), None)

    def queue_of(self, customer: str) -> str | None:
        """The first queue named for the customer is where its tickets from here go."""
        return next((row.queue for row in self.queues if row.customer == customer), None)

    @property
    def customers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.customer for row in self.queues))

    @property
    def label(self) -> str:
        """What stands before the outside number: ``RT#12``."""
        return f"{self.name.upper()}#"


def make_rt(settings: ConnectorSettings, token: str, org: str, deadline_s: float) -> Connector:
    ca = Path(settings.ca_file) if settings.ca_file else None
    web = WebClient(settings.url, {"Authorization": f"token {token}"}, ca, deadline_s)
    return RequestTracker(web, token, [row.queue for row in settings.queues], org)


MAKERS = {"rt": make_rt}
"""Every system that can be connected. The next one is a line here and a file."""


def make(settings: ConnectorSettings, org: str, deadline_s: float = DEADLINE_S) -> Connector:
    """The connector that the settings describe. Raises RelevoError: as ``read_token`` and ``require_url``."""
    return MAKERS[settings.system](settings, read_token(Path(settings.token_file)), org, deadline_s)


def read_token(path: Path) -> str:
    """The token in a file that nobody else may read.

    Raises:
        RelevoError: ``not-found``; ``refused`` for a file that others may read, or of another user;
            ``malformed`` for more than one printable line.
    """
    raw = read_file(path, 1 << 14)
    try:
        found = path.stat()
    except OSError as error:
        raise RelevoError(Code.NOT_FOUND, f"{path}: {error.strerror}") from error
    if os.name == "posix" and (
        found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or found.st_uid not in (os.geteuid(), 0)
    ):
        raise RelevoError(Code.REFUSED, f"{path} is open to other users of this machine: chmod 600")
    text = raw.decode("utf-8", "replace").strip()
    if not text.isascii() or not text.isprintable() or " " in text or not 0 < len(text) <= MAX_TOKEN:
        raise RelevoError(Code.MALFORMED, f"{path} holds no token")
    return text


def check(settings: ConnectorSettings) -> None:
    """Raises RelevoError: ``parameter-invalid``; as ``read_token`` and ``require_url``."""
    require_url(settings.url)
    read_token(Path(settings.token_file))
    names = [row.queue for row in settings.queues]
    if len(set(names)) != len(names):
        raise RelevoError(Code.PARAMETER_INVALID, "a queue is named twice")
    if not all(name.isprintable() and "'" not in name and "\\" not in name for name in names):
        raise RelevoError(Code.PARAMETER_INVALID, "a queue's name holds what no name should")


def is_name(text: str) -> bool:
    """May this be a connector's name, and part of a path?"""
    return _NAME.fullmatch(text) is not None


def path_of(data: Path, name: str) -> Path:
    return data / FOLDER / f"{name}.json"


def load_all(data: Path) -> tuple[ConnectorSettings, ...]:
    """All that are configured, by name; other files in the folder are left alone.

    Raises:
        RelevoError: ``malformed``, naming the file; ``cannot-record`` where one cannot be read.
    """
    folder = data / FOLDER
    if not folder.is_dir():
        return ()
    return tuple(load(data, name) for name in _names(folder)[:MAX_CONNECTORS])


def load_readable(data: Path) -> tuple[tuple[ConnectorSettings, ...], dict[str, RelevoError]]:
    """All that can be read, and by name why others cannot."""
    folder, found, damaged = data / FOLDER, [], {}
    for name in _names(folder)[:MAX_CONNECTORS] if folder.is_dir() else ():
        try:
            found.append(load(data, name))
        except RelevoError as error:
            damaged[name] = error
    return tuple(found), damaged


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.json") if is_name(path.stem))


def load(data: Path, name: str) -> ConnectorSettings:
    """Raises RelevoError: ``not-found``; ``malformed``."""
    found = from_json(read_file(path_of(data, name), 1 << 20), ConnectorSettings)
    if found.name != name:
        raise RelevoError(Code.MALFORMED, f"{path_of(data, name)} names {found.name}")
    return found


def save(data: Path, settings: ConnectorSettings) -> None:
    """Raises RelevoError: ``conflict`` for one too many; ``cannot-record``."""
    known = [row.name for row in load_all(data)]
    if settings.name not in known and len(known) >= MAX_CONNECTORS:
        raise RelevoError(Code.CONFLICT, f"{MAX_CONNECTORS} connectors are there already")
    private_folder(data / FOLDER)
    write_private(path_of(data, settings.name), to_json(settings))


def remove(data: Path, name: str) -> None:
    """Raises RelevoError: ``not-found``."""
    try:
        path_of(data, name).unlink()
    except FileNotFoundError as error:
        raise RelevoError(Code.NOT_FOUND, f"connector {name}") from error
