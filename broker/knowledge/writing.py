"""Writing, reviewing and publishing articles: each change with its audit record, all or nothing."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from broker.knowledge import links, rows
from broker.knowledge.articles import Seen, Standing, see
from broker.knowledge.searcher import SEARCHER
from broker.knowledge.secrets import require_no_secret
from broker.knowledge.terms import indexed
from broker.store.engine import Tx
from broker.store.knowledge_tables import article_feedback, article_versions, articles
from broker.tickets.rows import next_number
from protocol.audit import Action, AuditRecord
from protocol.errors import Code, RelevoError
from protocol.knowledge import (
    RULES,
    ArticleMove,
    ArticleState,
    ArticleText,
    check_move,
    check_text,
    next_state,
    rank,
    review_date,
)
from protocol.wire import facts, to_json


def create(tx: Tx, text: ArticleText, review_by: date | None, standing: Standing, now: datetime) -> str:
    """A new draft; its id. Raises RelevoError: as ``check_text``, and ``not-found`` for linked tickets."""
    check_text(text, standing.reader)
    text = links.checked(tx.conn, text, None, standing.reader)
    number = next_number(tx.conn, "article")
    tx.conn.execute(
        insert(articles).values(
            number=number,
            state=ArticleState.DRAFT.value,
            version=1,
            text_version=1,
            rank=rank(text.visibility),
            customer=text.customer,
            owner=standing.person,
            review_by=review_by,
            created=now,
            updated=now,
        )
    )
    _keep_text(tx.conn, number, 1, text, standing.person, now)
    _record(tx, number, Action.ARTICLE_CREATED, standing, now, text, version=1)
    return rows.id_of(number)


def edit(
    tx: Tx,
    article: str,
    text: ArticleText,
    version: int,
    review_by: date | None,
    standing: Standing,
    now: datetime,
) -> None:
    """A new text beside the published one, which stays until this is published.

    Raises:
        RelevoError: ``stale-version``, with nothing changed; as ``check_text`` and ``check_move``.
    """
    seen = _for_move(tx.conn, article, ArticleMove.EDIT, standing, version, "")
    check_text(text, standing.reader)
    text = links.checked(tx.conn, text, seen.text, standing.reader)
    after = seen.head.version + 1
    _keep_text(tx.conn, seen.head.number, after, text, standing.person, now)
    values: dict[str, Any] = {
        "text_version": after,
        "rank": rank(text.visibility),
        "customer": text.customer,
    }
    if review_by is not None:
        values["review_by"] = review_by
    _advance(tx.conn, seen, ArticleMove.EDIT, values, now)
    _record(tx, seen.head.number, Action.ARTICLE_CHANGED, standing, now, text, version=after, move="edit")


def ready_to_publish(
    conn: Connection, article: str, version: int | None, standing: Standing
) -> tuple[int, ArticleText]:
    """The version and the text that this person would publish now.

    Raises:
        RelevoError: as ``step``, but for a secret; ``stale-version`` also without a version.
    """
    seen = _for_move(conn, article, ArticleMove.PUBLISH, standing, version, "")
    if version is None:
        # A text that was resubmitted since it was read would go out unread.
        raise RelevoError(Code.STALE_VERSION, f"{seen.id}: name the version that was read")
    return seen.head.version, seen.text


def examine(text: ArticleText) -> None:
    """What publishing needs besides the store: a long text takes most of a second, which the store's one
    writer has not. Looks for secrets, and leaves the words' stems in their cache.

    Raises:
        RelevoError: ``redaction-failed`` for a text with a secret in it that people below tier 2 would read.
    """
    if rank(text.visibility) <= 1:
        require_no_secret(text)
    for language, body in text.bodies().items():
        for value in (body.title, body.symptoms, body.body):
            indexed(value, language)


def step(
    tx: Tx,
    article: str,
    move: ArticleMove,
    version: int | None,
    reason: str,
    standing: Standing,
    now: datetime,
) -> None:
    """Submit, give back, publish or retire.

    Args:
        version: needed to publish: what ``examine`` has looked at.

    Raises:
        RelevoError: ``stale-version``, ``invalid-transition``, as ``check_move``.
    """
    seen = _for_move(tx.conn, article, move, standing, version, reason)
    head, text = seen.head, seen.text
    values: dict[str, Any] = {"reason": reason if RULES[move].reason_needed else ""}
    if move is ArticleMove.PUBLISH:
        if version is None:
            raise RelevoError(Code.STALE_VERSION, f"{seen.id}: publishing names what was looked at")
        values |= {
            "live_version": head.text_version,
            "live_rank": head.rank,
            "live_customer": head.customer,
            "published_by": standing.person,
            "review_by": review_date(head.review_by, now),
        }
        SEARCHER.put(tx.conn, head.number, text.bodies())
    elif move is ArticleMove.RETIRE:
        values |= {"live_version": None, "live_rank": None, "live_customer": None}
        SEARCHER.put(tx.conn, head.number, {})
    after = _advance(tx.conn, seen, move, values, now)
    _record(
        tx,
        head.number,
        Action.ARTICLE_CHANGED,
        standing,
        now,
        text,
        version=after,
        move=move.value,
        reason=reason or None,
    )


def _for_move(
    conn: Connection, article: str, move: ArticleMove, standing: Standing, version: int | None, reason: str
) -> Seen:
    """The article, if this person may make this move on it as it is."""
    seen = see(conn, article, standing.reader, standing.person)
    head, text = seen.head, seen.text
    if not seen.workshop:
        raise RelevoError(Code.TIER_TOO_LOW, f"{move} of {seen.id}")
    if version is not None and version != head.version:
        raise RelevoError(Code.STALE_VERSION, f"{seen.id} is at version {head.version}, not {version}")
    next_state(ArticleState(head.state), move)
    check_move(
        move,
        person=standing.person,
        tier=standing.reader.tier(text.customer),
        owner=head.owner,
        writers=_writers(conn, head),
        visibility=text.visibility,
        reason=reason,
    )
    return seen


def _writers(conn: Connection, head: Row[Any]) -> frozenset[str]:
    """Who wrote what is not published yet."""
    wanted = select(article_versions.c.by).where(
        article_versions.c.article == head.number, article_versions.c.version > (head.live_version or 0)
    )
    return frozenset(conn.execute(wanted).scalars())


def _advance(conn: Connection, seen: Seen, move: ArticleMove, values: dict[str, Any], now: datetime) -> int:
    """The next version of the article's row."""
    state = next_state(ArticleState(seen.head.state), move)
    after: int = seen.head.version + 1
    conn.execute(
        update(articles)
        .where(articles.c.number == seen.head.number)
        .values(state=state.value, version=after, updated=now, **values)
    )
    return after


