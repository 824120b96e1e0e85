"""One run of a fix, state by state: each state is on record before what it stands for happens.

check -> plan -> (consent) -> snapshot -> apply -> settle -> verify -> succeeded, or undo -> undone.
Verification of who asked is done before (``agent.fixes.desk``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msgspec import structs

from agent.fixes import snapshot
from agent.fixes.catalogue import Approved
from agent.fixes.runs import Run, Runs
from agent.fixes.sandbox import Sandbox, StepDone
from protocol.assist import Parameter
from protocol.documents import FixRequest
from protocol.errors import Code, RelevoError
from protocol.fix_states import RunState
from protocol.fixes import Step, fill_in

_logger = logging.getLogger(__name__)

ABSENT = 1
_LAST_WORD_S = 1.0
"""For the record of what is being cut short; a stop must not wait for it."""
_WORDS = {0: "present", ABSENT: "absent"}


class Observer(Protocol):
    """Who must know before anything happens."""

    async def entering(self, run: Run) -> None:
        """Record that ``run`` is about to enter its ``state``. If this raises, it does not."""

    async def ask(self, run: Run, plan: str) -> None:
        """Ask the user. Raises RelevoError: ``consent-denied`` or ``consent-timeout``."""


@dataclass(frozen=True)
class Order:
    """A verified request and everything it names."""

    approved: Approved
    params: tuple[Parameter, ...]
    """Canonical, as signed."""
    resolved: tuple[Parameter, ...]
    """The same with real paths, as the steps get them."""
    request: FixRequest
    until: datetime
    """End of the session."""
    is_planned: Callable[[str], bool]
    """Whether a plan's text is the one that was signed."""


def verdict(rc: int) -> str:
    """``present``, ``absent`` or ``unknown`` for the exit status of a check."""
    return _WORDS.get(rc, "unknown")


