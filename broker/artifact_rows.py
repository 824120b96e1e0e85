"""Artifacts in the store: what was stored, signed by the agent that made it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from broker.store.session_tables import artifacts
from broker.tickets.rows import id_of, number_of
from protocol.api import ArtifactView
from protocol.documents import ArtifactManifest, Attachment
from protocol.scopes import Clearance

MAX_OF_TICKET = 1_000
ATTACHMENT = "attachment"
"""Kind of what a person put on the ticket, as opposed to the result of a session."""


def view(row: Row[Any]) -> ArtifactView:
    return ArtifactView(
        artifact=row.artifact,
        ticket=id_of(row.ticket),
        grant=row.grant_id,
        kind=row.kind,
        name=row.name,
        clearance=Clearance(row.clearance),
        sealed=row.sealed,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        made=row.made,
    )


def find(conn: Connection, artifact: str) -> Row[Any] | None:
    return conn.execute(select(artifacts).where(artifacts.c.artifact == artifact)).one_or_none()


def of_ticket(conn: Connection, ticket: str) -> tuple[ArtifactView, ...]:
    """The newest so many of a ticket, oldest first."""
    wanted = (
        select(artifacts)
        .where(artifacts.c.ticket == number_of(ticket))
        .order_by(artifacts.c.stored.desc())
        .limit(MAX_OF_TICKET)
    )
    return tuple(view(row) for row in reversed(conn.execute(wanted).all()))


def add(
    conn: Connection,
    manifest: ArtifactManifest,
    customer: str,
    envelope: bytes,
    now: datetime,
    *,
    of_session: bool = True,
) -> ArtifactView:
    """``of_session`` is False for what a user let go with a ticket after self-service."""
    own = {
        "grant_id": manifest.grant if of_session else None,
        "kind": manifest.kind,
        "sealed": manifest.sealed,
    }
    return _add(conn, manifest.artifact, manifest, customer, envelope, now, own)


def add_attachment(
    conn: Connection, attachment: Attachment, customer: str, envelope: bytes, now: datetime
) -> ArtifactView:
    own = {"grant_id": None, "kind": ATTACHMENT, "sealed": True}
    return _add(conn, attachment.attachment, attachment, customer, envelope, now, own)


def _add(
    conn: Connection,
    artifact: str,
    manifest: ArtifactManifest | Attachment,
    customer: str,
    envelope: bytes,
    now: datetime,
    own: Mapping[str, object],
) -> ArtifactView:
    conn.execute(
        insert(artifacts).values(
            artifact=artifact,
            ticket=number_of(manifest.ticket),
            customer=customer,
            agent=manifest.agent,
            name=manifest.name,
            clearance=manifest.clearance.value,
            media_type=manifest.media_type,
            size_bytes=manifest.size_bytes,
            sha256=manifest.sha256,
            made=manifest.made,
            stored=now,
            manifest=envelope,
            **own,
        )
    )
    row = find(conn, artifact)
    assert row is not None  # noqa: S101 - it was just inserted
    return view(row)
