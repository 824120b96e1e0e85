"""What a session does with each state of a fix run: journal it first, then tell the technician."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from agent.actions.context import Emit, Session
from agent.fixes.runs import Run
from agent.fixes.services import FixServices
from agent.journal import Journal
from agent.redaction.redactor import Redactor
from protocol.assist import FixOutcome, Parameter
from protocol.audit import Action
from protocol.errors import RelevoError
from protocol.fix_states import RunState
from protocol.scopes import Clearance
from protocol.sshkeys import Signer
from protocol.wire import facts
from protocol.wording import Words
from protocol.wording.fix_steps import TABLE

_logger = logging.getLogger(__name__)
_MAX_TEXT = 20_000

ACTION_OF: dict[RunState, Action] = {
    RunState.RUNNING: Action.FIX_STARTED,
    RunState.SUCCEEDED: Action.FIX_DONE,
    RunState.FAILED: Action.FIX_DONE,
    RunState.NO_OP: Action.FIX_DONE,
    RunState.DENIED: Action.FIX_DONE,
    RunState.EXPIRED: Action.FIX_DONE,
    RunState.CANCELLED: Action.FIX_DONE,
    RunState.UNDOING: Action.FIX_UNDO_STARTED,
    RunState.UNDONE: Action.FIX_UNDONE,
    RunState.UNDO_FAILED: Action.FIX_UNDONE,
    RunState.INTERRUPTED: Action.FIX_INTERRUPTED,
}
"""The other states are steps."""
BEFORE_CHANGE = frozenset(
    {
        RunState.PROPOSED,
        RunState.PRECHECKED,
        RunState.PLANNED,
        RunState.AWAITING_APPROVAL,
        RunState.AWAITING_CONSENT,
        RunState.RUNNING,
    }
)


def record_step(journal: Journal, signer: Signer, run: Run, params: str) -> None:
    """The state that a run is about to enter, in the journal.

    Args:
        params: as everybody may see them.

    Raises:
        RelevoError: ``cannot-record``.
    """
    journal.append(
        signer,
        ACTION_OF.get(run.state, Action.FIX_STEP),
        grant=run.undo_by or run.grant,
        ticket=run.ticket,
        facts=facts(
            fix=run.fix,
            fix_version=run.fix_version,
            run=run.id,
            state=run.state,
            title_en=run.title_en,
            title_es=run.title_es,
            params=params,
            risk=run.risk,
            run_as=run.run_as,
        ),
    )


class SessionObserver:
    """``agent.fixes.engine.Observer`` of one request."""

    def __init__(self, session: Session, emit: Emit, fixes: FixServices) -> None:
        self._session = session
        self._emit = emit
        self._fixes = fixes
        self._words = Words(fixes.language, TABLE)
        self._redactor = Redactor(session.clearance, session.pseudonym_key)
        self._journal_redactor = Redactor(Clearance.R1, session.pseudonym_key)

    async def entering(self, run: Run) -> None:
        """Journal it, then say it. That nobody listens any more stops a fix only before it has begun.

        Raises:
            RelevoError: ``cannot-record``; ``session-ended`` before anything was changed.
        """
        # A run that died in another session belongs to that session's record.
        record_step(self._session.journal, self._session.signer, run, self.journal_params(run.params))
        if run.state is RunState.INTERRUPTED or (run.undo_by or run.grant) != self._session.grant.grant:
            return
        try:
            await self._emit(self.outcome(run))
        except RelevoError as error:
            if run.state in BEFORE_CHANGE:
                raise
            _logger.warning("fix run %s goes on unheard: %s", run.id, error.code)

    async def ask(self, run: Run, plan: str) -> None:
        """Ask the user of this machine, with the plan in full: it is their machine.

        Raises:
            RelevoError: the user's answer; ``revoked`` or ``stale-trust`` when it came too late.
        """
        spanish = self._words.language == "es"
        title = run.title_es if spanish else run.title_en
        key = "ask.undo" if run.state not in BEFORE_CHANGE else "ask"
        question = self._words(key, technician=self._session.technician.name, title=title)
        await self._session.ask_user(question, plan)
        await self._fixes.require_unrevoked(run)

    def text(self, text: str) -> str:
        """``text`` as this technician may see it."""
        return self._redactor.text(text)[:_MAX_TEXT]

    def journal_params(self, params: Iterable[Parameter]) -> str:
        """Parameters as everybody may see them: the journal goes to the broker's log."""
        return self._journal_redactor.text(" ".join(f"{p.name}={p.value}" for p in params))

    def outcome(self, run: Run) -> FixOutcome:
        return FixOutcome(
            run=run.id,
            fix=run.fix,
            fix_version=run.fix_version,
            state=run.state,
            message=self.text(run.message),
            output=self.text(run.output),
            at=run.changed,
        )
