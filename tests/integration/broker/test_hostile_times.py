"""Times and indexes that only somebody hostile writes: refused or held to the calendar, never a fault of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.store.tables import Instant
from protocol.drivers.shown import local_stamp, local_time
from protocol.errors import Code, RelevoError
from protocol.times import in_zone, parse_duration, parse_rfc3339, rfc3339
from tests.integration.broker.test_attachments import CONTENT, enrolled, put, signed, ticket_of
from tests.support.broker_world import paired

FIRST = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
"""Before the first moment in UTC."""
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=14)))

_ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=_ZONES))
@example(FIRST)
@example(LAST)
def test_whatever_time_a_machine_states_can_be_stored_read_and_shown(moment: datetime) -> None:
    stored = Instant().process_bind_param(moment, None)  # type: ignore[arg-type]
    read = Instant().process_result_value(stored, None)  # type: ignore[arg-type]
    assert read is not None
    assert abs(read - moment) < timedelta(days=1)
    assert parse_rfc3339(rfc3339(moment)) == in_zone(moment) == read
    assert local_stamp(moment) != "-"
    assert local_time(moment) != "-"


@given(st.from_regex(r"\A[0-9]{1,9}[smhdw]?\Z"))
@example("999999999w")
@example("9999999d")
def test_a_duration_beyond_the_calendar_was_an_unexpected_error(text: str) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    try:
        asked = parse_duration(text)
    except RelevoError as error:
        assert error.code is Code.USAGE
    else:
        assert now - asked < now + asked or not asked


@pytest.mark.parametrize("made", [FIRST, LAST])
async def test_a_manifest_of_the_calendars_end_was_an_unexpected_error(
    tmp_path: Path, made: datetime
) -> None:
    async with paired(tmp_path) as world:
        machine = await enrolled(world)
        ticket = await ticket_of(world, machine)
        toni = await world.login("toni")
        said = signed(machine.key, ticket, machine.agent, made)
        answer = await put(world, said, machine.key, content=CONTENT)
        assert answer.status == 200, answer.body
        listed = await world.call("GET", f"/v1/tickets/{ticket}/artifacts", token=toni)
        assert parse_rfc3339(listed.json["rows"][0]["made"]).astimezone(UTC) == in_zone(made)


@pytest.mark.parametrize("index", ["0" * 20 + "9" * 30, "0" * 25 + "9" * 5_000, "9" * 19, "٣", "-1", ""])
async def test_a_last_event_id_too_large_for_the_database_was_an_unexpected_error(
    tmp_path: Path, index: str
) -> None:
    async with paired(tmp_path) as world:
        ticket = await ticket_of(world, None)
        answer = await world.call(
            "GET",
            f"/v1/tickets/{ticket}/stream",
            token=await world.login("toni"),
            headers={"last-event-id": index},
        )
        assert (answer.status, answer.code) == (400, "usage")
