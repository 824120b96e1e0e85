"""Where the log is read from: the broker's HTTP API behind four questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar
from urllib.parse import quote

from protocol import tiles
from protocol.api import AuditCheckpoints, AuditEntries, AuditEntryView
from protocol.drivers.http import Response
from protocol.errors import Code, RelevoError
from protocol.note import MAX_NOTE
from protocol.tiles import Tile

PAGE = 1_000
_DEADLINE_S = 60.0

W = TypeVar("W")


class Source(Protocol):
    """Whoever serves a log. Nothing it says is believed."""

    def checkpoint(self) -> str:
        """The newest signed note."""

    def entries(self, start: int, count: int) -> AuditEntries:
        """Entries from ``start``, at most ``count``; fewer is allowed, none means the end."""

    def of_ticket(self, ticket: str, start: int) -> AuditEntries:
        """A ticket's entries from index ``start``; fewer than all is allowed, none means the end."""

    def checkpoint_after(self, size: int) -> str | None:
        """The signed note of the smallest tree that is larger than ``size``, if there is one."""

    def leaf_tile(self, number: int, width: int) -> bytes:
        """Tile ``number`` of level 0: ``width`` leaf hashes."""


class Http(Protocol):
    """The broker's API as somebody who is logged in: ``technician.login.Api`` or ``BrokerHttp``."""

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        deadline_s: float = ...,
        limit: int = ...,
    ) -> Response: ...

    def get_json(self, path: str, kind: type[W], *, deadline_s: float = ...) -> W: ...


class HttpSource:
    """The broker."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def checkpoint(self) -> str:
        answer = self._http.request("GET", "/v1/audit/checkpoint", deadline_s=_DEADLINE_S, limit=4 * MAX_NOTE)
        try:
            return answer.body.decode()
        except UnicodeDecodeError as error:
            raise RelevoError(Code.MALFORMED, "checkpoint is not UTF-8") from error

    def entries(self, start: int, count: int) -> AuditEntries:
        path = f"/v1/audit/entries?start={start}&count={count}"
        return self._http.get_json(path, AuditEntries, deadline_s=_DEADLINE_S)

    def of_ticket(self, ticket: str, start: int) -> AuditEntries:
        path = f"/v1/audit/entries?ticket={quote(ticket, safe='')}&start={start}&count={PAGE}"
        return self._http.get_json(path, AuditEntries, deadline_s=_DEADLINE_S)

    def checkpoint_after(self, size: int) -> str | None:
        path = f"/v1/audit/checkpoints?after={size}&count=1"
        notes = self._http.get_json(path, AuditCheckpoints, deadline_s=_DEADLINE_S).notes
        return notes[0] if notes else None

    def leaf_tile(self, number: int, width: int) -> bytes:
        path = f"/v1/audit/{Tile(0, number, width).path}"
        return self._http.request("GET", path, deadline_s=_DEADLINE_S, limit=tiles.WIDTH * 32).body


def pages(source: Source, size: int) -> Iterator[tuple[AuditEntryView, ...]]:
    """The entries below ``size``, page by page; ends early when the source has no more.

    The entries are as served: whether their indexes are the right ones is for the caller to check.

    Raises:
        RelevoError: ``malformed`` if the source goes back.
    """
    start = 0
    while start < size:
        served = source.entries(start, min(PAGE, size - start)).entries
        wanted = tuple(entry for entry in served if entry.index < size)
        if not wanted:
            return
        yield wanted
        if wanted[-1].index < start:
            raise RelevoError(Code.MALFORMED, f"entry {wanted[-1].index} where {start} was asked for")
        start = wanted[-1].index + 1


def leaf_hashes(source: Source, size: int) -> Iterator[list[bytes]]:
    """The first ``size`` Merkle leaf hashes from tiles of 256.

    Raises:
        RelevoError: ``malformed`` for a tile of another width.
    """
    for number in range((size + tiles.WIDTH - 1) // tiles.WIDTH):
        width = tiles.width_at(0, number, size)
        served = tiles.hashes(source.leaf_tile(number, width))
        if len(served) != width:
            raise RelevoError(Code.MALFORMED, f"tile {number} holds {len(served)} hashes, not {width}")
        yield served


def ticket_entries(source: Source, ticket: str) -> list[AuditEntryView]:
    """All entries of a ticket, in index order.

    Raises:
        RelevoError: ``malformed`` if the source does not serve rising indexes.
    """
    found: list[AuditEntryView] = []
    start = 0
    while served := source.of_ticket(ticket, start).entries:
        for entry in served:
            if entry.index < start:
                raise RelevoError(Code.MALFORMED, f"entry {entry.index} where {start} was asked for")
            found.append(entry)
            start = entry.index + 1
    return found