class Engine:
    """Carries out orders one after the other, keeping files of runs below ``folder``."""

    def __init__(self, runs: Runs, sandbox: Sandbox, folder: Path, now: Callable[[], datetime]) -> None:
        self._runs = runs
        self._sandbox = sandbox
        self._folder = folder
        self._now = now

    async def apply(self, order: Order, run: Run, observer: Observer) -> Run:
        """Do ``run`` (state ``proposed``) and give it in the state where it ended.

        Cancelling before the fix changed anything cancels the run; later, it leaves it ``interrupted``.

        Raises:
            RelevoError: ``replayed``; ``stale-version`` when the plan is no longer what was signed;
                ``consent-denied``, ``consent-timeout``; ``cannot-record``; ``not-applicable``. Nothing was
                changed on the machine then.
        """
        run = self._runs.accept(order.request, run)
        try:
            run = await self._prepare(order, run, observer)
            if run.state is RunState.NO_OP:
                return run
            run = await self._enter(run, RunState.RUNNING, observer)
        except BaseException as error:
            await self._call_off(run.id, error, observer)
            raise
        return await self._settled(run.id, self._change(order, run, observer), observer)

    async def undo(self, order: Order, run: Run, observer: Observer) -> Run:
        """Take a settled run back; it ends ``undone`` or ``undo_failed``.

        Raises:
            RelevoError: as ``apply``.
        """
        if order.approved.manifest.asks_user:
            await observer.ask(run, run.plan)
            self._require_time(order)
        run = self._runs.accept(
            order.request, structs.replace(run, state=RunState.UNDOING, undo_by=order.request.grant)
        )
        return await self._settled(run.id, self._undo(order, run, observer), observer)

    async def check(self, order_of: Approved, resolved: tuple[Parameter, ...], run: str) -> StepDone:
        """Look whether the fault is there; changes nothing."""
        return await self._sandbox.run(order_of, order_of.manifest.check, resolved, run=run, state=None)

    # --- before anything changes ---------------------------------------------------------------

    async def _prepare(self, order: Order, run: Run, observer: Observer) -> Run:
        manifest = order.approved.manifest
        checked = await self._step(order, run, manifest.check)
        if checked.rc == ABSENT:
            return await self._enter(run, RunState.NO_OP, observer, message=checked.output)
        run = await self._enter(run, RunState.PRECHECKED, observer, message=checked.output)
        planned = await self._step(order, run, manifest.plan)
        if planned.rc != 0 or not order.is_planned(planned.output):
            raise RelevoError(Code.STALE_VERSION, "what would change is not what was planned: plan again")
        run = await self._enter(run, RunState.PLANNED, observer, plan=planned.output)
        if manifest.asks_user:
            run = await self._enter(run, RunState.AWAITING_CONSENT, observer)
            await observer.ask(run, planned.output)
        self._require_time(order)
        return await self._save(order, run)

    async def _save(self, order: Order, run: Run) -> Run:
        """The snapshot, on disk and in the run's record."""
        wanted = order.approved.manifest.snapshot
        files = fill_in(wanted.files, order.resolved)
        saved = await asyncio.to_thread(snapshot.save, files, self._place(run) / "saved")
        answers = [(await self._step(order, run, Step(builtin=name))).output for name in wanted.settings]
        return self._runs.note(run, saved=saved, settings="\n".join(answers))

    async def _call_off(self, id_: str, error: BaseException, observer: Observer) -> None:
        """Nothing was changed: say why and settle the run."""
        code = error.code if isinstance(error, RelevoError) else Code.CONSENT_WITHDRAWN
        state = _CALLED_OFF.get(code, RunState.CANCELLED)
        try:
            run = self._runs.get(id_)
            if run.state is not RunState.NO_OP:
                # To our own record first: the observer may be what failed.
                run = self._runs.step(run, state, self._now(), True, message=str(code))
                await observer.entering(run)
                self._runs.told(run.id)
        except RelevoError as second:
            _logger.warning("fix run %s was called off (%s), not recorded: %s", id_, code, second.code)

    # --- while it changes ----------------------------------------------------------------------

    async def _change(self, order: Order, run: Run, observer: Observer) -> Run:
        manifest = order.approved.manifest
        problem, applied = await self._try(order, run, manifest.apply)
        looked = await asyncio.to_thread(snapshot.look, [file.path for file in run.saved])
        run = self._runs.note(run, after=looked, output=_both(applied))
        if not problem:
            run = await self._enter(run, RunState.VERIFYING, observer)
            problem = await self._verify(order, run)
        if not problem:
            return await self._enter(run, RunState.SUCCEEDED, observer, message="")
        if not manifest.undoable:
            return await self._enter(run, RunState.FAILED, observer, message=problem)
        run = await self._enter(run, RunState.UNDOING, observer, message=problem)
        failure, said = await self._take_back(order, run)
        state = RunState.UNDO_FAILED if failure else RunState.UNDONE
        return await self._enter(run, state, observer, message=failure or problem, output=run.output + said)

    async def _undo(self, order: Order, run: Run, observer: Observer) -> Run:
        await observer.entering(run)
        failure, said = await self._take_back(order, run)
        state = RunState.UNDO_FAILED if failure else RunState.UNDONE
        return await self._enter(run, state, observer, message=failure, output=said)

    async def _verify(self, order: Order, run: Run) -> str:
        """Empty when the fault is gone, else what the last look said."""
        verify = order.approved.manifest.verify
        seen = ""
        for _ in range(verify.retries + 1):
            await asyncio.sleep(verify.settle_s)
            problem, checked = await self._try(order, run, order.approved.manifest.check, good=ABSENT)
            if not problem:
                return ""
            seen = f"verify: {verdict(checked.rc) if checked else problem}"
        return seen

    async def _take_back(self, order: Order, run: Run) -> tuple[str, str]:
        """Undo step, then the saved files, then a look whether that held.

        Returns:
            What went wrong (empty when nothing did), and what the undo step said.
        """
        manifest, said = order.approved.manifest, ""
        if manifest.undo is not None:
            problem, undone = await self._try(order, run, manifest.undo)
            said = _both(undone)
            if problem:
                return f"undo: {problem}", said
        try:
            await asyncio.to_thread(snapshot.restore, run.saved, self._place(run) / "saved")
            if not await asyncio.to_thread(snapshot.is_restored, run.saved):
                return "undo: a restored file is not what was saved", said
        except RelevoError as error:
            return f"undo: {error.detail}", said
        if manifest.undo_verify is not None:
            problem, _ = await self._try(order, run, manifest.undo_verify)
            if problem:
                return f"undo_verify: {problem}", said
        return "", said

    # --- small parts ---------------------------------------------------------------------------

    async def _settled(self, id_: str, work: Coroutine[None, None, Run], observer: Observer) -> Run:
        """Await what changes the machine; whatever cuts it short leaves the run marked for a look."""
        try:
            return await work
        except BaseException:
            # A full disk, or nobody to tell: recovery does it at the next start.
            with contextlib.suppress(RelevoError, TimeoutError):
                run = self._runs.step(self._runs.get(id_), RunState.INTERRUPTED, self._now(), True)
                async with asyncio.timeout(_LAST_WORD_S):
                    await observer.entering(run)
                self._runs.told(id_)
            raise

    async def _try(self, order: Order, run: Run, step: Step, good: int = 0) -> tuple[str, StepDone | None]:
        """A step whose failure is an outcome, not an error: what went wrong (or nothing), and what it said."""
        try:
            done = await self._step(order, run, step)
        except RelevoError as error:
            return f"{error.code}: {error.detail}", None
        if done.timed_out:
            return "took too long", done
        return ("" if done.rc == good else f"exit status {done.rc}: {done.errors[-500:]}"), done

    async def _step(self, order: Order, run: Run, step: Step) -> StepDone:
        state = self._place(run) / "state"
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        return await self._sandbox.run(order.approved, step, order.resolved, run=run.id, state=state)

    async def _enter(self, run: Run, state: RunState, observer: Observer, **known: str) -> Run:
        await observer.entering(structs.replace(run, state=state, changed=self._now(), **known))
        return self._runs.step(run, state, self._now(), **known)

    def _place(self, run: Run) -> Path:
        return self._folder / "runs" / run.id

    def _require_time(self, order: Order) -> None:
        if self._now() >= order.until:
            raise RelevoError(Code.SESSION_ENDED, order.request.grant)


_CALLED_OFF = {
    Code.CONSENT_DENIED: RunState.DENIED,
    Code.CONSENT_TIMEOUT: RunState.EXPIRED,
    Code.SESSION_ENDED: RunState.EXPIRED,
}


def _both(done: StepDone | None) -> str:
    if done is None:
        return ""
    return done.output + (f"\n{done.errors}" if done.errors else "")
