"""The sessions of this machine: offers become requests, answers become consents, ends are certain."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta

from agent import messages, supervisor
from agent.folder import Folder
from agent.requests import Held, find_request
from protocol import link
from protocol.documents import Basis
from protocol.errors import Code, RelevoError
from protocol.link import EndReason
from protocol.scopes import Scope

_logger = logging.getLogger(__name__)
MAX_SESSIONS = 8
OFFERS_A_MINUTE = 30
"""More than this are refused unread: each one costs a worker process, and a broker may lie for fun."""
_MOST_UNHEARD = 32
_CONSENT_S = 15.0
"""A worker signs and journals within this; longer means it hangs."""


class Sessions:
    """Owns the workers. All methods run in the agent's one event loop."""

    def __init__(
        self, folder: Folder, tell: Callable[[link.FromAgent], None], journal_grew: Callable[[], None]
    ) -> None:
        """``tell`` sends to the broker, or drops the message while the link is down."""
        self._folder = folder
        self._tell = tell
        self._journal_grew = journal_grew
        self._serving: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.Task[None]] = set()
        self._workers: dict[str, supervisor.Worker] = {}
        self._held: dict[str, Held] = {}
        self._why: dict[str, EndReason] = {}
        self._answers: dict[str, asyncio.Future[Code | None]] = {}
        self._offers: deque[float] = deque(maxlen=OFFERS_A_MINUTE)
        self._unheard: dict[str, link.ConsentGiven | link.OfferRefused] = {}

    # --- what the broker says ------------------------------------------------------------------

    def live(self) -> tuple[str, ...]:
        return tuple(self._workers)

    def reconnected(self) -> None:
        """Say again what the broker may have missed while the link was down; saying it twice is safe."""
        for grant, message in list(self._unheard.items()):
            self._tell(message)
            if isinstance(message, link.OfferRefused):
                del self._unheard[grant]

    async def offer(self, offer: link.Offer, grant: str) -> None:
        """Start a worker that verifies the offer; it is shown only once it holds."""
        if grant in self._workers:
            return
        if len(self._workers) >= MAX_SESSIONS or self._too_many_offers():
            self._tell(link.OfferRefused(grant=grant, code=Code.RATE_LIMITED, refusal=None))
            return
        start = messages.Start(
            data=str(self._folder.root),
            grant=offer.grant,
            ticket_title=offer.ticket_title,
            invitation=offer.invitation,
        )
        try:
            worker = await supervisor.start(self._folder, start, grant)
        except (RelevoError, OSError) as error:
            _logger.warning("no worker for %s: %s", grant, error)
            self._tell(link.OfferRefused(grant=grant, code=Code.CANNOT_RECORD, refusal=None))
            return
        self._workers[grant] = worker
        _own(self._serving, self._serve(worker, offer.ticket_title))

    def join(self, message: link.Join) -> None:
        worker = self._workers.get(message.grant)
        if worker is None:
            self._tell(link.SessionEnded(grant=message.grant, why=EndReason.AGENT_FAILED))
            return
        self._unheard.pop(message.grant, None)
        worker.send(messages.JoinLeg(leg=message.leg, token=message.token))

    def end(self, grant: str, why: EndReason) -> None:
        """Ask the worker to finish; it is killed if it does not."""
        self._unheard.pop(grant, None)
        worker = self._workers.get(grant)
        if worker is None:
            return
        self._why.setdefault(grant, why)
        worker.send(messages.Finish(why=why))
        _own(self._serving, worker.end())

    def repository_changed(self) -> None:
        for worker in self._workers.values():
            worker.send(messages.Refresh())

    # --- what the user says --------------------------------------------------------------------

    def requests(self) -> tuple[messages.RequestView, ...]:
        return tuple(request for held in self._held.values() for request in held.requests())

    def rows(self) -> tuple[messages.SessionRow, ...]:
        return tuple(held.row() for held in self._held.values() if not held.waiting)

    async def allow(self, message: messages.Allow) -> None:
        """The user agreed, to all or less.

        Raises:
            RelevoError: ``not-found``, ``scope-not-allowed``, ``usage``, or what the worker answers
                (``cannot-record``: then nothing was granted).
        """
        held, request = find_request(self._held.values(), message.request)
        if request.kind == "fix":
            self._answer(held, request.id, Code.CONSENT_DENIED, allowed=True)
            return
        scopes = message.scopes or request.scopes
        outside = [scope for scope in scopes if scope not in request.scopes]
        if outside:
            raise RelevoError(Code.SCOPE_NOT_ALLOWED, ", ".join(outside))
        until = held.verified.grant.ends
        if message.minutes:
            until = min(until, datetime.now(UTC) + timedelta(minutes=message.minutes))
        await self._decide(held, scopes, until, Basis(act="user", channel="command"))

    async def deny(self, message: messages.Deny) -> None:
        """The user said no. Raises RelevoError: ``not-found``, ``usage``."""
        held, request = find_request(self._held.values(), message.request)
        if request.kind == "fix":
            self._answer(held, request.id, Code.CONSENT_DENIED, allowed=False)
        else:
            self._refuse(held, Code.CONSENT_DENIED)

    def stop(self, *, requests: bool) -> int:
        """End every open session at once; with ``requests`` refuse what is being asked too."""
        ended = 0
        for grant, held in list(self._held.items()):
            if held.waiting:
                if requests:
                    self._refuse(held, Code.CONSENT_DENIED)
                continue
            self.end(grant, EndReason.USER_STOP)
            ended += 1
        return ended

    async def close(self) -> None:
        """End everything and wait until every worker is gone."""
        for grant in self.live():
            self.end(grant, EndReason.USER_STOP)
        for timer in self._timers:
            timer.cancel()
        while self._serving:
            await asyncio.wait(self._serving)

    # --- inside --------------------------------------------------------------------------------

    def _too_many_offers(self) -> bool:
        now = asyncio.get_running_loop().time()
        if len(self._offers) == OFFERS_A_MINUTE and now - self._offers[0] < 60.0:
            return True
        self._offers.append(now)
        return False

    async def _decide(self, held: Held, scopes: tuple[Scope, ...], until: datetime, basis: Basis) -> None:
        grant = held.verified.grant.grant
        if grant in self._answers:
            raise RelevoError(Code.CONFLICT, f"request {grant[:8]} is being answered")
        answered: asyncio.Future[Code | None] = asyncio.get_running_loop().create_future()
        self._answers[grant] = answered
        try:
            self._workers[grant].send(messages.Decide(scopes=scopes, until=until, basis=basis, code=None))
            async with asyncio.timeout(_CONSENT_S):
                code = await answered
        except TimeoutError as error:
            self.end(grant, EndReason.AGENT_FAILED)
            raise RelevoError(Code.TIMEOUT, "the session's worker did not answer") from error
        finally:
            del self._answers[grant]
        if code is not None:
            raise RelevoError(code, grant)

    def _refuse(self, held: Held, code: Code) -> None:
        grant = held.verified.grant.grant
        self._why.setdefault(grant, EndReason.DENIED if code is Code.CONSENT_DENIED else EndReason.NO_ANSWER)
        self._workers[grant].send(messages.Decide(scopes=(), until=None, basis=None, code=code))
        self._held.pop(grant, None)

    def _answer(self, held: Held, question: str, code: Code, *, allowed: bool) -> None:
        held.questions.pop(question, None)
        worker = self._workers.get(held.verified.grant.grant)
        if worker is not None:
            worker.send(messages.Answer(question=question, allowed=allowed, code=None if allowed else code))

    async def _serve(self, worker: supervisor.Worker, ticket_title: str) -> None:
        grant = worker.grant

        async def received(message: messages.FromWorker) -> None:
            await self._received(worker, ticket_title, message)

        try:
            await worker.pump(received)
        finally:
            self._workers.pop(grant, None)
            self._held.pop(grant, None)
            answered = self._answers.get(grant)
            if answered is not None and not answered.done():
                answered.set_result(Code.SESSION_ENDED)
            self._tell(link.SessionEnded(grant=grant, why=self._why.pop(grant, EndReason.AGENT_FAILED)))

    async def _received(
        self, worker: supervisor.Worker, ticket_title: str, message: messages.FromWorker
    ) -> None:
        grant = worker.grant
        held = self._held.get(grant)
        match message:
            case messages.Verified():
                held = self._held[grant] = Held(message, ticket_title)
                self._tell(link.OfferShown(grant=grant))
                _own(self._timers, self._wait_for_answer(held))
            case messages.Refused():
                self._why[grant] = EndReason.REFUSED
                self._settle(grant, message.code)
                self._say(link.OfferRefused(grant=grant, code=message.code, refusal=message.refusal))
            case messages.Consented() if held is not None:
                held.consented, held.until = message.scopes, message.until
                self._settle(grant, None)
                self._say(link.ConsentGiven(grant=grant, consent=message.consent))
            case messages.Opened() if held is not None:
                held.open = True
            case messages.Question() if held is not None:
                held.questions[message.id] = message
                _own(self._timers, self._wait_for_question(held, message))
            case messages.JournalGrew():
                self._journal_grew()
            case messages.Finished():
                self._why.setdefault(grant, message.why)
            case _:
                _logger.debug("message of %s is of no use now", grant)

    def _say(self, message: link.ConsentGiven | link.OfferRefused) -> None:
        self._unheard[message.grant] = message
        while len(self._unheard) > _MOST_UNHEARD:
            del self._unheard[next(iter(self._unheard))]
        self._tell(message)

    def _settle(self, grant: str, code: Code | None) -> None:
        answered = self._answers.get(grant)
        if answered is not None and not answered.done():
            answered.set_result(code)

    async def _wait_for_answer(self, held: Held) -> None:
        """Consent by the floor at once, or nobody answered in time."""
        grant = held.verified.grant
        if held.verified.automatic:
            try:
                await self._decide(
                    held, held.verified.askable, grant.ends, Basis(act="floor", channel="floor")
                )
            except RelevoError as error:
                _logger.warning("consent by the floor for %s failed: %s", grant.grant, error)
            return
        await asyncio.sleep(max(0.0, (grant.establish_by - datetime.now(UTC)).total_seconds()))
        if held.waiting and self._held.get(grant.grant) is held:
            self._refuse(held, Code.CONSENT_TIMEOUT)

    async def _wait_for_question(self, held: Held, question: messages.Question) -> None:
        await asyncio.sleep(max(0.0, (question.answer_by - datetime.now(UTC)).total_seconds()))
        if question.id in held.questions:
            self._answer(held, question.id, Code.CONSENT_TIMEOUT, allowed=False)


def _own(tasks: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
    """Run ``work`` as a task that ``tasks`` holds until it is done; a failure of it is logged."""

    def done(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.error("session task failed", exc_info=error)

    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(done)
