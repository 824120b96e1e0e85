"""The open session: relay legs, the SSH server behind each, and requests to the one door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agent import messages
from agent.actions.context import Session
from agent.folder import Folder, Membership
from agent.worker import offer as offers
from agent.worker.dispatch import serve_request
from agent.worker.files import exchange_server
from agent.worker.trust import Trust
from protocol.audit import Action
from protocol.drivers.assist import AssistServing, serve_assist
from protocol.drivers.assistchannel import AssistChannel
from protocol.drivers.leg import LegAddress, LegTunnel
from protocol.errors import Code, RelevoError
from protocol.link import EndReason
from protocol.scopes import Scope
from protocol.sshkeys import PublicKey

_logger = logging.getLogger(__name__)
MAX_LEGS = 8
_CLOSE_S = 0.3


class Serving:
    """Legs come and go (the holder's, a stock OpenSSH's); the session is open while one is."""

    def __init__(
        self,
        session: Session,
        offer: offers.VerifiedOffer,
        membership: Membership,
        trust: Trust,
        folder: Folder,
        tell: Callable[[messages.FromWorker], None],
    ) -> None:
        self.offer = offer
        self._session = session
        self._membership = membership
        self._trust = trust
        self._folder = folder
        self._tell = tell
        self._legs: dict[int, asyncio.Task[None]] = {}
        self._serving: dict[int, AssistServing] = {}
        self._over: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
        self._recorded = asyncio.Event()

    @property
    def opened(self) -> bool:
        """Whether the technician has been here, and that is on record."""
        return self._recorded.is_set()

    def join(self, leg: int, token: str) -> None:
        """Open one relay leg. More than ``MAX_LEGS`` at once, or a number used before, is ignored."""
        live = [task for task in self._legs.values() if not task.done()]
        if leg in self._legs or len(live) >= MAX_LEGS:
            _logger.warning("leg %s refused", leg)
            return
        self._legs[leg] = asyncio.create_task(self._leg(leg, token), name=f"leg {leg}")

    async def wait(self) -> EndReason:
        """Returns when the technician ended the session or the first leg was lost for good."""
        return await self._over

    async def close(self, why: EndReason) -> None:
        """End every leg; what does not close quickly is cut."""
        for serving in self._serving.values():
            serving.end(why)
        tasks = [task for task in self._legs.values() if not task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_S)
        for task in tasks:
            task.cancel()

    async def _leg(self, leg: int, token: str) -> None:
        """One leg from beginning to end. The end of the first is the session's, whatever brought it about."""
        why = EndReason.AGENT_FAILED
        try:
            why = await self._serve(leg, token)
        except RelevoError as error:
            _logger.warning("leg %s failed: %s", leg, error)
        finally:
            if leg == 1:
                self._finish(why)

    async def _serve(self, leg: int, token: str) -> EndReason:
        """Raises RelevoError: ``cannot-record``; the leg is closed then."""
        address = LegAddress(self._membership.url, token, self._membership.tls_sha256)
        files = Scope.FILES in self._session.consent.scopes
        try:
            serving = await serve_assist(
                LegTunnel(address),
                user=self._session.grant.grant,
                technician_key=PublicKey.from_text(self._session.grant.technician_key),
                host_key=self._session.signer,
                handle=self._channel,
                sftp=exchange_server(self._folder.exchange, self._session) if files else None,
            )
        except RelevoError as error:
            _logger.warning("leg %s did not open: %s", leg, error)
            return EndReason.LINK_LOST
        self._serving[leg] = serving
        try:
            self._record_opening()
            ended = await serving.wait_closed()
        except RelevoError:
            serving.end(EndReason.AGENT_FAILED)
            await serving.wait_closed()
            raise
        finally:
            del self._serving[leg]
        _logger.info("leg %s ended: %s", leg, ended)
        return EndReason.TECHNICIAN if ended.code is Code.SESSION_ENDED else EndReason.LINK_LOST

    def _record_opening(self) -> None:
        if not self.opened:
            self._session.record(Action.AGENT_SESSION_OPENED, technician=self._session.grant.technician)
            self._recorded.set()
            self._tell(messages.Opened())

    async def _still_good(self) -> None:
        """Raises RelevoError: ``stale-trust``, or what the technician has lost meanwhile."""
        organisation = await self._trust.for_reading()
        offers.require_still_good(self.offer, organisation, self._session.now())

    async def _channel(self, channel: AssistChannel) -> None:
        body = await channel.receive()
        if body is None:
            return
        await self._recorded.wait()  # the opening is on record first; the end of the session ends this
        serving = asyncio.create_task(serve_request(body, self._session, channel.send, self._still_good))
        gone = asyncio.create_task(channel.receive())  # more input is not expected: it means "cancel"
        try:
            await asyncio.wait([serving, gone], return_when=asyncio.FIRST_COMPLETED)
            if not serving.done() and gone.done() and gone.exception() is None:
                # The technician finished sending (EOF), as ``ssh -s`` does; the answer still goes out.
                await serving
        finally:
            for task in (serving, gone):
                task.cancel()
            await asyncio.gather(serving, gone, return_exceptions=True)

    def _finish(self, why: EndReason) -> None:
        if not self._over.done():
            self._over.set_result(why)
