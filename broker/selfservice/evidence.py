"""Artifacts that a user let go with a ticket, after self-service did not help: no session stands behind them.

What stands behind one is the machine's signed record of the run, which names the machine's own ticket.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from broker.store.self_service_tables import self_service_runs
from broker.store.session_tables import artifacts
from broker.tickets import rows, steps
from broker.tickets.rows import number_of
from protocol.documents import ArtifactManifest
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance

KINDS = frozenset({"bundle", "fix-run"})
WITHIN = timedelta(hours=1)
"""After the record; what comes later needs a session."""
MOST = 24
MAX_BYTES = 64 << 20


def is_of_run(conn: Connection, manifest: ArtifactManifest) -> bool:
    """Whether the manifest names a run of self-service of this machine."""
    return _received(conn, manifest) is not None


def check(conn: Connection, manifest: ArtifactManifest, now: datetime) -> None:
    """Raises RelevoError: ``identity-mismatch`` without such a run on this ticket; ``session-ended`` too
    late; ``ticket-closed``; ``scope-not-granted`` for another kind or clearance; ``rate-limited``."""
    received = _received(conn, manifest)
    if received is None:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the artifact belongs to no session of this machine")
    if now > received + WITHIN:
        raise RelevoError(Code.SESSION_ENDED, manifest.grant)
    # A machine may tell of a run at any time, of one that named an old ticket too.
    steps.require_open(rows.load(conn, manifest.ticket))
    if manifest.kind not in KINDS or manifest.clearance is not Clearance.R1 or manifest.sealed:
        raise RelevoError(Code.SCOPE_NOT_GRANTED, f"{manifest.kind} at {manifest.clearance}")
    held, total = conn.execute(
        select(func.count(), func.coalesce(func.sum(artifacts.c.size_bytes), 0)).where(
            artifacts.c.ticket == number_of(manifest.ticket),
            artifacts.c.agent == manifest.agent,
            artifacts.c.grant_id.is_(None),
        )
    ).one()
    if held >= MOST or total + manifest.size_bytes > MAX_BYTES:
        raise RelevoError(Code.RATE_LIMITED, f"{held} artifacts of {total} bytes from self-service")


def _received(conn: Connection, manifest: ArtifactManifest) -> datetime | None:
    found: datetime | None = conn.execute(
        select(self_service_runs.c.received).where(
            self_service_runs.c.agent == manifest.agent,
            self_service_runs.c.run == manifest.grant,
            self_service_runs.c.ticket == number_of(manifest.ticket),
        )
    ).scalar_one_or_none()
    return found
