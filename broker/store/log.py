"""The audit log inside the store: leaves, the tree over them, signed checkpoints.

The tree's frontier lives in memory and moves only with the database: what a group of units adds is
kept aside until the group's commit. After a commit whose outcome is unknown, ``settle`` asks the
database which of the two it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, insert, select

from broker.store.tables import audit, checkpoints
from protocol import merkle, tiles
from protocol.audit import AuditRecord, leaf_data
from protocol.errors import Code, RelevoError
from protocol.wire import to_json

SALT_BYTES = 16
_BATCH = 5_000


class LogSigner(Protocol):
    """Signs and opens this log's checkpoints (``broker.keys``)."""

    def sign(self, size: int, root: bytes) -> str:
        """The checkpoint as a C2SP signed note."""

    def open(self, note: str) -> tuple[int, bytes]:
        """Size and root. Raises RelevoError when the note is not this log's."""


class Checkpoint(NamedTuple):
    size: int
    root: bytes
    note: str


class Leaf(NamedTuple):
    """One stored row: what proves it and what it says."""

    idx: int
    salt: bytes
    record: bytes | None
    leaf: bytes


class Runs:
    """Roots of complete runs of 256, of 256 runs, and so on: 1/8 byte an entry, for tiles above level 0."""

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._levels: list[list[bytes]] = []

    @property
    def size(self) -> int:
        """Leaves so far."""
        return (len(self._levels[0]) if self._levels else 0) * tiles.WIDTH + len(self._tail)

    def extend(self, leaves: Iterable[bytes]) -> None:
        for leaf in leaves:
            self._tail.append(leaf)
            if len(self._tail) == tiles.WIDTH:
                self._add(0, merkle.root_of(self._tail))
                self._tail = []

    def frontier(self) -> merkle.Frontier:
        """The frontier of the tree of all leaves: that of the runs, then that of what follows them."""
        upper, lower = merkle.Frontier(), merkle.Frontier()
        upper.extend(self._levels[0] if self._levels else ())
        lower.extend(self._tail)
        return merkle.Frontier(self.size, (*upper.hashes, *lower.hashes))

    def hashes(self, level: int, first: int, count: int) -> bytes:
        """Joined hashes of tile level ``level`` (1 or more). Raises RelevoError: ``not-found``."""
        row = self._levels[level - 1] if 0 < level <= len(self._levels) else []
        found = row[first : first + count]
        if len(found) != count:
            raise RelevoError(Code.NOT_FOUND, f"level {level} does not reach {first + count}")
        return b"".join(found)

    def _add(self, level: int, root: bytes) -> None:
        if level == len(self._levels):
            self._levels.append([])
        row = self._levels[level]
        row.append(root)
        if len(row) % tiles.WIDTH == 0:
            self._add(level + 1, merkle.root_of(row[-tiles.WIDTH :]))


class AuditLog:
    """The log's state in memory. Only the writer thread changes it."""

    def __init__(self, signer: LogSigner, clock: Callable[[], datetime]) -> None:
        self._signer = signer
        self._clock = clock
        self._frontier = merkle.Frontier()
        self._next = self._frontier
        self._added: list[bytes] = []
        self.runs = Runs()
        self.broken: str | None = None
        """Why the log is not to be written: stored leaves and checkpoint disagree."""

    @property
    def size(self) -> int:
        """Entries that are committed."""
        return self._frontier.size

    @property
    def pending_size(self) -> int:
        """Entries with those of the group that is being written."""
        return self._next.size

    def load(self, conn: Connection) -> None:
        """Rebuild the tree from the stored leaves and compare with the last signed checkpoint."""
        self.runs = Runs()
        try:
            verify_stored(conn, self._signer, self.runs)
        except RelevoError as error:
            self.broken = error.detail or error.code.value
        self._frontier = self._next = self.runs.frontier()

    def begin(self) -> None:
        """A new group starts from what is committed."""
        self._next, self._added = self._frontier.copy(), []

    def insert(self, conn: Connection, index: int, record: AuditRecord) -> bytes:
        """Store ``record`` at ``index``; its leaf hash."""
        salt, body = secrets.token_bytes(SALT_BYTES), to_json(record)
        leaf = leaf_data(salt, body)
        conn.execute(
            insert(audit).values(
                idx=index,
                salt=salt,
                record=body,
                leaf=leaf,
                action=record.action.value,
                ticket=record.ticket,
                customer=record.customer,
                agent=record.agent,
            )
        )
        return merkle.leaf_hash(leaf)

    def keep(self, leaves: Sequence[bytes]) -> None:
        """The unit that made these leaf hashes is part of the group."""
        self._next.extend(leaves)
        self._added.extend(leaves)

    def seal(self, conn: Connection) -> None:
        """Sign and store the checkpoint of the group, if it added entries."""
        if self._next.size == self._frontier.size:
            return
        size, root = self._next.size, self._next.root()
        note = self._signer.sign(size, root)
        conn.execute(insert(checkpoints).values(size=size, root=root, note=note, at=self._clock()))

    def committed(self) -> None:
        """The group is durable."""
        self._frontier = self._next
        self.runs.extend(self._added)
        self._added = []

    def settle(self, conn: Connection) -> None:
        """After a failed commit: did the database keep the group or not?"""
        last = latest_checkpoint(conn)
        stored = (last.size, last.root) if last else (0, merkle.EMPTY_ROOT)
        if stored == (self._frontier.size, self._frontier.root()):
            self.begin()
        elif stored == (self._next.size, self._next.root()):
            self.committed()
        else:
            self.load(conn)


