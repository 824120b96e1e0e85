"""The resumable stream: conversations as transcripts, with the carrier lost at every step."""

from __future__ import annotations

import json
import struct
from collections import deque
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import Code, RelevoError
from protocol.stream import (
    MAX_DATA,
    MAX_FRAME,
    MAX_WINDOW,
    WINDOW,
    Finished,
    Joined,
    Kind,
    Received,
    Reset,
    ResetReason,
    Stream,
)


class End:
    """One stream with an application that keeps what it got."""

    def __init__(self, window: int = WINDOW) -> None:
        self.stream = Stream(window)
        self.written = bytearray()
        self.got = bytearray()
        self.unconsumed = 0
        self.finished = False
        self.events: list[object] = []

    def write(self, data: bytes) -> None:
        self.stream.write(data)
        self.written += data

    def take(self, frame: bytes) -> None:
        for event in self.stream.frame_received(frame):
            self.events.append(event)
            if isinstance(event, Received):
                assert not self.finished
                self.got += event.data
                self.unconsumed += len(event.data)
            elif isinstance(event, Finished):
                self.finished = True

    def consume(self) -> None:
        self.stream.consumed(self.unconsumed)
        self.unconsumed = 0


class Pair:
    """Two ends and a relay between them that holds frames, and drops or keeps them when a leg breaks."""

    def __init__(self, window: int = WINDOW) -> None:
        self.ends = (End(window), End(window))
        self.attached = [False, False]
        self.wires: tuple[deque[bytes], deque[bytes]] = (deque(), deque())  # towards end 0, end 1

    def attach(self, side: int) -> None:
        self.ends[side].stream.attach()
        self.attached[side] = True

    def lose(self, side: int, keep_outbound: int = 0) -> None:
        """Break the leg of ``side``: what flew to it is gone, the relay may still hold what it sent."""
        self.attached[side] = False
        self.ends[side].stream.detach()
        self.wires[side].clear()
        outbound = self.wires[1 - side]
        while len(outbound) > keep_outbound:
            outbound.pop()

    def send(self, side: int) -> bool:
        """One frame of ``side`` onto its wire."""
        frame = self.ends[side].stream.next_frame()
        if frame is None:
            return False
        assert len(frame) <= MAX_FRAME
        self.wires[1 - side].append(frame)
        return True

    def deliver(self, side: int) -> bool:
        """One frame out of the relay to ``side``; a frame for an absent end is swallowed."""
        if not self.wires[side]:
            return False
        frame = self.wires[side].popleft()
        if self.attached[side]:
            self.ends[side].take(frame)
        self.check()
        return True

    def settle(self, consume: bool = True) -> None:
        """Exchange everything there is."""
        busy = True
        while busy:
            busy = False
            for side in (0, 1):
                while self.send(side):
                    busy = True
                while self.deliver(side):
                    busy = True
                if consume and self.ends[side].unconsumed:
                    self.ends[side].consume()
                    busy = True

    def check(self) -> None:
        for side in (0, 1):
            got, sent = self.ends[side].got, self.ends[1 - side].written
            assert sent.startswith(got)

    def join(self) -> None:
        self.attach(0)
        self.attach(1)
        self.settle()


@pytest.fixture
def pair() -> Pair:
    made = Pair()
    made.join()
    return made


def test_ends_that_attach_join_and_bytes_arrive_in_order(pair: Pair) -> None:
    pair.ends[0].write(b"hello ")
    pair.ends[0].write(b"world")
    pair.ends[1].write(b"!" * 1_000_000)
    pair.settle()
    assert pair.ends[1].got == b"hello world"
    assert pair.ends[0].got == b"!" * 1_000_000
    assert [type(event) for event in pair.ends[0].events].count(Joined) == 1


def test_an_end_that_attaches_long_after_the_other_joins() -> None:
    pair = Pair()
    pair.attach(0)
    pair.send(0)
    pair.wires[1].clear()  # the relay had nobody to give it to
    pair.ends[0].write(b"early")
    pair.attach(1)
    pair.settle()
    assert pair.ends[1].got == b"early"


