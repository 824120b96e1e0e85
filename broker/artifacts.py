"""Artifacts: results that agents store on a ticket, and who may read them.

The agent proves each one with a signed manifest; the content may be sealed to people of a tier, and then
the broker holds only ciphertext.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, func, select
from starlette.responses import FileResponse, Response

from broker import artifact_rows
from broker.artifact_files import ArtifactFiles
from broker.calls import Call, refusal_facts
from broker.context import Broker
from broker.guests import require_readable, require_ticket_visible
from broker.knowledge import evaluating
from broker.refusals import claimed
from broker.selfservice import evidence
from broker.sessions import rows
from broker.store.engine import Tx
from broker.store.session_tables import artifacts
from broker.store.tables import agents
from broker.tickets import rows as ticket_rows
from protocol.api import Artifacts, ArtifactView
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.documents import ArtifactManifest
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.scopes import Scope
from protocol.sshkeys import PublicKey
from protocol.wire import Fact, facts, from_json, to_json

HEADER = "relevo-manifest"
MAX_HEADER = 16 << 10
MAX_BYTES = 256 << 20
MAX_OF_SESSION = 500
MAX_SESSION_BYTES = 4 << 30
UPLOAD_S = 900.0
_OURS = frozenset({Code.CANNOT_RECORD, Code.INTERNAL, Code.RATE_LIMITED})

SCOPE_OF: dict[str, Scope] = {
    "bundle": Scope.DIAGNOSE,
    "logs": Scope.LOGS,
    "screenshot": Scope.SCREENSHOT,
    "fix-run": Scope.FIX,
}
"""What the user must have agreed to for each kind of artifact."""

_log = structlog.get_logger("broker.artifacts")


class _Proved(NamedTuple):
    manifest: ArtifactManifest
    envelope: bytes
    customer: str


async def store_artifact(broker: Broker, call: Call) -> ArtifactView:
    """``PUT /v1/artifacts`` by an agent: the content in the body, its signed manifest in a header.

    The same artifact again is answered as the first time.

    Raises:
        RelevoError: ``malformed``, ``unauthenticated``, ``signature-invalid``, ``revoked``,
            ``scope-not-granted``, ``conflict`` or ``session-ended`` without a consented session,
            ``hash-mismatch``, ``too-large``, ``already-exists``, ``cannot-record``; recorded as
            ``artifact.refused``, and no file is left.
    """
    envelope = header_envelope(call)
    claim = unsafe_peek(envelope, ArtifactManifest)
    call.about.actor = claimed(ActorKind.AGENT, claim.agent)
    call.about.evidence = (to_json(envelope),)
    try:
        proved = await broker.store.read(lambda conn: _prove(broker, conn, envelope))
        call.about.actor = Actor(kind=ActorKind.AGENT, id=proved.manifest.agent)
        return await _store(broker, call, proved)
    except RelevoError as error:
        if error.code not in _OURS:
            await _record_refusal(broker, call, error)
        raise


def header_envelope(call: Call) -> Envelope:
    """The signed manifest that came with the content. Raises RelevoError: ``malformed``."""
    header = call.request.headers.get(HEADER, "")
    if not header or len(header) > MAX_HEADER:
        raise RelevoError(Code.MALFORMED, f"no {HEADER} header, or one over {MAX_HEADER} bytes")
    try:
        padded = header + "=" * (-len(header) % 4)
        return from_json(base64.b64decode(padded, altchars=b"-_", validate=True), Envelope)
    except (binascii.Error, ValueError) as error:
        raise RelevoError(Code.MALFORMED, f"{HEADER} is not base64url") from error


def _prove(broker: Broker, conn: Connection, envelope: Envelope) -> _Proved:
    """The manifest, once the enrolled agent's key and a consented session of its own stand behind it."""
    claim = unsafe_peek(envelope, ArtifactManifest)
    row = conn.execute(select(agents).where(agents.c.agent == claim.agent)).one_or_none()
    if row is None:
        raise RelevoError(Code.UNAUTHENTICATED, f"{claim.agent} is not enrolled")
    manifest = open_envelope(envelope, ArtifactManifest, [PublicKey.from_text(row.key)])
    _check(broker, conn, manifest)
    return _Proved(manifest, to_json(envelope), row.customer)