def latest_checkpoint(conn: Connection) -> Checkpoint | None:
    """The newest signed checkpoint; None while the log is empty."""
    columns = (checkpoints.c.size, checkpoints.c.root, checkpoints.c.note)
    row = conn.execute(select(*columns).order_by(checkpoints.c.size.desc()).limit(1)).one_or_none()
    return None if row is None else Checkpoint(row.size, row.root, row.note)


def last_written(conn: Connection) -> datetime | None:
    """When the newest checkpoint was signed, by the broker's clock; None while the log is empty."""
    newest = select(checkpoints.c.at).order_by(checkpoints.c.size.desc()).limit(1)
    return conn.execute(newest).scalar_one_or_none()


def verify_stored(conn: Connection, signer: LogSigner, runs: Runs) -> None:
    """Rebuild the tree of every stored entry and compare it with the last signed checkpoint.

    ``runs`` is empty, and holds the entries up to the first bad one afterwards.

    Raises:
        RelevoError: ``proof-invalid`` naming the first entry that does not fit its leaf or place;
            a change of a whole entry shows only in the root and is named by auditors' tools.
    """
    for batch in _batches(conn):
        runs.extend(_checked(batch, runs.size))
    last, size = latest_checkpoint(conn), runs.size
    if last is None:
        if size:
            raise RelevoError(Code.PROOF_INVALID, f"{size} entries and no checkpoint")
        return
    signed = signer.open(last.note)
    if signed != (last.size, last.root) or signed != (size, runs.frontier().root()):
        raise RelevoError(Code.PROOF_INVALID, f"{size} entries do not match the checkpoint of {last.size}")


def _batches(conn: Connection) -> Iterator[Sequence[Leaf]]:
    """All rows in order of their index, some thousand at a time."""
    wanted = select(audit.c.idx, audit.c.salt, audit.c.record, audit.c.leaf).order_by(audit.c.idx)
    after = -1
    while True:
        rows = conn.execute(wanted.where(audit.c.idx > after).limit(_BATCH)).all()
        yield [Leaf(*row) for row in rows]
        if len(rows) < _BATCH:
            return
        after = rows[-1].idx


def _checked(batch: Sequence[Leaf], start: int) -> Iterator[bytes]:
    """Leaf hashes of rows that stand where they should and are what their leaf says."""
    for expected, leaf in enumerate(batch, start):
        if leaf.idx != expected:
            raise RelevoError(Code.PROOF_INVALID, f"entry {expected} is missing")
        if not _all_bytes(leaf) or (
            leaf.record is not None and leaf_data(leaf.salt, leaf.record) != leaf.leaf
        ):
            raise RelevoError(Code.PROOF_INVALID, f"entry {expected} was changed")
        yield merkle.leaf_hash(leaf.leaf)


def _all_bytes(leaf: Leaf) -> bool:
    """SQLite keeps whatever type somebody else wrote into the file."""
    return (
        isinstance(leaf.salt, bytes)
        and isinstance(leaf.leaf, bytes)
        and isinstance(leaf.record, bytes | None)
    )


def leaf_hashes(conn: Connection, first: int, count: int) -> bytes:
    """``count`` leaf hashes from ``first`` on, joined: the bytes of a tile of level 0.

    Raises:
        RelevoError: ``not-found`` when the log does not reach that far.
    """
    rows = conn.execute(
        select(audit.c.leaf).where(audit.c.idx >= first, audit.c.idx < first + count).order_by(audit.c.idx)
    ).scalars()
    found = [merkle.leaf_hash(leaf) for leaf in rows]
    if len(found) != count:
        raise RelevoError(Code.NOT_FOUND, f"no entries {first} to {first + count}")
    return b"".join(found)
