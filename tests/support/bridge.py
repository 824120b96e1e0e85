"""A broker in this process and a connector that the test moves by hand, one look at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from broker.connectors import rows
from broker.connectors.channel import Channel
from broker.connectors.keeper import round_trip
from broker.connectors.meters import Meters
from broker.connectors.settings import ConnectorSettings, QueueOf, make
from broker.tickets.rows import load
from protocol.api import TicketView
from tests.support.broker_world import World, paired

QUEUES = (QueueOf(queue="Acme", customer="acme"), QueueOf(queue="Globex", customer="globex"))


def settings_of(url: str, token_file: Path, **changes: Any) -> ConnectorSettings:
    given: dict[str, Any] = {
        "name": "rt",
        "system": "rt",
        "url": url,
        "token_file": str(token_file),
        "queues": QUEUES,
        **changes,
    }
    return ConnectorSettings(**given)


class Bridge:
    def __init__(self, world: World, settings: ConnectorSettings, channel: Channel) -> None:
        self.world = world
        self.settings = settings
        self.channel = channel
        self.meters = Meters(CollectorRegistry())

    async def look(self) -> None:
        """One round, both ways."""
        await round_trip(self.channel, self.meters, 0.0)

    async def looks(self, times: int = 3) -> None:
        for _ in range(times):
            await self.look()

    # --- here ----------------------------------------------------------------------------------

    async def call(self, method: str, path: str, body: Any = None, who: str = "toni") -> Any:
        import json

        content = None if body is None else json.dumps(body).encode()
        answer = await self.world.call(method, path, content, token=await self.world.login(who))
        assert answer.status in (200, 204), (path, answer.status, answer.body)
        return answer.json if answer.body else None

    async def open(self, title: str = "Printer", text: str = "It does not print", who: str = "toni") -> str:
        body = {"title": title, "description": text, "customer": "acme" if who == "toni" else "globex"}
        return str((await self.call("POST", "/v1/tickets", body, who))["ticket"])

    async def do(self, ticket: str, what: str, who: str = "toni", **body: Any) -> None:
        await self.call("POST", f"/v1/tickets/{ticket}/{what}", body, who)

    async def take(self, ticket: str, who: str = "toni") -> None:
        await self.do(ticket, "take", who)

    async def resolve(self, ticket: str, text: str = "Cable plugged in") -> None:
        await self.do(ticket, "resolve", resolution=text, cause="hardware", no_article_reason="a cable")

    async def view(self, ticket: str) -> TicketView:
        return await self.world.broker.store.read(lambda conn: load(conn, ticket))

    async def detail(self, ticket: str, who: str = "toni") -> dict[str, Any]:
        found: dict[str, Any] = await self.call("GET", f"/v1/tickets/{ticket}", who=who)
        return found

    async def by_external(self, external: str, who: str = "toni") -> list[str]:
        from urllib.parse import quote

        found = await self.call("GET", f"/v1/tickets?external={quote(external)}", who=who)
        return [row["ticket"] for row in found["rows"]]

    async def remote_of(self, ticket: str) -> str:
        link = await self.world.broker.store.read(lambda conn: rows.link_of(conn, "rt", ticket))
        assert link is not None, ticket
        return link.remote

    async def status(self) -> Any:
        return await self.world.broker.store.read(lambda conn: rows.find(conn, "rt"))

    async def parked(self) -> list[rows.Parked]:
        return await self.world.broker.store.read(lambda conn: rows.parked(conn, "rt", 100))

    async def records(self, action: str) -> list[dict[str, str]]:
        """The facts of each audit record of this action."""
        found = await self.world.audit(await self.world.login("olga"))
        return [
            {fact["key"]: fact["value"] for fact in one["facts"]} for one in found if one["action"] == action
        ]

    def later(self, **delta: float) -> None:
        self.world.clock.forward(**delta)  # type: ignore[attr-defined]


@asynccontextmanager
async def bridged(
    folder: Path, settings: ConnectorSettings, deadline_s: float = 20.0
) -> AsyncIterator[Bridge]:
    """A paired broker and a connector that has looked once: what happens from here on counts."""
    async with paired(folder) as world, connected(world, settings, deadline_s) as bridge:
        await bridge.look()
        yield bridge


@asynccontextmanager
async def connected(
    world: World, settings: ConnectorSettings, deadline_s: float = 20.0
) -> AsyncIterator[Bridge]:
    broker = world.broker
    await broker.store.write(lambda tx: rows.start(tx.conn, settings.name, b"test"))
    row = await broker.store.read(lambda conn: rows.find(conn, settings.name))
    remote = make(settings, world.org.org, deadline_s)
    assert row is not None
    try:
        yield Bridge(world, settings, Channel(broker, settings, remote, row.secret))
    finally:
        await remote.aclose()
