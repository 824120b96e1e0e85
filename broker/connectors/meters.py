"""What ``/metrics`` shows of connectors: counts by the name that the administrator gave."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge


class Meters:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._crossings = Counter(
            "relevo_connector_crossings",
            "What was told to or taken in from an outside ticket system",
            ["connector", "direction", "kind"],
            registry=registry,
        )
        self._errors = Counter(
            "relevo_connector_errors",
            "Failed looks at an outside ticket system, by code",
            ["connector", "code"],
            registry=registry,
        )
        self._failing = Gauge(
            "relevo_connector_failing",
            "1 while an outside ticket system cannot be followed",
            ["connector"],
            registry=registry,
        )

    def crossed(self, name: str, counted: Mapping[tuple[str, str], int]) -> None:
        for (direction, kind), many in counted.items():
            self._crossings.labels(name, direction, kind).inc(many)

    def failed(self, name: str, code: str) -> None:
        self._errors.labels(name, code).inc()
        self._failing.labels(name).set(1)

    def answered(self, name: str) -> None:
        self._failing.labels(name).set(0)
