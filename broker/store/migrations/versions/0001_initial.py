"""The first schema.

Revision ``0001``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _agents()
    _audit()
    _checkpoints()
    _login_nonces()
    _logins()
    _meta()
    _tokens()
    _counters()
    _tickets()
    _ticket_events()
    _user_messages()
    _journal()
    _sessions()
    _artifacts()
    _relay_legs()
    _escalations()
    _ratings()
    _timers()
    _invitations()
    _notices()
    _sla_due()
    _sla_notices()


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("hostname", sa.String(length=200), nullable=False),
        sa.Column("platform", sa.String(length=200), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("version", sa.String(length=40), server_default="", nullable=False),
        sa.Column("enrolled", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=True),
        sa.Column("journal_sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "journal_sha256",
            sa.String(length=64),
            server_default="0000000000000000000000000000000000000000000000000000000000000000",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_agents")),
    )
    op.create_index("ix_agents_customer", "agents", ["customer", "agent"], unique=False)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("idx", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=True),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("ticket", sa.String(length=20), nullable=True),
        sa.Column("customer", sa.String(length=64), nullable=True),
        sa.Column("agent", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("idx", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_ticket", "audit", ["ticket", "idx"], unique=False)


def _checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("size", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoints")),
    )


def _login_nonces() -> None:
    op.create_table(
        "login_nonces",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_login_nonces")),
    )
    op.create_index(op.f("ix_login_nonces_expires"), "login_nonces", ["expires"], unique=False)


def _logins() -> None:
    op.create_table(
        "logins",
        sa.Column("token_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("technician", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_logins")),
    )
    op.create_index(op.f("ix_logins_expires"), "logins", ["expires"], unique=False)


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.agent"], name=op.f("fk_tokens_agent")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_tokens")),
    )


def _counters() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )


def _tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("number", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=True),
        sa.Column("requester", sa.String(length=200), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("assignee", sa.String(length=64), nullable=True),
        sa.Column("impact", sa.Integer(), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("cause", sa.String(length=32), nullable=True),
        sa.Column("resolved_by_tier", sa.Integer(), nullable=True),
        sa.Column("article", sa.String(length=100), nullable=True),
        sa.Column("no_article_reason", sa.Text(), nullable=True),
        sa.Column("reopen_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("priority_reason", sa.Text(), nullable=True),
        sa.Column("category", sa.String(length=64), nullable=True),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("pending_reason", sa.String(length=32), nullable=True),
        sa.Column("resume_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved", sa.BigInteger(), nullable=True),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.Column("hand_back", sa.LargeBinary(), nullable=True),
        sa.Column("follow_up_of", sa.BigInteger(), nullable=True),
        sa.Column("merged_into", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent"], ["agents.agent"], name=op.f("fk_tickets_agent")),
        sa.ForeignKeyConstraint(["follow_up_of"], ["tickets.number"], name=op.f("fk_tickets_follow_up_of")),
        sa.ForeignKeyConstraint(["merged_into"], ["tickets.number"], name=op.f("fk_tickets_merged_into")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_tickets")),
    )
    op.create_index("ix_tickets_agent", "tickets", ["agent", "number"], unique=False)
    op.create_index("ix_tickets_assignee", "tickets", ["assignee", "number"], unique=False)
    op.create_index("ix_tickets_customer", "tickets", ["customer", "number"], unique=False)
    op.create_index("ix_tickets_queue", "tickets", ["queue", "state", "number"], unique=False)
    op.create_index("ix_tickets_requester", "tickets", ["requester", "number"], unique=False)
    op.create_index("ix_tickets_state", "tickets", ["state", "number"], unique=False)


def _ticket_events() -> None:
    op.create_table(
        "ticket_events",
        sa.Column("log_index", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=True),
        sa.Column("to_state", sa.String(length=16), nullable=False),
        sa.Column("party", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("assignee", sa.String(length=64), nullable=True),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("clearance", sa.String(length=2), nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_ticket_events_ticket")),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_ticket_events")),
    )
    op.create_index("ix_ticket_events_at", "ticket_events", ["at"], unique=False)
    op.create_index("ix_ticket_events_ticket", "ticket_events", ["ticket", "log_index"], unique=False)


def _user_messages() -> None:
    op.create_table(
        "user_messages",
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.agent"], name=op.f("fk_user_messages_agent")),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_user_messages_ticket")),
        sa.PrimaryKeyConstraint("agent", "nonce", name=op.f("pk_user_messages")),
    )


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.agent"], name=op.f("fk_journal_agent")),
        sa.PrimaryKeyConstraint("agent", "sequence", name=op.f("pk_journal")),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("technician", sa.String(length=64), nullable=False),
        sa.Column("technician_key", sa.String(length=300), nullable=False),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested", sa.BigInteger(), nullable=False),
        sa.Column("establish_by", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("consent", sa.LargeBinary(), nullable=True),
        sa.Column("legs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("why_ended", sa.String(length=32), nullable=True),
        sa.Column("refusal", sa.String(length=40), nullable=True),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("invitation", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["agent"], ["agents.agent"], name=op.f("fk_sessions_agent")),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_sessions_ticket")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_agent", "sessions", ["agent", "state"], unique=False)
    op.create_index("ix_sessions_state", "sessions", ["state"], unique=False)
    op.create_index("ix_sessions_technician", "sessions", ["technician", "requested"], unique=False)
    op.create_index("ix_sessions_ticket", "sessions", ["ticket", "requested"], unique=False)


def _artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("artifact", sa.String(length=32), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False),
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("clearance", sa.String(length=2), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("media_type", sa.String(length=80), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["sessions.grant_id"], name=op.f("fk_artifacts_grant_id")),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_artifacts_ticket")),
        sa.PrimaryKeyConstraint("artifact", name=op.f("pk_artifacts")),
    )
    op.create_index("ix_artifacts_ticket", "artifacts", ["ticket", "stored"], unique=False)


def _relay_legs() -> None:
    op.create_table(
        "relay_legs",
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(length=16), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("next_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.ForeignKeyConstraint(["grant_id"], ["sessions.grant_id"], name=op.f("fk_relay_legs_grant_id")),
        sa.PrimaryKeyConstraint("grant_id", "leg", "side", name=op.f("pk_relay_legs")),
        sa.UniqueConstraint("next_sha256", name=op.f("uq_relay_legs_next_sha256")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_relay_legs_token_sha256")),
    )


def _escalations() -> None:
    op.create_table(
        "escalations",
        sa.Column("id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("from_tier", sa.Integer(), nullable=False),
        sa.Column("to_tier", sa.Integer(), nullable=False),
        sa.Column("reason_code", sa.String(length=32), nullable=False),
        sa.Column("handover", sa.LargeBinary(), nullable=False),
        sa.Column("no_diagnostics_reason", sa.Text(), nullable=False),
        sa.Column("skip_reason", sa.Text(), nullable=False),
        sa.Column("clearance", sa.String(length=2), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_by", sa.String(length=64), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("returned_by", sa.String(length=64), nullable=True),
        sa.Column("returned_at", sa.BigInteger(), nullable=True),
        sa.Column("return_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_escalations_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalations")),
    )
    op.create_index("ix_escalations_ticket", "escalations", ["ticket", "id"], unique=False)


def _ratings() -> None:
    op.create_table(
        "ratings",
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("answered", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_ratings_ticket")),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_ratings")),
    )


def _timers() -> None:
    op.create_table(
        "timers",
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_timers_ticket")),
        sa.PrimaryKeyConstraint("ticket", "kind", name=op.f("pk_timers")),
    )
    op.create_index("ix_timers_due", "timers", ["due"], unique=False)


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("invitation", sa.String(length=32), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("expert", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_invitations_ticket")),
        sa.PrimaryKeyConstraint("invitation", name=op.f("pk_invitations")),
    )
    op.create_index("ix_invitations_expert", "invitations", ["expert"], unique=False)
    op.create_index("ix_invitations_ticket", "invitations", ["ticket"], unique=False)


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("receiver", sa.String(length=64), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("clock", sa.String(length=32), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_notices_ticket")),
        sa.PrimaryKeyConstraint("id", "receiver", name=op.f("pk_notices")),
    )
    op.create_index("ix_notices_receiver", "notices", ["receiver", "id"], unique=False)
    op.create_index("uq_notices_step", "notices", ["ticket", "clock", "percent", "receiver"], unique=True)


def _sla_due() -> None:
    op.create_table(
        "sla_due",
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("breaches", sa.BigInteger(), nullable=True),
        sa.Column("notice", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_sla_due_ticket")),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_sla_due")),
    )
    op.create_index("ix_sla_due_breaches", "sla_due", ["breaches"], unique=False)
    op.create_index("ix_sla_due_due", "sla_due", ["due", "ticket"], unique=False)
    op.create_index("ix_sla_due_notice", "sla_due", ["notice"], unique=False)


def _sla_notices() -> None:
    op.create_table(
        "sla_notices",
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("clock", sa.String(length=32), nullable=False),
        sa.Column("cycle", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("percent", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["tickets.number"], name=op.f("fk_sla_notices_ticket")),
        sa.PrimaryKeyConstraint("ticket", "clock", "cycle", "percent", name=op.f("pk_sla_notices")),
    )
