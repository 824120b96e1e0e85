"""One lane for each target: takes what is due for it, sends it, marks how it went. No lane waits for another."""

from __future__ import annotations

import asyncio
import functools
import random
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import structlog
from sqlalchemy import Connection

from broker.context import Broker
from broker.outgoing import mails, queue, reading, webhooks
from broker.outgoing.book import Book
from broker.outgoing.figures import Figures
from broker.outgoing.pace import Circuit, End, Outcome
from broker.outgoing.queue import MAIL, Delivery
from broker.outgoing.settings import MailSettings, Webhook
from broker.outgoing.smtp import Mailer
from broker.store.databases import is_storage_fault
from broker.store.engine import Tx
from broker.tickets import rows
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.errors import RelevoError
from protocol.organisation import Organisation
from protocol.wire import facts, to_json

IDLE_S = 2.0
"""How often a lane looks when nobody told it that there is something."""
NOBODY = Outcome(End.DROPPED, "nobody to tell any more")
_log = structlog.get_logger("broker.outgoing")
T = TypeVar("T")


class Lane(ABC):
    """What mail and webhooks have in common. ``run`` goes on until it is cancelled."""

    def __init__(self, broker: Broker, book: Book, figures: Figures, target: str) -> None:
        self._broker = broker
        self._book = book
        self._figures = figures
        self.target = target
        self.circuit = Circuit()
        self.wake = asyncio.Event()
        self._untried: dict[int, Delivery] = {}
        self._context: tuple[str | None, ssl.SSLContext] | None = None

    async def run(self) -> None:
        while True:
            try:
                more = await self.once()
            except RelevoError as error:
                _log.error("not-delivered", target=self.target, code=error.code.value)
                more = False
            except Exception:
                _log.exception("bug", target=self.target)
                more = False
            if not more:
                await self._rest()

    async def _rest(self) -> None:
        self.wake.clear()
        try:
            async with asyncio.timeout(IDLE_S):
                await self.wake.wait()
        except TimeoutError:
            return

    async def once(self) -> bool:
        """One batch; True when there may be more right away.

        Raises:
            RelevoError: as ``Store.read`` and ``Store.write``. What was sent and could not be marked is
                sent again, under the same id.
        """
        allowed = self.circuit.allowance(time.monotonic())
        if not allowed or self._broker.organisation.current is None or self._broker.store.degraded:
            return False
        now = self._broker.clock()
        found = await self._broker.store.read(lambda conn: queue.due(conn, self.target, now, allowed))
        if not found:
            return False
        chance = random.random()  # noqa: S311 - jitter
        claimed = await self._broker.store.write(lambda tx: queue.claim(tx.conn, found, now, chance))
        self._untried = {one.id: one for one in found}
        try:
            await self.deliver(claimed)
        finally:
            left = list(self._untried.values())
            if left:
                await self._broker.store.write(lambda tx: queue.release(tx.conn, left))
        return self.circuit.faults == 0

    async def context(self, ca: str | None) -> ssl.SSLContext:
        """For TLS with the target. Made in a thread: the system's authorities take 20 ms to read."""
        if self._context is None or self._context[0] != ca:
            self._context = ca, await asyncio.to_thread(webhooks.client_context, ca)
        return self._context[1]

    @abstractmethod
    async def deliver(self, found: Sequence[Delivery]) -> None:
        """Send each and ``settle`` each that was tried. Stops early when the target does not answer."""

    def trying(self, one: Delivery) -> None:
        """From here on it may have arrived: it is not released any more."""
        self._untried.pop(one.id, None)

    async def settle(self, tried: Sequence[tuple[Delivery, Outcome]]) -> None:
        """Mark how attempts ended, in one transaction, and learn from them about the target."""
        for _, outcome in tried:
            if outcome.end is End.DOWN:
                self.circuit.failed(time.monotonic(), random.random())  # noqa: S311 - jitter
            elif outcome.end is not End.DROPPED:
                self.circuit.worked()
        states = await self._broker.store.write(lambda tx: [self._mark(tx, *one) for one in tried])
        for (one, outcome), state in zip(tried, states, strict=True):
            self._figures.count(self.target, state)
            if outcome.end not in (End.SENT, End.DROPPED):
                _log.warning("not-delivered", target=self.target, delivery=one.id, ticket=one.ticket,
                             why=outcome.why, state=state)  # fmt: skip

    def _written(self, write: Callable[[], T | None], one: Delivery) -> T | Outcome:
        """What to send, or why there is nothing: a delivery that we cannot write down is given up, so that
        the others are not held up by it."""
        try:
            return write() or NOBODY
        except Exception as error:
            if is_storage_fault(error):
                raise
            _log.exception("bug", target=self.target, delivery=one.id, ticket=one.ticket)
            return Outcome(End.REFUSED, "it cannot be written down: see the broker's log")

    def _mark(self, tx: Tx, one: Delivery, outcome: Outcome) -> str:
        now = self._broker.clock()
        state = queue.mark(tx.conn, one, outcome, now)
        if state == queue.FAILED:
            tx.audit(
                AuditRecord(
                    at=now,
                    actor=Actor(kind=ActorKind.BROKER, id="broker"),
                    action=Action.OUTGOING_FAILED,
                    ticket=one.ticket,
                    customer=rows.load(tx.conn, one.ticket).customer,
                    facts=facts(target=one.target, kind=one.kind, delivery=one.id, why=outcome.why),
                )
            )
        return state


