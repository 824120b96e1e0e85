"""``relevo-broker backup`` and ``restore``: everything of a broker in one file, its private keys too."""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

from broker.config import Config
from protocol.drivers.files import private_folder
from protocol.errors import Code, RelevoError

_PARTS = ("broker.json", "pairing.json", "keys", "tls", "repository", "artifacts", "outgoing", "connectors")
_DATABASE = "broker.db"


def backup(config: Config, to: Path) -> int:
    """Write a backup (a gzipped tar, mode 0600) while the broker may be running; its size in bytes.

    The database is copied first in one consistent state; files that it names are written before it
    names them, so what is copied afterwards is complete.

    Raises:
        RelevoError: ``already-exists``; ``cannot-record``; ``usage`` without an SQLite file.
    """
    source = config.data / _DATABASE
    if config.database is not None:
        raise RelevoError(Code.USAGE, "back up a database of your own with its own tools")
    if to.exists():
        raise RelevoError(Code.ALREADY_EXISTS, str(to))
    try:
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".backup.") as work:
            copy, archive = Path(work) / _DATABASE, Path(work) / "archive"
            _copy_database(source, copy)
            with tarfile.open(archive, "w:gz") as tar:
                tar.add(copy, _DATABASE)
                for part in _PARTS:
                    if (config.data / part).exists():
                        tar.add(config.data / part, part)
            archive.chmod(0o600)
            with archive.open("rb") as file:
                os.fsync(file.fileno())
            archive.replace(to)
            return to.stat().st_size
    except (OSError, sqlite3.Error) as error:
        raise RelevoError(Code.CANNOT_RECORD, f"{to}: {error}") from error


def restore(data: Path, archive: Path) -> None:
    """Unpack a backup into ``data``, which must be empty or missing.

    Raises:
        RelevoError: ``already-exists``; ``not-found``; ``malformed`` for what is no backup;
            ``cannot-record``.
    """
    if data.exists() and any(data.iterdir()):
        raise RelevoError(Code.ALREADY_EXISTS, f"{data} is not empty")
    private_folder(data)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            # The filter refuses links out of the folder, devices and absolute names (PEP 706).
            tar.extractall(data, filter="data")
    except FileNotFoundError as error:
        raise RelevoError(Code.NOT_FOUND, str(archive)) from error
    except (tarfile.TarError, EOFError) as error:
        raise RelevoError(Code.MALFORMED, f"{archive}: {error}") from error
    except OSError as error:
        raise RelevoError(Code.CANNOT_RECORD, f"{data}: {error}") from error
    if not (data / _DATABASE).is_file():
        raise RelevoError(Code.MALFORMED, f"{archive} is not a broker's backup")
    _close_to_others(data)


def _copy_database(source: Path, copy: Path) -> None:
    os.close(os.open(copy, os.O_CREAT | os.O_RDWR, 0o600))
    uri = f"file:{source}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)


def _close_to_others(data: Path) -> None:
    data.chmod(0o700)
    for path in data.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
