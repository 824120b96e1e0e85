"""Where fixes are asked for: everything is verified here, then the engine does it.

The session's worker has one for fixes that run as the user, the root helper one for those that run as root.
Both verify grant, consent, request, catalogue and parameters themselves.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from agent.fixes import paths
from agent.fixes.catalogue import Approved, Trusted
from agent.fixes.challenges import Challenges
from agent.fixes.checks import Challenge, Machine, RunMode
from agent.fixes.engine import Engine, Observer, Order, verdict
from agent.fixes.gate import Admitted, Gate, Papers, RunAs
from agent.fixes.recovery import Recovery
from agent.fixes.runs import Run, Runs
from agent.fixes.sandbox import Sandbox
from agent.fixes.undoing import undo_text
from protocol.assist import FixPlan, FixRun, FixUndoPlan, Parameter, Planned
from protocol.documents import FixRequest
from protocol.drivers.locks import locked
from protocol.dsse import unsafe_peek
from protocol.errors import Code, RelevoError
from protocol.fix_states import SETTLED, UNDOABLE, RunState
from protocol.fixes import params_sha256, plan_sha256, validate_params
from protocol.ids import new_nonce
from protocol.wording import Language, Words
from protocol.wording.fix_steps import TABLE


class Desk:
    """Plans, runs and undoes the fixes of one kind (``run_as``). One instance per process and kind.

    Args:
        folder: private; runs, snapshots and copies of payloads live here.
        trusted: this process's own verified repository.
        now: the clock, with a zone.
        host_network: see ``Sandbox``.
    """

    def __init__(
        self,
        run_as: RunAs,
        folder: Path,
        trusted: Trusted,
        machine: Machine,
        now: Callable[[], datetime],
        *,
        language: Language = "en",
        host_network: int | None = None,
    ) -> None:
        self._gate = Gate(run_as, trusted, machine, now)
        self._folder = folder
        self._now = now
        self._words = Words(language, TABLE)
        self._runs = Runs(folder / "runs.db")
        self._sandbox = Sandbox(folder / "payload", host_network=host_network, language=language)
        self._engine = Engine(self._runs, self._sandbox, folder, now)
        self._challenges = Challenges()
        self._recovery = Recovery(self._runs, self._engine, self._gate.approved, now, self._words)

    def close(self) -> None:
        self._runs.close()

    # --- requests ------------------------------------------------------------------------------

    async def plan(self, credentials: Papers, wanted: FixPlan, observer: Observer) -> Planned:
        """Look for the fault and say what would change; nothing is changed.

        Raises:
            RelevoError: as ``verify_session`` and ``verify_fix``; ``parameter-invalid``; ``revoked``,
                ``not-found``, ``hash-mismatch``; ``not-applicable`` when it cannot work here.
        """
        await self.recover(observer)
        admitted = await self._gate.admit(credentials)
        approved = await self._gate.fix_for(admitted, wanted.fix, wanted.fix_version)
        params = validate_params(approved.manifest, wanted.params)
        resolved = paths.resolve(approved.manifest, params)
        mark = f"plan-{secrets.token_hex(12)}"
        if approved.manifest.precheck is not None:
            ready = await self._sandbox.run(
                approved, approved.manifest.precheck, resolved, run=mark, state=None
            )
            if ready.rc != 0:
                raise RelevoError(Code.NOT_APPLICABLE, (ready.output + ready.errors).strip()[:500])
        checked = await self._engine.check(approved, resolved, mark)
        planned = await self._sandbox.run(approved, approved.manifest.plan, resolved, run=mark, state=None)
        if planned.rc != 0:
            raise RelevoError(Code.NOT_APPLICABLE, (planned.output + planned.errors).strip()[:500])
        return self._planned(admitted, approved, params, "apply", "", verdict(checked.rc), planned.output)

    async def plan_undo(self, credentials: Papers, wanted: FixUndoPlan, observer: Observer) -> Planned:
        """Say what undoing this ticket's last run of the fix would do.

        Raises:
            RelevoError: as ``plan``; ``not-found`` when there is no run that can be undone.
        """
        await self.recover(observer)
        admitted = await self._gate.admit(credentials)
        run = self._undoable(admitted, wanted.fix)
        approved = await self._gate.fix_for(admitted, run.fix, run.fix_version)
        text = undo_text(run, approved.manifest, self._words)
        return self._planned(admitted, approved, run.params, "undo", run.id, "unknown", text)

    async def run(self, credentials: Papers, wanted: FixRun, observer: Observer) -> Run:
        """Apply or undo exactly what was planned and signed.

        Raises:
            RelevoError: as ``verify_session``, ``verify_fix``, ``verify_request`` and ``Engine.apply``;
                ``conflict`` while another fix runs. A run that failed is no error: see its state.
        """
        await self.recover(observer)
        admitted = await self._gate.admit(credentials)
        claimed = unsafe_peek(wanted.request, FixRequest)
        challenge = self._challenges.get(claimed.challenge)
        approved = await self._gate.planned_fix(admitted, challenge)
        # An undo is about the run's own parameters, which only this machine knows.
        undone = self._runs.get(challenge.subject) if challenge.mode == "undo" else None
        params = validate_params(approved.manifest, undone.params if undone else wanted.params)
        request = self._gate.request(wanted.request, admitted, challenge, approved, params_sha256(params))
        self._challenges.use(challenge.nonce)

        def is_planned(text: str) -> bool:
            return self._plan_hash(approved, params, challenge, text) == request.plan_sha256

        with self._exclusive():
            resolved = paths.resolve(approved.manifest, params)
            order = Order(approved, params, resolved, request, admitted.allowed.until, is_planned)
            if undone is not None:
                return await self._engine.undo(order, self._undo_run(order, undone.id), observer)
            return await self._engine.apply(order, self._new_run(admitted, order), observer)

    async def states(self, credentials: Papers, observer: Observer) -> tuple[Run, ...]:
        """The runs of the session's ticket, oldest first."""
        await self.recover(observer)
        admitted = await self._gate.admit(credentials)
        return self._history(admitted)

    async def recover(self, observer: Observer) -> tuple[Run, ...]:
        """See ``agent.fixes.recovery``; does nothing while a live process is running a fix.

        Raises:
            RelevoError: ``cannot-record``.
        """
        if not self._runs.unsettled() and not self._runs.owed():
            return ()
        try:
            with self._exclusive():
                return await self._recovery.settle_all(observer)
        except RelevoError as error:
            if error.code is Code.CONFLICT:
                return ()
            raise

    def heard(self, run: Run) -> None:
        """The journal has this end. Raises RelevoError: ``cannot-record``."""
        if run.state in SETTLED:
            self._runs.told(run.id)

    def unheard(self, run: Run) -> None:
        """The journal could not have this; how the run ends is told by the next ``recover``.

        Raises:
            RelevoError: ``cannot-record``.
        """
        self._runs.owe(run.id)

    # --- parts ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One fix at a time on this machine; the lock goes with the process, however it ends."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(self._folder / "engine.lock", 0.0))
            except RelevoError as error:
                if error.code is Code.CONFLICT:
                    raise RelevoError(Code.CONFLICT, "another fix is running on this machine") from error
                raise
            yield

    def _planned(
        self,
        admitted: Admitted,
        approved: Approved,
        params: tuple[Parameter, ...],
        mode: RunMode,
        subject: str,
        check: str,
        text: str,
    ) -> Planned:
        challenge = Challenge(
            nonce=new_nonce(),
            sequence=self._runs.last_sequence(admitted.allowed.session) + 1,
            grant=admitted.allowed.session,
            fix=approved.manifest.id,
            fix_version=approved.manifest.version,
            fix_sha256=approved.ref.sha256,
            params_sha256=params_sha256(params),
            plan_sha256="0" * 64,
            mode=mode,
            subject=subject,
            made=self._now(),
        )
        challenge = replace(challenge, plan_sha256=self._plan_hash(approved, params, challenge, text))
        self._challenges.add(challenge)
        return Planned(
            fix=challenge.fix,
            fix_version=challenge.fix_version,
            fix_sha256=challenge.fix_sha256,
            params_sha256=challenge.params_sha256,
            plan_sha256=challenge.plan_sha256,
            challenge=challenge.nonce,
            sequence=challenge.sequence,
            check=check,
            plan=text[:20_000],
            risk=approved.manifest.risk,
            reversible=approved.manifest.reversible,
            asks_user=approved.manifest.asks_user,
        )

    @staticmethod
    def _plan_hash(approved: Approved, params: tuple[Parameter, ...], challenge: Challenge, text: str) -> str:
        return plan_sha256(
            fix_sha256=approved.ref.sha256,
            params=params_sha256(params),
            mode=challenge.mode,
            plan=text,
            subject=challenge.subject,
        )

    def _new_run(self, admitted: Admitted, order: Order) -> Run:
        manifest = order.approved.manifest
        return Run(
            id=f"run-{secrets.token_hex(12)}",
            grant=admitted.allowed.session,
            ticket=admitted.allowed.ticket,
            technician=admitted.allowed.person,
            fix=manifest.id,
            fix_version=manifest.version,
            fix_sha256=order.approved.ref.sha256,
            title_en=manifest.title.en,
            title_es=manifest.title.es,
            risk=manifest.risk,
            run_as=manifest.run_as,
            params=order.params,
            state=RunState.PROPOSED,
            started=self._now(),
            changed=self._now(),
        )

    def _history(self, admitted: Admitted) -> tuple[Run, ...]:
        """The runs that these papers are about: the ticket's, or those of this run of self-service."""
        allowed = admitted.allowed
        if allowed.ticket is None:
            return self._runs.of_session(allowed.session)
        return self._runs.of_ticket(allowed.ticket)

    def _undoable(self, admitted: Admitted, fix: str) -> Run:
        found = [run for run in self._history(admitted) if run.fix == fix and run.state in UNDOABLE]
        if not found:
            raise RelevoError(Code.NOT_FOUND, f"no run of {fix} that can be undone")
        return found[-1]

    def _undo_run(self, order: Order, id_: str) -> Run:
        run = self._runs.get(id_)
        if run.state not in UNDOABLE or run.fix_sha256 != order.approved.ref.sha256:
            raise RelevoError(Code.CONFLICT, f"run {run.id} cannot be undone in state {run.state}")
        text = undo_text(run, order.approved.manifest, self._words)
        if not order.is_planned(text):
            raise RelevoError(Code.STALE_VERSION, "undoing would do something else by now: plan again")
        return self._runs.note(run, plan=text)