def test_small_writes_leave_together_in_one_frame(pair: Pair) -> None:
    for _ in range(100):
        pair.ends[0].write(b"x" * 40)
    assert pair.send(0)
    assert not pair.send(0)


def test_one_frame_carries_no_more_than_its_limit(pair: Pair) -> None:
    pair.ends[0].write(b"x" * (MAX_DATA + 1))
    pair.send(0)
    pair.send(0)
    assert [len(frame) for frame in pair.wires[1]] == [MAX_FRAME, MAX_FRAME - MAX_DATA + 1]


def test_both_directions_finish_and_the_stream_is_over(pair: Pair) -> None:
    pair.ends[0].write(b"last words")
    pair.ends[0].stream.close()
    pair.settle()
    assert pair.ends[1].finished
    assert not pair.ends[1].stream.over
    pair.ends[1].write(b"answer")
    pair.ends[1].stream.close()
    pair.settle()
    assert pair.ends[0].got == b"answer"
    assert pair.ends[0].stream.over
    assert pair.ends[1].stream.over


def test_an_end_that_lost_its_carrier_keeps_what_is_written_meanwhile(pair: Pair) -> None:
    pair.lose(0)
    pair.ends[0].write(b"written in the tunnel")
    pair.attach(0)
    pair.settle()
    assert pair.ends[1].got == b"written in the tunnel"


