"""The agent's journal: every act is written here, durably, before its effect.

One SQLite file (rollback journal, ``synchronous=FULL``) that the main process, the session workers
and the command line all append to; a write that fails stops the act. Entries are signed by the
agent's key and chained, so a broker can neither forge one nor leave one out unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent.durable import Database
from protocol.audit import Action
from protocol.documents import PROTOCOL_VERSION, JournalEntry
from protocol.envelope import Envelope
from protocol.link import MAX_MESSAGE
from protocol.wire import Fact, from_json, to_json

if TYPE_CHECKING:
    from protocol.sshkeys import Signer

FIRST_PREVIOUS = "0" * 64
_MAX_SENT = MAX_MESSAGE // 2
"""Bytes of envelopes as they are stored; on the link, where nothing is in base64, they are fewer."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS entry (sequence INTEGER PRIMARY KEY, grant_id TEXT, "
    "payload_sha256 TEXT NOT NULL, envelope BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS sent (one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER)",
)


class Journal:
    """Append and read. Each instance has its own connection; processes share the file."""

    def __init__(self, path: Path, agent: str, on_append: Callable[[], None] = lambda: None) -> None:
        """Open or create the journal; ``on_append`` is called after each entry is on disk.

        Raises:
            RelevoError: ``cannot-record`` when the file cannot be opened.
        """
        self._agent = agent
        self._on_append = on_append
        self._db = Database(path, _SCHEMA)

    def close(self) -> None:
        self._db.close()

    def append(
        self,
        signer: Signer,
        action: Action,
        *,
        grant: str | None = None,
        ticket: str | None = None,
        facts: tuple[Fact, ...] = (),
    ) -> int:
        """Write one entry and return its sequence number once it is on disk.

        Raises:
            RelevoError: ``cannot-record``; nothing was written and the act must not happen.
        """
        from protocol.dsse import seal  # brings `cryptography`, which the idle process never loads

        with self._db.transaction() as database:
            row = database.execute(
                "SELECT sequence, payload_sha256 FROM entry ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            sequence, previous = (row[0] + 1, row[1]) if row else (1, FIRST_PREVIOUS)
            entry = JournalEntry(
                version=PROTOCOL_VERSION,
                agent=self._agent,
                sequence=sequence,
                previous=previous,
                at=datetime.now(UTC),
                action=action,
                grant=grant,
                ticket=ticket,
                facts=facts,
            )
            envelope = seal(entry, signer)
            database.execute(
                "INSERT INTO entry VALUES (?, ?, ?, ?)",
                (sequence, grant, hashlib.sha256(envelope.payload).hexdigest(), to_json(envelope)),
            )
        self._on_append()
        return sequence

    def unsent_after(self, sequence: int, limit: int) -> list[tuple[int, Envelope]]:
        """Entries after ``sequence`` and after what the broker acknowledged, in order, as many as fit into one
        message: one that is too large would cost the link, and be sent again on the next."""
        rows = self._db.rows(
            "SELECT sequence, envelope FROM entry WHERE sequence > max(?, COALESCE((SELECT upto FROM sent), 0)) "
            "ORDER BY sequence LIMIT ?",
            (sequence, limit),
        )
        found: list[tuple[int, Envelope]] = []
        room = _MAX_SENT
        for number, envelope in rows:
            room -= len(envelope)
            if found and room < 0:
                break
            found.append((number, from_json(envelope, Envelope)))
        return found

    def waiting(self) -> int:
        """How many entries the broker has not acknowledged yet."""
        query = "SELECT count(*) FROM entry WHERE sequence > COALESCE((SELECT upto FROM sent), 0)"
        return int(self._db.rows(query)[0][0])

    def acknowledged(self, upto: int) -> None:
        """Remember that the broker durably holds every entry up to ``upto``."""
        with self._db.transaction() as database:
            database.execute(
                "INSERT INTO sent VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET upto = excluded.upto", (upto,)
            )

    def of_grant(self, grant: str) -> list[Envelope]:
        """The entries of one session, in order."""
        rows = self._db.rows("SELECT envelope FROM entry WHERE grant_id = ? ORDER BY sequence", (grant,))
        return [from_json(row[0], Envelope) for row in rows]

    def grants(self) -> list[str]:
        """Sessions that have entries, oldest first."""
        rows = self._db.rows(
            "SELECT grant_id FROM entry WHERE grant_id IS NOT NULL GROUP BY grant_id ORDER BY MIN(sequence)"
        )
        return [row[0] for row in rows]

    def last_sequence(self) -> int:
        return int(self._db.rows("SELECT COALESCE(MAX(sequence), 0) FROM entry")[0][0])
