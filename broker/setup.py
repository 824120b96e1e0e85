"""``relevo-broker init``: keys, certificate, database, and what ``relevo org connect`` needs."""

from __future__ import annotations

import base64
import os
from datetime import datetime
from pathlib import Path

from broker import tls
from broker.config import Config, Settings
from broker.keys import load_identity, make_keys, public_hex
from broker.repository import make_folders
from broker.store import schema
from protocol.drivers.files import given, private_folder, read_file, write_private
from protocol.drivers.http import Address, address
from protocol.errors import Code, RelevoError
from protocol.ids import new_nonce
from protocol.publication import Pairing
from protocol.wire import from_json, to_json


def init(
    data: Path, url: str, now: datetime, certificate: Path | None = None, key: Path | None = None
) -> Pairing:
    """Make a broker in ``data`` that will be reached at ``url`` (``wss://HOST:PORT``).

    Files that a run cut short left behind are kept and completed.

    Raises:
        RelevoError: ``already-exists``; ``usage`` for an unfit URL or only one of certificate and key;
            ``usage`` for a certificate that cannot be used; ``cannot-record``.
    """
    where = _address(url)
    if (certificate is None) != (key is None):
        raise RelevoError(Code.USAGE, "--tls-cert and --tls-key go together")
    config = Config(data=data, url=f"wss://{where.https.removeprefix('https://')}")
    if config.settings_file.exists():
        raise RelevoError(Code.ALREADY_EXISTS, f"there is a broker in {data}")
    private_folder(data)
    make_keys(config.keys)
    if certificate and key:
        with given(certificate):
            pair = read_file(certificate, 1 << 20), read_file(key, 1 << 20)
            tls.server_context(certificate, key)
        write_private(config.certificate, pair[0])
        write_private(config.certificate_key, pair[1])
    elif not config.certificate.exists():
        tls.make_self_signed(where.host, config.certificate, config.certificate_key, now)
    tls.server_context(config.certificate, config.certificate_key)
    make_folders(config.repository)
    _make_database(config)
    pairing = _pairing(config)
    write_private(config.pairing, to_json(pairing))
    write_private(config.settings_file, to_json(Settings(url=config.url)))
    return pairing


def read_pairing(config: Config) -> Pairing:
    return from_json(read_file(config.pairing, 1 << 16), Pairing)


def pairing_link(pairing: Pairing) -> str:
    """``https://HOST:PORT/#pairing=…``: the whole ``Pairing`` in a form that can be handed over."""
    where = address(pairing.url)
    encoded = base64.urlsafe_b64encode(to_json(pairing)).decode().rstrip("=")
    return f"{where.https}/#pairing={encoded}"


def _pairing(config: Config) -> Pairing:
    identity = load_identity(config)
    return Pairing(
        url=config.url,
        tls_sha256=identity.tls_sha256,
        secret=new_nonce(),
        issuer_key=identity.issuer.public_key.text,
        log_key=identity.log.verifier_key,
        snapshot_key=public_hex(identity.snapshot),
        timestamp_key=public_hex(identity.timestamp),
    )


def _make_database(config: Config) -> None:
    path = config.data / "broker.db"
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    schema.upgrade(config.database_url)


def _address(url: str) -> Address:
    if not url.startswith("wss://"):
        raise RelevoError(Code.USAGE, f"the URL is wss://HOST:PORT, not {url[:200]!r}")
    return address(url)