def _keep_text(
    conn: Connection, number: int, version: int, text: ArticleText, by: str, now: datetime
) -> None:
    conn.execute(
        insert(article_versions).values(article=number, version=version, by=by, at=now, content=to_json(text))
    )


def _record(
    tx: Tx,
    number: int,
    action: Action,
    standing: Standing,
    now: datetime,
    text: ArticleText,
    **stated: object,
) -> None:
    """The words stay out of the log; their hash there proves what was published."""
    tx.audit(
        AuditRecord(
            at=now,
            actor=standing.actor,
            action=action,
            customer=text.customer,
            facts=facts(
                article=rows.id_of(number),
                **stated,
                visibility=text.visibility.value,
                text_sha256=hashlib.sha256(to_json(text)).hexdigest(),
            ),
        )
    )


def helped(conn: Connection, article: str, person: str, ticket: int, now: datetime) -> bool:
    """Count that it helped, once per person and ticket (0: none). True where it was counted now."""
    number = rows.number_of(article)
    known = conn.execute(
        select(article_feedback.c.at).where(
            article_feedback.c.article == number,
            article_feedback.c.by == person,
            article_feedback.c.ticket == ticket,
        )
    ).first()
    if known is not None:
        return False
    conn.execute(insert(article_feedback).values(article=number, by=person, ticket=ticket, at=now))
    rows.count(conn, "helpful", [number])
    return True
