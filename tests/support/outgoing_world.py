"""A broker with mail and a webhook set up, driven by hand: what happens is followed and sent when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.outgoing import queue
from broker.outgoing.queue import Delivery
from broker.outgoing.settings import MailSettings, SettingsFiles, Webhook, new_secret, new_webhook_id
from protocol.api import TicketNew
from protocol.desk import Ability, Desk, Queue
from protocol.scopes import Role
from tests.support.broker_world import World, paired
from tests.support.receivers import Mailbox, Target

ANA = "ana@user.test"
TONI = "toni@desk.test"
LIA = "lia@desk.test"
SECOND = "second@desk.test"
DEADLINE_S = 60.0
DESK = Desk(
    queues=(Queue(id="second", tier=2, email=SECOND), Queue(id="first", tier=1, members=("toni", "lia"))),
    abilities=(
        Ability(technician="toni", email=TONI, mail_language="es"),
        Ability(technician="lia", email=LIA),
        Ability(technician="gil", email="gil@desk.test"),
    ),
)


@dataclass
class Outside:
    """The broker and who it writes to."""

    world: World
    files: SettingsFiles

    async def ticket(self, title: str = "No imprime", who: str = "toni", **more: Any) -> str:
        new = TicketNew(
            **{"title": title, "customer": "acme", "contact_email": ANA, "language": "es", **more}
        )
        answer = await self.world.call("POST", "/v1/tickets", new, await self.world.login(who))
        assert answer.status == 200, answer.body
        return str(answer.json["ticket"])

    async def act(self, ticket: str, how: str, body: object = b"{}", who: str = "toni") -> Any:
        answer = await self.world.call(
            "POST", f"/v1/tickets/{ticket}/{how}", body, await self.world.login(who)
        )
        assert answer.status == 200, answer.body
        return answer.json

    def mail_through(self, box: Mailbox, **more: Any) -> None:
        plain: dict[str, Any] = {"host": "127.0.0.1", "sender": "help@desk.test", "security": "plaintext"}
        self.files.write_mail(MailSettings(**{**plain, "port": box.port, **more}))

    def webhook_to(self, target: Target, **more: Any) -> Webhook:
        made = Webhook(
            id=new_webhook_id(), url=target.url, secret=new_secret(), created=datetime.now(UTC), **more
        )
        self.files.add_webhook(made)
        return made

    async def deliveries(self, *states: str) -> list[Delivery]:
        wanted = states or (queue.QUEUED, queue.SENT, queue.FAILED, queue.DROPPED)
        return await self.world.broker.store.read(lambda conn: queue.listed(conn, wanted, 2_000))

    async def until(self, what: Callable[[], Any]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not what():
                await asyncio.sleep(0.01)

    async def ended(self, count: int, state: str = queue.SENT) -> list[Delivery]:
        """Wait until so many deliveries have that state."""
        async with asyncio.timeout(DEADLINE_S):
            while len(found := await self.deliveries(state)) < count:
                await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def outside(folder: Path, desk: Desk = DESK) -> AsyncIterator[Outside]:
    async with paired(folder) as world:
        world.org.add("lia", Role.TECHNICIAN, tiers={"acme": 1})
        world.org.add("sam", Role.TECHNICIAN, tiers={"acme": 2})
        world.org.desk = desk
        answer = await world.publish(world.org.next(), await world.login("ada"))
        assert answer.status == 200, answer.body
        yield Outside(world, SettingsFiles(folder))
