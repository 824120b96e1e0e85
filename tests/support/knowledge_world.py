"""A broker with a small knowledge base: who reads what, and words in two languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from protocol.scopes import Role
from tests.support.broker_world import Answer, World, paired

PRINTER_ES = {
    "title": "La impresora no imprime",
    "symptoms": "Los trabajos se quedan en la cola de impresión y no sale nada",
    "body": "Reinicie la cola.\n\n1. Abra la configuración.\n2. Pulse **Reanudar**.",
}
PRINTER_EN = {"title": "Printing stops", "symptoms": "Jobs wait in the print queue", "body": "Restart it."}


class Desk:
    """The broker, and people at it: toni L1, dos L2 and tres L3 at acme, gil L2 at globex."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._tokens: dict[str, str] = {}

    def forward(self, **delta: float) -> None:
        """Time passes; everybody logs in anew."""
        self.world.clock.forward(**delta)
        self.world.org.now = self.world.clock.now
        self._tokens.clear()

    async def call(self, who: str, method: str, path: str, body: object = None) -> Answer:
        if who not in self._tokens:
            self._tokens[who] = await self.world.login(who)
        return await self.world.call(method, path, body, self._tokens[who])

    async def ok(self, who: str, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = await self.call(who, method, path, body)
        assert answer.status == 200, (path, answer.body)
        view: dict[str, Any] = answer.json
        return view

    async def code(self, who: str, method: str, path: str, body: object = None) -> str:
        answer = await self.call(who, method, path, body)
        assert answer.status >= 400, (path, answer.body)
        return answer.code

    async def write(self, who: str = "toni", **text: Any) -> str:
        """A draft."""
        text = {"visibility": "L1", "es": PRINTER_ES} | text
        made = await self.ok(who, "POST", "/v1/articles", {"text": text})
        article: str = made["article"]
        return article

    async def publish(self, who: str = "dos", by: str = "tres", **text: Any) -> str:
        """A published article of ``who``, let through by ``by``."""
        article = await self.write(who, **text)
        submitted = await self.ok(who, "POST", f"/v1/articles/{article}/submit", {})
        read = {"version": submitted["version"]}
        await self.ok(by, "POST", f"/v1/articles/{article}/publish", read)
        return article

    async def found(self, who: str, query: str, ticket: str | None = None, **more: Any) -> list[str]:
        path = "/v1/articles/search" if ticket is None else f"/v1/tickets/{ticket}/kb-searches"
        answer = await self.ok(who, "POST", path, {"query": query, **more})
        return [hit["article"] for hit in answer["hits"]]

    async def listed(self, who: str, query: str = "") -> list[str]:
        answer = await self.ok(who, "GET", f"/v1/articles?{query}")
        return [row["article"] for row in answer["rows"]]

    async def ticket(self, who: str = "toni", customer: str = "acme", **more: Any) -> str:
        made = await self.ok(who, "POST", "/v1/tickets", {"title": "No imprime", "customer": customer} | more)
        ticket: str = made["ticket"]
        return ticket


@asynccontextmanager
async def knowledge_desk(folder: Path) -> AsyncIterator[Desk]:
    async with paired(folder) as world:
        world.org.add("dos", Role.TECHNICIAN, tiers={"acme": 2})
        world.org.add("tres", Role.TECHNICIAN, tiers={"acme": 3})
        world.org.add("zoe", Role.TECHNICIAN, tiers={"globex": 3})
        world.org.add("vera", Role.EXPERT)
        published = await world.publish(world.org.next(), await world.login("ada"))
        assert published.status == 200, published.body
        yield Desk(world)