def _check(broker: Broker, conn: Connection, manifest: ArtifactManifest) -> None:
    if manifest.agent in broker.organisation.require().revoked.agents:
        raise RelevoError(Code.REVOKED, manifest.agent)
    if manifest.size_bytes > MAX_BYTES:
        raise RelevoError(Code.TOO_LARGE, f"artifact of {manifest.size_bytes} bytes")
    session = rows.find(conn, manifest.grant)
    if session is None and evidence.is_of_run(conn, manifest):
        evidence.check(conn, manifest, broker.clock())
        return
    if session is None or session.agent != manifest.agent or session.ticket != manifest.ticket:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the artifact belongs to no session of this machine")
    session.require_agreed()
    if SCOPE_OF[manifest.kind] not in session.scopes:
        raise RelevoError(Code.SCOPE_NOT_GRANTED, manifest.kind)
    held, total = conn.execute(
        select(func.count(), func.coalesce(func.sum(artifacts.c.size_bytes), 0)).where(
            artifacts.c.grant_id == manifest.grant
        )
    ).one()
    if held >= MAX_OF_SESSION or total + manifest.size_bytes > MAX_SESSION_BYTES:
        raise RelevoError(Code.RATE_LIMITED, f"{held} artifacts of {total} bytes in one session")


async def _store(broker: Broker, call: Call, proved: _Proved) -> ArtifactView:
    manifest = proved.manifest

    def unit(tx: Tx) -> ArtifactView:
        _check(broker, tx.conn, manifest)
        now = broker.clock()
        of_session = rows.find(tx.conn, manifest.grant) is not None
        view = artifact_rows.add(
            tx.conn, manifest, proved.customer, proved.envelope, now, of_session=of_session
        )
        if evaluating.queue(tx.conn, view, now):
            tx.after_commit(broker.bundles_came.set)
        tx.audit(
            AuditRecord(
                at=now,
                actor=Actor(kind=ActorKind.AGENT, id=manifest.agent),
                action=Action.ARTIFACT_STORED,
                customer=proved.customer,
                ticket=manifest.ticket,
                grant=manifest.grant if of_session else None,
                agent=manifest.agent,
                facts=_facts(view),
                evidence=(proved.envelope,),
            )
        )
        return view

    content = Content(manifest.artifact, manifest.size_bytes, manifest.sha256, proved.envelope)
    return await keep(broker, call, manifest.agent, content, unit)


class Content(NamedTuple):
    """What a signed manifest says of a content."""

    artifact: str
    size_bytes: int
    sha256: str
    envelope: bytes


async def keep(
    broker: Broker, call: Call, sender: str, content: Content, unit: Callable[[Tx], ArtifactView]
) -> ArtifactView:
    """Store the body of the call as ``content``, then what ``unit`` says of it; both or neither. The same
    artifact again is answered as the first time.

    Raises:
        RelevoError: ``already-exists``, ``hash-mismatch``, ``rate-limited``, ``cannot-record``; as ``unit``.
    """
    files = ArtifactFiles(broker.config.artifacts)
    known = await broker.store.read(lambda conn: artifact_rows.find(conn, content.artifact))
    if known is not None:
        if known.manifest != content.envelope:
            raise RelevoError(Code.ALREADY_EXISTS, content.artifact)
        return artifact_rows.view(known)
    stated = call.request.headers.get("content-length", "")
    if stated.isdecimal() and stated != str(content.size_bytes):
        raise RelevoError(
            Code.HASH_MISMATCH, f"body of {stated[:20]} bytes, manifest of {content.size_bytes}"
        )
    with broker.uploads.slot(sender):
        await files.write(
            content.artifact, call.request.stream(), content.size_bytes, content.sha256, UPLOAD_S
        )
    stored = False
    try:
        view = await broker.store.write(unit)
        stored = True
        return view
    finally:
        if not stored and not await _is_stored(broker, content.artifact):
            files.remove(content.artifact)


async def _is_stored(broker: Broker, artifact: str) -> bool:
    """After a write whose outcome is not known (cancelled, timed out): when in doubt the file stays."""
    try:
        return await broker.store.read(lambda conn: artifact_rows.find(conn, artifact)) is not None
    except RelevoError:
        return True


