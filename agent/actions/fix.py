"""``fix``: plan, run, undo and states of approved fixes. Who may what is decided by ``agent.fixes``."""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec

from agent.actions.context import Emit, Session
from agent.actions.fix_observer import SessionObserver
from agent.fixes.gate import Credentials
from agent.fixes.runs import Run
from agent.fixes.services import FixServices
from agent.redaction import residual
from agent.redaction.redactor import Redactor
from protocol import assist
from protocol.audit import Action
from protocol.documents import FixRequest
from protocol.dsse import unsafe_peek
from protocol.errors import Code, RelevoError
from protocol.fix_states import RunState
from protocol.scopes import Clearance
from protocol.wire import Wire, to_json

_logger = logging.getLogger(__name__)
_GOOD_APPLY = frozenset({RunState.SUCCEEDED, RunState.NO_OP})


SELF_SERVICE = "self-service"
"""In place of a technician: the machine's user ran it alone."""


class FixReport(Wire, frozen=True):
    """What is stored on the ticket about a run; texts are redacted for R1."""

    run: str
    fix: str
    fix_version: int
    fix_sha256: str
    title_en: str
    title_es: str
    technician: str
    risk: str
    run_as: str
    state: str
    started: datetime
    changed: datetime
    params: tuple[assist.Parameter, ...]
    plan: str
    message: str
    output: str


async def plan(request: assist.FixPlan, session: Session, emit: Emit) -> None:
    """Look for the fault and say what would change.

    Raises:
        RelevoError: as ``agent.fixes.desk.Desk.plan``; ``cannot-record``.
    """
    services, observer = _services(session, emit)
    desk = await services.desk_for(request.fix, request.fix_version)
    session.record(
        Action.FIX_PLANNED,
        fix=request.fix,
        fix_version=request.fix_version,
        state="planning",
        params=observer.journal_params(request.params),
    )
    await emit(assist.Progress(step="plan"))
    planned = await desk.plan(_credentials(session), request, observer)
    await emit(msgspec.structs.replace(planned, plan=observer.text(planned.plan)))


async def undo_plan(request: assist.FixUndoPlan, session: Session, emit: Emit) -> None:
    """Say what undoing this ticket's last run of the fix would do.

    Raises:
        RelevoError: as ``agent.fixes.desk.Desk.plan_undo``; ``cannot-record``.
    """
    services, observer = _services(session, emit)
    desk = await services.desk_for(request.fix, None)
    session.record(Action.FIX_PLANNED, fix=request.fix, state="planning-undo")
    planned = await desk.plan_undo(_credentials(session), request, observer)
    await emit(msgspec.structs.replace(planned, plan=observer.text(planned.plan)))


async def run(request: assist.FixRun, session: Session, emit: Emit) -> None:
    """Apply or undo what was planned and signed; the last ``FixOutcome`` is how it ended.

    Raises:
        RelevoError: ``fix-failed`` when it did not verify (undone where it can be), ``undo-failed``; as
            ``agent.fixes.desk.Desk.run``.
    """
    services, observer = _services(session, emit)
    claimed = unsafe_peek(request.request, FixRequest)
    desk = await services.desk_for(claimed.fix, claimed.fix_version)
    # The first thing a run does is to look at the machine again; that too stands in the journal first.
    session.record(
        Action.FIX_STEP, fix=claimed.fix, fix_version=claimed.fix_version, state="asked", mode=claimed.mode
    )
    done = await desk.run(_credentials(session), request, observer)
    await _store(done, session, emit)
    await emit(observer.outcome(done))
    if done.state is RunState.UNDO_FAILED:
        raise RelevoError(Code.UNDO_FAILED, done.fix)
    if claimed.mode == "apply" and done.state not in _GOOD_APPLY:
        raise RelevoError(Code.FIX_FAILED, f"{done.fix} ended {done.state}")


async def states(_request: assist.FixStates, session: Session, emit: Emit) -> None:
    """The runs of fixes on this machine that belong to this ticket, oldest first."""
    services, observer = _services(session, emit)
    for done in await services.states(_credentials(session), observer):
        await emit(observer.outcome(done))


def _services(session: Session, emit: Emit) -> tuple[FixServices, SessionObserver]:
    if session.fixes is None:
        raise RelevoError(Code.SCOPE_NOT_GRANTED, "fix")
    return session.fixes, SessionObserver(session, emit, session.fixes)


def _credentials(session: Session) -> Credentials:
    return Credentials(session.grant_envelope, session.consent_envelope)


async def _store(done: Run, session: Session, emit: Emit) -> None:
    """Put the report on the ticket. The run is in journal and store already: a broker that cannot be reached
    does not change how it ended."""
    name = f"fix-{done.fix}-{done.id[-8:]}.json"
    try:
        report = report_json(done, Redactor(Clearance.R1, session.pseudonym_key))
        artifact = await session.artifacts.store(
            kind="fix-run",
            name=name,
            media_type="application/json",
            clearance=Clearance.R1,
            content=report,
            seal=False,
        )
    except RelevoError as error:
        _logger.warning("report of fix run %s not stored: %s", done.id, error.code)
        return
    await emit(assist.Stored(artifact=artifact, name=name))


def report_json(done: Run, redactor: Redactor) -> bytes:
    """What the ticket gets of a run, looked at once more before it leaves; ``redactor`` is for R1.

    Raises:
        RelevoError: ``redaction-failed``.
    """
    report = to_json(_report_of(done, redactor))
    residual(report)
    return report


def _report_of(done: Run, redactor: Redactor) -> FixReport:
    return FixReport(
        run=done.id,
        fix=done.fix,
        fix_version=done.fix_version,
        fix_sha256=done.fix_sha256,
        title_en=done.title_en,
        title_es=done.title_es,
        technician=done.technician or SELF_SERVICE,
        risk=done.risk,
        run_as=done.run_as,
        state=done.state,
        started=done.started,
        changed=done.changed,
        params=tuple(assist.Parameter(name=p.name, value=redactor.text(p.value)) for p in done.params),
        plan=redactor.text(done.plan),
        message=redactor.text(done.message),
        output=redactor.text(done.output),
    )
