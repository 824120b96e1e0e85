"""The fixes of a run of self-service: offered, planned, run as shown, and taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple

from agent.fixes import catalogue
from agent.fixes.gate import OwnPapers
from agent.fixes.services import FixServices
from agent.redaction.redactor import Redactor
from agent.selfservice import messages
from agent.selfservice.observer import OwnObserver
from agent.selfservice.offering import offer
from agent.worker.trust import Trust
from protocol.assist import FixPlan, FixRun, FixUndoPlan, Parameter, Planned
from protocol.audit import Action
from protocol.documents import PROTOCOL_VERSION, FixRequest
from protocol.drivers.repository import Repository
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest, read_manifest
from protocol.sshkeys import KeySigner


class Own(NamedTuple):
    """Whose run it is, and what stands behind it."""

    run: str
    signer: KeySigner
    papers: OwnPapers
    redactor: Redactor


class Repairs:
    """One plan at a time; what is run is what was shown last.

    Args:
        record: writes a journal entry of the run; raises ``cannot-record``.
        require: raises RelevoError where no fix may be run now.
        refresh: why the organisation could not be asked, if it could not.
    """

    def __init__(
        self,
        own: Own,
        trust: Trust,
        fixes: FixServices,
        observer: OwnObserver,
        record: Callable[..., None],
        require: Callable[[], None],
        refresh: Callable[[], Awaitable[Code | None]],
    ) -> None:
        self.bound: dict[str, tuple[Parameter, ...]] = {}
        """Parameters that the known errors which matched fill in, by fix."""
        self._run, self._signer, self._papers, self._redactor = own
        self._trust = trust
        self._fixes = fixes
        self._observer = observer
        self._record = record
        self._require = require
        self._refresh = refresh
        self._planned: tuple[Planned, tuple[Parameter, ...], str] | None = None

    async def check(self, wanted: tuple[messages.Wanted, ...]) -> messages.Offered:
        """Those that users may run here, each once. What is not in the verified catalogue, not marked or not
        filled in is left out: who named it does not matter. Raises RelevoError: as ``plan``."""
        await self._ready()
        bound = self.bound

        def look(repository: Repository) -> tuple[messages.OfferedFix, ...]:
            found = (
                offer(
                    one.fix,
                    one.params or bound.get(one.fix, ()),
                    lambda fix: newest(repository, fix),
                    datetime.now(UTC),
                )
                for one in wanted
            )
            return tuple({fix.fix: fix for fix in found if fix is not None}.values())

        return messages.Offered(fixes=await self._trust.with_repository(look))

    async def plan(self, fix: str, params: tuple[Parameter, ...]) -> messages.FixPlanned:
        """What the fix would change; nothing is changed.

        Raises:
            RelevoError: ``refused`` for a fix that users may not run themselves; as ``Desk.plan``.
        """
        manifest = await self._manifest(fix)
        desk = await self._fixes.desk_for(fix, manifest.version)
        shown = self._redactor.text(" ".join(f"{p.name}={p.value}" for p in params))
        self._record(
            Action.FIX_PLANNED, fix=fix, fix_version=manifest.version, params=shown, state="planning"
        )
        wanted = FixPlan(fix=fix, fix_version=manifest.version, params=params)
        planned = await desk.plan(self._papers, wanted, self._observer)
        self._planned = (planned, params, "apply")
        return messages.FixPlanned(title=manifest.title, description=manifest.description, planned=planned)

    async def plan_undo(self, fix: str) -> messages.FixPlanned:
        """What taking back this run's own fix would do. Raises RelevoError: as ``Desk.plan_undo``."""
        manifest = await self._manifest(fix)
        desk = await self._fixes.desk_for(fix, None)
        self._record(Action.FIX_PLANNED, fix=fix, state="planning-undo")
        planned = await desk.plan_undo(self._papers, FixUndoPlan(fix=fix), self._observer)
        self._planned = (planned, (), "undo")
        return messages.FixPlanned(title=manifest.title, description=manifest.description, planned=planned)

    async def run_planned(self) -> messages.FixEnded:
        """Do what was planned and shown last, once.

        Raises:
            RelevoError: ``conflict`` without a plan; as ``Desk.run``. A fix that failed is no error.
        """
        self._require()
        if self._planned is None:
            raise RelevoError(Code.CONFLICT, "nothing was planned")
        (planned, params, mode), self._planned = self._planned, None
        request = FixRequest(
            version=PROTOCOL_VERSION,
            grant=self._run,
            sequence=planned.sequence,
            challenge=planned.challenge,
            fix=planned.fix,
            fix_version=planned.fix_version,
            fix_sha256=planned.fix_sha256,
            params_sha256=planned.params_sha256,
            plan_sha256=planned.plan_sha256,
            mode=mode,
        )
        self._record(
            Action.FIX_STEP,
            fix=planned.fix,
            fix_version=planned.fix_version,
            state="asked",
            mode=mode,
            by="user",
            plan_sha256=planned.plan_sha256,
        )
        desk = await self._fixes.desk_for(planned.fix, planned.fix_version)
        wanted = FixRun(request=seal(request, self._signer), params=params)
        done = await desk.run(self._papers, wanted, self._observer)
        return messages.FixEnded(
            fix=done.fix, state=done.state, message=done.message[:4_000], output=done.output[:16_000]
        )

    async def _manifest(self, fix: str) -> Manifest:
        await self._ready()
        manifest = await self._trust.with_repository(lambda repository: newest(repository, fix))
        if manifest is None:
            raise RelevoError(Code.NOT_FOUND, f"no approved fix {fix}")
        return manifest

    async def _ready(self) -> None:
        self._require()
        if (problem := await self._refresh()) is not None:
            raise RelevoError(problem, "the organisation's catalogue could not be checked")


def newest(repository: Repository, fix: str) -> Manifest | None:
    """The newest approved version of a fix, verified; None where there is none."""
    try:
        ref = catalogue.choose(repository.fixes(), fix, None)
        return read_manifest(repository.fix_manifest(ref))
    except RelevoError as error:
        if error.code in (Code.NOT_FOUND, Code.REVOKED):
            return None
        raise
