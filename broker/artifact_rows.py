"""Artifacts in the store: what was stored, signed by the agent that made it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from broker.store.session_tables import artifacts
from broker.tickets.rows import id_of, number_of
from protocol.api import ArtifactView
from protocol.documents import ArtifactManifest
from protocol.scopes import Clearance

MAX_OF_TICKET = 1_000


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
    conn: Connection, manifest: ArtifactManifest, customer: str, envelope: bytes, now: datetime
) -> ArtifactView:
    conn.execute(
        insert(artifacts).values(
            artifact=manifest.artifact,
            ticket=number_of(manifest.ticket),
            customer=customer,
            agent=manifest.agent,
            grant_id=manifest.grant,
            kind=manifest.kind,
            name=manifest.name,
            clearance=manifest.clearance.value,
            sealed=manifest.sealed,
            media_type=manifest.media_type,
            size_bytes=manifest.size_bytes,
            sha256=manifest.sha256,
            made=manifest.made,
            stored=now,
            manifest=envelope,
        )
    )
    row = find(conn, manifest.artifact)
    assert row is not None  # noqa: S101 - it was just inserted
    return view(row)
