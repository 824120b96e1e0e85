"""A broker that starts with its clock set back takes nothing for valid again that was over when it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.auth import LOGIN_LIFE
from broker.clock import SteadyClock
from broker.config import load_config
from broker.running import running
from tests.support.broker_world import World, by_hand, paired, restarted

LATER = LOGIN_LIFE + timedelta(hours=1)


async def _stopped_after_a_login_was_over(folder: Path) -> tuple[World, str]:
    """A broker that recorded something after toni's login was over, and had not looked for such logins since."""
    async with paired(folder) as world:
        await by_hand("sessions")
        token = await world.login("toni")
        assert await _asks(world, token) == 200
        world.clock.forward(seconds=LATER.total_seconds())
    return world, token


async def _asks(world: World, token: str) -> int:
    return (await world.call("GET", "/v1/tickets", token=token)).status


async def test_a_login_that_was_over_was_valid_again_for_a_broker_started_with_its_clock_set_back(
    tmp_path: Path,
) -> None:
    world, token = await _stopped_after_a_login_was_over(tmp_path)
    stopped = world.clock.now
    world.clock.forward(seconds=-LATER.total_seconds())
    async with restarted(tmp_path, world.org, world.clock) as again:
        assert await _asks(again, token) == 401
        assert again.broker.clock() >= stopped
        again.clock.forward(days=2)
        assert again.broker.clock() == again.clock.now, "once the clock has caught up, it counts"
        records = await again.audit(await again.login("olga"))
    (behind,) = [f["value"] for r in records for f in r["facts"] if f["key"] == "clock_behind_s"]
    assert float(behind) == LATER.total_seconds()


async def test_a_log_that_was_written_by_a_wrong_clock_holds_a_broker_up_until_somebody_says_so(
    tmp_path: Path,
) -> None:
    world, _token = await _stopped_after_a_login_was_over(tmp_path)
    world.clock.forward(seconds=-LATER.total_seconds())
    async with running(load_config(tmp_path), world.clock, accept_clock=True) as broker:
        assert broker.clock() == world.clock.now
    async with restarted(tmp_path, world.org, world.clock) as again:
        assert again.broker.clock() == world.clock.now, "its log ends with the right time again"


def _clock(times: Sequence[datetime]) -> SteadyClock:
    said = iter(times)
    passed = iter(range(0, 100, 10))
    return SteadyClock(lambda: next(said), lambda: float(next(passed)))


def test_a_clock_that_is_behind_goes_on_from_its_floor_as_fast_as_time_passes() -> None:
    start = datetime(2026, 11, 22, tzinfo=UTC)
    ten = timedelta(seconds=10)
    steady = _clock([start, start + ten, start - ten, start + 360 * ten, start + 2 * ten])
    assert steady.hold(start + 180 * ten) == 180 * ten
    assert steady() == start + 181 * ten
    assert steady() == start + 182 * ten, "set back once more"
    assert steady() == start + 360 * ten, "caught up"
    assert steady() == start + 184 * ten


def test_a_clock_that_is_not_behind_is_the_machines() -> None:
    start = datetime(2026, 11, 22, tzinfo=UTC)
    steady = _clock([start, start - timedelta(hours=1)])
    assert steady.hold(start) == timedelta(0)
    assert steady() == start - timedelta(hours=1)
