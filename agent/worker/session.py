"""A session from the offer to its end, in a process of its own.

verify -> show -> the user's answer -> signed consent -> end-to-end SSH -> end. Each step is in the
journal before the next begins. If the agent's main process goes away, so does the session.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path

from agent import floor, framing, identity, messages
from agent.actions.context import Session
from agent.actions.registry import OFFERED
from agent.collectors.runner import CollectorHost
from agent.fixes.services import FixServices, make_fix_services
from agent.folder import Folder
from agent.journal import Journal
from agent.screen.children import ScreenChildren
from agent.worker import offer as offers
from agent.worker.artifacts import BrokerArtifacts
from agent.worker.clock import passed, sleep_until
from agent.worker.questions import Questions
from agent.worker.serving import Serving
from agent.worker.trust import FRESH_FOR_READING, REFRESH_EVERY_S, Trust
from protocol.audit import Action
from protocol.documents import PROTOCOL_VERSION, Consent, Grant, Refusal
from protocol.drivers.files import private_folder
from protocol.drivers.http import BrokerHttp
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.link import EndReason
from protocol.scopes import Scope
from protocol.times import rfc3339
from protocol.wire import facts, from_json

_logger = logging.getLogger(__name__)
_ANSWER_WAIT_S = 20 * 60.0
_APART_S = 1.0
"""Between two looks at the organisation, however often the broker says that it changed."""
_NOT_FETCHED = frozenset({Code.UNREACHABLE, Code.TIMEOUT, Code.STALE_TRUST, Code.CANNOT_RECORD})
"""Nothing new is known then; what is known may be used until it is too old."""


class SessionWorker:
    """Runs one session and exits."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._end: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
        self._news = asyncio.Event()
        """The organisation has changed: look again."""
        self._questions = Questions(self._tell)

    async def run(self) -> None:
        """Serve the offer that the first message brings. Ends when the main process goes away."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._finish, EndReason.USER_STOP)
        start = await framing.receive(self._reader, messages.ToWorker)
        if not isinstance(start, messages.Start):
            return
        self._folder = Folder(Path(start.data))
        self._membership = self._folder.membership()
        self._signer = identity.load(self._folder)
        self._journal = Journal(
            self._folder.journal, self._membership.agent, lambda: self._tell(messages.JournalGrew())
        )
        self._trust = Trust(self._folder, self._membership)
        self._collectors = CollectorHost()
        self._screen = ScreenChildren()
        self._envelope, self._invitation = start.grant, start.invitation
        self._grant = from_json(start.grant.payload, Grant)
        try:
            await self._session()
        except RelevoError as error:
            self._refuse(error.code)
        finally:
            await self._collectors.close()
            await self._screen.close()
            self._trust.close()
            shutil.rmtree(self._folder.session(self._grant.grant), ignore_errors=True)
            await self._flush()
            self._journal.close()

    # --- the steps -----------------------------------------------------------------------------

    async def _session(self) -> None:
        offer, askable = await self._show()
        decision = await self._answer()
        if decision is None:
            return
        if self._news.is_set():  # while the user was reading
            self._news.clear()
            offers.require_still_good(offer, await self._trust.refresh(), datetime.now(UTC))
        consent = self._consent(offer, askable, decision)
        await self._serve(offer, *consent)

    async def _show(self) -> tuple[offers.VerifiedOffer, tuple[Scope, ...]]:
        """Verify everything; only then does the user see the request."""
        if self._journal.of_grant(self._grant.grant):
            raise RelevoError(Code.REPLAYED, self._grant.grant)
        organisation = await self._trust.refresh()
        offer = offers.verify(
            self._envelope, self._membership, organisation, datetime.now(UTC), self._invitation
        )
        decision = floor.decide(offer.grant.scopes, floor.read(self._folder), organisation.policy)
        askable = tuple(scope for scope in decision.askable if scope in OFFERED)
        if not askable:
            raise RelevoError(Code.SCOPE_NOT_OFFERED, ", ".join(offer.grant.scopes))
        self._record(Action.SESSION_SHOWN, technician=offer.grant.technician, reason=offer.grant.reason)
        self._tell(
            messages.Verified(
                grant=offer.grant,
                organisation=organisation.roster.name,
                technician_name=offer.technician.name,
                askable=askable,
                # A stranger to the organisation is never let in without the user's own yes.
                automatic=decision.automatic and offer.invited_by is None,
                invited_by=offer.invited_by.name if offer.invited_by else None,
            )
        )
        if Scope.DIAGNOSE in askable:
            await self._collectors.start()  # while the user reads
        return offer, askable

    async def _answer(self) -> messages.Decide | None:
        """The user's answer, or None when the offer ended without one."""
        async with asyncio.timeout(_ANSWER_WAIT_S):
            while (message := await framing.receive(self._reader, messages.ToWorker)) is not None:
                match message:
                    case messages.Decide(code=None):
                        return message
                    case messages.Decide():
                        self._refuse(message.code or Code.CONSENT_DENIED)
                        return None
                    case messages.Finish():
                        self._tell(messages.Finished(why=message.why))
                        return None
                    case messages.Refresh():
                        self._news.set()
                    case _:
                        _logger.debug("%s before consent", type(message).__name__)
        return None

    def _consent(
        self, offer: offers.VerifiedOffer, askable: tuple[Scope, ...], decision: messages.Decide
    ) -> tuple[Consent, Envelope]:
        """Sign what the user agreed to. It is in the journal before anybody else hears of it."""
        now = datetime.now(UTC)
        if decision.until is None or decision.basis is None:
            raise RelevoError(Code.MALFORMED, "an answer without its terms")
        offers.require_consentable(offer, askable, decision.scopes, decision.until, now)
        consent = Consent(
            version=PROTOCOL_VERSION,
            grant=self._grant.grant,
            grant_sha256=self._envelope.digest,
            agent=self._membership.agent,
            agent_key=self._signer.public_key.text,
            scopes=decision.scopes,
            given=now,
            until=decision.until,
            basis=decision.basis,
        )
        envelope = seal(consent, self._signer)
        self._record(
            Action.CONSENT_GIVEN,
            technician=self._grant.technician,
            technician_name=offer.technician.name,
            organisation=self._membership.org_name,
            customer=self._grant.customer,
            scopes=",".join(consent.scopes),
            until=rfc3339(consent.until),
            reason=self._grant.reason,
            basis=decision.basis.act,
            invited_by=offer.invited_by.name if offer.invited_by else None,
        )
        self._tell(messages.Consented(consent=envelope, scopes=consent.scopes, until=consent.until))
        return consent, envelope

    async def _serve(self, offer: offers.VerifiedOffer, consent: Consent, envelope: Envelope) -> None:
        """Open for the technician until somebody or the time ends it."""
        fixes = make_fix_services(self._folder.root, self._membership, self._trust, lambda: datetime.now(UTC))
        session = self._make_session(offer, consent, envelope, fixes)
        if Scope.SCREENSHOT in consent.scopes:
            self._screen.keep_ready()
        serving = Serving(session, offer, self._membership, self._trust, self._folder, self._tell)
        helpers = [
            self._ending(self._listen(serving), "from the agent"),
            self._ending(self._watch_trust(offer), "trust"),
            self._ending(self._watch_time(consent, serving), "time"),
            self._ending(self._watch_serving(serving), "serving"),
        ]
        why = EndReason.AGENT_FAILED
        try:
            why = await self._end
        finally:
            for task in helpers:
                task.cancel()
            self._record_end(why)
            self._tell(messages.Finished(why=why))
            await serving.close(why)
            await fixes.close()

    def _record_end(self, why: EndReason) -> None:
        withdrawn = why in (EndReason.USER_STOP, EndReason.DENIED)
        try:
            self._record(Action.AGENT_SESSION_ENDED, why=why, withdrawn="yes" if withdrawn else None)
        except RelevoError as error:
            # Ending must never wait for a disk.
            _logger.warning("end of session not journalled: %s", error)

    # --- what can end it -----------------------------------------------------------------------

    def _finish(self, why: EndReason) -> None:
        if not self._end.done():
            self._end.set_result(why)

    def _ending(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """A task that may end the session; so does its failure, for nobody would keep watch any more."""

        def done(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                _logger.error("%s failed", name, exc_info=error)
                self._finish(EndReason.AGENT_FAILED)

        task = asyncio.create_task(work, name=name)
        task.add_done_callback(done)
        return task

    async def _listen(self, serving: Serving) -> None:
        """Messages from the main process; its end is the session's end. Nothing here may wait."""
        while (message := await framing.receive(self._reader, messages.ToWorker)) is not None:
            match message:
                case messages.JoinLeg():
                    serving.join(message.leg, message.token)
                case messages.Refresh():
                    self._news.set()
                case messages.Answer():
                    self._questions.answered(message)
                case messages.Finish():
                    self._finish(message.why)
                case _:
                    _logger.debug("%s during a session", type(message).__name__)
        self._finish(EndReason.AGENT_FAILED)

    async def _watch_trust(self, offer: offers.VerifiedOffer) -> None:
        """Fetch the organisation now and then, and at once when it changed; a technician who lost the right
        loses the session, and so does everybody once nobody vouches for it any more."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_EVERY_S):
                    await self._news.wait()
            self._news.clear()
            try:
                offers.require_still_good(offer, await self._trust.refresh(), datetime.now(UTC))
            except RelevoError as error:
                _logger.warning("trust: %s", error)
                if error.code not in _NOT_FETCHED or self._trust.age() > FRESH_FOR_READING:
                    self._finish(EndReason.REVOKED)
            await asyncio.sleep(_APART_S)

    async def _watch_time(self, consent: Consent, serving: Serving) -> None:
        """SSH is there by the time that the grant names or never; and everything ends with the consent."""
        establish_by, began_s = self._grant.establish_by, passed()
        if establish_by < consent.until:
            await sleep_until(establish_by, consent.given, began_s)
            if not serving.opened:
                self._finish(EndReason.LINK_LOST)
        await sleep_until(consent.until, consent.given, began_s)
        self._finish(EndReason.TIME_UP)

    async def _watch_serving(self, serving: Serving) -> None:
        self._finish(await serving.wait())

    # --- small things --------------------------------------------------------------------------

    def _make_session(
        self, offer: offers.VerifiedOffer, consent: Consent, envelope: Envelope, fixes: FixServices
    ) -> Session:
        http = BrokerHttp(self._membership.url, self._membership.tls_sha256)
        return Session(
            grant=offer.grant,
            grant_envelope=self._envelope,
            consent=consent,
            consent_envelope=envelope,
            technician=offer.technician,
            clearance=offer.policy.clearance,
            max_risk=offer.policy.max_risk,
            data=self._folder.root,
            work=private_folder(self._folder.session(self._grant.grant)),
            signer=self._signer,
            journal=self._journal,
            artifacts=BrokerArtifacts(http, self._signer, offer.grant, self._trust.for_reading),
            ask_user=self._questions.ask,
            pseudonym_key=identity.pseudonym_key(self._folder, offer.grant.ticket),
            organisation=self._trust.for_fixes,
            now=lambda: datetime.now(UTC),
            collectors=self._collectors,
            screen=self._screen,
            fixes=fixes,
        )

    def _refuse(self, code: Code) -> None:
        """Say no, signed and journalled; a refusal needs no successful record to be safe."""
        refusal = Refusal(
            version=PROTOCOL_VERSION,
            grant=self._grant.grant,
            grant_sha256=self._envelope.digest,
            agent=self._membership.agent,
            at=datetime.now(UTC),
            code=code,
        )
        denied = code in (Code.CONSENT_DENIED, Code.CONSENT_TIMEOUT)
        try:
            # A replayed grant must not add to the record of the session that it copies.
            of = None if code is Code.REPLAYED else self._grant.grant
            action = Action.CONSENT_DENIED if denied else Action.AGENT_REFUSED
            self._journal.append(
                self._signer, action, grant=of, facts=facts(code=code, claimed=self._grant.grant)
            )
        except RelevoError as error:
            _logger.warning("refusal not journalled: %s", error)
        self._tell(messages.Refused(code=code, refusal=seal(refusal, self._signer)))

    def _record(self, action: Action, **values: object) -> None:
        self._journal.append(
            self._signer, action, grant=self._grant.grant, ticket=self._grant.ticket, facts=facts(**values)
        )

    def _tell(self, message: messages.FromWorker) -> None:
        framing.send(self._writer, message)

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self._writer.drain()
        except (TimeoutError, ConnectionError) as error:
            _logger.debug("main process gone: %s", error)
        self._writer.close()
