"""How long a session's worker believes what the broker last vouched for, whatever the clock says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from agent.folder import Folder, Membership
from agent.worker import clock, trust
from agent.worker.trust import Trust
from protocol.errors import Code, RelevoError
from protocol.scopes import Mode
from tests.support.http_broker import HttpBroker
from tests.support.https_server import https
from tests.support.tuf_broker import organisation


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[HttpBroker]:
    broker = HttpBroker(tmp_path)
    _, broker.files, root = organisation(tmp_path, datetime.now(UTC))
    with https(broker) as server:
        folder = Folder(tmp_path / "agent")
        membership = Membership(
            agent="ag-" + "a" * 32, org="org-" + "a" * 32, org_name="Ayuda", customer="acme",
            mode=Mode.ATTENDED, url=server.url, tls_sha256=server.tls_sha256, root_sha256=root,
        )  # fmt: skip
        broker.trust = Trust(folder, membership)  # type: ignore[attr-defined]
        yield broker
        broker.trust.close()  # type: ignore[attr-defined]


async def code_of(work: object) -> Code | None:
    try:
        await work  # type: ignore[misc]
    except RelevoError as error:
        return error.code
    return None


async def test_a_clock_that_is_set_back_does_not_make_old_word_new(
    broker: HttpBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted: Trust = broker.trust  # type: ignore[attr-defined]
    await trusted.refresh()
    assert await code_of(trusted.for_fixes()) is None
    broker.files = None  # every request fails from now on
    real = clock.passed
    monkeypatch.setattr(trust, "passed", lambda: real() + 6 * 60)
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=3), tick=True):
        assert await code_of(trusted.for_fixes()) is Code.STALE_TRUST
        assert await code_of(trusted.for_reading()) is None
        monkeypatch.setattr(trust, "passed", lambda: real() + 31 * 60)
        assert await code_of(trusted.for_reading()) is Code.STALE_TRUST


@pytest.mark.parametrize(("minutes", "fixes", "reading"), [(4, None, None), (6, Code.STALE_TRUST, None),
                                                            (31, Code.STALE_TRUST, Code.STALE_TRUST)])  # fmt: skip
async def test_without_a_broker_fixes_end_after_five_minutes_and_reading_after_thirty(
    broker: HttpBroker, minutes: int, fixes: Code | None, reading: Code | None
) -> None:
    trusted: Trust = broker.trust  # type: ignore[attr-defined]
    await trusted.refresh()
    broker.files = None
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=True):
        assert await code_of(trusted.for_fixes()) is fixes
        assert await code_of(trusted.for_reading()) is reading


async def test_sleeping_until_a_time_ends_after_as_much_time_although_the_clock_was_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    began = clock.passed()
    monkeypatch.setattr(clock, "passed", lambda: began + 3_601)
    with time_machine.travel(now - timedelta(days=1), tick=True):
        await clock.sleep_until(now + timedelta(hours=1), now, began)
