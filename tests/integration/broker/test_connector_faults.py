"""An outside system that is down, slow, lying or broken: waited for, tried again, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from broker.connectors import keeper, rows
from broker.connectors.channel import TRIES
from broker.connectors.contract import HOLD_UP
from broker.connectors.request_tracker import RequestTracker
from broker.connectors.settings import QueueOf, path_of, remove, save
from protocol.errors import Code, RelevoError
from protocol.tickets import State
from tests.support.bridge import Bridge, bridged, settings_of
from tests.support.broker_world import paired
from tests.support.small_rt import TOKEN, SmallRt, small_rt


def raw(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


SPOILED: dict[str, tuple[bytes, Code]] = {
    "the token is refused": (raw(401, b'{"message":"Unauthorized"}'), Code.UNAUTHENTICATED),
    "too many requests": (raw(429, b"{}"), Code.RATE_LIMITED),
    "it is broken": (raw(500, b""), Code.UNREACHABLE),
    "it is being repaired": (raw(503, b"<html>later</html>"), Code.UNREACHABLE),
    "no JSON": (raw(200, b"<html>Login</html>"), Code.MALFORMED),
    "JSON of another shape": (raw(200, b'{"items":[{"id":"../../etc"}],"id":[]}'), Code.MALFORMED),
    "no UTF-8": (raw(200, b'{"items":"\xff\xfe"}'), Code.MALFORMED),
    "nested without end": (raw(200, b"[" * 200_000), Code.MALFORMED),
    "a redirect": (raw(302, b"", "Location: https://elsewhere.example/"), Code.MALFORMED),
    "a bomb": (raw(200, b"\x1f\x8b" + b"0" * 64, "Content-Encoding: gzip"), Code.MALFORMED),
    "more than fits": (raw(200, b" " * (9 << 20)), Code.TOO_LARGE),
    "half an answer": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{",
        Code.UNREACHABLE,
    ),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", Code.UNREACHABLE),
    "no answer": (b"", Code.UNREACHABLE),
}


@pytest.fixture
def rt() -> Iterator[SmallRt]:
    with small_rt() as made:
        yield made


@pytest.fixture
async def bridge(rt: SmallRt, tmp_path: Path) -> AsyncIterator[Bridge]:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    async with bridged(tmp_path / "broker", settings_of(rt.url, token), deadline_s=2.0) as made:
        yield made


async def fails(bridge: Bridge) -> Code:
    with pytest.raises(RelevoError) as caught:
        await bridge.look()
    assert caught.value.code in HOLD_UP
    return caught.value.code


async def test_every_way_of_failing_holds_up_and_loses_nothing(rt: SmallRt, bridge: Bridge) -> None:
    ticket = await bridge.open("Ours")
    theirs = rt.open("Theirs", "words")
    for name, (answer, code) in SPOILED.items():
        rt.spoil = lambda method, path, answer=answer: answer  # type: ignore[misc]
        assert await fails(bridge) is code, name
    rt.spoil = lambda method, path: None
    await bridge.looks(2)
    assert await bridge.remote_of(ticket)
    assert len(await bridge.by_external(f"RT#{theirs}")) == 1
    assert len(rt.own("Create")) == 1
    assert await bridge.parked() == []


@pytest.mark.parametrize("end", ["/ticket", "/correspond", "/comment"])
async def test_an_answer_that_is_lost_does_nothing_twice(rt: SmallRt, bridge: Bridge, end: str) -> None:
    """The request was carried out and the answer never came: the next look finds what was done."""
    ticket = await bridge.open("Once")
    if end != "/ticket":
        await bridge.take(ticket)
        await bridge.look()
        await bridge.do(ticket, "replies", text="once")
        if end == "/comment":
            await bridge.do(ticket, "cancel", reason="was nothing")
    rt.lose = lambda method, path: method == "POST" and path.endswith(end)
    assert await fails(bridge) is Code.UNREACHABLE
    rt.lose = lambda method, path: False
    await bridge.looks(2)
    assert len(rt.own("Create")) == 1
    assert len(rt.own("Correspond")) == (end != "/ticket")
    assert len(rt.own("Comment")) == (end == "/comment")


async def test_a_slow_system_costs_its_deadline_and_no_more(rt: SmallRt, bridge: Bridge) -> None:
    wake = threading.Event()

    def spoil(method: str, path: str) -> bytes | None:
        wake.wait(20)
        return b""

    rt.spoil = spoil
    try:
        assert await fails(bridge) is Code.TIMEOUT
    finally:
        wake.set()
    rt.spoil = lambda method, path: None
    await bridge.look()


async def test_tickets_of_a_queue_that_is_not_named_stay_outside_whatever_the_system_offers(
    rt: SmallRt, bridge: Bridge
) -> None:
    remote = rt.open("Not yours", "secret words", queue="Private")
    rt.say(remote, "more secret words")
    await bridge.looks(2)
    assert await bridge.by_external(f"RT#{remote}") == []
    kept = await bridge.records("connector.kept")
    assert [one["outcome"] for one in kept] == ["unmapped", "unmapped"]
    assert "secret words" not in str(await bridge.world.audit(await bridge.world.login("olga")))


async def test_one_thing_that_is_refused_is_set_aside_and_tried_again_later(
    rt: SmallRt, bridge: Bridge
) -> None:
    first, second = await bridge.open("Refused"), await bridge.open("Taken")
    refused = raw(403, b'{"message":"No permission"}')
    state = {"posts": 0}

    def spoil(method: str, path: str) -> bytes | None:
        state["posts"] += (method, path) == ("POST", "/ticket")
        return refused if (method, path) == ("POST", "/ticket") and state["posts"] <= 1 else None

    rt.spoil = spoil
    await bridge.looks(2)
    assert await bridge.remote_of(second)
    parked = await bridge.parked()
    assert {one.ticket for one in parked} == {first} and {one.code for one in parked} == {"refused"}
    bridge.later(hours=1)
    await bridge.looks(2)
    assert await bridge.parked() == []
    assert await bridge.remote_of(first)
    assert len(rt.own("Create")) == 2


async def test_a_customer_that_the_roster_does_not_know_waits_until_it_does(
    rt: SmallRt, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    queues = (QueueOf(queue="Acme", customer="initech"),)
    async with bridged(tmp_path / "broker", settings_of(rt.url, token, queues=queues)) as bridge:
        remote = rt.open("Early", "bird")
        await bridge.looks(2)
        assert [(one.direction, one.code) for one in await bridge.parked()] == [("in", "not-found")]
        bridge.world.org.customers.append("initech")
        await bridge.world.publish(bridge.world.org.next(), await bridge.world.login("ada"))
        bridge.later(hours=1)
        await bridge.looks(2)
        assert await bridge.parked() == []
        assert len(await bridge.by_external(f"RT#{remote}", who="olga")) == 1


async def test_numbers_without_end_and_names_that_are_paths_do_no_harm(rt: SmallRt, bridge: Bridge) -> None:
    for row in (
        {"id": "9" * 30, "Type": "Create"},
        {"id": "7", "Type": "Create", "ObjectId": "../user/1", "Created": "2026-11-22T00:00:00Z"},
        {"id": "7", "Type": "Create", "ObjectId": "1", "Created": "tomorrow"},
    ):
        answer = raw(200, json.dumps({"items": [row]}).encode())
        rt.spoil = lambda method, path, answer=answer: answer if path == "/transactions" else None  # type: ignore[misc]
        assert await fails(bridge) is Code.MALFORMED
    rt.spoil = lambda method, path: None
    await bridge.look()


class Faulty(RequestTracker):
    """A connector with a fault that one mail finds."""

    async def opening(self, remote: str) -> str:
        found = await super().opening(remote)
        return str(int(found.removeprefix("poison "))) if found.startswith("poison") else found


async def test_words_that_find_a_fault_of_ours_hold_up_nobody_elses(rt: SmallRt, bridge: Bridge) -> None:
    await bridge.look()
    bridge.channel.remote.__class__ = Faulty
    poisoned, sound = rt.open("One", "poison " + "9" * 5_000), rt.open("Two", "sound")
    await bridge.look()
    assert await bridge.by_external(f"RT#{poisoned}") == []
    assert len(await bridge.by_external(f"RT#{sound}")) == 1
    assert [one.code for one in await bridge.parked()] == [Code.NOT_APPLICABLE.value]


async def test_a_password_that_somebody_wrote_does_not_cross(rt: SmallRt, bridge: Bridge) -> None:
    ticket = await bridge.open("password=Zk9canary77", "it is contraseña: Zk9canary77")
    await bridge.take(ticket)
    await bridge.do(ticket, "replies", text="so password=Zk9canary77 it was")
    await bridge.looks()
    sent = json.dumps([rt.tickets, rt.rows])
    assert "it was" in sent and "Zk9canary" not in sent


async def test_many_things_at_once_cross_in_order_and_once(rt: SmallRt, bridge: Bridge) -> None:
    remote = rt.open("Busy", "first words")
    for number in range(60):
        rt.say(remote, f"line {number}")
    await bridge.looks(3)
    (ticket,) = await bridge.by_external(f"RT#{remote}")
    said = [one["text"] for one in (await bridge.detail(ticket))["timeline"] if one["kind"] == "ticket.reply"]
    assert said == [f"line {number}" for number in range(60)]
    assert (await bridge.view(ticket)).state is not State.CANCELLED


async def test_what_the_system_does_by_itself_counts_as_the_doing_of_whoever_set_it_off(
    rt: SmallRt, bridge: Bridge
) -> None:
    remote = rt.open("Automatic", "x")
    start = int(rt.rows[-1]["id"])

    def opened_by_itself(**fields: str) -> None:
        rt.log(int(remote), "Status", "RT_System", OldValue="stalled", NewValue="open", **fields)

    rt.log(int(remote), "Correspond", "relevo", "ours", Data="x")
    opened_by_itself()
    rt.say(remote, "theirs", who="alice")
    opened_by_itself()
    opened_by_itself(Created="2020-01-01T00:00:00Z")
    changes = await bridge.channel.remote.changes(start)
    assert [(type(one).__name__, one.by.name) for one in changes.events] == [
        ("Said", "Alice"),
        ("StateSet", "Alice"),
        ("StateSet", "RT_System"),
    ]


async def test_one_damaged_file_kept_a_removed_connector_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "TICK_S", 0.02)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    async with paired(tmp_path / "broker") as world:
        data, store = world.broker.config.data, world.broker.store

        async def until(names: list[str]) -> None:
            async with asyncio.timeout(20):
                while await store.read(rows.active) != names:
                    await asyncio.sleep(0.01)

        for name in ("damaged", "rt"):
            save(data, settings_of("https://127.0.0.1:9", token, name=name))
        await until(["damaged", "rt"])
        path_of(data, "damaged").write_bytes(b"{")
        remove(data, "rt")
        await until(["damaged"])


@pytest.mark.parametrize(
    "broken",
    [raw(500, b""), raw(200, b"<html>oops</html>"), raw(200, b" " * (9 << 20))],
    ids=["500", "nonsense", "endless"],
)
async def test_a_transaction_that_is_served_broken_is_set_aside_and_the_rest_goes_on(
    rt: SmallRt, bridge: Bridge, broken: bytes
) -> None:
    torn = rt.open("Torn", "never read")
    row = rt.rows[-1]["id"]
    whole = rt.open("Whole", "words")
    rt.spoil = lambda method, path: broken if path.startswith(f"/transaction/{row}/") else None
    for _ in range(TRIES - 1):
        await fails(bridge)
        assert await bridge.parked() == []
    await bridge.look()
    assert len(await bridge.by_external(f"RT#{whole}")) == 1
    (parked,) = await bridge.parked()
    assert (parked.direction, parked.key, parked.ticket, parked.tries) == ("in", row, f"RT#{torn}", 1)
    bridge.later(hours=1)
    await bridge.look()
    assert [one.tries for one in await bridge.parked()] == [2]
    rt.spoil = lambda method, path: None
    bridge.later(hours=1)
    await bridge.look()
    assert await bridge.parked() == []
    assert len(await bridge.by_external(f"RT#{torn}")) == 1
    outcomes = [one["outcome"] for one in await bridge.records("connector.kept") if one["event"] == row]
    assert outcomes == ["set-aside"]


_NONSENSE: dict[str, dict[str, object]] = {
    "its time is none": {"Created": "tomorrow"},
    "its ticket is a path": {"ObjectId": "../user/1"},
    "its fields are of another shape": {"Creator": [], "Data": {"a": 1}},
    "it has no number": {"id": "9" * 30},
}


@pytest.mark.parametrize("how", [*_NONSENSE, "the list fails with it"])
async def test_a_list_with_a_broken_transaction_held_up_its_system_for_ever(
    rt: SmallRt, bridge: Bridge, how: str
) -> None:
    before = rt.open("Before", "words")
    rt.open("Torn", "never read")
    row = rt.rows[-1]
    sound, number = dict(row), row["id"]
    row.update(_NONSENSE.get(how, {}))
    rt.torn = {number} if how not in _NONSENSE else set()
    after = rt.open("After", "words")
    for _ in range(TRIES - 1):
        assert await fails(bridge) in (Code.MALFORMED, Code.UNREACHABLE)
        assert await bridge.parked() == []
        assert await bridge.by_external(f"RT#{after}") == [], "what came later waits for it"
    assert len(await bridge.by_external(f"RT#{before}")) == 1, "what came before it does not"
    await bridge.look()
    assert len(await bridge.by_external(f"RT#{after}")) == 1
    (parked,) = await bridge.parked()
    assert (parked.direction, parked.ticket, parked.tries) == ("in", "RT#?", 1)
    await bridge.looks(2)

    bridge.later(hours=1)
    await bridge.look()
    assert [one.tries for one in await bridge.parked()] == [2], "still broken: later once more"
    rt.torn = set()
    row.clear()
    row.update(sound)
    bridge.later(hours=1)
    await bridge.looks(2)
    assert len(await bridge.by_external("RT#2")) == 1
    if "number" not in how:
        assert await bridge.parked() == []


async def test_two_broken_transactions_wait_no_longer_than_one(rt: SmallRt, bridge: Bridge) -> None:
    for title in ("One", "Two"):
        rt.open(title, "never read")
        rt.rows[-1]["Created"] = "tomorrow"
    for _ in range(TRIES - 1):
        await fails(bridge)
    await bridge.look()
    assert len(await bridge.parked()) == 2


async def test_a_ticket_that_is_served_broken_keeps_nothing_else_from_being_told(
    rt: SmallRt, bridge: Bridge
) -> None:
    torn = await bridge.open("Torn")
    await bridge.look()
    number = await bridge.remote_of(torn)
    await bridge.take(torn)
    await bridge.do(torn, "replies", text="waits")
    whole = await bridge.open("Whole")
    rt.spoil = lambda method, path: raw(500, b"") if path.startswith(f"/ticket/{number}") else None
    for _ in range(40):
        try:
            await bridge.look()
            break
        except RelevoError as error:
            assert error.code is Code.UNREACHABLE
    assert await bridge.remote_of(whole)
    assert {one.ticket for one in await bridge.parked()} == {torn}
    rt.spoil = lambda method, path: None
    bridge.later(hours=1)
    await bridge.looks(2)
    assert await bridge.parked() == []
    assert len(rt.own("Correspond")) == 1


async def test_what_fails_while_the_whole_system_is_down_is_not_set_aside(
    rt: SmallRt, bridge: Bridge
) -> None:
    theirs = rt.open("Theirs", "words")
    rt.spoil = lambda method, path: raw(503, b"")
    for _ in range(2 * TRIES):
        await fails(bridge)
    assert await bridge.parked() == []
    rt.spoil = lambda method, path: None
    await bridge.look()
    assert len(await bridge.by_external(f"RT#{theirs}")) == 1
