"""Every stored bundle is compared with the published known errors; who may see and judge the matches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, insert

from broker.knowledge import evaluating
from broker.store.engine import Tx
from broker.store.signature_tables import signature_queue, signature_results
from protocol.diagnosis import BUNDLE_MEDIA_TYPE, Bundle
from protocol.known_errors import KnownError, known_error_json
from protocol.scopes import Clearance, Role
from protocol.signature_api import MatchesPosted, MatchJudged, MatchSaid
from protocol.signature_model import Outcome
from protocol.wire import to_json
from tests.support.broker_world import Answer, World, by_hand, paired, restarted
from tests.support.desk import Desk, Machine, served
from tests.support.known_errors import fresh, known_error, real_bundle, targets


async def publish(world: World, *known: KnownError) -> Answer:
    world.org.more = targets(*known)
    return await world.publish(world.org.next(), await world.login("ada"))


@asynccontextmanager
async def _desk(folder: Path, *known: KnownError) -> AsyncIterator[Desk]:
    async with paired(folder) as world:
        await by_hand("signatures")
        world.org.add("xenia", Role.EXPERT)
        world.org.add("lia", Role.TECHNICIAN, tiers={"acme": 2})
        assert (await publish(world, *known)).status == 200
        async with served(world) as site:
            yield site


async def _diagnosed(
    site: Desk, machine: Machine, bundle: Bundle, *, who: str = "toni", **changes: Any
) -> tuple[str, str]:
    """A ticket with this bundle stored on it, and the bundle's artifact."""
    async with site.link(machine) as control:
        ticket = await site.ticket(machine, who)
        grant, _ = await site.consented(control, ticket, who)
        content = to_json(fresh(_of(bundle, machine, ticket), started=site.now, ended=site.now))
        manifest = machine.manifest(grant, content, site.now, media_type=BUNDLE_MEDIA_TYPE, **changes)
        stored = await site.upload(machine, manifest, content)
        assert stored.status == 200, stored.body
        await evaluating.judge_waiting(site.world.broker)
        return ticket, manifest.artifact


def _of(bundle: Bundle, machine: Machine, ticket: str) -> Bundle:
    manifest = msgspec.structs.replace(bundle.manifest, agent=machine.agent, ticket=ticket)
    return msgspec.structs.replace(bundle, manifest=manifest)


async def _matches(site: Desk, ticket: str, who: str = "toni") -> list[dict[str, Any]]:
    answer = await site.call("GET", f"/v1/tickets/{ticket}/matches", token=await site.world.login(who))
    assert answer.status == 200, answer.body
    rows: list[dict[str, Any]] = answer.json["rows"]
    return rows


async def _judge(site: Desk, ticket: str, feedback: str, who: str = "toni") -> Answer:
    token = await site.world.login(who)
    body = msgspec.convert({"feedback": feedback}, MatchJudged)
    return await site.call("POST", f"/v1/tickets/{ticket}/matches/stale-lock", body, token)


