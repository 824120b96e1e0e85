"""Where a broker keeps what, and what it was told at ``init`` and ``serve``. Read once, passed down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from protocol.drivers.files import read_file
from protocol.errors import Code, RelevoError
from protocol.wire import Wire, from_json


class Settings(Wire, frozen=True):
    """``broker.json``: what ``init`` fixed."""

    url: Annotated[str, Meta(pattern=r"^wss://[^/\s]+$(?!\n)", max_length=300)]
    """How agents and technicians reach this broker."""


@dataclass(frozen=True)
class Config:
    """One running broker."""

    data: Path
    url: str
    host: str = "127.0.0.1"
    port: int = 8443
    database: str | None = None
    """SQLAlchemy URL; None: ``broker.db`` in the data folder."""

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data.absolute() / 'broker.db'}"

    @property
    def settings_file(self) -> Path:
        return self.data / "broker.json"

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def certificate(self) -> Path:
        return self.data / "tls" / "cert.pem"

    @property
    def certificate_key(self) -> Path:
        return self.data / "tls" / "key.pem"

    @property
    def repository(self) -> Path:
        """The organisation repository: ``metadata/`` and ``targets/``."""
        return self.data / "repository"

    @property
    def artifacts(self) -> Path:
        return self.data / "artifacts"

    @property
    def pairing(self) -> Path:
        """What ``relevo org connect`` reads; holds the pairing secret."""
        return self.data / "pairing.json"

    @property
    def incoming_pair(self) -> Path:
        """A ``PairRequest`` that ``relevo org connect DIR`` left for the next start."""
        return self.data / "incoming" / "pair.json"


def load_config(data: Path, host: str = "127.0.0.1", port: int = 8443, database: str | None = None) -> Config:
    """The configuration of the broker in ``data``.

    Raises:
        RelevoError: ``not-found`` where ``init`` was never run; ``malformed``.
    """
    probe = Config(data=data, url="")
    try:
        settings = from_json(read_file(probe.settings_file, 1 << 16), Settings)
    except RelevoError as error:
        if error.code is Code.NOT_FOUND:
            raise RelevoError(Code.NOT_FOUND, f"no broker in {data}: run `relevo-broker init`") from error
        raise
    return Config(data=data, url=settings.url, host=host, port=port, database=database)
