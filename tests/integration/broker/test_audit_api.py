"""Reading the log: proofs for every member, entries only for those whom they concern."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from protocol import checkpoint, merkle, tiles
from protocol.audit import Action, Actor, ActorKind, AuditRecord, leaf_data
from tests.support.broker_world import World, paired


async def _fill(world: World) -> None:
    for ticket, customer in (("T-1", "acme"), ("T-2", "globex"), ("T-1", "acme"), (None, "acme")):
        record = AuditRecord(
            at=datetime(2026, 11, 21, tzinfo=UTC),
            actor=Actor(kind=ActorKind.BROKER, id="broker"),
            action=Action.TICKET_NOTE,
            ticket=ticket,
            customer=customer,
        )
        await world.broker.store.write(lambda tx, record=record: tx.audit(record))


async def test_a_member_can_check_every_entry_against_the_signed_checkpoint(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        await _fill(world)
        token = await world.login("olga")
        first = (await world.call("GET", "/v1/audit/entries?count=1000", token=token)).json
        note = (await world.call("GET", "/v1/audit/checkpoint", token=token)).body.decode()
        signed = checkpoint.verify(note, world.org.pairing.log_key)
        tile = tiles.Tile(0, 0, signed.size)
        hashes = (await world.call("GET", f"/v1/audit/{tile.path}", token=token)).body
        leaves = tiles.hashes(hashes)
        assert merkle.root_of(leaves) == signed.root
        for entry in first["entries"]:
            salt, record, leaf = (base64.b64decode(entry[key]) for key in ("salt", "record", "leaf"))
            assert leaf == leaf_data(salt, record)
            assert merkle.leaf_hash(leaf) == leaves[entry["index"]]
        assert first["size"] == signed.size == len(first["entries"]), "the reading itself was recorded first"


async def test_checkpoints_of_the_past_are_kept(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        await _fill(world)
        token = await world.login("toni")
        notes = (await world.call("GET", "/v1/audit/checkpoints?after=2", token=token)).json["notes"]
        sizes = [checkpoint.verify(note, world.org.pairing.log_key).size for note in notes]
        assert sizes == sorted(sizes)
        assert sizes[0] == 3
        assert sizes[-1] == world.broker.store.log_size


async def test_a_technician_reads_only_tickets_of_own_customers(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        await _fill(world)
        toni, gil, olga = [await world.login(who) for who in ("toni", "gil", "olga")]
        assert {r["ticket"] for r in await world.audit(toni)} == {"T-1"}
        assert {r["ticket"] for r in await world.audit(gil)} == {"T-2"}
        assert len(await world.audit(toni, "ticket=T-1")) == 2
        assert await world.audit(toni, "ticket=T-2") == []
        assert {None, "T-1", "T-2"} <= {r.get("ticket") for r in await world.audit(olga)}
        assert len(await world.audit(olga, "ticket=T-2")) == 1


async def test_reading_entries_is_recorded(tmp_path: Path) -> None:
    async with paired(tmp_path) as world:
        await world.audit(await world.login("toni"), "ticket=T-1")
        records = await world.audit(await world.login("olga"))
        read = next(r for r in records if r["action"] == "audit.read")
        assert read["actor"]["id"] == "toni"
        assert {"key": "filter", "value": "T-1"} in read["facts"]


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/999",
        "tile/0/000",
        "tile/1/000",
        "tile/0/000.p/200",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/64/000",
        "tile/00/000",
        "tile/0/x000/000",
        "tile/0/-1",
        "tile/entries/000",
        "tile/0/000/../../checkpoint",
    ],
)
async def test_what_is_no_tile_of_the_log_is_not_found(tmp_path: Path, path: str) -> None:
    async with paired(tmp_path) as world:
        answer = await world.call("GET", f"/v1/audit/{path}", token=await world.login("olga"))
        assert (answer.status, answer.code) == (404, "not-found")


@pytest.mark.parametrize(
    "query",
    ["start=-1", "start=x", "count=0", "count=1001", "count=", "start=99999999999999999999", "start=٣"],
)
async def test_a_bad_range_is_a_usage_error(tmp_path: Path, query: str) -> None:
    async with paired(tmp_path) as world:
        from urllib.parse import quote

        answer = await world.call(
            "GET", f"/v1/audit/entries?{quote(query, safe='=')}", token=await world.login("olga")
        )
        assert (answer.status, answer.code) == (400, "usage")


async def test_a_degraded_log_can_still_be_read_by_an_auditor(tmp_path: Path) -> None:
    import sqlite3

    from tests.support.broker_world import restarted

    async with paired(tmp_path) as world:
        await _fill(world)
        token = await world.login("olga")
    with sqlite3.connect(tmp_path / "broker.db") as db:
        db.execute("update audit set record = replace(record, 'broker', 'nobody') where idx = 0")
    db.close()
    async with restarted(tmp_path, world.org, world.clock) as again:
        health = await again.call("GET", "/health")
        assert health.json["status"] == "degraded"
        entries = (await again.call("GET", "/v1/audit/entries?count=1000", token=token)).json["entries"]
        bad = [
            e["index"]
            for e in entries
            if leaf_data(*(base64.b64decode(e[k]) for k in ("salt", "record"))) != base64.b64decode(e["leaf"])
        ]
        assert bad == [0]
        answer = await again.call("POST", "/v1/auth/logout", token=token)
        assert (answer.status, answer.code) == (422, "proof-invalid")
        assert (
            await again.call("POST", "/v1/enrol", again.org.enrol_request(again.org.token()))
        ).code == "proof-invalid"
