"""The runs of fixes on this machine, on disk before each effect (SQLite, ``synchronous=FULL``).

The same file says which requests were accepted: a challenge or a sequence number works once, also after a
restart.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Annotated

from msgspec import Meta, structs

from agent.durable import Database
from agent.fixes.snapshot import After, Saved
from protocol.assist import Parameter
from protocol.documents import FixRequest
from protocol.errors import Code, RelevoError
from protocol.fix_states import SETTLED, RunState, require_step
from protocol.ids import GrantId, TicketId
from protocol.scopes import Risk
from protocol.wire import Moment, Name, Sha256, Wire, from_json, to_json

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS run (id TEXT PRIMARY KEY, ticket TEXT NOT NULL, fix TEXT NOT NULL, "
    "state TEXT NOT NULL, started TEXT NOT NULL, record BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS accepted (grant_id TEXT NOT NULL, sequence INTEGER NOT NULL, "
    "challenge TEXT NOT NULL UNIQUE, PRIMARY KEY (grant_id, sequence))",
    "CREATE TABLE IF NOT EXISTS owed (run TEXT PRIMARY KEY)",
)
_KEPT_TEXT = 16_000


class Run(Wire, frozen=True):
    """One run of a fix: everything that is needed to tell of it, and to undo it."""

    id: Annotated[str, Meta(pattern=r"^run-[0-9a-f]{24}$(?!\n)")]
    grant: GrantId
    ticket: TicketId | None
    """None until there is one: the machine's user ran it alone."""
    technician: Name | None
    fix: Name
    fix_version: int
    fix_sha256: Sha256
    title_en: str
    title_es: str
    risk: Risk
    run_as: str
    params: tuple[Parameter, ...]
    state: RunState
    started: Moment
    changed: Moment
    plan: str = ""
    message: str = ""
    output: str = ""
    saved: tuple[Saved, ...] = ()
    after: tuple[After, ...] = ()
    settings: str = ""
    """What the snapshot's settings answered before the apply."""
    undo_by: GrantId | None = None


class Runs:
    """The store. Processes share the file; each ``Runs`` has its own connection."""

    def __init__(self, path: Path) -> None:
        """Raises RelevoError: ``cannot-record``."""
        self._db = Database(path, _SCHEMA)

    def close(self) -> None:
        self._db.close()

    def last_sequence(self, grant: str) -> int:
        """The highest sequence number accepted in this session, 0 before the first."""
        query = "SELECT COALESCE(MAX(sequence), 0) FROM accepted WHERE grant_id = ?"
        return int(self._db.rows(query, (grant,))[0][0])

    def accept(self, request: FixRequest, run: Run) -> Run:
        """Take the request, once, and write the run (new, or stepped to ``undoing``).

        Raises:
            RelevoError: ``replayed`` for a challenge or a sequence that is not above every earlier one;
                ``invalid-transition``; ``cannot-record``. Nothing is written then.
        """
        with self._db.transaction() as database:
            if request.sequence <= self.last_sequence(request.grant):
                raise RelevoError(Code.REPLAYED, f"sequence {request.sequence} is not new")
            try:
                database.execute(
                    "INSERT INTO accepted VALUES (?, ?, ?)",
                    (request.grant, request.sequence, request.challenge),
                )
            except sqlite3.IntegrityError as error:
                raise RelevoError(Code.REPLAYED, "challenge was used before") from error
            if run.state is not RunState.PROPOSED:
                self._require_step(run)
            _put(database, run)
        return run

    def step(self, run: Run, state: RunState, now: datetime, owed: bool = False, /, **changes: object) -> Run:
        """The run in its next state, on disk.

        Args:
            owed: as ``owe``, in the same breath.

        Raises:
            RelevoError: ``invalid-transition``, also when another process moved it; ``cannot-record``.
        """
        for name in ("message", "output", "plan", "settings"):
            if name in changes:
                changes[name] = str(changes[name])[:_KEPT_TEXT]
        after: Run = structs.replace(run, state=state, changed=now, **changes)
        with self._db.transaction() as database:
            self._require_step(after)
            _put(database, after)
            if owed:
                _owe(database, run.id)
        return after

    def owe(self, id_: str) -> None:
        """Remember that the journal does not know yet how this run ended. Raises RelevoError: ``cannot-record``."""
        with self._db.transaction() as database:
            _owe(database, id_)

    def told(self, id_: str) -> None:
        """Now it does. Raises RelevoError: ``cannot-record``."""
        with self._db.transaction() as database:
            database.execute("DELETE FROM owed WHERE run = ?", (id_,))

    def owed(self) -> tuple[Run, ...]:
        """Ended runs of which the journal does not know it, oldest first."""
        rows = self._db.rows(
            "SELECT record, state FROM run WHERE id IN (SELECT run FROM owed) ORDER BY started, rowid"
        )
        return tuple(from_json(row[0], Run) for row in rows if RunState(row[1]) in SETTLED)

    def note(self, run: Run, **changes: object) -> Run:
        """The run with more known about it, in the same state. Raises RelevoError: ``cannot-record``."""
        after: Run = structs.replace(run, **changes)
        with self._db.transaction() as database:
            _put(database, after)
        return after

    def get(self, id_: str) -> Run:
        """Raises RelevoError: ``not-found``."""
        rows = self._db.rows("SELECT record FROM run WHERE id = ?", (id_,))
        if not rows:
            raise RelevoError(Code.NOT_FOUND, f"fix run {id_[:40]}")
        return from_json(rows[0][0], Run)

    def of_ticket(self, ticket: str) -> tuple[Run, ...]:
        """Oldest first."""
        rows = self._db.rows("SELECT record FROM run WHERE ticket = ? ORDER BY started, rowid", (ticket,))
        return tuple(from_json(row[0], Run) for row in rows)

    def of_session(self, session: str) -> tuple[Run, ...]:
        """The runs without a ticket of one run of self-service, oldest first."""
        return tuple(run for run in self.of_ticket("") if run.grant == session)

    def unsettled(self) -> tuple[Run, ...]:
        """Runs that something should be going on with."""
        rows = self._db.rows("SELECT record, state FROM run ORDER BY started, rowid")
        return tuple(from_json(row[0], Run) for row in rows if RunState(row[1]) not in SETTLED)

    def _require_step(self, after: Run) -> None:
        require_step(self.get(after.id).state, after.state)


def _owe(database: sqlite3.Connection, id_: str) -> None:
    database.execute("INSERT OR IGNORE INTO owed VALUES (?)", (id_,))


def _put(database: sqlite3.Connection, run: Run) -> None:
    database.execute(
        "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, "
        "record = excluded.record",
        (run.id, run.ticket or "", run.fix, run.state, run.started.isoformat(), to_json(run)),
    )
