"""``/health``, ``/metrics`` and ``/openapi.json``."""

from __future__ import annotations

from starlette.responses import Response

from broker.calls import Call
from broker.context import Broker
from broker.metrics import CONTENT_TYPE
from broker.openapi import document
from protocol import VERSION
from protocol.api import Health


async def health(broker: Broker, call: Call) -> Health:
    """``GET /health``: degraded means that nothing can be changed until the log is repaired."""
    status = "ok"
    if broker.drain.active:
        status = "draining"
    elif broker.store.degraded:
        status = "degraded"
    org = broker.organisation.current
    return Health(
        status=status,
        org=org.roster.org if org else None,
        version=VERSION,
        log_size=broker.store.log_size,
        agents_online=broker.presence.count(),
    )


async def metrics(broker: Broker, call: Call) -> Response:
    """``GET /metrics`` for Prometheus."""
    return Response(broker.metrics.text(), headers={"content-type": CONTENT_TYPE})


async def openapi(broker: Broker, call: Call) -> Response:
    """``GET /openapi.json``: this interface, described by the same table that routes it."""
    return Response(document(), media_type="application/json")
