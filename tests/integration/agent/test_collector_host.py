"""The collector host: whatever a collector does, it costs its own time-out and nothing else."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio

from agent.collectors.messages import Settings
from agent.collectors.runner import CollectorHost
from protocol.diagnosis import CollectorResult, Status
from protocol.errors import Code, RelevoError
from tests.support import planted_host

_PLANTED = Path(planted_host.__file__)


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[CollectorHost]:
    host = CollectorHost(planted_host.COLLECTORS, (sys.executable, "-P", str(_PLANTED), str(tmp_path)))
    yield host
    await host.close()


async def run(host: CollectorHost, *names: str) -> dict[str, CollectorResult]:
    async with asyncio.timeout(60):
        return {result.collector: result for result in await host.collect(names, Settings())}


async def appears(path: Path) -> str:
    async with asyncio.timeout(30):
        while not path.exists():
            await asyncio.sleep(0.01)
    return path.read_text()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):  # it may go while it is read
        return False


async def all_gone(pids: Iterable[int]) -> None:
    left = set(pids)
    async with asyncio.timeout(30):
        while left:
            left = {pid for pid in left if alive(pid)}
            await asyncio.sleep(0.01)


async def test_a_collector_answers_with_its_facts_and_what_it_cost(host: CollectorHost) -> None:
    result = (await run(host, "good"))["good"]
    assert result.status is Status.OK
    assert result.fact("answer_count") == 42
    assert result.cost.rss_peak_bytes > 0
    assert result.ended >= result.started


async def test_collectors_run_at_the_same_time(host: CollectorHost) -> None:
    """Each waits for what only the other does: one after the other, both would time out."""
    results = await run(host, "meets-a", "meets-b")
    assert {result.status for result in results.values()} == {Status.OK}


async def test_the_host_stays_for_the_next_run(host: CollectorHost) -> None:
    await run(host, "good")
    first = host.pid
    await run(host, "good")
    assert host.pid == first


async def test_results_come_as_each_ends_and_are_given_in_the_order_of_the_table(host: CollectorHost) -> None:
    seen: list[str] = []

    async def on_done(result: CollectorResult) -> None:
        seen.append(result.collector)

    results = await host.collect(["hangs", "good"], Settings(), on_done)
    assert seen == ["good", "hangs"]
    assert [result.collector for result in results] == ["good", "hangs"]


@pytest.mark.parametrize("name", ["hangs", "burns"])
async def test_one_that_never_ends_is_killed_and_the_others_answer(host: CollectorHost, name: str) -> None:
    results = await run(host, name, "good")
    assert results[name].status is Status.TIMEOUT
    assert results["good"].status is Status.OK


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("crashes", Status.FAILED, "ended: status -11"),
        ("raises", Status.FAILED, "error: ValueError"),
        ("denied", Status.DENIED, "needs-privilege"),
        ("absent", Status.NOT_APPLICABLE, "no-printing"),
        ("floods", Status.FAILED, "output-limit"),
        ("lies", Status.FAILED, "output-malformed"),
        ("ragged", Status.FAILED, "output-malformed"),
        ("eats", Status.FAILED, "memory-limit"),
        ("elsewhere", Status.NOT_APPLICABLE, f"platform: {sys.platform}"),
        ("partial", Status.PARTIAL, "needs-privilege"),
    ],
)
async def test_each_way_to_fail_has_its_own_answer(
    host: CollectorHost, name: str, status: Status, reason: str
) -> None:
    results = await run(host, name, "good")
    assert (results[name].status, results[name].reason) == (status, reason)
    assert results["good"].status is Status.OK


async def test_the_text_of_an_error_does_not_leave_the_collector(host: CollectorHost) -> None:
    result = (await run(host, "raises"))["raises"]
    assert "hunter2" not in repr(result)


async def test_a_flood_on_stdout_and_stderr_goes_nowhere(host: CollectorHost) -> None:
    results = await run(host, "floods-standard", "good")
    assert {result.status for result in results.values()} == {Status.OK}


async def test_a_grandchild_in_its_own_session_does_not_outlive_its_collector(
    host: CollectorHost, tmp_path: Path
) -> None:
    assert (await run(host, "escapes"))["escapes"].status is Status.OK
    await all_gone([int((tmp_path / "escaped").read_text())])


async def test_a_fork_bomb_ends_with_its_collector(host: CollectorHost, tmp_path: Path) -> None:
    results = await run(host, "bombs", "good")
    assert results["bombs"].status is Status.TIMEOUT
    assert results["good"].status is Status.OK
    await all_gone(int(path.read_text()) for path in tmp_path.glob("bomb*"))


async def test_an_unknown_collector_is_refused_before_anything_runs(host: CollectorHost) -> None:
    with pytest.raises(RelevoError) as refused:
        await host.collect(["good", "rm-rf"], Settings())
    assert refused.value.code is Code.NOT_FOUND
    assert host.pid is None


async def test_a_killed_host_fails_what_was_running_and_takes_it_along(
    host: CollectorHost, tmp_path: Path
) -> None:
    running = asyncio.create_task(run(host, "waits", "good"))
    pid = int(await appears(tmp_path / "waiting"))
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)
    results = await running
    assert (results["waits"].status, results["waits"].reason) == (Status.FAILED, "host-ended")
    await all_gone([pid])
    assert (await run(host, "good"))["good"].status is Status.OK


async def test_cancelling_ends_the_host_and_the_next_run_has_a_new_one(
    host: CollectorHost, tmp_path: Path
) -> None:
    running = asyncio.create_task(run(host, "waits"))
    pid = int(await appears(tmp_path / "waiting"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await all_gone([pid])
    assert (await run(host, "good"))["good"].status is Status.OK


async def test_closing_ends_collectors_that_still_run(host: CollectorHost, tmp_path: Path) -> None:
    running = asyncio.create_task(run(host, "waits"))
    pid = int(await appears(tmp_path / "waiting"))
    await host.close()
    await all_gone([pid])
    assert (await running)["waits"].reason == "host-ended"


async def test_two_runs_wait_for_each_other(host: CollectorHost) -> None:
    first, second = await asyncio.gather(run(host, "good"), run(host, "partial"))
    assert first["good"].status is Status.OK
    assert second["partial"].status is Status.PARTIAL


async def test_an_error_of_the_listener_reaches_the_caller_and_the_host_recovers(host: CollectorHost) -> None:
    async def on_done(_result: CollectorResult) -> None:
        raise RelevoError(Code.SESSION_ENDED, "gone")

    with pytest.raises(RelevoError) as ended:
        await host.collect(["good"], Settings(), on_done)
    assert ended.value.code is Code.SESSION_ENDED
    assert (await run(host, "good"))["good"].status is Status.OK
