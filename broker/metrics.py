"""What ``/metrics`` shows: counts only, nothing about people, machines or tickets."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One registry per broker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "relevo_http_requests",
            "Requests by route and status",
            ["method", "path", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "relevo_http_seconds",
            "Time to answer",
            ["method", "path"],
            registry=self.registry,
        )
        self.refusals = Counter(
            "relevo_refusals", "Refused requests by code", ["code"], registry=self.registry
        )

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A figure that is read when somebody asks for it."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        return generate_latest(self.registry)
