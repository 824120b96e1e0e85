"""What a run of self-service does with each state of a fix: journal it first, then show it to the user."""

from __future__ import annotations

from collections.abc import Callable

from agent.actions.fix_observer import record_step
from agent.fixes.runs import Run
from agent.journal import Journal
from agent.redaction.redactor import Redactor
from protocol.sshkeys import KeySigner


class OwnObserver:
    """``agent.fixes.engine.Observer``. Keeps the last word about every fix of this run.

    Args:
        run: id of the run of self-service; what another one left behind is recorded, not shown.
        redactor: for R1: the journal goes to the broker's log.
    """

    def __init__(
        self,
        run: str,
        journal: Journal,
        signer: KeySigner,
        redactor: Redactor,
        tell: Callable[[str], None],
    ) -> None:
        self._run = run
        self._journal = journal
        self._signer = signer
        self._redactor = redactor
        self._tell = tell
        self.runs: dict[str, Run] = {}

    async def entering(self, run: Run) -> None:
        """Raises RelevoError: ``cannot-record``."""
        params = self._redactor.text(" ".join(f"{p.name}={p.value}" for p in run.params))
        record_step(self._journal, self._signer, run, params)
        if (run.undo_by or run.grant) == self._run:
            self.runs[run.id] = run
            self._tell(run.state)

    async def ask(self, run: Run, plan: str) -> None:
        """Nothing to ask: the user saw this very plan and said yes before the run was asked for; the engine
        refuses any other (``Order.is_planned``)."""
