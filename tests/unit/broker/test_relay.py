"""The relay's pairing and the doorstep, without sockets of the network."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocket

from broker import presence, relay
from broker.artifact_files import Uploads
from broker.doorstep import Doorstep
from broker.relay import Relay, Side
from broker.sessions.live import Deadline, Live, LiveSessions
from broker.tickets.from_agent import title_of
from protocol.errors import Code, RelevoError
from protocol.link import Pong


class Pipe:
    """The two ASGI callables of a socket, with a peer that can be slow."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.out: list[Any] = []
        self.open = asyncio.Event()
        self.open.set()
        self.incoming.put_nowait({"type": "websocket.connect"})

    async def made(self) -> WebSocket:
        socket = WebSocket({"type": "websocket", "headers": [], "path": "/"}, self.incoming.get, self._send)
        await socket.accept()
        self.out.clear()
        return socket

    async def _send(self, message: Any) -> None:
        await self.open.wait()
        self.out.append(message)

    def say(self, data: bytes) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "bytes": data})

    def hang_up(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    def heard(self) -> list[bytes]:
        return [m["bytes"] for m in self.out if m["type"] == "websocket.send"]

    def close_code(self) -> int | None:
        codes = [m["code"] for m in self.out if m["type"] == "websocket.close"]
        return codes[0] if codes else None


async def _turns(count: int = 30) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _attach(hub: Relay, side: Side, leg: int = 1) -> tuple[Pipe, asyncio.Task[int]]:
    pipe = Pipe()
    task = asyncio.create_task(hub.carry("g", leg, side, await pipe.made()))
    await _turns()
    return pipe, task


async def test_what_is_held_never_passes_the_cap_however_many_legs_stall() -> None:
    hub = Relay()
    pairs = [(await _attach(hub, Side.TECHNICIAN, n), await _attach(hub, Side.AGENT, n)) for n in range(1, 9)]
    for (near, _t), (far, _a) in pairs:
        near.open.clear()
        far.open.clear()
        near.say(bytes(relay.MAX_FRAME))
        far.say(bytes(relay.MAX_FRAME))
    await _turns(200)
    assert hub.held_bytes() <= relay.MAX_HELD
    for (near, _t), (far, _a) in pairs:
        near.open.set()
        far.open.set()
    await _turns(200)
    closed = [p.close_code() for pair in pairs for p, _task in pair]
    assert closed.count(relay.CLOSE_OVERLOAD) == 8
    hub.end("g")
    await asyncio.gather(*(task for pair in pairs for _p, task in pair))
    assert hub.attached() == 0
    assert hub.held_bytes() == 0


async def test_an_end_alone_is_read_once_and_then_left_waiting() -> None:
    hub = Relay()
    near, task = await _attach(hub, Side.TECHNICIAN)
    for number in range(5):
        near.say(bytes([number + 1]))
    await _turns()
    assert near.incoming.qsize() == 4
    far, other = await _attach(hub, Side.AGENT)
    assert far.heard() == [b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"]
    near.hang_up()
    assert await task == relay.CLOSE_GONE
    far.hang_up()
    assert await other == relay.CLOSE_GONE


async def test_an_end_that_stays_alone_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "ALONE_S", 0.0)
    hub = Relay()
    pipe, task = await _attach(hub, Side.AGENT)
    assert await task == relay.CLOSE_ALONE
    assert pipe.close_code() == relay.CLOSE_ALONE


async def test_meeting_in_time_stops_the_clock_of_loneliness(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Relay()
    near, near_task = await _attach(hub, Side.TECHNICIAN)
    _far, far_task = await _attach(hub, Side.AGENT)
    leg = hub._flows["g"].legs[1]
    assert leg._alone is None
    near.hang_up()
    await near_task
    assert leg._alone is not None
    hub.end("g")
    assert await far_task == relay.CLOSE_ENDED


async def test_a_cancelled_end_detaches_and_frees_everything() -> None:
    hub = Relay()
    _near, task = await _attach(hub, Side.TECHNICIAN)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await _turns()
    assert hub.attached() == 0


@given(
    st.lists(
        st.sampled_from(["near", "far", "again-near", "again-far", "stall", "go", "gone-near", "gone-far"]),
        max_size=25,
    )
)
@settings(deadline=None)
def test_frames_are_never_doubled_or_reordered_whatever_happens_to_the_ends(acts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay, "CLOSE_TIMEOUT_S", 0.0)
        asyncio.run(_play(acts))


async def _play(acts: list[str]) -> None:
    hub = Relay()
    ends = {side: await _attach(hub, side) for side in Side}
    heard: dict[Side, list[bytes]] = {side: [] for side in Side}
    sent = 0
    for act in acts:
        side = Side.TECHNICIAN if act.endswith("near") else Side.AGENT
        if act in ("near", "far"):
            sent += 1
            ends[side][0].say(sent.to_bytes(4, "big"))
        elif act.startswith("again"):
            old, task = ends[side]
            ends[side] = await _attach(hub, side)
            await task
            heard[side] += old.heard()
        elif act.startswith("gone"):
            ends[side][0].hang_up()
        elif act == "stall":
            ends[Side.AGENT][0].open.clear()
        else:
            ends[Side.AGENT][0].open.set()
        await _turns(5)
    for pipe, _task in ends.values():
        pipe.open.set()
    await _turns()
    hub.close(1012)
    await asyncio.gather(*(task for _pipe, task in ends.values()))
    for side in Side:
        numbers = [int.from_bytes(data, "big") for data in heard[side] + ends[side][0].heard()]
        assert numbers == sorted(set(numbers))
    assert hub.held_bytes() == 0
    assert hub.attached() == 0


async def test_the_doorstep_turns_away_who_has_waited_longest() -> None:
    door, order = Doorstep(limit=2), []

    async def wait(name: str) -> None:
        try:
            async with door.wait(20):
                await asyncio.Event().wait()
        except TimeoutError:
            order.append(name)

    tasks = []
    for name in "abc":
        tasks.append(asyncio.create_task(wait(name)))
        await _turns()
    assert order == ["a"]
    assert door.count() == 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert door.count() == 0


async def test_a_clock_that_is_set_back_does_not_lengthen_a_session() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    live = LiveSessions()
    ends = Deadline.at(now + timedelta(minutes=5), now)
    live.put(Live("g", "a", "toni", None, ends))
    loop = asyncio.get_running_loop().time()
    assert not ends.due(now, loop)
    assert ends.due(now + timedelta(minutes=5), loop)
    assert ends.due(now - timedelta(days=365), loop + 301)


async def test_only_so_many_wait_for_one_session() -> None:
    live = LiveSessions()
    waiters = [live.waiter("g") for _ in range(8)]
    with pytest.raises(RelevoError) as caught:
        live.waiter("g")
    assert caught.value.code is Code.RATE_LIMITED
    live.changed("g")
    assert all(waiter.done() for waiter in waiters)
    for waiter in waiters:
        live.done_waiting("g", waiter)
    assert live.waiter("g")


@given(st.text(max_size=3_000))
def test_a_title_is_always_one_printable_line(text: str) -> None:
    try:
        title = title_of(text)
    except RelevoError as error:
        assert error.code is Code.PARAMETER_INVALID
        return
    assert 1 <= len(title) <= 200
    assert title.isprintable()
    assert title == title.strip()


async def test_a_link_that_talks_too_much_is_read_more_slowly() -> None:
    link = presence.Link(await Pipe().made(), "ag", "acme", "key", "192.0.2.1")
    now = link.heard
    assert [link.heard_now(now) for _ in range(200)] == [0.0] * 200
    assert 0 < link.heard_now(now) <= 1.1 / presence.MESSAGES_PER_S
    assert link.heard_now(now + 10) == 0.0


async def test_a_link_that_takes_nothing_is_dropped_before_it_costs_memory() -> None:
    pipe = Pipe()
    socket = await pipe.made()
    links, ready = presence.Links(), asyncio.Event()

    async def handler() -> int | None:
        link = presence.Link(socket, "ag", "acme", "key", "192.0.2.1")
        links.enter(link)
        ready.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            links.leave(link)
            return link.dropped
        return None

    task = asyncio.create_task(handler())
    await ready.wait()
    pipe.open.clear()
    posted = 0
    while links.post("ag", Pong(at=datetime.now(UTC))):
        posted += 1
    assert posted <= presence.MAX_OUTBOX + 1
    assert await task == presence.CLOSE_SLOW
    assert not links.online("ag")


def test_uploads_have_a_limit_for_each_and_for_all() -> None:
    uploads = Uploads(most=3, of_one=2)
    with uploads.slot("a"), uploads.slot("a"):
        with pytest.raises(RelevoError), uploads.slot("a"):
            pass
        with uploads.slot("b"), pytest.raises(RelevoError), uploads.slot("c"):
            pass
    with uploads.slot("c"):
        pass
