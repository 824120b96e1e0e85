"""What the verified organisation repository says now, held in memory for every decision."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation

_log = structlog.get_logger("broker.organisation")

Listener = Callable[[Organisation], None]


class OrganisationState:
    """The current ``Organisation``; changed only after it was verified and recorded."""

    def __init__(self) -> None:
        self._current: Organisation | None = None
        self.listeners: list[Listener] = []
        """Called on the event loop after each change; must not raise or block."""

    @property
    def current(self) -> Organisation | None:
        """None until the broker is paired with an organisation."""
        return self._current

    def require(self) -> Organisation:
        """Raises RelevoError: ``not-connected`` while the broker serves no organisation."""
        if self._current is None:
            raise RelevoError(Code.NOT_CONNECTED, "the broker is not paired with an organisation")
        return self._current

    def replace(self, organisation: Organisation) -> None:
        """Make ``organisation`` what everything is decided by, and tell the listeners."""
        self._current = organisation
        for listener in self.listeners:
            try:
                listener(organisation)
            except Exception:
                _log.exception("listener-failed")