async def test_a_stored_bundle_is_compared_and_its_match_is_told_once_and_judged(tmp_path: Path) -> None:
    both = (known_error(), known_error("full-disk"), known_error("stopped-service", visibility="L2"))
    async with _desk(tmp_path, *both) as site:
        machine = await site.enrol()
        ticket, _ = await _diagnosed(site, machine, real_bundle())
        rows = {row["known_error"]: row for row in await _matches(site, ticket)}
        assert {id_: row["verdict"] for id_, row in rows.items()} == {
            "stale-lock": "match",
            "full-disk": "unknown",
        }
        assert rows["stale-lock"]["bindings"] == [[{"name": "path", "value": "/run/lock/backup.lock"}]]
        assert rows["full-disk"]["missing"] == [{"what": "caches", "why": "absent"}]
        assert {row["known_error"] for row in await _matches(site, ticket, "lia")} == {
            "stale-lock",
            "full-disk",
            "stopped-service",
        }
        events = await site.records("known-error.matched")
        assert [event["ticket"] for event in events] == [ticket]
        # The same again: neither a second event nor a second row of the same bundle.
        assert await evaluating.judge_waiting(site.world.broker) == 0
        for who, code in (("gil", "not-found"), ("xenia", "role-missing")):
            answer = await _judge(site, ticket, "wrong", who)
            assert answer.code == code
        answer = await _judge(site, ticket, "confirmed")
        assert answer.json["feedback"] == "confirmed" and answer.json["feedback_by"] == "toni"
        assert [one["actor"]["id"] for one in await site.records("known-error.judged")] == ["toni"]
        figures = await site.call("GET", "/v1/signatures", token=await site.world.login("toni"))
        row = next(one for one in figures.json["rows"] if one["known_error"] == "stale-lock")
        assert (row["evaluated"], row["tickets"], row["confirmed"]) == (1, 1, 1)
        assert (figures.json["compared"], figures.json["matched"]) == (1, 1)


@pytest.mark.parametrize("who", ["gil", "xenia"])
async def test_nobody_else_reads_a_tickets_matches_or_counts_its_customer(tmp_path: Path, who: str) -> None:
    async with _desk(tmp_path, known_error()) as site:
        ticket, artifact = await _diagnosed(site, await site.enrol(), real_bundle())
        token = await site.world.login(who)
        read = await site.call("GET", f"/v1/tickets/{ticket}/matches", token=token)
        assert read.code == "not-found"
        posted = MatchesPosted(
            artifact=artifact,
            rows=(MatchSaid(known_error="stale-lock", version=1, verdict=Outcome.NO_MATCH),),
        )
        answer = await site.call("POST", f"/v1/tickets/{ticket}/matches", posted, token)
        assert answer.code in ("not-found", "role-missing")
        figures = await site.call("GET", "/v1/signatures", token=token)
        assert figures.json["compared"] == 0
        assert all(row["evaluated"] == 0 for row in figures.json["rows"])


async def test_wrong_too_often_goes_back_to_review_until_a_new_version(tmp_path: Path) -> None:
    async with _desk(tmp_path, known_error()) as site:
        machine = await site.enrol()
        for at in range(5):
            ticket, _ = await _diagnosed(site, machine, real_bundle())
            answer = await _judge(site, ticket, "confirmed" if at < 2 else "wrong")
            assert answer.status == 200, answer.body
            assert answer.json["in_review"] is (at == 4)
        (record,) = await site.records("known-error.in-review")
        assert record["ticket"] is None
        told = len(await site.records("known-error.matched"))
        ticket, _ = await _diagnosed(site, machine, real_bundle())
        assert [row["in_review"] for row in await _matches(site, ticket)] == [True]
        assert len(await site.records("known-error.matched")) == told
        assert (await publish(site.world, known_error(version=2))).status == 200
        await evaluating.judge_waiting(site.world.broker)
        told = len(await site.records("known-error.matched"))
        ticket, _ = await _diagnosed(site, machine, real_bundle())
        assert [(row["version"], row["in_review"]) for row in await _matches(site, ticket)] == [(2, False)]
        assert len(await site.records("known-error.matched")) == told + 1


