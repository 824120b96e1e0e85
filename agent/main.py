"""The agent's main process: idle most of its life, light, and the only keeper of the user's answers.

It imports neither `cryptography` nor `asyncssh` nor `tuf` (a test checks): what needs them happens in
session workers and short-lived children.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import platform
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from agent import messages, processes, supervisor
from agent.conversations import Conversations
from agent.folder import Folder, Membership
from agent.journal import Journal
from agent.link import Link
from agent.local import LocalServer
from agent.selfservice.bridge import Bridge
from agent.selfservice.records import Records
from agent.sessions import Sessions
from agent.trends.keeper import Trends
from protocol import VERSION, link
from protocol.documents import Grant
from protocol.drivers.files import write_private
from protocol.drivers.locks import locked
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.wire import Wire, from_json, to_json

_logger = logging.getLogger(__name__)
_ANSWER_S = 15.0
_LINK_S = 5.0
"""`ask` right after `run` finds the link still coming up."""
_JOURNAL_BATCH = 64
_JOURNAL_LOOK_S = 30.0
_PROOF_S = 15.0


class LinkState(Wire, frozen=True):
    """Written for `status` and the ``agent`` collector."""

    online: bool
    since: datetime | None
    last_error: Code | None
    pid: int


class Agent:
    """One running agent for one folder."""

    def __init__(self, folder: Folder, membership: Membership, journal: Journal) -> None:
        self._folder = folder
        self._membership = membership
        self._journal = journal
        self._link = Link(membership, VERSION, platform.platform(terse=True), self._prove, self)
        self._journal_news = asyncio.Event()
        self._sessions = Sessions(folder, self._tell, self._journal_news.set)
        self._trends = Trends(folder, membership.mode, self._link.send)
        self._refs = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[link.FromBroker]] = {}
        self._conversations = Conversations(self._ask, self._refs.__next__)
        self._bridge = Bridge(folder)
        self._records = Records(folder, self._tell_record)
        self._since: datetime | None = None
        self._online = False
        self._last_error: Code | None = None
        self._sent_upto = 0

    async def run(self, ready: Callable[[], None]) -> None:
        """Until SIGTERM or SIGINT. Open sessions end with the agent. ``ready`` is called once it serves."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        # First who serves this folder, then the workers that outlived a killed agent and obey nobody:
        # a second agent started by mistake must not end the sessions of the first.
        server = await LocalServer(self._folder, self._answer, self._self_serve).start()
        supervisor.kill_marked(self._folder)
        ready()
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(self._link.run()),
                tasks.create_task(self._send_journal()),
                tasks.create_task(self._trends.run()),
                tasks.create_task(self._records.run()),
            ]
            await stopping.wait()
            server.close()
            await self._sessions.close()
            for task in background:
                task.cancel()
        self._folder.socket.unlink(missing_ok=True)

    # --- the link's owner ----------------------------------------------------------------------

    def sessions(self) -> tuple[str, ...]:
        return self._sessions.live()

    async def connected(self, welcome: link.Welcome) -> None:
        """Raises RelevoError: ``rollback`` when the journal was lost or set back: entries under numbers that
        the log holds already would never be taken, and acts would go unrecorded."""
        if welcome.journal_sequence > self._journal.last_sequence():
            raise RelevoError(Code.ROLLBACK, "the broker holds more of this journal than this machine")
        self._journal.acknowledged(welcome.journal_sequence)
        self._sent_upto = welcome.journal_sequence
        self._journal_news.set()
        self._note_state(online=True, error=None)
        self._sessions.reconnected()
        await self._trends.connected()
        self._conversations.reconnected()
        self._records.news.set()

    def lost(self, code: Code) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(RelevoError(Code.UNREACHABLE, "the link went down"))
        self._note_state(online=False, error=code)

    async def received(self, message: link.FromBroker) -> None:
        match message:
            case link.Offer():
                await self._sessions.offer(message, from_json(message.grant.payload, Grant).grant)
            case link.Join():
                self._sessions.join(message)
            case link.End():
                self._sessions.end(message.grant, message.why)
            case link.RepositoryChanged():
                self._sessions.repository_changed()
            case link.JournalAck():
                self._journal.acknowledged(message.sequence)
                self._journal_news.set()
            case link.TicketNews():
                self._conversations.news(message)
            case link.TrendsAck():
                await self._trends.acknowledged(message.sequence)
            case (
                link.TicketMade()
                | link.Tickets()
                | link.Conversation()
                | link.ArticlesFound()
                | link.Done()
                | link.Failure()
            ):
                future = self._waiting.get(message.ref)
                if future is not None and not future.done():
                    future.set_result(message)
            case _:
                raise RelevoError(Code.MALFORMED, f"{type(message).__name__} out of order")

    async def _prove(self, nonce: str, tls_sha256: str) -> tuple[str, Envelope]:
        wanted = to_json(
            messages.ProofWanted(folder=str(self._folder.root), nonce=nonce, tls_sha256=tls_sha256)
        )
        done = await asyncio.to_thread(
            processes.run,
            processes.own_program("agent.prove"),
            stdin=wanted,
            timeout_s=_PROOF_S,
            output_limit_bytes=64 << 10,
        )
        if done.rc != 0:
            raise RelevoError(Code.CANNOT_RECORD, f"could not sign the hello: {done.stderr[-200:]!r}")
        proof = from_json(done.stdout, messages.Proof)
        return proof.key, proof.envelope

    def _note_state(self, *, online: bool, error: Code | None) -> None:
        if self._since is None or online != self._online:
            self._since = datetime.now(UTC)
        self._online, self._last_error = online, error
        state = LinkState(online=online, since=self._since, last_error=error, pid=os.getpid())
        try:
            write_private(self._folder.state, to_json(state))
        except RelevoError as problem:
            _logger.warning("link state not written: %s", problem)

    # --- to the broker -------------------------------------------------------------------------

    def _tell(self, message: link.FromAgent) -> None:
        self._journal_news.set()
        try:
            self._link.send(message)
        except RelevoError as error:
            _logger.info("%s not sent: %s", type(message).__name__, error)

    async def _send_journal(self) -> None:
        """Keep the broker's log up with the journal; entries wait here for as long as they must."""
        while True:
            self._journal_news.clear()
            try:
                if self._send_some_journal():
                    continue
            except RelevoError as error:
                _logger.warning("journal not sent: %s", error)
            try:
                async with asyncio.timeout(_JOURNAL_LOOK_S):
                    await self._journal_news.wait()
            except TimeoutError:
                continue

    def _send_some_journal(self) -> bool:
        entries = self._journal.unsent_after(self._sent_upto, _JOURNAL_BATCH) if self._link.up else []
        if entries:
            self._link.send(link.Journal(entries=tuple(entry for _, entry in entries)))
            self._sent_upto = entries[-1][0]
        return bool(entries)

    async def _ask(self, message: link.Question) -> link.FromBroker:
        await self._link.until_up(_LINK_S)
        future: asyncio.Future[link.FromBroker] = asyncio.get_running_loop().create_future()
        self._waiting[message.ref] = future
        try:
            self._link.send(message)
            async with asyncio.timeout(_ANSWER_S):
                answer = await future
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "the broker did not answer") from error
        finally:
            del self._waiting[message.ref]
        if isinstance(answer, link.Failure):
            raise RelevoError(answer.code, "the broker refused")
        return answer

    # --- from the command line -----------------------------------------------------------------

    async def _answer(  # noqa: PLR0911 - one return per kind of request
        self, request: messages.LocalRequest
    ) -> messages.LocalAnswer:
        self._journal_news.set()  # the command line journals before it calls
        match request:
            case messages.StatusQuery():
                return self._status()
            case messages.RequestsQuery():
                return messages.RequestList(rows=self._sessions.requests())
            case messages.Stop():
                return messages.Ok(count=self._sessions.stop(requests=request.requests))
            case messages.AskHelp():
                return await self._help(request)
            case messages.TicketsWanted():
                return await self._tickets()
            case messages.ChatWanted():
                return await self._conversations.page(request)
            case messages.ArticlesWanted():
                return await self._articles(request)
            case messages.SendRecords():
                # Without a link nobody waits for one: they are told when it is back.
                return messages.Ok(count=await self._records.send_all() if self._link.up else 1)
            case messages.SelfServe():
                raise RelevoError(Code.MALFORMED, "taken over before")
            case _:
                await self._act(request)
                return messages.Ok(count=1)

    async def _act(self, request: messages.LocalAct) -> None:
        """What changes one thing, and is answered by its being done."""
        match request:
            case messages.Allow():
                await self._sessions.allow(request)
            case messages.Deny():
                await self._sessions.deny(request)
            case messages.SendReply():
                await self._ask(link.Reply(ref=next(self._refs), reply=request.reply))
            case messages.SendMove():
                await self._ask(link.Move(ref=next(self._refs), move=request.move))
            case messages.SendRating():
                await self._ask(link.Rate(ref=next(self._refs), rating=request.rating))
            case messages.ChatSeen():
                await self._conversations.seen(request)

    async def _help(self, wanted: messages.AskHelp) -> messages.TicketOpened:
        ask = link.Ask(ref=next(self._refs), request=wanted.request, contact=wanted.contact)
        made = await self._ask(ask)
        if not isinstance(made, link.TicketMade):
            raise RelevoError(Code.MALFORMED, "no ticket in the answer")
        return messages.TicketOpened(ticket=made.ticket, similar=made.similar)

    async def _tickets(self) -> messages.TicketList:
        tickets = await self._ask(link.TicketsQuery(ref=next(self._refs)))
        if not isinstance(tickets, link.Tickets):
            raise RelevoError(Code.MALFORMED, "no tickets in the answer")
        return messages.TicketList(rows=tickets.rows)

    async def _self_serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A run of self-service from beginning to end; what became of it is told then."""
        try:
            await self._bridge.serve(reader, writer)
        finally:
            self._records.news.set()
            self._journal_news.set()

    async def _articles(self, wanted: messages.ArticlesWanted) -> messages.ArticleList:
        query = link.ArticlesQuery(ref=next(self._refs), words=wanted.words, language=wanted.language)
        found = await self._ask(query)
        if not isinstance(found, link.ArticlesFound):
            raise RelevoError(Code.MALFORMED, "no articles in the answer")
        return messages.ArticleList(rows=found.rows)

    async def _tell_record(self, record: Envelope) -> None:
        await self._ask(link.SelfServed(ref=next(self._refs), record=record))

    def _status(self) -> messages.Status:
        return messages.Status(
            online=self._link.up,
            since=self._since,
            last_error=self._last_error,
            sessions=self._sessions.rows(),
            requests=len(self._sessions.requests()),
            journal_waiting=self._journal.waiting(),
            pid=os.getpid(),
        )


def run(folder: Folder, announce: Callable[[str], None] = lambda _name: None) -> None:
    """Serve this folder until told to stop; ``announce`` gets the organisation's name once it serves.

    Raises:
        RelevoError: ``not-connected`` before enrolment, ``conflict`` when an agent already runs,
            ``cannot-record`` when the journal cannot be opened.
    """
    membership = folder.membership()
    with _alone(folder):
        journal = Journal(folder.journal, membership.agent)
        try:
            asyncio.run(Agent(folder, membership, journal).run(lambda: announce(membership.org_name)))
        except* RelevoError as group:
            raise group.exceptions[0] from None
        finally:
            journal.close()


@contextlib.contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """One agent a folder: a second one would end the first one's sessions and take its socket.

    Raises:
        RelevoError: ``conflict``, ``cannot-record``.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(folder.run / "agent.lock", 0.0))
        except RelevoError as error:
            if error.code is Code.CONFLICT:
                raise RelevoError(Code.CONFLICT, f"an agent already runs for {folder.root}") from error
            raise
        yield
