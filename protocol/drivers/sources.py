"""Where a ``Repository`` reads from. A source gives bytes nobody has verified yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from protocol.drivers.files import read_file
from protocol.drivers.http import BrokerHttp
from protocol.errors import Code, RelevoError
from protocol.publication import RepositoryFile

Fetch = Callable[[str, int], bytes]
"""``fetch(path, limit)``: the file at ``metadata/…`` or ``targets/…``; ``not-found`` when there is none,
``too-large`` when it has more than ``limit`` bytes."""


def from_broker(http: BrokerHttp) -> Fetch:
    """The broker's ``/repo``."""

    def fetch(path: str, limit: int) -> bytes:
        return http.request("GET", f"/repo/{path}", limit=limit).body

    return fetch


def from_files(files: Sequence[RepositoryFile]) -> Fetch:
    """Files handed over by another process (``Repository.snapshot_files``): needs no network."""
    content = {file.path: file.content for file in files}

    def fetch(path: str, limit: int) -> bytes:
        if path not in content:
            raise RelevoError(Code.NOT_FOUND, path)
        if len(content[path]) > limit:
            raise RelevoError(Code.TOO_LARGE, path)
        return content[path]

    return fetch


def from_folder(folder: Path) -> Fetch:
    """A folder with ``metadata/`` and ``targets/`` in it."""

    def fetch(path: str, limit: int) -> bytes:
        if ".." in path.split("/"):
            raise RelevoError(Code.NOT_FOUND, path)
        return read_file(folder / path, limit)

    return fetch