class MailLane(Lane):
    """Mails, one after the other over one connection a batch."""

    async def deliver(self, found: Sequence[Delivery]) -> None:
        settings, org = self._book.current.mail, self._broker.organisation.require()
        if settings is None:
            return

        def query(conn: Connection) -> list[_Written | Outcome]:
            return [self._written(functools.partial(_mail, conn, org, settings, one), one) for one in found]

        written = await self._broker.store.read(query)
        async with Mailer(settings, await self.context(settings.ca)) as mailer:
            for one, mail in zip(found, written, strict=True):
                self.trying(one)
                outcome = mail if isinstance(mail, Outcome) else await mailer.send(mail.content, mail.to)
                await self.settle([(one, outcome)])
                if outcome.end is End.DOWN:
                    return


class _Written(NamedTuple):
    to: str
    content: bytes


def _mail(conn: Connection, org: Organisation, settings: MailSettings, one: Delivery) -> _Written | None:
    mail = reading.mail_of(conn, org, one)
    if mail is None:
        return None
    return _Written(mail.envelope.to, mails.compose(mail.letter, mail.envelope, settings).as_bytes())


class WebhookLane(Lane):
    """Calls to one URL, a few at a time."""

    async def deliver(self, found: Sequence[Delivery]) -> None:
        webhook, org = self._book.current.webhook(self.target), self._broker.organisation.require()
        if webhook is None:
            return

        def query(conn: Connection) -> list[bytes | Outcome]:
            return [
                self._written(functools.partial(_body, conn, org.roster.org, webhook, one), one)
                for one in found
            ]

        left = list(zip(found, await self._broker.store.read(query), strict=True))
        async with webhooks.make_client(await self.context(webhook.ca)) as client:
            while left and (not self.circuit.faults or len(left) == len(found)):
                now, left = left[: webhooks.AT_ONCE], left[webhooks.AT_ONCE :]
                async with asyncio.TaskGroup() as tasks:
                    running = [tasks.create_task(self._one(client, webhook, *each)) for each in now]
                await self.settle([task.result() for task in running])

    async def _one(
        self, client: webhooks.Client, webhook: Webhook, one: Delivery, body: bytes | Outcome
    ) -> tuple[Delivery, Outcome]:
        self.trying(one)
        if isinstance(body, Outcome):
            return one, body
        at = self._broker.clock()
        return one, await webhooks.post(client, webhook, f"msg_{one.message}", body, at)


def _body(conn: Connection, org: str, webhook: Webhook, one: Delivery) -> bytes | None:
    """None where the webhook may not be told any more."""
    event, ticket = reading.one(conn, one.log_index), rows.find(conn, one.ticket)
    if event is None or ticket is None or webhook.customer not in (None, ticket.customer):
        return None
    step = reading.step_of(conn, one.log_index)
    return to_json(webhooks.call_of(org, webhook, event, ticket, step))


def make_lane(broker: Broker, book: Book, figures: Figures, target: str) -> Lane:
    kind = MailLane if target == MAIL else WebhookLane
    return kind(broker, book, figures, target)
