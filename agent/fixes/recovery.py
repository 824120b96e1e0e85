"""After a crash: runs whose process died are settled, looked at, and never applied again; and what ended
while nobody could write it into the journal is written there now."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from agent.fixes import leftovers, paths
from agent.fixes.catalogue import Approved
from agent.fixes.engine import Engine, Observer, verdict
from agent.fixes.runs import Run, Runs
from protocol.errors import Code, RelevoError
from protocol.fix_states import RunState
from protocol.wording import Words

_logger = logging.getLogger(__name__)
_CHANGING = frozenset({RunState.RUNNING, RunState.VERIFYING, RunState.UNDOING})


class Recovery:
    """Settles orphaned runs. The caller holds the engine's lock: nobody alive is working on one.

    Args:
        approved: finds a fix by id and version in the verified repository.
    """

    def __init__(
        self,
        runs: Runs,
        engine: Engine,
        approved: Callable[[str, int | None], Awaitable[Approved]],
        now: Callable[[], datetime],
        words: Words,
    ) -> None:
        self._runs = runs
        self._engine = engine
        self._approved = approved
        self._now = now
        self._words = words

    async def settle_all(self, observer: Observer) -> tuple[Run, ...]:
        """Raises RelevoError: ``cannot-record``: what was not settled or told stays as it is."""
        settled = tuple([await self._settle(run) for run in self._runs.unsettled()])
        for run in self._runs.owed():
            await observer.entering(run)
            self._runs.told(run.id)
        return settled

    async def _settle(self, run: Run) -> Run:
        """What still runs of it is killed; a run that had begun to change things is looked at."""
        leftovers.kill(run.id)
        state = RunState.INTERRUPTED if run.state in _CHANGING else RunState.CANCELLED
        run = self._runs.step(run, state, self._now(), True, message=str(Code.INTERRUPTED))
        if state is RunState.INTERRUPTED:
            run = self._runs.note(run, message=self._words(f"found.{await self._look(run)}"))
        return run

    async def _look(self, run: Run) -> str:
        try:
            approved = await self._approved(run.fix, run.fix_version)
            if approved.ref.sha256 != run.fix_sha256:
                return "unknown"
            resolved = paths.resolve(approved.manifest, run.params)
            return verdict((await self._engine.check(approved, resolved, run.id)).rc)
        except RelevoError as error:
            _logger.warning("interrupted fix run %s cannot be looked at: %s", run.id, error.code)
            return "unknown"
