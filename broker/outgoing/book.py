"""The settings as the running broker has them: read again when a file changed, kept when one is damaged."""

from __future__ import annotations

import asyncio
import hashlib
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Connection, delete, insert, select

from broker.context import Broker
from broker.outgoing import queue
from broker.outgoing.settings import Outgoing, SettingsFiles
from broker.store.engine import Tx
from broker.store.tables import meta
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.errors import RelevoError
from protocol.wire import Fact, facts, to_json

_DIGEST = "outgoing.settings"
_log = structlog.get_logger("broker.outgoing")


class Book:
    """``current`` is what counts now."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._files = SettingsFiles(broker.config.data)
        self._stamp: object = None
        self.current = Outgoing()
        self.readable = False
        """False while a file is damaged: what happens meanwhile is looked at once it is mended."""

    async def refresh(self) -> bool:
        """Read the files if they changed, record that, and drop what waits for targets that are gone.

        Raises:
            RelevoError: as ``Store.write``; it is tried again at the next call.
        """
        stamp = self._files.stamp()
        if stamp == self._stamp:
            return False
        try:
            found = await asyncio.to_thread(self._files.read)
        except RelevoError as error:
            _log.error("settings-unreadable", code=error.code.value)
            self._stamp, self.readable = stamp, False
            return False
        await self._broker.store.write(lambda tx: self._take(tx, found))
        self._stamp, self.current, self.readable = stamp, found, True
        return True

    def _take(self, tx: Tx, found: Outgoing) -> None:
        now, digest = self._broker.clock(), hashlib.sha256(to_json(found)).hexdigest()
        if _known(tx.conn) == digest or (_known(tx.conn) is None and found == Outgoing()):
            return
        _remember(tx.conn, digest)
        targets = {webhook.id for webhook in found.webhooks} | ({queue.MAIL} if found.mail else set())
        dropped = queue.drop_strays(tx.conn, targets, now)
        tx.audit(
            AuditRecord(
                at=now,
                actor=Actor(kind=ActorKind.BROKER, id="broker"),
                action=Action.OUTGOING_CHANGED,
                facts=(*_described(found), *facts(dropped=dropped or None)),
            )
        )


def _described(found: Outgoing) -> tuple[Fact, ...]:
    """What was set, without paths of URLs (which may be secrets), passwords and signing secrets."""
    mail = found.mail
    hooks = " ".join(
        f"{row.id}={urlsplit(row.url).hostname}{'+text' if row.with_text else ''}:{row.customer or '*'}"
        for row in found.webhooks
    )
    return facts(
        mail=f"{mail.host}:{mail.port} {mail.security}" if mail else "none",
        sender=mail.sender if mail else None,
        webhooks=hooks or "none",
    )


def _known(conn: Connection) -> str | None:
    found: str | None = conn.execute(select(meta.c.value).where(meta.c.key == _DIGEST)).scalar_one_or_none()
    return found


def _remember(conn: Connection, digest: str) -> None:
    conn.execute(delete(meta).where(meta.c.key == _DIGEST))
    conn.execute(insert(meta).values(key=_DIGEST, value=digest))
