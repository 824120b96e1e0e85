"""One connected system at work: what ``inward`` and ``outward`` share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from broker.connectors.contract import BROKEN, HOLD_UP, Connector
from broker.connectors.settings import ConnectorSettings
from broker.context import Broker
from broker.store.engine import Tx
from protocol.api import TicketView
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.errors import RelevoError
from protocol.wire import Fact
from protocol.wording import Words, connectors

TRIES = 5
"""Looks in which one thing may fail and hold up the rest; the keeper waits longer before each."""


@dataclass(frozen=True)
class Channel:
    broker: Broker
    settings: ConnectorSettings
    remote: Connector
    secret: bytes
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Crossings since the last look of the metrics, by direction and kind."""

    stumbled: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often one thing, by direction and key, was broken although the system answered; for the keeper's whole
    life, not that of one connection."""

    def gives_up(self, direction: str, key: str, error: RelevoError) -> bool:
        """Whether this failure is about the one thing, so that the rest need not wait for it any longer.

        To be asked only after the system has answered in the same look.
        """
        if error.code not in HOLD_UP:
            return True
        if error.code not in BROKEN:
            return False
        self.stumbled[direction, key] += 1
        if self.stumbled[direction, key] < TRIES:
            return False
        del self.stumbled[direction, key]
        return True

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def actor(self) -> Actor:
        return Actor(kind=ActorKind.CONNECTOR, id=self.name)

    def external(self, remote: str) -> str:
        """``RT#12``."""
        return f"{self.settings.label}{remote}"

    def record(self, tx: Tx, action: Action, ticket: TicketView | None, stated: tuple[Fact, ...]) -> int:
        """An audit record of a crossing; its index."""
        return tx.audit(
            AuditRecord(
                at=self.broker.clock(),
                actor=self.actor,
                action=action,
                customer=ticket.customer if ticket else None,
                ticket=ticket.ticket if ticket else None,
                facts=stated,
            )
        )


def words_of(language: str) -> Words:
    """What is written into tickets of this language."""
    return Words("es" if language == "es" else "en", connectors.TABLE)
