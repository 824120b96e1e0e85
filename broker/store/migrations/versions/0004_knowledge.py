"""Articles and their full-text index.

Revision ``0004``. Column types are written out, so that later changes of the tables do not reach back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _articles()
    _article_versions()
    _article_feedback()
    for language in ("en", "es"):
        # The words in it are already stems without accents; the tokenizer only takes them apart.
        op.execute(
            f"CREATE VIRTUAL TABLE article_index_{language} USING fts5("
            "title, symptoms, body, spellings, tokenize = 'unicode61 remove_diacritics 0', prefix = '2 3')"
        )


def _articles() -> None:
    op.create_table(
        "articles",
        sa.Column("number", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("text_version", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=True),
        sa.Column("live_version", sa.BigInteger(), nullable=True),
        sa.Column("live_rank", sa.Integer(), nullable=True),
        sa.Column("live_customer", sa.String(length=64), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("review_by", sa.Date(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("published_by", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("shown", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("opened", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("solved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("helpful", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_articles")),
    )
    op.create_index("ix_articles_state", "articles", ["state", "number"], unique=False)
    op.create_index("ix_articles_review_by", "articles", ["review_by"], unique=False)


def _article_versions() -> None:
    op.create_table(
        "article_versions",
        sa.Column("article", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["article"], ["articles.number"], name=op.f("fk_article_versions_article")),
        sa.PrimaryKeyConstraint("article", "version", name=op.f("pk_article_versions")),
    )


def _article_feedback() -> None:
    op.create_table(
        "article_feedback",
        sa.Column("article", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["article"], ["articles.number"], name=op.f("fk_article_feedback_article")),
        sa.PrimaryKeyConstraint("article", "by", "ticket", name=op.f("pk_article_feedback")),
    )
