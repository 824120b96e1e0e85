"""Relevo and a real Request Tracker 5 when one of them dies: nothing is lost, nothing is done twice.

The broker is a process of its own, set up by its own commands.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.api import TicketMove, TicketNew, TicketText
from protocol.wire import to_json
from tests.peers.meddling import Meddler, meddling
from tests.peers.rt_instance import RequestTracker
from tests.support.broker_process import Served, login, make, pair, run_cli
from tests.support.broker_world import Org
from tests.support.world import wait_until

SECONDS = 60.0


class Site:
    """A broker that can be killed and started again, connected to RT through the man in the middle."""

    def __init__(self, data: Path, rt: RequestTracker, middle: Meddler) -> None:
        self.data, self.rt, self.middle = data, rt, middle
        self.org: Org = make(data)
        self.served = Served(data)
        pair(self.served, self.org)
        done = self.cli(
            "add",
            "rt",
            "--url",
            middle.url,
            "--token-file",
            rt.token_file,
            "--queue",
            "Acme=acme",
            "--poll",
            "1",
        )
        assert json.loads(done)[0]["queues"] == [{"queue": "Acme", "customer": "acme"}]
        self.until_heard()

    def cli(self, *arguments: str | Path, status: int = 0) -> str:
        done = run_cli("connector", *arguments, "--data", self.data, "--json")
        assert done.returncode == status, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.cli("status"))[0]
        return found

    def until_heard(self) -> None:
        wait_until("RT was heard", lambda: self.status()["heard_cursor"] is not None, seconds=SECONDS)

    def kill(self) -> None:
        self.served.stop(signal.SIGKILL)

    def start(self) -> None:
        self.served = Served(self.data)

    def open(self, title: str) -> str:
        new = TicketNew(title=title, customer="acme")
        return str(self._post("/v1/tickets", new)["ticket"])

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        http = self.served.http(login(self.served, self.org, "toni"))
        found: dict[str, Any] = json.loads(http.request("POST", path, to_json(body)).body)
        return found

    def take(self, ticket: str) -> None:
        self._post(f"/v1/tickets/{ticket}/take", TicketMove())

    def reply(self, ticket: str, text: str) -> None:
        self._post(f"/v1/tickets/{ticket}/replies", TicketText(text=text))

    def external(self, ticket: str) -> list[str]:
        http = self.served.http(login(self.served, self.org, "toni"))
        found: list[str] = json.loads(http.request("GET", f"/v1/tickets/{ticket}").body)["external"]
        return found

    def there(self, title: str) -> list[dict[str, Any]]:
        return self.rt.tickets(f"Subject = '{title}'")


@pytest.fixture(scope="module")
def site(rt: RequestTracker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with meddling(rt.url) as middle:
        made = Site(tmp_path_factory.mktemp("site") / "broker", rt, middle)
        yield made
        made.kill()


def test_a_broker_that_is_killed_after_making_a_ticket_there_makes_no_second(site: Site) -> None:
    site.middle.lose("POST", "/ticket", site.kill)
    ticket = site.open("Killed between")
    assert site.middle.done.wait(SECONDS)
    assert len(site.there("Killed between")) == 1
    site.start()
    wait_until("the link", lambda: site.external(ticket), seconds=SECONDS)
    assert len(site.there("Killed between")) == 1
    assert site.external(ticket) == [f"RT#{site.there('Killed between')[0]['id']}"]


def test_a_broker_that_is_killed_after_a_reply_there_says_it_once(site: Site) -> None:
    ticket = site.open("Said once")
    site.take(ticket)
    wait_until("it is there", lambda: site.external(ticket), seconds=SECONDS)
    site.middle.lose("POST", "/correspond", site.kill)
    site.reply(ticket, "only once")
    assert site.middle.done.wait(SECONDS)
    site.start()
    wait_until("nothing waits", lambda: site.status()["behind"] == 0, seconds=SECONDS)
    remote = site.there("Said once")[0]["id"]
    assert len(site.rt.of_kind(remote, "Correspond", by="relevo")) == 1


def test_when_rt_was_down_everything_is_caught_up_with(site: Site) -> None:
    site.rt.kill()
    ticket = site.open("While it was down")
    failing = wait_until(
        "the failure shows", lambda: (found := site.status())["state"] == "failing" and found, seconds=SECONDS
    )
    assert failing["error"] == "unreachable" and failing["behind"] >= 1
    assert site.external(ticket) == []
    site.rt.start()
    remote = site.rt.open("Opened while nobody looked", "x")
    wait_until("it is caught up", lambda: site.external(ticket), seconds=SECONDS)
    found = wait_until(
        "all is well",
        lambda: (now := site.status())["state"] == "ok" and not now["behind"] and now,
        seconds=SECONDS,
    )
    assert (found["error"], found["parked"]) == (None, [])
    http = site.served.http(login(site.served, site.org, "toni"))
    listed = json.loads(http.request("GET", f"/v1/tickets?external=RT%23{remote}").body)
    assert [row["title"] for row in listed["rows"]] == ["Opened while nobody looked"]
    metrics = site.served.http().request("GET", "/metrics").body.decode()
    assert 'relevo_connector_crossings_total{connector="rt",direction="in",kind="opened"}' in metrics
    assert 'relevo_connector_failing{connector="rt"} 0.0' in metrics


def test_a_removed_connector_crosses_nothing_and_a_test_says_who_we_are(site: Site) -> None:
    assert json.loads(site.cli("test", "rt"))["user"] == "relevo"
    assert "unauthenticated" not in site.cli("list")
    site.cli("remove", "rt")
    assert json.loads(site.cli("list")) == []
    site.cli("remove", "rt", status=3)
    ticket = site.open("After removal")
    assert site.external(ticket) == []
    assert run_cli("check", "--data", site.data).returncode == 0
