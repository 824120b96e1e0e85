"""The organisation repository over HTTP: pairing, publishing, and serving it to everybody."""

from __future__ import annotations

import asyncio

from starlette.responses import FileResponse, Response

from broker import publishing
from broker.calls import Call
from broker.context import Broker
from broker.refusals import claimed
from protocol.audit import ActorKind
from protocol.errors import Code, RelevoError
from protocol.publication import PairRequest, Publication, Published

_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}


async def pair(broker: Broker, call: Call) -> Published:
    """``POST /v1/org/pair``: the first publication, opened by the pairing secret."""
    call.about.actor = claimed(ActorKind.TECHNICIAN, f"pairing from {call.source}")
    return await publishing.pair(broker, call.take(PairRequest))


async def publish(broker: Broker, call: Call) -> Published:
    """``POST /v1/org/publish``: signed changes, uploaded by an administrator."""
    return await publishing.publish(broker, call.take(Publication), call.who.actor)


async def metadata(broker: Broker, call: Call) -> Response:
    """``GET /repo/metadata/{name}``: TUF metadata.

    Raises:
        RelevoError: ``not-found``.
    """
    name = call.param("name")
    if name == "timestamp.json":
        await publishing.renew_snapshot(broker)
        data = await broker.repository.timestamp(broker.clock())
        return Response(data, media_type="application/json")
    data = await asyncio.to_thread(broker.repository.metadata_file, name)
    return Response(data, headers=_FOREVER, media_type="application/json")


async def target(broker: Broker, call: Call) -> Response:
    """``GET /repo/targets/{path}``: a target file under its hash-prefixed name.

    Raises:
        RelevoError: ``not-found``.
    """
    if broker.organisation.current is None:
        raise RelevoError(Code.NOT_FOUND, "no organisation yet")
    path = broker.repository.target_file(call.param("path"))
    return FileResponse(path, headers=_FOREVER, media_type="application/octet-stream")
