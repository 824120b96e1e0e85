"""What recurs, from bundles that machines uploaded and signatures judged: what a product team is told, and whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration import test_known_errors as matches
from tests.support.desk import Desk
from tests.support.known_errors import known_error, real_bundle


async def _report(site: Desk, name: str, who: str, query: str = "") -> dict[str, Any]:
    site.world.clock.forward(seconds=1)
    answer = await site.call("GET", f"/v1/reports/{name}?{query}", token=await site.world.login(who))
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def _share(found: dict[str, Any], metric: str) -> tuple[int, int]:
    row = next(row for row in found["figures"] if row["metric"] == metric and not row["group"])
    return row["numerator"], row["denominator"]


async def test_three_machines_with_one_known_error_are_a_candidate_with_evidence(tmp_path: Path) -> None:
    both = (known_error(), known_error("stopped-service", visibility="L2"))
    async with matches._desk(tmp_path, *both) as site:
        for _ in range(3):
            machine = await site.enrol()
            ticket, _ = await matches._diagnosed(site, machine, real_bundle())
        assert (await matches._judge(site, ticket, "confirmed")).status == 200
        found = await _report(site, "recurring", "toni")
        (problem,) = found["problems"]
        assert (problem["known_error"], problem["versions"], problem["candidate"]) == (
            "stale-lock",
            [1],
            True,
        )
        assert (problem["tickets"], problem["machines"], problem["customers"]) == (3, 3, 1)
        assert (problem["machines_7d"], problem["confirmed"], problem["wrong"]) == (3, 1, 0)
        assert problem["evidence"] and problem["systems"][0]["machines"] == 3
        assert "acme" not in str(problem), "a product team learns no customer's name"
        quality = await _report(site, "quality", "toni")
        assert _share(quality, "signature-precision") == (1, 1)
        for who in ("gil", "olga", "ada"):
            seen = await _report(site, "recurring", who)
            assert bool(seen["problems"]) == (who != "gil"), who
        empty = await _report(site, "recurring", "toni", "tier=3")
        assert empty["problems"] == []


async def test_known_errors_above_the_readers_tier_are_not_counted(tmp_path: Path) -> None:
    both = (known_error(), known_error("stopped-service", visibility="L2"))
    async with matches._desk(tmp_path, *both) as site:
        await matches._diagnosed(site, await site.enrol(), real_bundle())
        for who, judged in (("toni", 1), ("lia", 2), ("olga", 2), ("gil", 0)):
            assert _share(await _report(site, "quality", who), "signature-unknown")[1] == judged, who