async def test_a_sealed_bundle_is_judged_by_who_opened_it_and_only_the_verdict_comes(tmp_path: Path) -> None:
    async with _desk(tmp_path, known_error()) as site:
        ticket, artifact = await _diagnosed(
            site, await site.enrol(), real_bundle(), who="lia", clearance=Clearance.R2, sealed=True
        )
        assert await _matches(site, ticket, "lia") == []
        token = await site.world.login("lia")

        async def post(who: str = token, **changes: Any) -> Answer:
            row = MatchSaid(known_error="stale-lock", version=1, verdict=Outcome.MATCH)
            body = MatchesPosted(artifact=artifact, rows=(msgspec.structs.replace(row, **changes),))
            return await site.call("POST", f"/v1/tickets/{ticket}/matches", body, who)

        assert (await post(await site.world.login("toni"))).code == "tier-too-low"
        assert (await post(version=2)).code == "refused"
        assert (await post()).status == 200
        (row,) = await _matches(site, ticket, "lia")
        assert (row["verdict"], row["by"], row["evidence"], row["bindings"]) == ("match", "lia", [], [])
        assert await _matches(site, ticket, "toni") == []
        # What somebody says counts as it stands: it is in the log, once.
        assert (await post()).status == 200
        (record,) = await site.records("known-error.said")
        stated = {fact["key"]: fact["value"] for fact in record["facts"]}
        assert (record["actor"]["id"], record["ticket"]) == ("lia", ticket)
        assert (stated["artifact"], stated["match"], stated["no_match"]) == (artifact, "1", "0")


async def test_a_bundle_that_lies_or_breaks_is_set_aside_and_the_next_one_judged(tmp_path: Path) -> None:
    async with _desk(tmp_path, known_error()) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            ticket = await site.ticket(machine)
            grant, _ = await site.consented(control, ticket)
            other = to_json(real_bundle(ticket=ticket))
            for content in (b"{", b'{"manifest":' * 20_000, other):
                manifest = machine.manifest(grant, content, site.now, media_type=BUNDLE_MEDIA_TYPE)
                assert (await site.upload(machine, manifest, content)).status == 200
        await evaluating.judge_waiting(site.world.broker)
        assert await _matches(site, ticket) == []
        later, _ = await _diagnosed(site, machine, real_bundle())
        assert len(await _matches(site, later)) == 1


async def test_a_bundle_that_waits_when_the_broker_stops_is_judged_after_it_starts(tmp_path: Path) -> None:
    async with _desk(tmp_path, known_error()) as site:
        ticket, artifact = await _diagnosed(site, await site.enrol(), real_bundle())
        org, clock = site.world.org, site.world.clock

        def as_if_it_had_stopped_before(tx: Tx) -> None:
            tx.conn.execute(delete(signature_results))
            tx.conn.execute(insert(signature_queue).values(artifact=artifact, queued=site.now))

        await site.world.broker.store.write(as_if_it_had_stopped_before)
        assert await _matches(site, ticket) == []
    async with restarted(tmp_path, org, clock) as world, served(world) as site:
        await evaluating.judge_waiting(world.broker)
        assert [row["verdict"] for row in await _matches(site, ticket)] == ["match"]


async def test_a_publication_with_a_known_error_that_went_back_or_was_altered_is_refused(
    tmp_path: Path,
) -> None:
    async with paired(tmp_path) as world:
        first = known_error(version=3)
        assert (await publish(world, first)).status == 200
        assert (await publish(world, known_error(version=2))).code == "rollback"
        assert (await publish(world, known_error(version=3, impact=4))).code == "rollback"
        assert world.broker.organisation.require().known_errors == (first,)
        world.org.more = targets(first)
        files = world.org.next()
        (path,) = (path for path in files if path.endswith(".stale-lock.json"))
        altered = {**files, path: files[path].replace(b'"impact":2', b'"impact":4')}
        token = await world.login("ada")
        assert (await world.publish(altered, token)).code == "hash-mismatch"
        unnamed = {**world.org.next(), path.replace("stale-lock", "other"): files[path]}
        assert (await world.publish(unnamed, token)).status >= 400
        world.org.more = {"known-errors/other.json": known_error_json(first)}
        assert (await world.publish(world.org.next(), token)).code == "identity-mismatch"
        world.org.more = {"known-errors/sub/stale-lock.json": known_error_json(first)}
        assert (await world.publish(world.org.next(), token)).code == "refused"
        world.org.more = {}
        assert (await world.publish(world.org.next(), token)).status == 200
        assert world.broker.organisation.require().known_errors == ()


