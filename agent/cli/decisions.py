"""`relevo-agent requests`, `allow`, `deny`, `stop` and `consent`: the user decides."""

from __future__ import annotations

import click

from agent import floor, identity, messages, supervisor
from agent.cli import trends
from agent.cli.common import agent_options
from agent.folder import Folder
from agent.journal import Journal
from agent.localclient import ask
from agent.trends import consent as consent_of_trends
from protocol.audit import Action
from protocol.documents import JournalEntry
from protocol.drivers.shown import folded, local_time
from protocol.drivers.terminal import Command, Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.scopes import Floor, Scope, parse_scopes
from protocol.wire import facts, from_json

_STOP_S = 0.5
"""After this the agent counts as hung and the workers are ended without it (8-promises: <= 1 s)."""


@click.command(cls=Command, help="requests")
@agent_options
def requests(folder: Folder, as_json: bool) -> None:
    """What is being asked of this machine, in plain words."""
    folder.membership()
    rows = ask(folder, messages.RequestsQuery(), messages.RequestList).rows
    if as_json:
        emit_json(rows)
        return
    if not rows:
        note(words()("requests.none"))
    for row in rows:
        _show(row)


def _show(row: messages.RequestView) -> None:
    """One request as a card. Names come out of the verified roster; free text is escaped."""
    w = words()
    say(w("request.title", id=row.id))
    who, organisation = printable(row.technician_name), printable(row.organisation)
    say(folded(w("request.who", technician=who, organisation=organisation)))
    if row.invited_by:
        say(folded(w("request.invited", by=printable(row.invited_by)), "  "))
    say(folded(w("request.ticket", ticket=row.ticket, title=printable(row.ticket_title)), "  "))
    say(folded(w("request.reason", reason=printable(row.reason)), "  "))
    if row.kind == "fix":
        say(printable(row.question, newlines=True))
    else:
        say(w("request.wants"))
        for scope in row.scopes:
            say(folded(f"  - {scope}: {w(f'scope.{scope}.card')}", "    "))
        for scope in row.refused_scopes:
            say(folded(f"  - {w('request.never', scope=w(f'scope.{scope}'))}", "    "))
    say(folded(w("request.until", ends=local_time(row.ends))))
    say(folded(w("request.answer-by", answer_by=local_time(row.answer_by))))
    say()
    say(w("request.how", id=row.id))
    if row.kind != "fix":
        say(w("request.less", id=row.id, scope=row.scopes[0] if row.scopes else Scope.DIAGNOSE))
    say()


@click.command(cls=Command, help="allow")
@click.argument("request")
@option("--scope", metavar="SCOPE,…", help="option.allow-scope")
@option("--minutes", type=click.IntRange(1, 24 * 60), help="option.allow-minutes")
@agent_options
def allow(request: str, scope: str | None, minutes: int | None, folder: Folder, as_json: bool) -> None:
    """Agree, to all of it or to less."""
    scopes = parse_scopes(scope) if scope else None
    answer = messages.Allow(request=_request_id(request), scopes=scopes, minutes=minutes)
    ask(folder, answer, messages.Ok)
    _done(as_json, request, "allowed")


@click.command(cls=Command, help="deny")
@click.argument("request")
@agent_options
def deny(request: str, folder: Folder, as_json: bool) -> None:
    """Say no."""
    ask(folder, messages.Deny(request=_request_id(request)), messages.Ok)
    _done(as_json, request, "denied")


@click.command(cls=Command, help="stop")
@option("--all", "everything", is_flag=True, help="option.stop-all")
@agent_options
def stop(everything: bool, folder: Folder, as_json: bool) -> None:
    """End sessions at once, with or without the broker and the agent."""
    if not folder.membership_file.exists():
        raise RelevoError(Code.NOT_CONNECTED, f"no enrolment in {folder.root}")
    try:
        ended = ask(folder, messages.Stop(requests=everything), messages.Ok, timeout_s=_STOP_S).count
    except RelevoError:
        ended = _stop_without_agent(folder)  # whatever it was: nothing may come between the user and the end
    if as_json:
        emit_json({"ended": ended})
    else:
        say(words()("stopped", count=ended))


def _stop_without_agent(folder: Folder) -> int:
    """Kill the workers first, then write down why: stopping must never wait for a disk, nor fail with it."""
    ended = supervisor.kill_marked(folder)
    try:
        _record_stop(folder, ended)
    except RelevoError as error:
        note(words()("stopped.unrecorded", detail=printable(error.detail)))
    return len(ended)


def _record_stop(folder: Folder, ended: list[str]) -> None:
    signer = identity.load(folder)
    journal = Journal(folder.journal, identity.id_of(signer))
    for grant in ended:
        ticket = _ticket_of(journal, grant)
        reason = facts(by="user", agent="hung")
        journal.append(signer, Action.CONSENT_WITHDRAWN, grant=grant, ticket=ticket, facts=reason)
    journal.close()


def _ticket_of(journal: Journal, grant: str) -> str | None:
    """The ticket that this machine's own entries of the session name, so that its story is told whole."""
    for envelope in journal.of_grant(grant):
        ticket = from_json(envelope.payload, JournalEntry).ticket
        if ticket is not None:
            return ticket
    return None


@click.group(cls=Group, help="consent")
def consent() -> None:
    """The floor of this machine."""


@consent.command("show", help="consent.show")
@agent_options
def consent_show(folder: Folder, as_json: bool) -> None:
    local, telling = floor.read(folder), consent_of_trends.read(folder)
    if as_json:
        emit_json({**{scope.value: local.of(scope).value for scope in Scope}, trends.NAME: telling})
        return
    for scope in Scope:
        _say_rule(scope.value, local.of(scope), words()(f"scope.{scope}.card"))
    _say_rule(trends.NAME, telling, words()("trends.card"))


def _say_rule(name: str, level: Floor, meaning: str) -> None:
    say(folded(f"{name:<11} {level.value:<7} {meaning}", " " * 20))


@consent.command("set", help="consent.set")
@click.argument("scope", type=click.Choice([*(scope.value for scope in Scope), trends.NAME]))
@click.argument("level", type=click.Choice([level.value for level in Floor]))
@agent_options
def consent_set(scope: str, level: str, folder: Folder, as_json: bool) -> None:
    folder.membership()
    if scope == trends.NAME:
        trends.set_floor(folder, Floor(level))
    else:
        signer = identity.load(folder)
        journal = Journal(folder.journal, identity.id_of(signer))
        journal.append(signer, Action.FLOOR_CHANGED, facts=facts(scope=scope, floor=level))
        journal.close()
        floor.write(folder, floor.read(folder).with_scope(Scope(scope), Floor(level)))
    if as_json:
        emit_json({"scope": scope, "floor": level})
    elif scope == trends.NAME:
        say(folded(words()(f"trends.{consent_of_trends.telling(folder)}")))
    else:
        say(words()("consent.changed", scope=words()(f"scope.{scope}"), floor=words()(f"floor.{level}")))


def _request_id(text: str) -> str:
    if not 4 <= len(text) <= 40 or set(text) - set("0123456789abcdef-"):
        raise RelevoError(Code.NOT_FOUND, f"request {text}")
    return text


def _done(as_json: bool, request: str, key: str) -> None:
    if as_json:
        emit_json({"request": request, "answer": key})
    else:
        say(words()(key))
