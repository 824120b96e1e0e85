"""Tables of signatures: bundles that wait to be judged, what was said of them, signatures under review."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from broker.store.tables import BigId, Instant, metadata

signature_queue = Table(
    "signature_queue",
    metadata,
    Column("artifact", String(32), ForeignKey("artifacts.artifact"), primary_key=True),
    Column("queued", Instant, nullable=False),
    Index("ix_signature_queue_queued", "queued"),
)
"""Bundles that the broker can read and has not judged yet: written with the artifact, deleted with the
results, so that none is forgotten or judged twice over a restart."""

signature_results = Table(
    "signature_results",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("ticket", BigInteger, ForeignKey("tickets.number"), nullable=False),
    Column("artifact", String(32), ForeignKey("artifacts.artifact"), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("customer", String(64), nullable=False),
    Column("known_error", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("bindings", Text, nullable=False),
    Column("missing", Text, nullable=False),
    Column("clearance", String(2), nullable=False),
    Column("by", String(64)),
    Column("at", Instant, nullable=False),
    Column("feedback", String(16)),
    Column("feedback_by", String(64)),
    Column("feedback_at", Instant),
    Index("uq_signature_results_once", "artifact", "known_error", "version", unique=True),
    Index("ix_signature_results_ticket", "ticket", "id"),
    Index("ix_signature_results_error", "known_error", "version", "feedback"),
    Index("ix_signature_results_at", "at"),
)
"""``verdict``: match, no_match or unknown. ``evidence``, ``bindings``, ``missing``: JSON of the tuples of
``protocol.signature_model``. ``clearance``: of the bundle, so who may read the row. ``by``: the technician
whose program opened a sealed bundle and said so, then without evidence; NULL: the broker itself."""

signature_reviews = Table(
    "signature_reviews",
    metadata,
    Column("known_error", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("since", Instant, nullable=False),
    Column("judged", Integer, nullable=False),
    Column("confirmed", Integer, nullable=False),
)
"""Versions whose matches were wrong too often: suggested no longer until a newer version is published."""
