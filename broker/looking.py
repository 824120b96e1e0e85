"""Who has a ticket in front of them now. Kept in memory for a minute and a half; nothing depends on it."""

from __future__ import annotations

from datetime import datetime, timedelta

from protocol.api import Looker

TTL = timedelta(seconds=90)
MAX_TICKETS = 10_000
MAX_LOOKERS = 50


class Looking:
    """Presence on tickets. Every method takes the time; what is over is dropped when it is met."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, tuple[Looker, datetime]]] = {}

    def look(self, ticket: str, technician: str, name: str, now: datetime) -> None:
        """The person has it open; said again every now and then."""
        if ticket not in self._seen and len(self._seen) >= MAX_TICKETS:
            self._sweep(now)
            if len(self._seen) >= MAX_TICKETS:
                del self._seen[next(iter(self._seen))]
        here = self._seen.setdefault(ticket, {})
        before = here.pop(technician, None)
        fresh = before is not None and now - before[1] < TTL
        since = before[0].since if before is not None and fresh else now
        if len(here) >= MAX_LOOKERS:
            del here[next(iter(here))]
        here[technician] = (Looker(technician=technician, name=name, since=since), now)

    def leave(self, ticket: str, technician: str) -> None:
        here = self._seen.get(ticket)
        if here is not None:
            here.pop(technician, None)
            if not here:
                del self._seen[ticket]

    def others(self, ticket: str, technician: str, now: datetime) -> tuple[Looker, ...]:
        """Who looks besides ``technician``, the first comer first."""
        here = self._seen.get(ticket, {})
        found = [looker for looker, at in here.values() if now - at < TTL and looker.technician != technician]
        return tuple(sorted(found, key=lambda looker: looker.since))

    def _sweep(self, now: datetime) -> None:
        for ticket in list(self._seen):
            if all(now - at >= TTL for _, at in self._seen[ticket].values()):
                del self._seen[ticket]
