"""Tables of the knowledge base. The full-text index beside them belongs to ``broker.knowledge.searcher``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from broker.store.tables import BigId, Instant, metadata

articles = Table(
    "articles",
    metadata,
    Column("number", BigId, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("text_version", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("customer", String(64)),
    Column("live_version", BigInteger),
    Column("live_rank", Integer),
    Column("live_customer", String(64)),
    Column("owner", String(64), nullable=False),
    Column("review_by", Date),
    Column("created", Instant, nullable=False),
    Column("updated", Instant, nullable=False),
    Column("published_by", String(64)),
    Column("reason", Text, nullable=False, default="", server_default=""),
    Column("shown", BigInteger, nullable=False, default=0, server_default="0"),
    Column("opened", BigInteger, nullable=False, default=0, server_default="0"),
    Column("solved", BigInteger, nullable=False, default=0, server_default="0"),
    Column("helpful", BigInteger, nullable=False, default=0, server_default="0"),
    Index("ix_articles_state", "state", "number"),
    Index("ix_articles_review_by", "review_by"),
)
"""``kb-`` and ``number`` is the article's id. ``rank`` and ``customer``: who may read the newest text;
``live_*``: the same of the text that readers have. ``rank``: index in ``protocol.knowledge.ORDER``."""

article_versions = Table(
    "article_versions",
    metadata,
    Column("article", BigInteger, ForeignKey("articles.number"), primary_key=True, autoincrement=False),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""Every text that was ever written: ``content`` is a ``protocol.knowledge.ArticleText`` as JSON."""

article_feedback = Table(
    "article_feedback",
    metadata,
    Column("article", BigInteger, ForeignKey("articles.number"), primary_key=True, autoincrement=False),
    Column("by", String(64), primary_key=True),
    Column("ticket", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)
"""Who said that it helped; ``ticket`` is 0 where none was named. The key makes it count once."""
