"""``diagnose``: run collectors, redact, sign, hand over and keep on the ticket."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import platform
import secrets
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from agent.actions import bundle
from agent.actions.context import Emit, Session
from agent.collectors.messages import Settings
from agent.folder import Folder
from protocol import VERSION, assist
from protocol.audit import Action
from protocol.diagnosis import BUNDLE_MEDIA_TYPE, Clock, CollectorResult
from protocol.documents import PROTOCOL_VERSION, BundleSeal
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance


@dataclass(frozen=True)
class _Made:
    """A finished bundle for one clearance."""

    clearance: Clearance
    content: bytes
    sha256: str


async def run(request: assist.Diagnose, session: Session, emit: Emit) -> None:
    """Collect what was asked for; the technician gets the bundle that their clearance allows.

    The same results, redacted for R1, go onto the ticket in the clear; those of a higher clearance
    are stored sealed besides. Nothing is collected before the journal has it.

    Raises:
        RelevoError: ``not-found`` for an unknown collector (nothing was recorded or run),
            ``cannot-record``, ``redaction-failed``, and as storing and sending raise.
    """
    names = _wanted(request, session)
    run_id = secrets.token_hex(8)
    clock = Clock(wall=session.now(), mono_s=round(time.monotonic(), 3), zone=zone())
    session.record(Action.DIAGNOSE_STARTED, run=run_id, collectors=",".join(names))
    await emit(assist.Progress(step="collectors", done=0, total=len(names)))

    async def on_done(result: CollectorResult) -> None:
        await emit(
            assist.CollectorDone(
                collector=result.collector,
                status=result.status,
                seconds=max(0.0, (result.ended - result.started).total_seconds()),
            )
        )

    results = await session.collectors.collect(names, settings_of(session.data), on_done)
    of = bundle.RunOf(
        run=run_id,
        ticket=session.grant.ticket,
        grant=session.grant.grant,
        agent=session.grant.agent,
        os=os_name(),
        started=clock.wall,
        ended=max(session.now(), clock.wall),
        clock=clock,
    )
    versions = await asyncio.to_thread(_versions, of, results, session.clearance, session.pseudonym_key)
    artifacts = await _deliver(versions, session, emit, name=f"diagnosis-{run_id}.json")
    session.record(
        Action.DIAGNOSE_DONE,
        run=run_id,
        collectors=len(results),
        not_ok=",".join(r.collector for r in results if r.status not in ("ok", "not_applicable")) or None,
        clearance=session.clearance,
        artifact=",".join(artifacts),
        size_bytes=len(versions[-1].content),
        sha256=versions[-1].sha256,
    )
    for artifact, made in zip(artifacts, versions, strict=True):
        await emit(assist.Stored(artifact=artifact, name=f"diagnosis {made.clearance}"))


def _wanted(request: assist.Diagnose, session: Session) -> tuple[str, ...]:
    known = session.collectors.names
    for name in request.only:
        if name not in known:
            raise RelevoError(Code.NOT_FOUND, f"collector {name}")
    return tuple(dict.fromkeys(request.only)) or known


def _versions(
    of: bundle.RunOf, results: tuple[CollectorResult, ...], clearance: Clearance, pseudonym_key: bytes
) -> tuple[_Made, ...]:
    """R1, and the technician's own where that is higher; the last one is the technician's."""
    made = []
    for level in dict.fromkeys((Clearance.R1, clearance)):
        content = bundle.make(of, results, level, pseudonym_key)
        made.append(_Made(level, content, hashlib.sha256(content).hexdigest()))
    return tuple(made)


async def _deliver(versions: tuple[_Made, ...], session: Session, emit: Emit, *, name: str) -> list[str]:
    """Send to the technician and store on the ticket side by side; both must succeed."""
    storing = asyncio.create_task(_store(versions, session, name), name="store bundle")
    try:
        await _send(versions[-1], session, emit, name)
        return await storing
    finally:
        if not storing.done():
            storing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await storing


async def _store(versions: tuple[_Made, ...], session: Session, name: str) -> list[str]:
    return [
        await session.artifacts.store(
            kind="bundle",
            name=name,
            media_type=BUNDLE_MEDIA_TYPE,
            clearance=made.clearance,
            content=made.content,
            seal=made.clearance is not Clearance.R1,
        )
        for made in versions
    ]


async def _send(made: _Made, session: Session, emit: Emit, name: str) -> None:
    envelope = _seal(made, session)
    await emit(assist.ContentStart(name=name, media_type=BUNDLE_MEDIA_TYPE, size_bytes=len(made.content)))
    for at in range(0, len(made.content), assist.CHUNK):
        await emit(assist.Chunk(data=made.content[at : at + assist.CHUNK]))
    await emit(assist.ContentEnd(sha256=made.sha256, seal=envelope))


def _seal(made: _Made, session: Session) -> Envelope:
    document = BundleSeal(
        version=PROTOCOL_VERSION,
        agent=session.grant.agent,
        grant=session.grant.grant,
        ticket=session.grant.ticket,
        clearance=made.clearance,
        sha256=made.sha256,
        size_bytes=len(made.content),
        made=session.now(),
    )
    return seal(document, session.signer)


def settings_of(data: Path) -> Settings:
    """Where the broker is, as enrolment settled it; without enrolment the collectors do without."""
    try:
        membership = Folder(data).membership()
    except RelevoError:
        return Settings(data=str(data), version=VERSION)
    address = urllib.parse.urlsplit(membership.url)
    return Settings(
        data=str(data),
        version=VERSION,
        broker_host=address.hostname or "",
        broker_port=address.port or 443,
        broker_tls_sha256=(membership.tls_sha256,) if membership.tls_sha256 else (),
    )


@functools.cache
def os_name() -> str:
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return f"{name or platform.system()} ({platform.machine()})"[:200]


def zone() -> str:
    """The IANA name where the machine says it, else the abbreviation."""
    try:
        target = Path("/etc/localtime").resolve(strict=True).parts
    except OSError:
        return time.tzname[0]
    return "/".join(target[target.index("zoneinfo") + 1 :])[:80] if "zoneinfo" in target else time.tzname[0]