@pytest.mark.parametrize("loser", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("kept", [0, 1, 100])
def test_losing_a_carrier_after_every_single_step_loses_and_doubles_nothing(
    loser: tuple[int, ...], kept: int
) -> None:
    step = 0
    while True:
        pair = Pair(MAX_DATA)
        pair.join()
        pair.ends[0].write(bytes(range(256)) * 3_000)
        pair.ends[0].stream.close()
        pair.ends[1].write(b"back" * 1_000)
        pair.ends[1].stream.close()
        if not _run_and_lose_at(pair, step, loser, kept):
            return
        assert pair.ends[1].got == pair.ends[0].written
        assert pair.ends[0].got == pair.ends[1].written
        assert pair.ends[0].finished
        assert pair.ends[1].finished
        step += 1


def _run_and_lose_at(pair: Pair, at: int, losers: tuple[int, ...], kept: int) -> bool:
    """Run step by step, lose the carriers before step ``at``; False when it was over before that."""
    step, idle, lost = 0, 0, False
    actions = [lambda s=s, a=a: a(s) for s in (0, 1) for a in (pair.send, pair.deliver)]
    while idle < len(actions):
        if step == at and not lost:
            lost = True
            for side in losers:
                pair.lose(side, kept)
            for side in losers:
                pair.attach(side)
            idle = 0
        for end in pair.ends:
            if end.unconsumed:
                end.consume()
                idle = 0
        moved = actions[step % len(actions)]()
        idle = 0 if moved else idle + 1
        step += 1
    return lost


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 1), st.sampled_from([1, 13, 4_096, MAX_DATA, 700_000])),
        st.tuples(st.just("send"), st.integers(0, 1), st.integers(1, 4)),
        st.tuples(st.just("deliver"), st.integers(0, 1), st.integers(1, 4)),
        st.tuples(st.just("consume"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("lose"), st.integers(0, 1), st.integers(0, 6)),
        st.tuples(st.just("attach"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("close"), st.integers(0, 1), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(actions=ACTIONS, window=st.sampled_from([MAX_DATA, WINDOW, MAX_WINDOW]))
def test_what_arrives_is_a_prefix_of_what_was_sent_and_in_the_end_all_of_it(
    actions: list[tuple[str, int, int]], window: int
) -> None:
    pair = Pair(window)
    closed = [False, False]
    counter = 0
    for kind, side, amount in actions:
        end = pair.ends[side]
        if kind == "write" and not closed[side] and end.stream.unsent < 2_000_000:
            counter += 1
            end.write(struct.pack(">I", counter) * (amount // 4 + 1))
        elif kind == "send" and pair.attached[side]:
            for _ in range(amount):
                pair.send(side)
        elif kind == "deliver":
            for _ in range(amount):
                pair.deliver(side)
        elif kind == "consume":
            end.consume()
        elif kind == "lose" and pair.attached[side]:
            pair.lose(side, amount)
        elif kind == "attach" and not pair.attached[side]:
            pair.attach(side)
        elif kind == "close" and not closed[side]:
            closed[side] = True
            end.stream.close()
        assert len(end.got) <= len(pair.ends[1 - side].written)
        assert end.unconsumed <= window
    for side in (0, 1):
        # An end that has gone over needs no carrier any more; the other may still be waiting for the
        # last acknowledgement, but has everything.
        if not pair.attached[side]:
            pair.attach(side)
    pair.settle()
    for side in (0, 1):
        assert pair.ends[side].got == pair.ends[1 - side].written
        if closed[1 - side]:
            assert pair.ends[side].finished


def test_a_consumer_that_stalls_stops_its_sender_at_the_credit_and_not_the_reader(pair: Pair) -> None:
    pair.ends[0].write(b"x" * (3 * WINDOW))
    pair.settle(consume=False)
    assert len(pair.ends[1].got) == WINDOW
    assert pair.ends[0].stream.unsent == 2 * WINDOW
    pair.ends[1].write(b"still talking")
    pair.settle(consume=False)
    assert pair.ends[0].got == b"still talking"
    pair.settle()
    assert len(pair.ends[1].got) == 3 * WINDOW


def test_what_is_kept_for_a_break_is_bounded_by_the_credit(pair: Pair) -> None:
    for _ in range(20):
        pair.ends[0].write(b"x" * 100_000)
        pair.settle()
        assert pair.ends[0].stream.unacknowledged <= WINDOW


def test_a_reset_sends_what_the_credit_allows_and_then_ends_both(pair: Pair) -> None:
    pair.ends[0].write(b"reason")
    pair.ends[0].stream.reset(ResetReason.ABORTED)
    pair.settle()
    assert pair.ends[1].got == b"reason"
    assert pair.ends[1].events[-1] == Reset(ResetReason.ABORTED)
    assert pair.ends[0].stream.over
    assert pair.ends[1].stream.over
    with pytest.raises(RelevoError, match="session-ended"):
        pair.ends[1].stream.write(b"more")


def test_a_reset_while_apart_reaches_the_other_end_on_the_next_carrier(pair: Pair) -> None:
    pair.lose(0)
    pair.ends[0].stream.reset(ResetReason.ABORTED)
    pair.attach(0)
    pair.settle()
    assert pair.ends[1].stream.over


def test_nothing_but_resume_is_sent_before_the_ends_have_met() -> None:
    end = End()
    end.write(b"eager")
    end.stream.attach()
    frame = end.stream.next_frame()
    assert frame is not None
    assert frame[0] == Kind.RESUME
    assert end.stream.next_frame() is None


# --- a hostile or broken other end -----------------------------------------------------------------------


def _data(epoch: int, offset: int, content: bytes) -> bytes:
    return struct.pack(">BIQ", Kind.DATA, epoch, offset) + content


def _ack(epoch: int, received: int, limit: int) -> bytes:
    return struct.pack(">BIQQ", Kind.ACK, epoch, received, limit)


def _resume(epoch: int, seen: int, received: int, limit: int, version: int = 1) -> bytes:
    return struct.pack(">BIBIQQ", Kind.RESUME, epoch, version, seen, received, limit)


HOSTILE = {
    "empty frame": b"",
    "unknown kind": b"\x09" + bytes(12),
    "kind 0": bytes(13),
    "cut data": b"\x01\x00\x00",
    "data without content": _data(1, 0, b""),
    "data ahead of its place": _data(1, 1, b"x"),
    "data again": _data(1, 0, b"x") + b"",
    "oversized frame": _data(1, 4, bytes(MAX_DATA + 1)),
    "data of an epoch never announced": _data(2, 4, b"x"),
    "ack of an epoch never announced": _ack(9, 0, WINDOW),
    "ack of more than was sent": _ack(1, 6, WINDOW + 6),
    "ack of less than was acknowledged": _ack(1, 0, WINDOW),
    "ack with a huge credit": _ack(1, 5, 5 + MAX_WINDOW + 1),
    "ack that takes credit back": _ack(1, 5, 10),
    "ack with trailing bytes": _ack(1, 5, WINDOW + 5) + b"x",
    "resume of another version": _resume(2, 1, 5, WINDOW, version=2),
    "resume of epoch 0": _resume(0, 1, 5, WINDOW),
    "resume that has seen the future": _resume(2, 7, 5, WINDOW),
    "resume repeated": _resume(1, 1, 5, WINDOW),
    "resume that forgets": _resume(2, 0, 5, WINDOW),
    "resume from before": _resume(2, 1, 0, WINDOW),
    "resume beyond": _resume(2, 1, 6, WINDOW),
    "fin ahead of its place": struct.pack(">BIQ", Kind.FIN, 1, 5),
    "fin behind": struct.pack(">BIQ", Kind.FIN, 1, 3),
    "reset with trailing bytes": struct.pack(">BIH", Kind.RESET, 1, 1) + b"x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_frame_against_the_rules_is_refused(name: str) -> None:
    pair = Pair()
    pair.join()
    pair.ends[0].write(b"mine!")
    pair.ends[1].write(b"hers")
    pair.settle()
    pair.ends[1].write(b"x" * WINDOW)
    pair.ends[1].stream.consumed(0)
    _acknowledge_all(pair)
    with pytest.raises(RelevoError) as caught:
        pair.ends[0].stream.frame_received(HOSTILE[name])
    assert caught.value.code is Code.MALFORMED
    assert pair.ends[0].got == b"hers"


def _acknowledge_all(pair: Pair) -> None:
    pair.ends[0].stream.frame_received(_ack(1, 5, WINDOW + 5))


def test_data_beyond_the_credit_is_refused(pair: Pair) -> None:
    stream = pair.ends[0].stream
    for at in range(0, WINDOW, MAX_DATA):
        stream.frame_received(_data(1, at, bytes(MAX_DATA)))
    with pytest.raises(RelevoError, match="credit"):
        stream.frame_received(_data(1, WINDOW, b"x"))


def test_nothing_may_follow_the_end(pair: Pair) -> None:
    stream = pair.ends[0].stream
    stream.frame_received(struct.pack(">BIQ", Kind.FIN, 1, 0))
    with pytest.raises(RelevoError, match="malformed"):
        stream.frame_received(_data(1, 0, b"x"))
    with pytest.raises(RelevoError, match="malformed"):
        stream.frame_received(struct.pack(">BIQ", Kind.FIN, 1, 1))


def test_frames_of_an_old_carrier_that_come_late_are_ignored(pair: Pair) -> None:
    pair.ends[0].write(b"abc")
    pair.send(0)
    late = pair.wires[1].pop()
    pair.lose(0)
    pair.attach(0)
    pair.settle()
    assert pair.ends[1].got == b"abc"
    assert pair.ends[1].stream.frame_received(late) == []


@settings(max_examples=120, deadline=None)
@given(frame=st.binary(max_size=64))
def test_any_bytes_are_a_rule_kept_or_a_typed_refusal(frame: bytes) -> None:
    pair = Pair()
    pair.join()
    try:
        pair.ends[0].take(frame)
    except RelevoError as error:
        assert error.code is Code.MALFORMED


def test_the_published_conversation_is_reproduced_frame_by_frame() -> None:
    vectors = json.loads((Path(__file__).parents[2] / "vectors" / "stream.json").read_text())
    ends = (End(), End())
    for step in vectors["steps"]:
        end = ends[step["from"] if step["do"] == "frame" else step["end"]]
        if step["do"] == "frame":
            frame = end.stream.next_frame()
            assert frame is not None
            assert frame.hex() == step["hex"]
            if not step.get("lost"):
                there = ends[1 - step["from"]]
                there.take(frame)
                there.consume()
        elif step["do"] == "write":
            end.write(bytes.fromhex(step["hex"]))
        elif step["do"] == "attach":
            end.stream.attach()
        elif step["do"] == "lose":
            end.stream.detach()
        else:
            end.stream.close()
    assert [end.got.hex() for end in ends] == vectors["received"]
    assert all(end.stream.over for end in ends)
