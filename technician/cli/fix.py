"""`relevo fix …`: the catalogue, plans, runs and undoing them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from protocol import assist
from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from technician.assist import exchange, find_session
from technician.cli.common import Progress, progress, show_rows, technician_options
from technician.fixing import (
    Catalogue,
    Known,
    parse_params,
    plan_request,
    require_planned,
    signed_run,
    undo_request,
)
from technician.held import HeldSession
from technician.login import client

_PLAN_S = 310.0
_RUN_S = 4 * 3600.0
"""The user has five minutes to answer, and each step its own time; the agent ends what takes too long."""


@click.group(cls=Group, help="fix")
def fix() -> None:
    """Commands on fixes."""


_PARAM = option("--param", "params", multiple=True, metavar="NAME=VALUE", help="option.param")
_VERSION = option("--version", "version", type=click.IntRange(1, 999_999), help="option.version-of-fix")
_YES = option("--yes", "-y", "yes", is_flag=True, help="option.yes")


@fix.command("list", help="fix.list")
@click.argument("ticket_id", metavar="[TICKET]", required=False)
@technician_options
def list_(ticket_id: str | None, home: Path, as_json: bool) -> None:
    runs = _runs(find_session(home, ticket_id)) if ticket_id else ()
    known = Catalogue(client(home).repository()).newest()
    if as_json:
        emit_json({"fixes": [_summary(one) for one in known], "runs": runs})
        return
    w = words()
    titles = [w(f"fix.column.{name}") for name in ("fix", "version", "risk", "undo", "title")]
    rows = [
        (
            one.ref.id,
            one.ref.version,
            w(f"fix.risk.{one.manifest.risk}"),
            w(f"fix.reversible.{one.manifest.reversible}"),
            _in_language(one.manifest.title.en, one.manifest.title.es),
        )
        for one in known
    ]
    show_rows(titles, rows, "fix.none")
    if ticket_id:
        say()
        _show_runs(runs)


@fix.command("show", help="fix.show")
@click.argument("names", metavar="[TICKET] FIX", nargs=-1, required=True)
@_VERSION
@technician_options
def show(names: tuple[str, ...], version: int | None, home: Path, as_json: bool) -> None:
    known = Catalogue(client(home).repository()).get(names[-1], version)
    if as_json:
        emit_json(known.manifest)
        return
    w, manifest = words(), known.manifest
    say(printable(_in_language(manifest.title.en, manifest.title.es)))
    say(printable(_in_language(manifest.description.en, manifest.description.es)))
    say()
    _show_facts(known)
    say(w(f"fix.runs_as.{manifest.run_as}"))
    if manifest.asks_user:
        say(w("fix.asks_user"))
    if manifest.params:
        say(w("fix.params"))
    for spec in manifest.params:
        default = spec.default
        need = w("fix.param.needed") if default is None else w("fix.param.default", value=printable(default))
        title = printable(_in_language(spec.title.en, spec.title.es))
        say(w("fix.param", name=spec.name, type=spec.type, need=need, title=title))


@fix.command("plan", help="fix.plan")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("fix_id", metavar="FIX")
@_PARAM
@_VERSION
@technician_options
def plan(
    ticket_id: str, fix_id: str, params: tuple[str, ...], version: int | None, home: Path, as_json: bool
) -> None:
    held = find_session(home, ticket_id)
    known = Catalogue(client(home).repository()).get(fix_id, version)
    given = parse_params(params)
    planned = _planned(held, plan_request(known, given))
    require_planned(known, planned, given)
    if as_json:
        emit_json(planned)
    else:
        _show_plan(known, planned, "fix.plan_title", to_stdout=True)


@fix.command("run", help="fix.run")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("fix_id", metavar="FIX")
@_PARAM
@_VERSION
@_YES
@technician_options
def run(
    ticket_id: str,
    fix_id: str,
    params: tuple[str, ...],
    version: int | None,
    yes: bool,
    home: Path,
    as_json: bool,
) -> None:
    held = find_session(home, ticket_id)
    api = client(home)
    known = Catalogue(api.repository()).get(fix_id, version)
    given = parse_params(params)
    _require_answerable(yes)
    planned = _planned(held, plan_request(known, given))
    require_planned(known, planned, given)
    _show_plan(known, planned, "fix.plan_title", to_stdout=False)
    if not _confirmed("fix.question", yes):
        return
    request = signed_run(held.record.grant, planned, "apply", api.signer(), given)
    _carry_out(held, request, planned, as_json)


@fix.command("undo", help="fix.undo")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("fix_id", metavar="FIX")
@_YES
@technician_options
def undo(ticket_id: str, fix_id: str, yes: bool, home: Path, as_json: bool) -> None:
    held = find_session(home, ticket_id)
    api = client(home)
    catalogue = Catalogue(api.repository())
    _require_answerable(yes)
    planned = _planned(held, undo_request(catalogue.get(fix_id, None)))
    known = catalogue.get(fix_id, planned.fix_version)
    require_planned(known, planned, None)
    _show_plan(known, planned, "fix.undo_title", to_stdout=False)
    if not _confirmed("fix.undo_question", yes):
        return
    _carry_out(held, signed_run(held.record.grant, planned, "undo", api.signer()), planned, as_json)


# --- the session -------------------------------------------------------------------------------


def _planned(held: HeldSession, request: assist.FixPlan | assist.FixUndoPlan) -> assist.Planned:
    with progress() as line:
        for event in exchange(held, request, timeout_s=_PLAN_S):
            if isinstance(event, assist.Planned):
                return event
            line.update(words()("fix.planning"), 0, None)
    raise RelevoError(Code.MALFORMED, "no plan came")


def _carry_out(held: HeldSession, request: assist.FixRun, planned: assist.Planned, as_json: bool) -> None:
    """Follow a run to its end; what went wrong is raised after what is known was printed."""
    last: assist.FixOutcome | None = None
    artifact: str | None = None
    problem: RelevoError | None = None
    with progress() as line:
        try:
            for event in exchange(held, request, timeout_s=_RUN_S):
                if isinstance(event, assist.FixOutcome):
                    if last is None or event.state != last.state:
                        _say_state(event, line)
                    last = event
                elif isinstance(event, assist.Stored):
                    artifact = event.artifact
        except RelevoError as error:
            problem = error
    if as_json:
        emit_json({"planned": planned, "outcome": last, "artifact": artifact})
    elif last is not None:
        _say_outcome(last, artifact)
    if problem is not None:
        raise problem


def _runs(held: HeldSession) -> tuple[assist.FixOutcome, ...]:
    events = exchange(held, assist.FixStates(), timeout_s=_PLAN_S)
    return tuple(event for event in events if isinstance(event, assist.FixOutcome))


# --- what is printed ---------------------------------------------------------------------------


def _require_answerable(yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise RelevoError(Code.USAGE, words()("fix.needs_yes"))


def _confirmed(question: str, yes: bool) -> bool:
    if yes or click.confirm(words()(question), err=True):
        return True
    note(words()("fix.not_done"))
    return False


def _show_plan(known: Known, planned: assist.Planned, title: str, *, to_stdout: bool) -> None:
    out = say if to_stdout else note
    w = words()
    if title == "fix.plan_title":
        out(w(f"fix.check.{planned.check}"))
    out(w(title))
    for line in planned.plan.rstrip("\n").split("\n"):
        out(f"  {printable(line)}")
    _show_facts(known, to_stdout=to_stdout)
    if planned.asks_user:
        note(w("fix.asks_user"))


def _show_facts(known: Known, *, to_stdout: bool = True) -> None:
    w, manifest = words(), known.manifest
    (say if to_stdout else note)(
        w(
            "fix.facts",
            fix=manifest.id,
            version=manifest.version,
            risk=w(f"fix.risk.{manifest.risk}"),
            undo=w(f"fix.reversible.{manifest.reversible}"),
        )
    )


def _show_runs(runs: tuple[assist.FixOutcome, ...]) -> None:
    w = words()
    titles = [w(f"fix.column.{name}") for name in ("run", "fix", "version", "state", "at")]
    rows = [(one.run, one.fix, one.fix_version, _state(one.state), local_stamp(one.at)) for one in runs]
    show_rows(titles, rows, "fix.no_runs")


def _say_state(outcome: assist.FixOutcome, line: Progress) -> None:
    line.clear()
    note(f"… {_state(outcome.state)}")


def _say_outcome(last: assist.FixOutcome, artifact: str | None) -> None:
    say(f"{last.run}  {printable(last.fix)}  {_state(last.state)}")
    if last.message:
        say(f"  {printable(last.message)}")
    if last.output.strip():
        say(words()("fix.output"))
        for text in last.output.rstrip("\n").split("\n"):
            say(f"  {printable(text)}")
    if artifact:
        note(words()("fix.stored", artifact=artifact))


def _state(state: str) -> str:
    key = f"fix.state.{state}"
    return words()(key) if words().has(key) else printable(state)


def _in_language(english: str, spanish: str) -> str:
    return spanish if words().language == "es" else english


def _summary(known: Known) -> dict[str, object]:
    manifest = known.manifest
    return {
        "fix": manifest.id,
        "version": manifest.version,
        "risk": manifest.risk,
        "reversible": manifest.reversible,
        "run_as": manifest.run_as,
        "title_en": manifest.title.en,
        "title_es": manifest.title.es,
        "sha256": known.ref.sha256,
    }