async def _record_refusal(broker: Broker, call: Call, error: RelevoError) -> None:
    call.about.recorded = True
    record = AuditRecord(
        at=broker.clock(),
        actor=call.about.actor or Actor(kind=ActorKind.UNKNOWN, id=call.source[:100]),
        action=Action.ARTIFACT_REFUSED,
        facts=(
            *refusal_facts("PUT", "/v1/artifacts", error.code, call.source),
            *facts(why=error.detail[:200]),
        ),
        evidence=call.about.evidence,
    )
    try:
        await broker.store.write(lambda tx: tx.audit(record))
    except RelevoError as failure:
        _log.error("refusal-not-recorded", code=error.code.value, why=failure.code.value)


def _facts(view: ArtifactView) -> tuple[Fact, ...]:
    return facts(
        artifact=view.artifact,
        kind=view.kind,
        name=view.name,
        clearance=view.clearance.value,
        sealed=view.sealed,
        size_bytes=view.size_bytes,
        sha256=view.sha256,
    )


async def list_artifacts(broker: Broker, call: Call) -> Artifacts:
    """``GET /v1/tickets/{ticket}/artifacts``. Raises RelevoError: ``not-found``."""
    who, wanted = call.who, call.param("ticket")

    def query(conn: Connection) -> Artifacts:
        ticket = ticket_rows.load(conn, wanted)
        number = ticket_rows.number_of(wanted)
        require_ticket_visible(conn, who.person, ticket.customer, number, broker.clock())
        return Artifacts(rows=artifact_rows.of_ticket(conn, ticket.ticket))

    return await broker.store.read(query)


async def describe_artifact(broker: Broker, call: Call) -> ArtifactView:
    """``GET /v1/artifacts/{artifact}/about``. Raises RelevoError: ``not-found``."""

    def query(conn: Connection) -> ArtifactView:
        row = artifact_rows.find(conn, call.param("artifact"))
        if row is None:
            raise RelevoError(Code.NOT_FOUND, "artifact")
        now = broker.clock()
        require_ticket_visible(conn, call.who.person, row.customer, row.ticket, now, what="artifact")
        return artifact_rows.view(row)

    return await broker.store.read(query)


async def read_artifact(broker: Broker, call: Call) -> Response:
    """``GET /v1/artifacts/{artifact}``: the content, as it was stored, with the machine's signed manifest
    in the same header that brought it; each reading is recorded first.

    Raises:
        RelevoError: ``not-found``; ``tier-too-low`` for more than the reader's clearance.
    """
    who, wanted = call.who, call.param("artifact")

    def unit(tx: Tx) -> tuple[ArtifactView, bytes]:
        row = artifact_rows.find(tx.conn, wanted)
        if row is None:
            raise RelevoError(Code.NOT_FOUND, "artifact")
        view = artifact_rows.view(row)
        call.about.customer, call.about.ticket = row.customer, view.ticket
        org, now = broker.organisation.require(), broker.clock()
        require_readable(tx.conn, org, who.person, row.customer, row.ticket, view.clearance, now)
        tx.audit(
            AuditRecord(
                at=broker.clock(),
                actor=who.actor,
                action=Action.ARTIFACT_READ,
                customer=row.customer,
                ticket=view.ticket,
                grant=view.grant,
                agent=row.agent,
                facts=facts(artifact=view.artifact, name=view.name, clearance=view.clearance.value),
            )
        )
        return view, row.manifest

    view, manifest = await broker.store.write(unit)
    return content_of(broker, view, manifest)


def content_of(broker: Broker, view: ArtifactView, manifest: bytes) -> Response:
    """The answer with the content as it was stored, and its signed manifest. Raises RelevoError: ``not-found``."""
    path = ArtifactFiles(broker.config.artifacts).path(view.artifact)
    if not path.is_file():
        _log.critical("artifact-missing", artifact=view.artifact)
        raise RelevoError(Code.NOT_FOUND, f"the content of {view.artifact} is gone")
    headers = {
        "content-disposition": "attachment",
        HEADER: base64.urlsafe_b64encode(manifest).decode(),
    }
    return FileResponse(path, media_type="application/octet-stream", headers=headers)


async def sweep(broker: Broker) -> None:
    """At start: remove files that no record speaks of."""
    known = await broker.store.read(lambda conn: set(conn.execute(select(artifacts.c.artifact)).scalars()))
    removed = ArtifactFiles(broker.config.artifacts).sweep(known)
    if removed:
        _log.warning("artifacts-swept", files=removed)
