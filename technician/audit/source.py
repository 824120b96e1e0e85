"""Where the log is read from: the broker's HTTP API behind four questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from urllib.parse import quote

from protocol.api import AuditEntries, AuditEntryView
from protocol.drivers.http import BrokerHttp
from protocol.errors import Code, RelevoError
from protocol.note import MAX_NOTE
from protocol.wire import from_json

PAGE = 2_000
_DEADLINE_S = 60.0
_MAX_HISTORY = 64 << 20


class Source(Protocol):
    """Whoever serves a log. Nothing it says is believed."""

    def checkpoint(self) -> str:
        """The newest signed note."""

    def entries(self, start: int, count: int) -> AuditEntries:
        """Entries from ``start``, at most ``count``; fewer is allowed, none means the end."""

    def of_ticket(self, ticket: str, start: int) -> AuditEntries:
        """A ticket's entries from index ``start``; fewer than all is allowed, none means the end."""

    def checkpoints(self) -> list[str]:
        """Signed notes of earlier sizes, in any order."""


class HttpSource:
    """The broker."""

    def __init__(self, http: BrokerHttp) -> None:
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

    def checkpoints(self) -> list[str]:
        answer = self._http.request(
            "GET", "/v1/audit/checkpoints", deadline_s=_DEADLINE_S, limit=_MAX_HISTORY
        )
        return from_json(answer.body, list[str])


def pages(source: Source, size: int) -> Iterator[tuple[AuditEntryView, ...]]:
    """The first ``size`` entries, page by page; ends early when the source has no more.

    The entries are as served: their indexes are for the caller to check.
    """
    start = 0
    while start < size:
        served = source.entries(start, min(PAGE, size - start)).entries[: size - start]
        if not served:
            return
        yield served
        start += len(served)


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
