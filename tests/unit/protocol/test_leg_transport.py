"""The leg's asyncio.Transport: pausing, resuming, limits, endings. Two streams joined in memory, no socket."""

from __future__ import annotations

import asyncio

import pytest

from protocol.drivers import legtransport
from protocol.drivers.legtransport import HIGH_WATER, LegTransport
from protocol.errors import Code, RelevoError
from protocol.stream import MAX_DATA, WINDOW, Stream


class Recorder(asyncio.Protocol):
    def __init__(self, keep_open: bool = False) -> None:
        self.got = bytearray()
        self.sizes: list[int] = []
        self.calls: list[str] = []
        self.keep_open = keep_open
        self.lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self.got += data
        self.sizes.append(len(data))

    def eof_received(self) -> bool:
        self.calls.append("eof")
        return self.keep_open

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


class Side:
    def __init__(self, keep_open: bool = False) -> None:
        self.stream = Stream()
        self.left: list[bool] = []
        self.transport = LegTransport(self.stream, lambda: None, self.left.append)
        self.protocol = Recorder(keep_open)
        self.transport.start(self.protocol)
        self.stream.attach()


def exchange(a: Side, b: Side) -> None:
    """Carry frames until both are quiet."""
    busy = True
    while busy:
        busy = False
        for here, there in ((a, b), (b, a)):
            while (frame := here.stream.next_frame()) is not None:
                busy = True
                here.transport.sent()
                there.transport.deliver(there.stream.frame_received(frame))


@pytest.fixture
def sides() -> tuple[Side, Side]:
    a, b = Side(), Side()
    exchange(a, b)
    return a, b


async def test_bytes_arrive_in_pieces_that_asyncssh_can_digest(sides: tuple[Side, Side]) -> None:
    a, b = sides
    a.transport.write(b"x" * 600_000)
    a.transport.writelines([b"y", bytearray(b"z"), memoryview(b"!")])
    exchange(a, b)
    assert b.protocol.got == b"x" * 600_000 + b"yz!"
    assert max(b.protocol.sizes) <= 64 << 10


async def test_a_protocol_that_pauses_gets_nothing_until_it_resumes(sides: tuple[Side, Side]) -> None:
    a, b = sides
    b.transport.pause_reading()
    assert not b.transport.is_reading()
    a.transport.write(b"x" * (2 * WINDOW))
    exchange(a, b)
    assert b.protocol.got == b""
    assert a.transport.get_write_buffer_size() == WINDOW
    b.transport.resume_reading()
    await asyncio.sleep(0)
    exchange(a, b)
    assert len(b.protocol.got) == 2 * WINDOW


async def test_a_protocol_may_pause_in_the_middle_of_a_delivery(sides: tuple[Side, Side]) -> None:
    a, b = sides

    def pause(data: bytes) -> None:
        b.protocol.got += data
        b.transport.pause_reading()

    b.protocol.data_received = pause  # type: ignore[method-assign]
    a.transport.write(b"x" * MAX_DATA)
    exchange(a, b)
    assert len(b.protocol.got) == 64 << 10


async def test_writing_is_paused_above_high_water_and_resumed_below_low(sides: tuple[Side, Side]) -> None:
    a, b = sides
    a.transport.write(b"x" * HIGH_WATER)
    assert a.protocol.calls == []
    a.transport.write(b"x")
    a.transport.write(b"x")
    assert a.protocol.calls == ["pause"]
    waiting = asyncio.create_task(a.transport.writable())
    await asyncio.sleep(0)
    assert not waiting.done()
    exchange(a, b)
    await waiting
    assert a.protocol.calls == ["pause", "resume"]
    assert a.transport.get_write_buffer_limits() == (HIGH_WATER // 4, HIGH_WATER)


def test_limits_follow_asyncios_rules(sides: tuple[Side, Side]) -> None:
    transport = sides[0].transport
    transport.set_write_buffer_limits(high=1_000)
    assert transport.get_write_buffer_limits() == (250, 1_000)
    transport.set_write_buffer_limits(low=10)
    assert transport.get_write_buffer_limits() == (10, 40)
    with pytest.raises(ValueError, match="low"):
        transport.set_write_buffer_limits(high=1, low=2)


async def test_a_writer_that_ignores_the_pause_is_cut_off_at_the_maximum(
    sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legtransport, "MAX_UNSENT", 1_000_000)
    a, b = sides
    b.transport.pause_reading()
    for _ in range(100):
        a.transport.write(b"x" * 100_000)
        exchange(a, b)
    assert a.transport.is_closing()
    assert a.left == [True]
    assert a.transport.get_write_buffer_size() == 0


async def test_the_other_end_finishing_shows_as_eof_and_closes_unless_wanted(
    sides: tuple[Side, Side],
) -> None:
    a, b = sides
    assert a.transport.can_write_eof()
    a.transport.write(b"bye")
    a.transport.write_eof()
    exchange(a, b)
    assert b.protocol.got == b"bye"
    assert b.protocol.calls == ["eof"]
    assert b.left == [False]
    assert a.stream.over
    assert b.stream.over


async def test_a_protocol_that_wants_to_go_on_after_eof_can_still_answer() -> None:
    a, b = Side(keep_open=True), Side(keep_open=True)
    exchange(a, b)
    a.transport.write_eof()
    exchange(a, b)
    b.transport.write(b"late answer")
    exchange(a, b)
    assert a.protocol.got == b"late answer"


async def test_after_close_nothing_is_read_but_the_peer_can_get_rid_of_its_data(
    sides: tuple[Side, Side],
) -> None:
    a, b = sides
    a.transport.write(b"last")
    a.transport.close()
    a.transport.write(b"too late")
    b.transport.write(b"x" * (3 * WINDOW))
    exchange(a, b)
    assert b.protocol.got == b"last"
    assert a.protocol.got == b""
    assert b.transport.get_write_buffer_size() == 0


async def test_abort_lets_the_last_words_out(sides: tuple[Side, Side]) -> None:
    a, b = sides
    a.transport.write(b"disconnect: because")
    a.transport.abort()
    exchange(a, b)
    assert b.protocol.got == b"disconnect: because"
    assert a.stream.over
    assert b.stream.over


async def test_the_end_is_told_to_the_protocol_once_with_its_reason(sides: tuple[Side, Side]) -> None:
    a, _ = sides
    error = RelevoError(Code.SESSION_LOST)
    a.transport.finished(error)
    a.transport.finished(None)
    assert a.protocol.lost == [error]
    await a.transport.writable()
    a.transport.write(b"into the void")
