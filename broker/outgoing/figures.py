"""Figures of the queue for ``/metrics``."""

from __future__ import annotations

from prometheus_client import Counter

from broker.context import Broker
from broker.outgoing import queue
from broker.outgoing.queue import MAIL


class Figures:
    """Counts what ends here; what waits is read from the store now and then, not for every request."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._now = queue.Figures(0, 0, None)
        metrics = broker.metrics
        self._ended = Counter(
            "relevo_outgoing_attempts",
            "Attempts to deliver mails and webhook calls, by the state they led to",
            ["channel", "state"],
            registry=metrics.registry,
        )
        metrics.gauge("relevo_outgoing_queued", "Deliveries that wait", lambda: self._now.queued)
        metrics.gauge("relevo_outgoing_failed", "Deliveries that were given up", lambda: self._now.failed)
        metrics.gauge("relevo_outgoing_oldest_seconds", "Age of the oldest that waits", self._age)

    def count(self, target: str, state: str) -> None:
        self._ended.labels("mail" if target == MAIL else "webhook", state).inc()

    async def refresh(self) -> None:
        """Raises RelevoError: as ``Store.read``."""
        self._now = await self._broker.store.read(queue.figures)

    def _age(self) -> float:
        oldest = self._now.oldest
        return 0.0 if oldest is None else max(0.0, (self._broker.clock() - oldest).total_seconds())
