"""`relevo kb matches`, `confirm`, `wrong`, `signatures`: known errors that a ticket's diagnoses show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import click

from protocol.drivers.terminal import Command, emit_json, note, option, printable, say, words
from protocol.known_errors import KnownError, Proposal, proposals
from protocol.signature_api import Feedback, Matches, MatchJudged, MatchView, Signatures
from protocol.signature_model import Outcome, Verdict
from technician.catalogue import forget
from technician.cli.common import show_rows, technician_options
from technician.cli.ticket_common import path
from technician.login import client


@click.command("matches", cls=Command, help="kb.matches")
@click.argument("ticket_id", metavar="TICKET")
@option("--all", "everything", is_flag=True, help="kb.matches.all")
@technician_options
def matches(ticket_id: str, everything: bool, home: Path, as_json: bool) -> None:
    """What is recognised, why, with what values, and the fix to plan."""
    from technician.matching import catalogue

    rows = client(home).get_json(path(ticket_id, "/matches"), Matches).rows
    found = [row for row in rows if everything or row.verdict is Outcome.MATCH]
    published = catalogue(home)
    if as_json:
        emit_json([_as_json(row, published.get(row.known_error, row.version)) for row in found])
        return
    if not found:
        note(words()("kb.matches.none"))
    for row in found:
        for line in _lines(row, published.get(row.known_error, row.version)):
            say(line)
        say()
    unknown = sum(row.verdict is Outcome.UNKNOWN for row in rows)
    if not everything and len(rows) > len(found):
        note(words()("match.unsaid", count=len(rows) - len(found) - unknown, unknown=unknown))


def _as_json(row: MatchView, known: KnownError | None) -> dict[str, object]:
    fixes: list[Proposal] = []
    if known is not None and row.verdict is Outcome.MATCH and not row.in_review:
        fixes = [proposal for bindings in row.bindings or ((),) for proposal in proposals(known, bindings)]
    return {
        "match": row,
        "known_error": known,
        "fixes": [
            {"fix": one.fix, "params": {p.name: p.value for p in one.params}, "missing": one.missing}
            for one in fixes
        ],
    }


def _lines(row: MatchView, known: KnownError | None) -> Iterator[str]:
    from technician.reports.matches import about, in_language, why

    w = words()
    title = in_language(known.title, w) if known is not None else ""
    verdict = w(f"match.{row.verdict}")
    yield f"{row.known_error} {row.version}: {verdict}  {title}".rstrip()
    if row.in_review:
        yield f"  {w('match.in_review')}"
    verdict_of = Verdict(
        outcome=row.verdict, bindings=row.bindings, evidence=row.evidence, missing=row.missing
    )
    if known is not None and row.verdict is Outcome.MATCH and not row.in_review:
        yield from about(known, verdict_of, row.ticket, w)
    else:
        yield from (f"  {line}" for line in why(verdict_of, w))
    if row.feedback is not None:
        yield f"  {w(f'match.feedback.{row.feedback}', by=printable(row.feedback_by or ''))}"


@click.command("confirm", cls=Command, help="kb.confirm")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("known_error", metavar="KNOWN_ERROR")
@technician_options
def confirm(ticket_id: str, known_error: str, home: Path, as_json: bool) -> None:
    """A match is right."""
    _judge(home, ticket_id, known_error, "confirmed", "kb.confirmed", as_json=as_json)


@click.command("wrong", cls=Command, help="kb.wrong")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("known_error", metavar="KNOWN_ERROR")
@technician_options
def wrong(ticket_id: str, known_error: str, home: Path, as_json: bool) -> None:
    """A match is wrong."""
    _judge(home, ticket_id, known_error, "wrong", "kb.wronged", as_json=as_json)


def _judge(home: Path, ticket: str, known: str, feedback: Feedback, done: str, *, as_json: bool) -> None:
    where = path(ticket, f"/matches/{quote(known, safe='')}")
    row = client(home).post_json(where, MatchJudged(feedback=feedback), MatchView)
    if as_json:
        emit_json(row)
    else:
        say(words()(done, id=row.known_error, ticket=row.ticket))
        if row.in_review:
            note(words()("kb.now_in_review", id=row.known_error))
    # Enough wrong ones put a signature under review. Last: the judgement holds whether or not this can be done.
    forget(home)


@click.command("signatures", cls=Command, help="kb.signatures")
@technician_options
def signatures(home: Path, as_json: bool) -> None:
    """How good the signatures are."""
    said = client(home).get_json("/v1/signatures", Signatures)
    if as_json:
        emit_json(said)
        return
    w = words()
    rows = []
    for row in said.rows:
        judged = row.confirmed + row.wrong
        state = "in_review" if row.in_review else "published" if row.published else "past"
        rows.append(
            (
                row.known_error,
                row.version,
                w(f"kb.signature.{state}"),
                row.evaluated,
                row.tickets,
                f"{row.unknown / row.evaluated:.0%}" if row.evaluated else "",
                f"{row.confirmed / judged:.0%} ({judged})" if judged else "",
            )
        )
    show_rows(w("kb.signatures.titles").split("|"), rows, "org.known-error.none")
    note(w("kb.signatures.coverage", matched=said.matched, compared=said.compared))
