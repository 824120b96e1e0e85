"""What machines may tell of themselves, and how much: the decision, then the store behind real links."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from broker.store.trend_tables import trend_agents, trend_points
from broker.trends.intake import LEAST_APART, OLDEST, Head, accept
from broker.trends.precision import of_counts
from protocol import link
from protocol.errors import RelevoError
from protocol.scopes import Mode
from protocol.trends import MAX_BATCH, Kind, Reading, Sample
from protocol.wire import from_msgpack, to_msgpack
from tests.support.desk import Control, Desk, desk

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def sample(sequence: int, at: datetime, *readings: Reading) -> Sample:
    return Sample(sequence=sequence, at=at, readings=readings or (disk(0.5),))


def disk(share: float, subject: str = "/") -> Reading:
    return Reading(kind=Kind.DISK, subject=subject, value=share * 1e9, limit=1e9)


def test_samples_are_taken_once_and_gaps_show() -> None:
    first = accept(Head(), [sample(1, NOW - 3 * HOUR), sample(2, NOW - 2 * HOUR)], NOW)
    assert (first.head, first.missing, first.refused) == (Head(2, NOW - 2 * HOUR), 0, 0)
    again = accept(first.head, [sample(2, NOW - 2 * HOUR), sample(5, NOW)], NOW)
    assert [one.sequence for one in again.samples] == [5]
    assert again.missing == 2


@pytest.mark.parametrize(
    "at",
    [NOW + timedelta(minutes=6), NOW + timedelta(days=4_000), NOW - OLDEST - HOUR],
)
def test_samples_of_the_future_and_of_long_ago_are_refused(at: datetime) -> None:
    found = accept(Head(), [sample(1, at)], NOW)
    assert (found.samples, found.refused, found.head.sequence) == ((), 1, 1)


def test_a_clock_that_is_set_back_is_refused_until_time_has_caught_up() -> None:
    head = Head(10, NOW - HOUR)
    back = [sample(11, NOW - 5 * HOUR), sample(12, NOW - HOUR), sample(13, NOW)]
    found = accept(head, back, NOW)
    assert [one.sequence for one in found.samples] == [13]
    assert found.refused == 2


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(-30 * 24 * 60, 60 * 24)), max_size=MAX_BATCH),
    st.integers(0, 20),
)
def test_whatever_is_sent_the_stored_times_rise_and_are_no_denser_than_a_machine_samples(
    rows: list[tuple[int, int]], known: int
) -> None:
    batch = [sample(sequence, NOW + timedelta(minutes=minutes)) for sequence, minutes in rows]
    found = accept(Head(known, NOW - timedelta(days=13)), batch, NOW)
    times = [NOW - timedelta(days=13), *(one.at for one in found.samples)]
    assert all(b - a >= LEAST_APART for a, b in itertools.pairwise(times))
    assert found.head.sequence >= known
    assert accept(found.head, batch, NOW).samples == ()


@pytest.mark.parametrize(
    "change",
    [
        {"value": float("nan")},
        {"value": float("inf")},
        {"limit": float("nan")},
        {"value": 2e9},
        {"limit": 0.0},
        {"limit": -0.0, "value": 0.0},
    ],
)
def test_numbers_that_cannot_be_do_not_get_through(change: dict[str, float]) -> None:
    from protocol.trends import sane

    bad = msgspec.structs.replace(disk(0.5), **change)
    try:
        read: Reading = from_msgpack(to_msgpack(bad), Reading)
    except RelevoError:
        return
    assert not sane(read)


@pytest.mark.parametrize(
    "subject", ["../etc", "/home/juan", "/Home", "a b", "x" * 81, "", "/a/b/c/d", "café", "a\n", "-x"]
)
def test_subjects_that_could_carry_a_name_do_not_decode(subject: str) -> None:
    with pytest.raises(RelevoError):
        from_msgpack(to_msgpack(disk(0.5, subject)), Reading)


# --- over real links ---------------------------------------------------------------------------


async def tell(control: Control, *samples: Sample) -> int:
    await control.send(link.Trends(samples=samples))
    return (await control.expect(link.TrendsAck)).sequence


async def stored(desk_: Desk, agent: str) -> int:
    wanted = select(func.count()).select_from(trend_points).where(trend_points.c.agent == agent)
    return await desk_.world.broker.store.read(lambda conn: int(conn.execute(wanted).scalar_one()))


async def counts(desk_: Desk, agent: str) -> tuple[int, int, int]:
    wanted = select(trend_agents).where(trend_agents.c.agent == agent)
    row = await desk_.world.broker.store.read(lambda conn: conn.execute(wanted).one())
    return row.sequence, row.missing, row.refused


async def test_an_attended_machine_that_tells_trends_is_cut_off_and_recorded(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine = await made.enrol()
        async with made.link(machine) as control:
            await control.send(link.Trends(samples=(sample(1, made.now),)))
            assert (await control.expect(link.Failure)).code == "refused"
            await control.closed()
        refused = await made.records("request.refused")
        assert refused and refused[-1]["agent"] == machine.agent
        assert await stored(made, machine.agent) == 0


async def test_a_batch_sent_again_counts_once_and_a_gap_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine = await made.enrol(mode=Mode.STANDING)
        batch = [sample(n, made.now - HOUR * (10 - n)) for n in (1, 2, 5)]
        async with made.link(machine) as control:
            assert await tell(control, *batch) == 5
            assert await tell(control, *batch) == 5
        async with made.link(machine) as control:
            assert await tell(control, *batch) == 5
        assert await stored(made, machine.agent) == 3
        assert await counts(made, machine.agent) == (5, 2, 0)
        token = await made.world.login("toni")
        shown = (await made.call("GET", f"/v1/agents/{machine.agent}/trends", token=token)).json
        assert (shown["missing"], len(shown["series"]), len(shown["series"][0]["points"])) == (2, 1, 3)


async def test_a_machine_speaks_for_itself_only(tmp_path: Path) -> None:
    """There is no place in the message for another machine's name; the link's key decides whose points they are."""
    async with desk(tmp_path) as made:
        mine, other = await made.enrol(mode=Mode.STANDING), await made.enrol(mode=Mode.STANDING)
        async with made.link(mine) as control:
            raw = msgspec.msgpack.decode(to_msgpack(link.Trends(samples=(sample(1, made.now),))))
            await control.send(msgspec.msgpack.encode({**raw, "agent": other.agent}))
            assert (await control.expect(link.Failure)).code == "malformed"
            await control.closed()
        async with made.link(mine) as control:
            await tell(control, sample(1, made.now))
        assert (await stored(made, mine.agent), await stored(made, other.agent)) == (1, 0)


async def test_a_flood_stores_no_more_than_an_honest_machine_could_have_taken(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine = await made.enrol(mode=Mode.STANDING)
        async with made.link(machine) as control:
            sequence = 0
            for _ in range(20):
                batch = []
                for _ in range(MAX_BATCH):
                    sequence += 1
                    batch.append(
                        sample(sequence, made.now - timedelta(hours=12) + timedelta(seconds=sequence))
                    )
                await tell(control, *batch)
        assert await stored(made, machine.agent) == 1
        assert await counts(made, machine.agent) == (20 * MAX_BATCH, 0, 20 * MAX_BATCH - 1)


async def test_what_is_refused_again_and_again_was_forecast_each_time(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine, came = await made.enrol(mode=Mode.STANDING), made.world.broker.trends_came
        async with made.link(machine) as control:
            await made.until(lambda: not came.is_set())
            for n in range(1, 4):
                assert await tell(control, sample(n, made.now + timedelta(days=1))) == n
                assert not came.is_set()
        assert await counts(made, machine.agent) == (3, 0, 3)
        judged = select(trend_agents.c.judged).where(trend_agents.c.agent == machine.agent)
        assert await made.world.broker.store.read(lambda conn: conn.execute(judged).scalar_one()) == 3


async def test_a_machine_that_makes_up_subjects_gets_no_more_series(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine = await made.enrol(mode=Mode.STANDING)
        async with made.link(machine) as control:
            for n in range(1, 6):
                made_up = [disk(0.5, f"mount-{n}-{i}") for i in range(40)]
                await tell(control, sample(n, made.now - HOUR * (10 - n), *made_up))
        assert await stored(made, machine.agent) == 64


async def test_old_readings_become_one_a_day_and_services_are_forgotten(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        machine = await made.enrol(mode=Mode.STANDING)
        clock = made.world.clock
        crash = Reading(kind=Kind.CRASH, subject="cups", value=1.0)
        async with made.link(machine) as control:
            for n in range(48):
                await tell(control, sample(n + 1, clock.now, disk(0.5), crash))
                clock.forward(hours=1)
            assert await stored(made, machine.agent) == 96
            clock.forward(days=16)
            await tell(control, sample(49, clock.now, disk(0.5)))
            await until_judged(made, machine.agent, 49)
        left = await made.world.broker.store.read(
            lambda conn: [
                tuple(row) for row in conn.execute(select(trend_points.c.kind, trend_points.c.daily))
            ]
        )
        assert set(left) == {("disk", True), ("disk", False)}
        assert 3 <= len(left) <= 4


async def until_judged(made: Desk, agent: str, sequence: int) -> None:
    wanted = select(trend_agents.c.judged).where(trend_agents.c.agent == agent)
    async with asyncio.timeout(20):
        while True:
            read = await made.world.broker.store.read(lambda conn: conn.execute(wanted).scalar_one())
            if read >= sequence:
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("right", "wrong", "share", "review"),
    [(0, 0, None, False), (0, 9, 0.0, False), (4, 6, 0.4, True), (5, 5, 0.5, False), (9, 0, 1.0, False)],
)
def test_a_kind_is_marked_for_review_from_ten_verdicts_on(
    right: int, wrong: int, share: float | None, review: bool
) -> None:
    found = of_counts(Kind.DISK, right=right, wrong=wrong, unjudged=3)
    assert (found.opened, found.precision, found.review) == (right + wrong + 3, share, review)
