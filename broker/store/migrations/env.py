"""Run by alembic. ``broker.store.schema`` hands over the open connection."""

from __future__ import annotations

from alembic import context

from broker.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
