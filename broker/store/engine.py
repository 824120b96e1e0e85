"""The broker's state: one writer that commits in groups, a few readers.

A change is a *unit*: a synchronous function of a ``Tx`` that decides and writes inside one
transaction together with its audit records (docs/adr/0006). Units queue; the writer thread runs each
in a SAVEPOINT and commits many at once, so that one fsync serves them all. A unit's result is handed
back only after the commit.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from broker.store.databases import is_storage_fault, make_engine
from broker.store.log import AuditLog, LogSigner, leaf_hashes
from protocol import tiles
from protocol.audit import AuditRecord
from protocol.errors import Code, RelevoError

T = TypeVar("T")

MAX_QUEUED = 4_096
"""Units waiting for the writer; more are refused with ``rate-limited``."""
MAX_READS = 1_024
GROUP = 256
"""Units in one commit."""
READERS = 4
DEADLINE_S = 30.0
"""The longest that a caller waits for a unit or a query."""

_log = structlog.get_logger("broker.store")


class Tx:
    """What a unit works with. Valid only while the unit runs."""

    def __init__(self, conn: Connection, log: AuditLog) -> None:
        self.conn = conn
        self._log = log
        self._base = log.pending_size
        self.leaves: list[bytes] = []
        self.hooks: list[Callable[[], object]] = []
        self.tickets: set[str] = set()

    def audit(self, record: AuditRecord) -> int:
        """Append ``record`` to the Merkle log in this transaction; its index in the log."""
        if record.ticket is not None:
            self.tickets.add(record.ticket)
        index = self._base + len(self.leaves)
        self.leaves.append(self._log.insert(self.conn, index, record))
        return index

    def after_commit(self, hook: Callable[[], object]) -> None:
        """Call ``hook`` on the event loop once this unit is durable, before its writer resumes.

        Hooks run in commit order, must not raise, block or write.
        """
        self.hooks.append(hook)

    def touched(self, ticket: str) -> None:
        """Something of this ticket changed that has no record of its own; ``audit`` says it by itself."""
        self.tickets.add(ticket)


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    unit: Callable[[Tx], T]
    done: asyncio.Future[T]
    abandoned: bool = False
    result: Any = None
    error: BaseException | None = None
    hooks: list[Callable[[], object]] = field(default_factory=list)
    tickets: frozenset[str] = frozenset()


class Store:
    """State and audit log behind two methods, ``write`` and ``read``."""

    def __init__(self, url: str, signer: LogSigner, clock: Callable[[], datetime]) -> None:
        """``url`` is an SQLAlchemy URL whose schema is up to date (``broker.store.schema``)."""
        self.url = url
        self._writing = make_engine(url, writer=True)
        self._reading = make_engine(url, writer=False, pool=READERS)
        self._log = AuditLog(signer, clock)
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._queued = 0
        self._reads = 0
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._thread = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsure = False
        self._closed = False
        self.listeners: list[Callable[[frozenset[str]], object]] = []
        """Called on the event loop after a commit with the tickets that it was about; as ``Tx.after_commit``."""

    @property
    def degraded(self) -> str | None:
        """Why every change is refused: the stored log does not match its signed checkpoint."""
        return self._log.broken

    @property
    def log_size(self) -> int:
        """Entries that are durably in the log."""
        return self._log.size

    async def tile(self, tile: tiles.Tile) -> bytes:
        """The bytes of a hash tile of the log. Raises RelevoError: ``not-found``."""
        first = tile.number * tiles.WIDTH
        if tile.level:
            return self._log.runs.hashes(tile.level, first, tile.width)
        if first + tile.width > self._log.size:
            raise RelevoError(Code.NOT_FOUND, f"the log has no {tile.path}")
        return await self.read(lambda conn: leaf_hashes(conn, first, tile.width))

    async def start(self) -> None:
        """Verify the log against its last checkpoint and begin to write.

        Raises:
            RelevoError: ``cannot-record`` if the database cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        # No deadline: a log of ten million entries takes a minute, and nothing else waits for it yet.
        await self._loop.run_in_executor(self._readers, self._query, self._log.load)
        self._thread.start()

    async def close(self) -> None:
        """Finish the queued units, then let go of the database. Later calls raise ``cannot-record``."""
        self._closed = True
        if self._thread.is_alive():
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join, DEADLINE_S)
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._writing.dispose()
        self._reading.dispose()

    async def write(self, unit: Callable[[Tx], T]) -> T:
        """Run ``unit`` in a transaction and return its result once that is durable.

        An exception that the unit raises undoes the unit alone (audit records included) and is
        raised here. Cancelling stops the wait; a unit that already started is still committed.

        Raises:
            RelevoError: ``cannot-record`` when the storage refuses (full, broken): nothing of the
                unit remains, and the next write tries anew; ``proof-invalid`` while the log is
                degraded; ``rate-limited`` when too many units wait; ``timeout``.
        """
        self._require_open()
        if self._queued >= MAX_QUEUED:
            raise RelevoError(Code.RATE_LIMITED, f"{self._queued} changes are waiting")
        loop = asyncio.get_running_loop()
        job: _Job[T] = _Job(unit, loop.create_future())
        self._queued += 1
        self._jobs.put(job)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await job.done
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "the store did not answer in time") from error
        finally:
            job.abandoned = True

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run ``query`` on a read-only connection in one consistent snapshot.

        Raises:
            RelevoError: ``cannot-record`` when the storage fails; ``rate-limited``; ``timeout``.
        """
        self._require_open()
        if self._reads >= MAX_READS:
            raise RelevoError(Code.RATE_LIMITED, f"{self._reads} queries are waiting")
        self._reads += 1
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.get_running_loop().run_in_executor(self._readers, self._query, query)
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "the store did not answer in time") from error
        finally:
            self._reads -= 1

    def _require_open(self) -> None:
        if self._closed:
            raise RelevoError(Code.CANNOT_RECORD, "the store is closed")

    def _query(self, query: Callable[[Connection], T]) -> T:
        try:
            with self._reading.begin() as conn:
                return query(conn)
        except DBAPIError as error:
            if not is_storage_fault(error):
                raise
            _log.error("storage-fault", error=str(error.orig))
            raise RelevoError(Code.CANNOT_RECORD, "the database cannot be read") from error

    # --- the writer thread ---------------------------------------------------------------------

    def _run(self) -> None:
        last = False
        while not last:
            group, last = self._next_group()
            if group:
                self._commit(group)
                self._hand_back(group)

    def _next_group(self) -> tuple[list[_Job[Any]], bool]:
        """Wait for a unit, then take what else is there. True: nothing comes after this group."""
        job = self._jobs.get()
        group: list[_Job[Any]] = []
        while job is not None:
            group.append(job)
            if len(group) == GROUP:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, group: list[_Job[Any]]) -> None:
        """One transaction for the group. On a storage fault every unit of it is refused."""
        try:
            with self._writing.connect() as conn:
                if self._unsure:
                    self._log.settle(conn)
                    conn.rollback()
                    self._unsure = False
                if self._log.broken:
                    self._refuse(group, Code.PROOF_INVALID, self._log.broken)
                    return
                self._log.begin()
                with conn.begin():
                    self._run_group(conn, group)
                    self._log.seal(conn)
            self._log.committed()
        except Exception as error:
            # Whatever storage raises, the writer goes on: the next group tries anew.
            self._unsure = True
            self._writing.dispose()
            cause = getattr(error, "orig", None) or error
            _log.error("storage-fault", error=f"{type(cause).__name__}: {cause}"[:300])
            self._refuse(group, Code.CANNOT_RECORD, str(cause)[:200])

    def _run_group(self, conn: Connection, group: list[_Job[Any]]) -> None:
        for job in group:
            if job.abandoned:
                continue
            savepoint = conn.begin_nested()
            tx = Tx(conn, self._log)
            try:
                job.result = job.unit(tx)
            except Exception as error:
                if is_storage_fault(error):
                    raise
                savepoint.rollback()
                job.error = error
            else:
                savepoint.commit()
                self._log.keep(tx.leaves)
                job.hooks, job.tickets = tx.hooks, frozenset(tx.tickets)

    def _refuse(self, group: list[_Job[Any]], code: Code, detail: str) -> None:
        for job in group:
            job.error, job.hooks, job.result = RelevoError(code, detail), [], None
            job.tickets = frozenset()

    def _hand_back(self, group: list[_Job[Any]]) -> None:
        assert self._loop is not None  # noqa: S101 - start() sets it before the thread runs
        try:
            self._loop.call_soon_threadsafe(self._settle, group)
        except RuntimeError:
            _log.warning("loop-closed", units=len(group))

    def _settle(self, group: list[_Job[Any]]) -> None:
        """On the event loop: hooks first, in commit order, then the callers."""
        self._queued -= len(group)
        tickets: frozenset[str] = frozenset().union(*(job.tickets for job in group))
        for listener in self.listeners if tickets else ():
            _call(functools.partial(listener, tickets))
        for job in group:
            for hook in job.hooks:
                _call(hook)
            if job.done.done():
                continue
            if job.error is not None:
                job.done.set_exception(job.error)
            else:
                job.done.set_result(job.result)


def _call(hook: Callable[[], object]) -> None:
    try:
        hook()
    except Exception:
        _log.exception("hook-failed")
