"""Units of the store: whole or not at all, recorded with their audit entry, handed back when durable."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, event, insert, select, text
from sqlalchemy.exc import IntegrityError

from broker.keys import NoteSigner
from broker.knowledge.searcher import INDEX_PREFIX
from broker.store import schema
from broker.store.databases import make_engine
from broker.store.engine import MAX_QUEUED, Store, Tx
from broker.store.log import latest_checkpoint
from broker.store.outgoing_tables import ticket_contacts
from broker.store.tables import audit, meta
from protocol import checkpoint, merkle, tiles
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.errors import Code, RelevoError
from tests.support.broker_world import empty_database

SIGNER = NoteSigner("test/log", Ed25519PrivateKey.generate())
RECORD = AuditRecord(
    at=datetime(2026, 11, 21, tzinfo=UTC),
    actor=Actor(kind=ActorKind.BROKER, id="broker"),
    action=Action.TICKET_NOTE,
    ticket="T-1",
    customer="acme",
)


def open_store(path: Path) -> Store:
    database = path / "test.db"
    url = f"sqlite:///{database}" if database.exists() else empty_database(database)
    return Store(url, SIGNER, lambda: datetime.now(UTC))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(tmp_path)
    await store.start()
    yield store
    await store.close()


def put(key: str, value: str = "x") -> object:
    def unit(tx: Tx) -> int:
        tx.conn.execute(insert(meta).values(key=key, value=value))
        return tx.audit(RECORD)

    return unit


async def keys(store: Store) -> list[str]:
    return await store.read(
        lambda conn: list(conn.execute(select(meta.c.key).order_by(meta.c.key)).scalars())
    )


async def test_a_unit_returns_its_result_after_its_change_can_be_read(store: Store) -> None:
    assert await store.write(put("a")) == 0
    assert await store.write(put("b")) == 1
    assert await keys(store) == ["a", "b"]
    assert store.log_size == 2


async def test_many_units_at_once_get_each_its_own_place_in_the_log(store: Store) -> None:
    places = await asyncio.gather(*(store.write(put(f"k{n:03}")) for n in range(300)))
    assert sorted(places) == list(range(300))
    notes = await store.read(lambda conn: conn.execute(text("select count(*) from checkpoints")).scalar_one())
    assert notes < 300, "units that wait together share a commit"


async def test_a_unit_that_raises_leaves_nothing_and_disturbs_nobody(store: Store) -> None:
    def bad(tx: Tx) -> None:
        tx.conn.execute(insert(meta).values(key="bad", value=""))
        tx.audit(RECORD)
        tx.after_commit(lambda: pytest.fail("a hook of an undone unit ran"))
        raise RelevoError(Code.CONFLICT, "no")

    results = await asyncio.gather(
        store.write(put("a")), store.write(bad), store.write(put("b")), return_exceptions=True
    )
    assert isinstance(results[1], RelevoError)
    assert results[1].code is Code.CONFLICT
    assert (results[0], results[2]) == (0, 1)
    assert await keys(store) == ["a", "b"]


async def test_a_broken_constraint_is_the_units_own_error(store: Store) -> None:
    await store.write(put("a"))
    with pytest.raises(IntegrityError):
        await store.write(put("a"))
    assert await store.write(put("b")) == 1


async def test_foreign_keys_are_enforced(store: Store) -> None:
    def unit(tx: Tx) -> None:
        tx.conn.execute(text("insert into tokens (token, agent, used) values ('t', 'nobody', 1)"))

    with pytest.raises(IntegrityError):
        await store.write(unit)


async def test_hooks_run_in_commit_order_before_the_writer_resumes(store: Store) -> None:
    seen: list[str] = []

    def unit(name: str) -> object:
        def run(tx: Tx) -> None:
            tx.after_commit(lambda: seen.append(name))

        return run

    async def writer(name: str) -> None:
        await store.write(unit(name))
        seen.append(f"{name} resumed")

    await asyncio.gather(writer("1"), writer("2"))
    assert seen.index("1") < seen.index("2")
    assert seen.index("1") < seen.index("1 resumed")
    assert seen.index("2") < seen.index("2 resumed")


async def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(RelevoError) as caught:
        await store.read(lambda conn: conn.execute(insert(meta).values(key="x", value="y")))
    assert caught.value.code is Code.CANNOT_RECORD


async def test_each_commit_carries_a_checkpoint_signed_over_all_entries(store: Store) -> None:
    await asyncio.gather(*(store.write(put(f"k{n}")) for n in range(5)))
    last = await store.read(latest_checkpoint)
    assert last is not None
    leaves = await store.read(
        lambda conn: conn.execute(select(audit.c.leaf).order_by(audit.c.idx)).scalars().all()
    )
    signed = checkpoint.verify(last.note, SIGNER.verifier_key)
    assert (signed.size, signed.root) == (5, merkle.root_of(map(merkle.leaf_hash, leaves)))


async def test_a_full_database_refuses_what_it_cannot_hold_and_recovers_by_itself(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    pages = 0

    @event.listens_for(store._writing, "begin")
    def limit(conn: object) -> None:
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages or 1073741823}")  # type: ignore[attr-defined]

    await store.start()
    await store.write(put("before"))
    pages = 1  # clamped by SQLite to what the file holds now
    with pytest.raises(RelevoError) as caught:
        await store.write(put("big", "x" * 200_000))
    assert caught.value.code is Code.CANNOT_RECORD
    assert await keys(store) == ["before"]
    assert store.log_size == 1
    pages = 0
    assert await store.write(put("after")) == 1
    assert await keys(store) == ["after", "before"]
    await store.close()
    again = open_store(tmp_path)
    await again.start()
    assert (again.log_size, again.degraded) == (2, None)
    await again.close()


async def test_a_commit_that_fails_leaves_log_and_tree_in_step(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.start()
    await store.write(put("a"))
    failing = True

    @event.listens_for(store._writing, "commit")
    def fail(conn: object) -> None:
        if failing:
            raise OSError(5, "Input/output error")

    for name in ("b", "c"):
        with pytest.raises(RelevoError) as caught:
            await store.write(put(name))
        assert caught.value.code is Code.CANNOT_RECORD
    failing = False
    assert await store.write(put("d")) == 1
    assert await keys(store) == ["a", "d"]
    await store.close()
    again = open_store(tmp_path)
    await again.start()
    assert (again.log_size, again.degraded) == (2, None)
    await again.close()


async def test_closing_finishes_what_is_queued_and_refuses_the_rest(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.start()
    waiting = [asyncio.ensure_future(store.write(put(f"k{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    assert sorted(await asyncio.gather(*waiting)) == list(range(50))
    with pytest.raises(RelevoError) as caught:
        await store.write(put("late"))
    assert caught.value.code is Code.CANNOT_RECORD


async def test_the_queue_has_an_end(store: Store) -> None:
    waiting = [asyncio.ensure_future(store.write(lambda tx: None)) for _ in range(MAX_QUEUED + 1)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [r for r in results if isinstance(r, RelevoError)]
    assert {r.code for r in refused} == {Code.RATE_LIMITED}
    assert len(refused) >= 1


async def test_a_cancelled_waiter_does_not_stop_the_others(store: Store) -> None:
    tasks = [asyncio.ensure_future(store.write(put(f"k{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert await store.write(put("end")) is not None
    assert {"k0", "k2", "end"} <= set(await keys(store))


async def test_tiles_are_those_of_the_tree(store: Store) -> None:
    def fill(tx: Tx) -> None:
        for _ in range(600):
            tx.audit(RECORD)

    await store.write(fill)
    leaves = await store.read(
        lambda conn: conn.execute(select(audit.c.leaf).order_by(audit.c.idx)).scalars().all()
    )
    tree = merkle.Tree(map(merkle.leaf_hash, leaves))
    for tile in tiles.tiles_of(600):
        assert await store.tile(tile) == tiles.content(tile, tree.node_at)
    for beyond in (tiles.Tile(0, 2, 89), tiles.Tile(1, 0, 3), tiles.Tile(2, 0, 1), tiles.Tile(0, 3)):
        with pytest.raises(RelevoError) as caught:
            await store.tile(beyond)
        assert caught.value.code is Code.NOT_FOUND


def _tamper(path: Path, statement: str) -> None:
    engine = create_engine(f"sqlite:///{path / 'test.db'}")
    with engine.begin() as conn:
        conn.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("update audit set record = x'7b7d' where idx = 2", "entry 2 was changed"),
        ("update audit set record = 'text' where idx = 2", "entry 2 was changed"),
        ("update audit set leaf = 5, record = null where idx = 2", "entry 2 was changed"),
        ("update audit set salt = zeroblob(16) where idx = 1", "entry 1 was changed"),
        ("delete from audit where idx = 3", "entry 3 is missing"),
        ("update audit set record = null, leaf = zeroblob(32) where idx = 2", "do not match the checkpoint"),
        ("delete from audit where idx = 4", "do not match the checkpoint"),
        ("delete from checkpoints", "no checkpoint"),
        ("update checkpoints set root = zeroblob(32)", "do not match the checkpoint"),
        ("update checkpoints set note = replace(note, 'test/log', 'evil/log')", "not signed by"),
        ("delete from checkpoints where size = 5", "do not match the checkpoint"),
    ],
)
async def test_a_log_that_was_tampered_with_stops_every_change_but_can_be_read(
    tmp_path: Path, statement: str, named: str
) -> None:
    store = open_store(tmp_path)
    await store.start()
    for n in range(5):
        await store.write(put(f"k{n}"))
    await store.close()
    _tamper(tmp_path, statement)
    store = open_store(tmp_path)
    await store.start()
    assert named in (store.degraded or "")
    with pytest.raises(RelevoError) as caught:
        await store.write(put("more"))
    assert caught.value.code is Code.PROOF_INVALID
    assert await keys(store) == [f"k{n}" for n in range(5)]
    await store.close()


async def test_an_erased_record_does_not_break_the_log(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.start()
    for n in range(3):
        await store.write(put(f"k{n}"))
    await store.close()
    _tamper(tmp_path, "update audit set record = null where idx = 1")
    store = open_store(tmp_path)
    await store.start()
    assert store.degraded is None
    assert await store.write(put("more")) == 3
    await store.close()


async def test_the_database_syncs_each_commit(store: Store) -> None:
    def look(tx: Tx) -> tuple[int, int, str]:
        pragma = lambda name: tx.conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()  # noqa: E731
        return pragma("synchronous"), pragma("foreign_keys"), pragma("journal_mode")

    synchronous, foreign_keys, mode = await store.write(look)
    assert (synchronous, foreign_keys) == (2, 1)
    assert mode in ("truncate", "wal")


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    """The full-text index brings tables of its own, which no list of ours names."""
    return not (kind == "table" and name is not None and name.startswith(INDEX_PREFIX))


def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    url = f"sqlite:///{tmp_path / 'm.db'}"
    assert schema.version(url) is None
    assert schema.upgrade(url) == (None, schema.head())
    assert schema.version(url) == schema.head()
    assert schema.upgrade(url) == (schema.head(), schema.head())
    engine = create_engine(url)
    with engine.connect() as conn:
        difference = compare_metadata(
            MigrationContext.configure(conn, opts={"compare_type": True, "include_name": _ours}),
            schema.METADATA,
        )
    engine.dispose()
    assert difference == []


def test_a_current_database_is_opened_without_alembic(tmp_path: Path) -> None:
    url = empty_database(tmp_path / "m.db")
    code = (
        f"import sys; from broker.store import schema; schema.require_current({url!r}); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "sqlalchemy" in done.stdout.split()
    assert not {"alembic", "mako"} & set(done.stdout.split())


def test_a_database_of_another_version_is_not_opened(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'm.db'}"
    schema.upgrade(url)
    engine = create_engine(url)
    with engine.begin() as conn:
        conn.execute(text("update alembic_version set version_num = '0000'"))
    engine.dispose()
    with pytest.raises(RelevoError) as caught:
        schema.require_current(url)
    assert caught.value.code is Code.CONFLICT


def test_only_sqlite_is_accepted_in_this_version() -> None:
    with pytest.raises(RelevoError) as caught:
        Store("postgresql://localhost/x", SIGNER, lambda: datetime.now(UTC))
    assert caught.value.code is Code.USAGE


def test_what_people_wrote_stood_in_the_log_with_an_unexpected_error(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'm.db'}"
    schema.upgrade(url)
    engine = make_engine(url, writer=True)
    row = insert(ticket_contacts).values(ticket=12, email="zqxcanary@user.test")
    with engine.connect() as conn, pytest.raises(IntegrityError) as caught:
        conn.execute(row)
    engine.dispose()
    assert "zqxcanary" not in "".join(traceback.format_exception(caught.value))
