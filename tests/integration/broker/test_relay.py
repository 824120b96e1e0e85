"""The relay joins exactly the two ends of a consented leg, blindly, and holds back who cannot be heard."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from protocol import ids, link
from protocol.api import RelayHello
from protocol.link import EndReason
from protocol.wire import to_json
from tests.support.broker_world import restarted
from tests.support.desk import DEADLINE_S, Desk, Machine, desk, served

FRAME = 256 << 10


async def _closed(socket) -> int:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(DEADLINE_S):
        await socket.wait_closed()
    return int(socket.close_code)


async def test_frames_pass_both_ways_unchanged_and_the_session_is_open(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, far = await site.leg(control, grant)
            async with site.attach(near) as (technician, _n), site.attach(far) as (agent, _f):
                for size in (1, 13, FRAME, 1 << 20):
                    sent = os.urandom(size)
                    await technician.send(sent)
                    assert await agent.recv() == sent
                    await agent.send(sent)
                    assert await technician.recv() == sent
                opened = await site.records("session.opened")
                assert [record["grant"] for record in opened] == [grant.grant]
                assert site.world.broker.relay.total.passed == 2 * (1 + 13 + FRAME + (1 << 20))


async def test_what_one_end_sends_first_waits_for_the_other(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, far = await site.leg(control, grant)
            async with site.attach(near) as (technician, _n):
                await technician.send(b"early")
                async with site.attach(far) as (agent, _f):
                    assert await agent.recv() == b"early"


async def test_a_token_that_was_replaced_opens_nothing_and_disturbs_nobody(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, far = await site.leg(control, grant)
            async with site.attach(far) as (agent, _f):
                async with site.attach(near) as (_socket, second):
                    assert second is not None
                async with site.attach(second) as (technician, third):
                    assert third is not None
                    for stale in (near, ids.new_nonce()):
                        async with site.attach(stale) as (refused, token):
                            assert token is None
                            assert await _closed(refused) == 4403
                    await technician.send(b"still here")
                    assert await agent.recv() == b"still here"
            assert (await site.actions()).count("access.refused") == 2


async def test_a_lost_answer_costs_nothing_the_same_token_attaches_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, _far = await site.leg(control, grant)
            async with site.attach(near) as (first, lost), site.attach(near) as (_second, kept):
                assert await _closed(first) == 4409
                assert lost is not None
                assert kept is not None
                async with site.attach(lost) as (refused, token):
                    assert token is None
                    assert await _closed(refused) == 4403


async def test_only_two_ends_fit_a_leg_and_the_tokens_of_one_leg_do_not_fit_another(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            one, two = await site.leg(control, grant), await site.leg(control, grant)
            async with (
                site.attach(one[0]) as (near_1, _a),
                site.attach(two[1]) as (far_2, _b),
                site.attach(one[1]) as (far_1, _c),
                site.attach(two[0]) as (near_2, _d),
            ):
                await near_1.send(b"1")
                await near_2.send(b"2")
                assert (await far_1.recv(), await far_2.recv()) == (b"1", b"2")


async def test_a_session_has_eight_legs_at_most(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            for _ in range(8):
                await site.leg(control, grant)
            token = await site.world.login("toni")
            answer = await site.call("POST", f"/v1/sessions/{grant.grant}/legs", b"{}", token)
            assert answer.code == "rate-limited"


async def test_a_leg_needs_consent(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant = site.grant(machine, await site.ticket(machine))
            await site.request(grant)
            await control.expect(link.Offer)
            token = await site.world.login("toni")
            answer = await site.call("POST", f"/v1/sessions/{grant.grant}/legs", b"{}", token)
            assert answer.code == "conflict"


async def test_an_end_that_attaches_again_takes_its_place_and_the_other_goes_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, far = await site.leg(control, grant)
            async with site.attach(far) as (agent, _f), site.attach(near) as (old, again):
                await old.send(b"before")
                assert await agent.recv() == b"before"
                assert again is not None
                async with site.attach(again) as (new, _n):
                    assert await _closed(old) == 4409
                    await new.send(b"after")
                    assert await agent.recv() == b"after"
                    await agent.send(b"back")
                    assert await new.recv() == b"back"


async def _fill(socket) -> int:  # type: ignore[no-untyped-def]
    """Send until the other side takes no more; bytes sent."""
    sent = 0
    try:
        while True:
            async with asyncio.timeout(2.0):
                await socket.send(bytes(FRAME))
            sent += FRAME
    except TimeoutError:
        return sent


async def test_a_reader_that_stalls_stops_its_sender_and_nobody_else(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine, other = await site.enrol(), await site.enrol()
        async with site.link(machine) as control, site.link(other) as control_2:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, far = await site.leg(control, grant)
            grant_2, _ = await site.consented(control_2, await site.ticket(other))
            near_2, far_2 = await site.leg(control_2, grant_2)
            async with (
                site.attach(near) as (technician, again),
                site.attach(far) as (agent, _f),
                site.attach(near_2) as (good, _n2),
                site.attach(far_2) as (good_agent, _f2),
            ):
                agent.transport.pause_reading()
                sent = await _fill(technician)
                assert sent < 64 << 20
                assert site.world.broker.relay.held_bytes() <= 2 * FRAME
                await good.send(b"fine")
                assert await good_agent.recv() == b"fine"
                assert await control.alive()
                # The stuck end does not keep its replacement from working.
                technician.transport.abort()
                assert again is not None
                async with site.attach(again) as (_new, token):
                    assert token is not None
            assert site.world.broker.relay.held_bytes() == 0


async def test_an_end_that_takes_the_place_of_a_stalled_one_gets_the_next_frames(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, far = await site.leg(control, grant)
            async with site.attach(near) as (technician, _n), site.attach(far) as (stalled, again):
                stalled.transport.pause_reading()
                filling = asyncio.create_task(_fill(technician))
                await site.until(lambda: site.world.broker.relay.held_bytes() > 0)
                assert again is not None
                async with site.attach(again) as (agent, _f):
                    assert len(await agent.recv()) == FRAME
                    assert len(await agent.recv()) == FRAME
                    filling.cancel()
                    stalled.transport.abort()
                    technician.transport.abort()


@pytest.mark.parametrize("what", ["oversized", "text", "empty"])
async def test_a_frame_that_is_not_allowed_costs_only_its_own_end(tmp_path: Path, what: str) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, far = await site.leg(control, grant)
            async with site.attach(far) as (agent, _f), site.attach(near) as (bad, again):
                frame = {"oversized": bytes((1 << 20) + 1), "text": "hello", "empty": b""}[what]
                try:
                    await bad.send(frame)
                except ConnectionClosed:
                    assert what == "oversized"
                assert await _closed(bad) == (1009 if what == "oversized" else 1003)
                assert again is not None
                async with site.attach(again) as (good, _n):
                    await good.send(b"good")
                    assert await agent.recv() == b"good"


@pytest.mark.parametrize(
    "first",
    [b"binary", "", "{}", '{"token":"x"}', '{"token":1}', "x" * 2_000, to_json(RelayHello(token="a" * 64))],
)
async def test_whatever_else_comes_first_is_refused(tmp_path: Path, first: bytes | str) -> None:
    async with desk(tmp_path) as site, site.socket("/v1/relay") as socket:
        await socket.send(first)
        assert await _closed(socket) == 4403


async def test_the_end_of_the_session_closes_both_ends_for_good(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, far = await site.leg(control, grant)
            async with site.attach(near) as (technician, token), site.attach(far) as (agent, _f):
                await control.send(link.SessionEnded(grant=grant.grant, why=EndReason.USER_STOP))
                assert await _closed(technician) == 4410
                assert await _closed(agent) == 4410
            assert token is not None
            async with site.attach(token) as (refused, again):
                assert again is None
                assert await _closed(refused) == 4403


async def test_sessions_survive_a_restart_of_the_broker(tmp_path: Path) -> None:
    async with desk(tmp_path) as site:
        machine = await site.enrol()
        org, clock = site.world.org, site.world.clock
        async with site.link(machine) as control:
            grant, _ = await site.consented(control, await site.ticket(machine))
            near, far = await site.leg(control, grant)
            async with site.attach(near) as (technician, near_next), site.attach(far) as (agent, far_next):
                await technician.send(b"one")
                assert await agent.recv() == b"one"
                site.world.broker.drain.begin()
                await _closed(technician)
    async with restarted(tmp_path, org, clock) as world, served(world) as site:
        assert world.broker.sessions.is_live(grant.grant)
        async with site.link(machine, sessions=(grant.grant,)) as control:
            assert await control.alive()
            await _resumed(site, machine, near_next, far_next)


async def _resumed(site: Desk, machine: Machine, near: str | None, far: str | None) -> None:
    assert near is not None
    assert far is not None
    async with site.attach(near) as (technician, _n), site.attach(far) as (agent, _f):
        await technician.send(b"two")
        assert await agent.recv() == b"two"
    assert (await site.actions()).count("session.opened") == 1
