"""The redactor of this machine: by the common rules, and with the names that its account database holds."""

from __future__ import annotations

from agent.redaction.known import known_here
from protocol.redaction import redactor
from protocol.redaction.known import Known
from protocol.scopes import Clearance


class Redactor(redactor.Redactor):
    """As ``protocol.redaction.redactor.Redactor``; where no names are given, those of this machine are looked for."""

    def __init__(
        self, clearance: Clearance, key: bytes, *, requester: str | None = None, known: Known | None = None
    ) -> None:
        super().__init__(clearance, key, requester=requester, known=known_here() if known is None else known)
