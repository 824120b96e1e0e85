"""SSH over a relay leg: real TLS, a real relay, asyncssh on both ends, and breaks in the middle."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator

import pytest

from protocol.assist import About, Chunk, Completed, Diagnose, Event, Failed, Logs, Progress, Screenshot
from protocol.drivers.assist import connect_assist, serve_assist
from protocol.drivers.assistchannel import AssistChannel
from protocol.drivers.leg import LegAddress, LegTunnel
from protocol.errors import Code, RelevoError
from protocol.link import EndReason
from protocol.wire import from_msgpack, to_msgpack
from tests.support.relay import Relay, certificate, running_relay
from tests.support.sessions import BULK, SmallAgent, address_of, new_key, open_session

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with running_relay() as running:
        yield running


async def _events(channel: AssistChannel, request: object) -> list[Event]:
    await channel.send(to_msgpack(request))
    out: list[Event] = []
    while (body := await channel.receive()) is not None:
        out.append(from_msgpack(body, Event))
    return out


def _digest(events: list[Event]) -> str:
    found = hashlib.sha256()
    for event in events:
        if isinstance(event, Chunk):
            found.update(event.data)
    return found.hexdigest()


def _expected() -> str:
    return hashlib.sha256(b"".join(BULK[n:] + BULK[:n] for n in range(40))).hexdigest()


async def test_a_request_goes_through_relay_and_ssh_and_back(relay: Relay) -> None:
    async with open_session(relay, SmallAgent()) as session:
        channel = await session.technician.open_channel()
        assert await _events(channel, About()) == [Progress(step="about"), Completed()]


async def test_a_refusal_of_the_agent_reaches_the_technician_by_its_code(relay: Relay) -> None:
    async with open_session(relay, SmallAgent()) as session:
        channel = await session.technician.open_channel()
        assert await _events(channel, Screenshot()) == [
            Failed(code=Code.SCOPE_NOT_GRANTED, detail="screenshot")
        ]


async def test_garbage_as_a_request_is_a_typed_failure_of_that_channel_alone(relay: Relay) -> None:
    async with open_session(relay, SmallAgent()) as session:
        channel = await session.technician.open_channel()
        await channel.send(b"\xc1garbage")
        answer = from_msgpack(await channel.receive() or b"", Event)
        assert isinstance(answer, Failed)
        assert answer.code is Code.MALFORMED
        other = await session.technician.open_channel()
        assert (await _events(other, About()))[-1] == Completed()


async def test_the_relay_sees_nothing_of_what_is_said(relay: Relay) -> None:
    seen: list[bytes] = []
    relay.watch = seen.append
    async with open_session(relay, SmallAgent()) as session:
        channel = await session.technician.open_channel()
        await _events(channel, Diagnose(only=("canary-collector",)))
    assert sum(map(len, seen)) > 40 * len(BULK)
    assert not any(b"canary-collector" in frame or BULK[:64] in frame for frame in seen)


@pytest.mark.parametrize("cuts", [[60_000], [1_000_000, 1_500_000, 4_000_000, 4_000_001, 9_000_000]])
async def test_a_transfer_survives_broken_connections_byte_exact(relay: Relay, cuts: list[int]) -> None:
    states: list[bool] = []
    async with open_session(relay, SmallAgent(), on_state=states.append) as session:
        channel = await session.technician.open_channel()
        relay.kill_after = [relay.forwarded + cut for cut in cuts]
        hellos = relay.hellos
        assert _digest(await _events(channel, Diagnose())) == _expected()
        assert relay.kill_after == []
        assert relay.hellos >= hellos + 2
        assert False in states
        assert session.technician.up


async def test_a_relay_that_was_stopped_and_came_back_resumes_the_session(relay: Relay) -> None:
    apart = asyncio.Event()
    async with open_session(relay, SmallAgent(), on_state=lambda up: None if up else apart.set()) as session:
        channel = await session.technician.open_channel()
        await relay.stop()
        await apart.wait()
        asking = asyncio.create_task(_events(channel, About()))
        await relay.start()
        assert (await asking)[-1] == Completed()


async def test_only_one_leg_breaks_while_the_other_stays_attached(relay: Relay) -> None:
    async with open_session(relay, SmallAgent()) as session:
        for place in list(relay.ends):
            channel = await session.technician.open_channel()
            relay.ends[place].transport.abort()
            assert _digest(await _events(channel, Diagnose())) == _expected()


async def test_a_session_that_stays_apart_too_long_ends_as_lost_on_both_sides(relay: Relay) -> None:
    async with open_session(relay, SmallAgent(), give_up_s=3.0) as session:
        await relay.stop()
        for end in (session.agent, session.technician):
            assert (await end.wait_closed()).code is Code.SESSION_LOST


async def test_a_leg_whose_token_is_no_longer_known_ends_at_once(relay: Relay) -> None:
    async with open_session(relay, SmallAgent()) as session:
        relay.tokens.clear()
        relay.cut()
        assert (await session.technician.wait_closed()).code is Code.SESSION_ENDED
        assert (await session.agent.wait_closed()).code is Code.SESSION_ENDED


async def test_the_broker_closing_the_session_ends_it_at_once(relay: Relay) -> None:
    async with open_session(relay, SmallAgent()) as session:
        await relay.end()
        assert (await session.technician.wait_closed()).code is Code.SESSION_ENDED


@pytest.mark.parametrize("who", ["agent", "technician"])
async def test_the_side_that_ends_a_session_says_why_to_the_other(relay: Relay, who: str) -> None:
    async with open_session(relay, SmallAgent()) as session:
        ender, other = (
            (session.agent, session.technician) if who == "agent" else (session.technician, session.agent)
        )
        ender.end(EndReason.USER_STOP)
        for end in (ender, other):
            ended = await end.wait_closed()
            assert (ended.code, ended.detail) == (Code.SESSION_ENDED, "user-stop")


async def test_requests_under_way_learn_that_the_session_ended(relay: Relay) -> None:
    agent = SmallAgent()
    async with open_session(relay, agent) as session:
        channel = await session.technician.open_channel()
        await channel.send(to_msgpack(Logs(follow=True)))
        await channel.receive()
        session.agent.end(EndReason.TIME_UP)
        with pytest.raises(RelevoError) as caught:
            while await channel.receive() is not None:
                pass
        assert caught.value.code is Code.SESSION_ENDED
        with pytest.raises(RelevoError) as caught:
            await session.technician.open_channel()
        assert caught.value.code is Code.SESSION_ENDED


async def test_closing_a_channel_interrupts_the_request_on_the_agent(relay: Relay) -> None:
    agent = SmallAgent()
    async with open_session(relay, agent) as session:
        channel = await session.technician.open_channel()
        await channel.send(to_msgpack(Logs(follow=True)))
        await channel.receive()
        channel.close()
        await agent.interrupted.wait()


async def test_a_channel_whose_reader_stalls_does_not_stop_the_others(relay: Relay) -> None:
    async with open_session(relay, SmallAgent()) as session:
        stalled = await session.technician.open_channel()
        await stalled.send(to_msgpack(Diagnose()))
        for _ in range(3):
            channel = await session.technician.open_channel()
            assert (await _events(channel, About()))[-1] == Completed()
        rest: list[Event] = []
        while (body := await stalled.receive()) is not None:
            rest.append(from_msgpack(body, Event))
        assert _digest(rest) == _expected()


# --- who may not ------------------------------------------------------------------------------------------


async def test_a_broker_with_another_certificate_learns_nothing(relay: Relay) -> None:
    here, _ = relay.new_leg()
    other = LegAddress(here.url, here.token, "0" * 64)
    with pytest.raises(RelevoError) as caught:
        await LegTunnel(other).open_streams()
    assert caught.value.code is Code.IDENTITY_MISMATCH
    assert relay.requests == 0


async def test_without_a_pin_name_and_authority_are_checked(relay: Relay) -> None:
    here, _ = relay.new_leg()
    with pytest.raises(RelevoError) as caught:
        await LegTunnel(LegAddress(here.url, here.token)).open_streams()
    assert caught.value.code is Code.IDENTITY_MISMATCH
    assert relay.requests == 0
    tunnel = LegTunnel(LegAddress(here.url, here.token, ca_pem=relay.ca_pem))
    _, writer = await tunnel.open_streams()
    writer.transport.abort()
    await tunnel.wait_closed()
    assert tunnel.error is None


async def test_an_older_tls_is_refused() -> None:
    tls, pin, ca_pem = certificate()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    relay = Relay(tls, pin, ca_pem)
    await relay.start()
    try:
        here, _ = relay.new_leg()
        with pytest.raises(RelevoError) as caught:
            await LegTunnel(here).open_streams()
        assert caught.value.code is Code.UNREACHABLE
    finally:
        await relay.stop()


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1", "http://127.0.0.1:1", "127.0.0.1:1"])
def test_there_is_no_plaintext(url: str) -> None:
    with pytest.raises(RelevoError, match="usage"):
        LegAddress(url, "0" * 64).relay_url()


async def test_an_unknown_token_is_refused(relay: Relay) -> None:
    here, _ = relay.new_leg()
    with pytest.raises(RelevoError) as caught:
        await LegTunnel(address_of(relay, here, "f" * 64)).open_streams()
    assert caught.value.code is Code.REFUSED


async def test_nobody_at_the_address_is_unreachable() -> None:
    async with running_relay() as relay:
        here, _ = relay.new_leg()
    with pytest.raises(RelevoError) as caught:
        await LegTunnel(here).open_streams()
    assert caught.value.code is Code.UNREACHABLE


@pytest.mark.parametrize("wrong", ["host", "user", "key"])
async def test_another_machine_user_or_key_does_not_get_a_session(relay: Relay, wrong: str) -> None:
    here, there = relay.new_leg()
    key, host = new_key(), new_key()
    agent = SmallAgent()
    serving = asyncio.create_task(
        serve_assist(
            LegTunnel(here),
            user="0" * 32,
            technician_key=key.public_key,
            host_key=new_key() if wrong == "host" else host,
            handle=agent.handle,
        )
    )
    with pytest.raises(RelevoError) as caught:
        await connect_assist(
            LegTunnel(there),
            user="1" * 32 if wrong == "user" else "0" * 32,
            key=new_key() if wrong == "key" else key,
            host_key=host.public_key,
        )
    assert caught.value.code is (Code.IDENTITY_MISMATCH if wrong == "host" else Code.REFUSED)
    with pytest.raises(RelevoError):
        await serving
    assert agent.requests == []


async def test_text_on_an_attached_leg_ends_it_as_malformed(relay: Relay) -> None:
    async with open_session(relay, SmallAgent()) as session:
        for socket in list(relay.ends.values()):
            await socket.send("what?")
        assert (await session.technician.wait_closed()).code is Code.MALFORMED


async def test_a_relay_that_changes_bytes_cannot_change_what_arrives(relay: Relay) -> None:
    async with open_session(relay, SmallAgent()) as session:
        channel = await session.technician.open_channel()

        def flip(frame: bytes) -> bytes:
            return frame[:-1] + bytes([frame[-1] ^ 1]) if len(frame) > 100 else frame

        relay.change = flip
        with pytest.raises(RelevoError):
            await _events(channel, Diagnose())
        ended = await session.technician.wait_closed()
        assert ended.code in (Code.SESSION_LOST, Code.SESSION_ENDED)
