"""When a machine samples and sends: by the hour that it is told, and not at all once its owner said no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.cli import trends as command
from agent.folder import Folder
from agent.journal import Journal
from agent.trends import consent
from agent.trends.keeper import Trends, sample_due, send_due
from agent.trends.ring import Ring
from protocol import link
from protocol.documents import JournalEntry
from protocol.errors import Code, RelevoError
from protocol.scopes import Floor, Mode
from protocol.trends import KEPT, MAX_BATCH, Sample
from protocol.wire import from_json
from tests.unit.agent.test_trend_reading import member

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Broker:
    """What the machine says to the broker, and whether the link is up."""

    def __init__(self) -> None:
        self.said: list[link.Trends] = []
        self.up = True

    def send(self, message: link.FromAgent) -> None:
        if not self.up:
            raise RelevoError(Code.UNREACHABLE)
        assert isinstance(message, link.Trends)
        self.said.append(message)

    @property
    def numbers(self) -> list[int]:
        return [sample.sequence for message in self.said for sample in message.samples]


class Machine:
    def __init__(self, path: Path, mode: Mode = Mode.STANDING, floor: Floor | None = Floor.NOTIFY) -> None:
        self.folder = member(Folder(path / "agent"), mode)
        self.now = NOW
        self.broker = Broker()
        self.trends = Trends(self.folder, mode, self.broker.send, lambda: self.now)
        if floor is not None:
            consent.write(self.folder, floor)

    def keep(self, count: int, first: datetime) -> None:
        ring = Ring(self.folder)
        for n in range(count):
            ring.append(first + n * HOUR, ())
        ring.close()

    def kept(self) -> list[Sample]:
        ring = Ring(self.folder)
        try:
            return ring.all()
        finally:
            ring.close()


@pytest.mark.parametrize(
    ("newest", "due"),
    [
        (None, True),
        (NOW - timedelta(minutes=59), False),
        (NOW - HOUR, True),
        (NOW - timedelta(days=400), True),
        (NOW + timedelta(days=1), True),
    ],
)
def test_a_sample_is_due_every_hour_and_at_once_after_the_clock_was_set_back(
    newest: datetime | None, due: bool
) -> None:
    assert sample_due(newest, NOW) is due


def test_a_batch_goes_every_six_hours_or_when_something_should_not_wait() -> None:
    def waiting(*ages_h: float) -> list[Sample]:
        return [
            Sample(sequence=n + 1, at=NOW - timedelta(hours=age), readings=()) for n, age in enumerate(ages_h)
        ]

    assert not send_due([], NOW, urgent=True)
    assert not send_due(waiting(5, 4, 3), NOW, urgent=False)
    assert send_due(waiting(6, 5), NOW, urgent=False)
    assert send_due(waiting(0.1), NOW, urgent=True)
    assert send_due(waiting(-24), NOW, urgent=False)


async def test_the_idle_process_has_a_child_take_the_sample_and_sends_it_when_it_is_time(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path)
    await machine.trends.look(sample=True)
    (first,) = machine.kept()
    assert first.at == NOW and first.readings
    await machine.trends.look(sample=True)
    assert len(machine.kept()) == 1, "an hour has not passed"
    assert machine.broker.said == []
    machine.now += 6 * HOUR
    await machine.trends.look(sample=False)
    assert machine.broker.numbers == [1]
    await machine.trends.acknowledged(1)
    machine.now += 6 * HOUR
    await machine.trends.look(sample=False)
    assert machine.broker.numbers == [1]


async def test_after_two_weeks_alone_everything_that_is_kept_goes_batch_by_batch(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.broker.up = False
    machine.keep(KEPT + 10, NOW - (KEPT + 10) * HOUR)
    await machine.trends.look(sample=False)
    assert machine.broker.said == []
    machine.broker.up = True
    await machine.trends.connected()
    assert len(machine.broker.said) == 1, "the next waits for the answer to the one before"
    while machine.broker.said[-1].samples[-1].sequence < KEPT + 10:
        await machine.trends.acknowledged(machine.broker.said[-1].samples[-1].sequence)
    assert machine.broker.numbers == list(range(11, KEPT + 11))
    assert all(len(message.samples) <= MAX_BATCH for message in machine.broker.said)


async def test_a_batch_whose_answer_was_lost_goes_again_over_the_next_link(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.keep(8, NOW - 8 * HOUR)
    await machine.trends.connected()
    await machine.trends.look(sample=False)
    assert len(machine.broker.said) == 1
    await machine.trends.connected()
    assert machine.broker.numbers == [*range(1, 9), *range(1, 9)]


async def test_whatever_the_broker_says_nothing_goes_once_the_owner_said_no(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.keep(8, NOW - 8 * HOUR)
    command.set_floor(machine.folder, Floor.NEVER)
    assert machine.kept() == []
    machine.keep(8, NOW - 8 * HOUR)  # even if something were left
    for _ in range(2):
        await machine.trends.connected()
        await machine.trends.acknowledged(0)
        await machine.trends.acknowledged(7)
        await machine.trends.look(sample=True)
        machine.now += 12 * HOUR
    assert machine.broker.said == []
    assert len(machine.kept()) == 8, "and no sample was taken"


async def test_a_broker_that_answers_what_nobody_asked_makes_nothing_go(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.keep(8, NOW - 8 * HOUR)
    await machine.trends.connected()
    for sequence in (0, 1, 7, 0):
        await machine.trends.acknowledged(sequence)
    assert len(machine.broker.said) == 1
    await machine.trends.acknowledged(8)
    for _ in range(5):
        await machine.trends.acknowledged(0)
        await machine.trends.acknowledged(10**9)
    assert len(machine.broker.said) == 1


@pytest.mark.parametrize("floor", [None, Floor.ASK, Floor.NEVER])
async def test_a_machine_whose_owner_did_not_say_yes_does_nothing(
    tmp_path: Path, floor: Floor | None
) -> None:
    machine = Machine(tmp_path, floor=floor)
    await machine.trends.connected()
    await machine.trends.look(sample=True)
    assert machine.broker.said == [] and not machine.folder.trends.exists()


async def test_an_attended_machine_does_nothing_even_if_somebody_wrote_the_file(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Mode.ATTENDED, None)
    machine.folder.trends_consent.write_text('{"floor":"notify"}')
    await machine.trends.run()
    await machine.trends.connected()
    await machine.trends.look(sample=True)
    assert machine.broker.said == [] and not machine.folder.trends.exists()


def test_turning_it_on_and_off_stands_in_the_machine_s_journal(tmp_path: Path) -> None:
    machine = Machine(tmp_path, floor=None)
    for level in (Floor.NOTIFY, Floor.NEVER):
        command.set_floor(machine.folder, level)
    journal = Journal(machine.folder.journal, "")
    entries = [from_json(envelope.payload, JournalEntry) for _, envelope in journal.unsent_after(0, 10)]
    journal.close()
    assert [tuple(fact.value for fact in entry.facts) for entry in entries] == [
        ("trends", "notify"),
        ("trends", "never"),
    ]
