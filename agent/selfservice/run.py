"""One run of self-service: look, compare, plan, repair, and put on record how it ended.

Everything here happens on the machine. What leaves it is said in ``agent.selfservice.attaching``.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from agent import floor, identity
from agent.actions.bundle import bundle_of
from agent.actions.diagnose import settings_of
from agent.collectors.runner import CollectorHost
from agent.fixes.gate import OwnPapers
from agent.fixes.runs import Run
from agent.fixes.services import FixServices, make_fix_services
from agent.folder import Folder
from agent.journal import Journal
from agent.redaction.redactor import Redactor
from agent.selfservice import messages, outbox
from agent.selfservice.attaching import Attaching
from agent.selfservice.looking import QUICK, Looked, look
from agent.selfservice.observer import OwnObserver
from agent.selfservice.offering import matches
from agent.selfservice.repairs import Own, Repairs, newest
from agent.worker.trust import Trust
from protocol.audit import Action
from protocol.diagnosis import Bundle, CollectorResult, Status
from protocol.documents import (
    PROTOCOL_VERSION,
    SelfServiceOrder,
    SelfServiceRecord,
    TriedFix,
)
from protocol.drivers.repository import Repository
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.findings import findings
from protocol.fixes import Manifest
from protocol.ids import new_grant_id, new_nonce
from protocol.scopes import Clearance, Floor, Scope
from protocol.wire import facts

LIFE = timedelta(hours=1)
_WORDS = 2_000
_COMPARE_S = 10.0
"""For all known errors: the user waits."""
_ANSWERED = (Status.OK, Status.PARTIAL)


class SelfService:
    """Made by ``begin``. Not for use by two commands at once."""

    def __init__(
        self, folder: Folder, begin: messages.Begin, journal: Journal, say: Callable[[messages.Answer], None]
    ) -> None:
        self.id = new_grant_id()
        self.closed = False
        self._folder = folder
        self._membership = folder.membership()
        self._language = begin.language
        self._say = say
        self._signer = identity.load(folder)
        self._journal = journal
        self._began = _now()
        papers = OwnPapers(seal(self._order(), self._signer))
        self._redactor = Redactor(Clearance.R1, identity.pseudonym_key(folder, self.id))
        self.words = self._redactor.text(begin.text)[:_WORDS]
        self._trust = Trust(folder, self._membership)
        self._fixes: FixServices = make_fix_services(
            folder.root, self._membership, self._trust, _now, {"RELEVO_LANGUAGE": begin.language}
        )
        self._observer = OwnObserver(self.id, journal, self._signer, self._redactor, self._tell_state)
        self._collectors = CollectorHost()
        self.repairs = Repairs(
            Own(self.id, self._signer, papers, self._redactor),
            self._trust,
            self._fixes,
            self._observer,
            self._record,
            lambda: self._require_open(Scope.FIX),
            self._refresh,
        )
        self._looked: Looked | None = None
        self._matched: tuple[messages.Match, ...] = ()
        self._ticket: str | None = None

    @classmethod
    async def begin(
        cls, folder: Folder, begin: messages.Begin, say: Callable[[messages.Answer], None]
    ) -> SelfService:
        """Raises RelevoError: ``not-connected``; ``cannot-record``: then nothing happens."""
        journal = Journal(folder.journal, folder.membership().agent)
        service = cls(folder, begin, journal, say)
        service._record(Action.SELF_SERVICE_STARTED, language=begin.language, by="user")
        return service

    async def close(self) -> None:
        await self._collectors.close()
        await self._fixes.close()
        self._trust.close()
        self._journal.close()

    # --- looking -------------------------------------------------------------------------------

    async def look(self) -> messages.Looked:
        """Collect, find, and compare with the published known errors; nothing of it leaves the machine.

        Raises:
            RelevoError: ``cannot-record``; ``scope-not-offered`` where the floor forbids it.
        """
        self._require_open(Scope.DIAGNOSE)
        refreshing = asyncio.create_task(self._refresh())
        try:
            bundle = await self._collect()
            problem = await refreshing
        finally:
            refreshing.cancel()
        found: tuple[messages.Match, ...] = ()
        if problem is None:
            try:
                found = await self._trust.with_repository(lambda repo: _compare(repo, bundle))
            except RelevoError as error:
                problem = error.code
        self._matched = found
        self.repairs.bound = {fix.fix: fix.params for match in found for fix in match.fixes}
        return messages.Looked(
            findings=findings(bundle),
            answered=tuple(result.collector for result in bundle.results if result.status in _ANSWERED),
            matches=found,
            problem=problem,
        )

    async def _collect(self) -> Bundle:
        def said(result: CollectorResult, done: int) -> None:
            self._say(messages.Looking(collector=result.collector, done=done, total=len(QUICK)))

        run_id = secrets.token_hex(8)
        self._record(Action.DIAGNOSE_STARTED, run=run_id, collectors=",".join(QUICK), by="user")
        settings = settings_of(self._folder.root)
        self._looked = await look(self._collectors, settings, run_id, (self.id, self._membership.agent), said)
        self._record(Action.DIAGNOSE_DONE, run=run_id, collectors=len(self._looked.results))
        return bundle_of(self._looked.of, self._looked.results, Clearance.R3)

    async def _refresh(self) -> Code | None:
        """Why the organisation could not be asked, if it could not; what was verified lately may still do."""
        try:
            await self._trust.refresh()
        except RelevoError as error:
            try:
                await self._trust.for_reading()
            except RelevoError:
                return error.code
        return None

    # --- the end -------------------------------------------------------------------------------

    def finish(self, close: messages.Close) -> messages.Closed:
        """Put on record how it ended, in the journal and for the broker.

        Raises:
            RelevoError: ``conflict`` the second time, or for a ticket without that outcome;
                ``cannot-record``.
        """
        if self.closed or (close.outcome == "ticket") is not (close.ticket is not None):
            raise RelevoError(Code.CONFLICT, "this run has ended, or an outcome without its ticket")
        self._record(Action.SELF_SERVICE_ENDED, outcome=close.outcome, category=close.category)
        record = SelfServiceRecord(
            version=PROTOCOL_VERSION,
            agent=self._membership.agent,
            nonce=new_nonce(),
            run=self.id,
            category=close.category,
            language=self._language,
            started=self._began,
            ended=max(_now(), self._began),
            outcome=close.outcome,
            ticket=close.ticket,
            diagnosed=self._looked is not None,
            articles=close.articles,
            # What was found stays here, unless the user asks a person.
            known_errors=tuple(m.known_error for m in self._matched) if close.ticket else (),
            fixes=tuple(
                TriedFix(fix=run.fix, fix_version=run.fix_version, state=run.state) for run in self._tried()
            ),
            guide=close.guide,
            path=close.path,
        )
        outbox.put(self._folder, record.nonce, seal(record, self._signer))
        self.closed, self._ticket = True, close.ticket
        return messages.Closed()

    async def attach(self) -> messages.Attached:
        """Put the diagnosis and the fixes on the ticket of ``finish``, redacted for R1.

        Raises:
            RelevoError: ``conflict`` without a ticket.
        """
        if self._ticket is None:
            raise RelevoError(Code.CONFLICT, "there is no ticket")
        attaching = Attaching(
            self._folder, self._membership, self._signer, self._journal, self.id, self._ticket
        )
        return await attaching.put(self._looked, self._tried())

    # --- small parts ---------------------------------------------------------------------------

    def _tried(self) -> tuple[Run, ...]:
        return tuple(self._observer.runs.values())[:20]

    def _order(self) -> SelfServiceOrder:
        return SelfServiceOrder(
            version=PROTOCOL_VERSION,
            org=self._membership.org,
            customer=self._membership.customer,
            agent=self._membership.agent,
            agent_key=self._signer.public_key.text,
            run=self.id,
            begun=self._began,
            until=self._began + LIFE,
        )

    def _tell_state(self, state: str) -> None:
        self._say(messages.Stepping(state=state))

    def _require_open(self, scope: Scope) -> None:
        """What this machine's floor never allows, its user does not do by this way either."""
        if self.closed:
            raise RelevoError(Code.CONFLICT, "this run has ended")
        if floor.read(self._folder).of(scope) is Floor.NEVER:
            raise RelevoError(Code.SCOPE_NOT_OFFERED, scope)

    def _record(self, action: Action, **values: object) -> None:
        self._journal.append(self._signer, action, grant=self.id, facts=facts(**values))


def _now() -> datetime:
    return datetime.now(UTC)


def _compare(repository: Repository, bundle: Bundle) -> tuple[messages.Match, ...]:
    def manifest_of(fix: str) -> Manifest | None:
        return newest(repository, fix)

    known = repository.known_errors()
    ends = time.monotonic() + _COMPARE_S
    return matches(known, bundle, manifest_of, _now(), lambda: time.monotonic() < ends)