async def test_what_a_diagnosis_shows_is_suggested_first_with_its_fix_filled_in(tmp_path: Path) -> None:
    both = (known_error(), known_error("stopped-service", visibility="L2"))
    async with _desk(tmp_path, *both) as site:
        ticket, _ = await _diagnosed(site, await site.enrol(), real_bundle())
        seen = {}
        for who in ("toni", "lia"):
            token = await site.world.login(who)
            answer = await site.call("GET", f"/v1/tickets/{ticket}/suggestions", token=token)
            seen[who] = answer.json["rows"]
        first = seen["toni"][0]
        assert (first["basis"], first["known_error"], first["feedback"]) == ("signature", "stale-lock", None)
        assert first["evidence"] and first["title"]
        (fix,) = first["fixes"]
        bound = [{"name": "path", "value": "/run/lock/backup.lock"}]
        assert fix == {"fix": "stale-lock", "params": bound, "missing": []}
        assert "stopped-service" not in str(seen["toni"]), "a known error for L2 is no suggestion for L1"
        assert (await _judge(site, ticket, "wrong")).status == 200
        answer = await site.call(
            "GET", f"/v1/tickets/{ticket}/suggestions", token=await site.world.login("toni")
        )
        assert "stale-lock" not in answer.body.decode(), "what was called wrong is suggested no more"


async def test_a_known_error_published_later_finds_the_bundles_of_open_tickets(tmp_path: Path) -> None:
    async with _desk(tmp_path, known_error("full-disk")) as site:
        world, bundle = site.world, real_bundle()
        open_, _ = await _diagnosed(site, await site.enrol(), bundle)
        over, _ = await _diagnosed(site, await site.enrol(), bundle)
        sealed, _ = await _diagnosed(
            site, await site.enrol(), bundle, who="lia", clearance=Clearance.R2, sealed=True
        )
        token = await world.login("toni")
        cancelled = await site.call("POST", f"/v1/tickets/{over}/cancel", {"reason": "a mistake"}, token)
        assert cancelled.status == 200, cancelled.body
        before = await _matches(site, open_)
        assert {row["known_error"] for row in before} == {"full-disk"}
        assert (await publish(world, known_error("full-disk"), known_error())).status == 200
        assert await evaluating.judge_waiting(world.broker) == 1
        after = {row["known_error"]: row for row in await _matches(site, open_)}
        assert after["stale-lock"]["verdict"] == "match"
        assert after["full-disk"] == before[0]
        assert [event["ticket"] for event in await site.records("known-error.matched")] == [open_]
        for ticket in (over, sealed):
            assert "stale-lock" not in {row["known_error"] for row in await _matches(site, ticket, "lia")}
        # A publication without a new known error looks at nothing again.
        world.org.add("later", Role.TECHNICIAN, tiers={"acme": 1})
        assert (await publish(world, known_error("full-disk"), known_error())).status == 200
        assert await evaluating.judge_waiting(world.broker) == 0


async def test_a_bundle_that_was_judged_while_known_errors_were_published_waits_for_them(
    tmp_path: Path,
) -> None:
    async with _desk(tmp_path, known_error("full-disk")) as site:
        ticket, _ = await _diagnosed(site, await site.enrol(), real_bundle())
        broker = site.world.broker

        def queue(tx: Tx) -> None:
            evaluating.queue_again(tx.conn, site.now)

        await broker.store.write(queue)
        (waiting,) = await broker.store.read(evaluating._waiting)
        site.world.clock.forward(seconds=1)
        assert (await publish(site.world, known_error("full-disk"), known_error())).status == 200
        await evaluating._judge(broker, waiting)  # as somebody who took it from the queue before
        assert await evaluating.judge_waiting(broker) == 1
        assert "stale-lock" in {row["known_error"] for row in await _matches(site, ticket)}
