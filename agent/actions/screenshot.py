"""``screenshot``: a PNG of each monitor, streamed to the technician and sealed onto the ticket."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agent.actions.context import Emit, Session
from agent.screen.children import ScreenChildren
from agent.screen.pictures import Header, NoPicture, Said
from protocol import assist
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance
from protocol.wire import from_msgpack

TIME_LIMIT_S = 20.0
"""A display that does not answer by then never will."""
_MAX_HEADER = 1_000
_MEDIA_TYPE = "image/png"


async def run(request: assist.Screenshot, session: Session, emit: Emit) -> None:
    """Take, stream and store. Cancelling ends the child that takes the pictures.

    Raises:
        RelevoError: ``not-applicable`` (no display, or one that cannot be read), ``not-found`` (no
            such monitor), ``timeout``, ``too-large``, ``cannot-record``.
    """
    session.record(Action.SCREENSHOT_STARTED, monitor=request.monitor)
    sizes: list[str] = []
    stored: list[str] = []
    async with aclosing(_pictures(session.screen, request.monitor)) as pictures:
        async for header, png in pictures:
            name = f"screenshot-{session.grant.ticket}-{header.monitor}.png"
            await _stream(name, png, emit)
            artifact = await session.artifacts.store(
                kind="screenshot",
                name=name,
                media_type=_MEDIA_TYPE,
                clearance=Clearance.R3,
                content=png,
                seal=True,
            )
            await emit(assist.Stored(artifact=artifact, name=name))
            sizes.append(f"{header.width}x{header.height}")
            stored.append(artifact)
    session.record(
        Action.SCREENSHOT_DONE, monitors=len(sizes), sizes=" ".join(sizes), artifacts=" ".join(stored)
    )


async def _stream(name: str, content: bytes, emit: Emit) -> None:
    await emit(assist.ContentStart(name=name, media_type=_MEDIA_TYPE, size_bytes=len(content)))
    for at in range(0, len(content), assist.CHUNK):
        await emit(assist.Chunk(data=content[at : at + assist.CHUNK]))
    await emit(assist.ContentEnd(sha256=hashlib.sha256(content).hexdigest()))


async def _pictures(
    screen: ScreenChildren, monitor: int | None
) -> AsyncGenerator[tuple[Header, bytes], None]:
    """What the child sends, one picture in memory at a time."""
    async with screen.child() as child:
        assert child.stdin is not None  # noqa: S101 - a pipe, see processes.spawn
        child.stdin.write(b"%d\n" % (monitor or 0))
        while (picture := await _next(child)) is not None:
            yield picture


async def _next(child: asyncio.subprocess.Process) -> tuple[Header, bytes] | None:
    assert child.stdout is not None  # noqa: S101 - a pipe, see processes.spawn
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            (size,) = struct.unpack(">I", await child.stdout.readexactly(4))
            if size > _MAX_HEADER:
                raise RelevoError(Code.MALFORMED, "picture header")
            said: Said = from_msgpack(await child.stdout.readexactly(size), Said)
            if isinstance(said, NoPicture):
                if said.code:
                    raise RelevoError(Code(said.code), said.detail)
                return None
            return said, await child.stdout.readexactly(said.size_bytes)
    except TimeoutError as error:
        raise RelevoError(Code.TIMEOUT, "the display does not answer") from error
    except asyncio.IncompleteReadError as error:
        raise RelevoError(Code.INTERNAL, "the program that takes pictures ended early") from error
