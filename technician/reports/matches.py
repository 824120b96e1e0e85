"""Matches of known errors in words: why, with what values, and the next command to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from protocol.drivers.terminal import printable
from protocol.fix_params import Bilingual
from protocol.known_errors import KnownError, Proposal, Told, proposals
from protocol.signature_model import Evidence, Missing, Outcome, Verdict
from protocol.wording import Words

_SPEAKING = frozenset({"eq", "exists", "re", "contains", "startswith", "endswith", "count"})
"""Where they hold, the value speaks for itself."""
_MOST = 8
"""Lines of evidence that are shown; ``--json`` has all."""


def why(verdict: Verdict, words: Words) -> Iterator[str]:
    """One line for each thing that decided, or that is not known."""
    for one in verdict.evidence[:_MOST]:
        yield _evidence(one, words, matched=verdict.outcome is Outcome.MATCH)
    if len(verdict.evidence) > _MOST:
        yield words("match.more", count=len(verdict.evidence) - _MOST)
    for missing in verdict.missing[:_MOST]:
        yield _missing(missing, words)


def _evidence(one: Evidence, words: Words, *, matched: bool) -> str:
    """What was seen; the condition besides where the value alone does not say why."""
    where, seen = printable(one.where), printable(one.seen)
    if matched and one.op in _SPEAKING:
        return words("match.seen", where=where, seen=seen)
    if one.op == "rows":
        return words("match.rows", where=where, seen=seen)
    if one.op == "count":
        return words("match.records", where=where, wanted=printable(one.wanted), seen=seen)
    op = f"match.op.{one.op}"
    return words(
        "match.evidence",
        where=where,
        op=words(op) if words.has(op) else printable(one.op),
        wanted=printable(one.wanted),
        seen=seen,
    )


def _missing(missing: Missing, words: Words) -> str:
    return words("match.missing", what=printable(missing.what), why=words(f"match.why.{missing.why}"))


def about(known: KnownError, verdict: Verdict, ticket: str, words: Words) -> Iterator[str]:
    """A match as a technician needs it: why, cause, what helps now and for good, and the commands."""
    for line in why(verdict, words):
        yield f"  {line}"
    yield f"  {words('match.cause', text=in_language(known.cause, words))}"
    if known.workaround is not None:
        yield f"  {words('match.workaround', text=in_language(known.workaround, words))}"
    if known.permanent_fix is not None:
        yield f"  {words('match.permanent', text=in_language(known.permanent_fix, words))}"
    if known.article is not None:
        yield f"  {words('match.article', article=printable(known.article))}"
    for line in fix_lines(known, verdict, ticket, words):
        yield f"  {line}"


def found(judged: Iterable[tuple[KnownError, Verdict]], ticket: str, words: Words) -> list[str]:
    """What a diagnosis shows of the known errors: each match, and how many could not be told."""
    lines: list[str] = []
    counts = dict.fromkeys(Outcome, 0)
    for known, verdict in judged:
        counts[verdict.outcome] += 1
        if verdict.outcome is Outcome.MATCH:
            lines.append(f"  {known.id} {known.version}: {in_language(known.title, words)}")
            lines += [f"  {line}" for line in about(known, verdict, ticket, words)]
    if not any(counts.values()):
        return []
    said = words("match.unsaid", count=counts[Outcome.NO_MATCH], unknown=counts[Outcome.UNKNOWN])
    return [words("match.title"), *lines, f"  {said}"]


def fix_lines(known: KnownError, verdict: Verdict, ticket: str, words: Words) -> Iterator[str]:
    """A ready command for each way in which it matches; what a technician of more clearance must fill in
    stands as ``NAME=…``."""
    shown: set[str] = set()
    for bindings in verdict.bindings or ((),):
        for proposal in proposals(known, bindings):
            line = plan_line(ticket, proposal)
            if line not in shown:
                shown.add(line)
                yield line
                if proposal.missing:
                    yield words("match.fill_in", names=", ".join(proposal.missing))


def plan_line(ticket: str, proposal: Proposal) -> str:
    """``relevo fix plan …`` quoted for a POSIX shell. Values are a machine's: control characters are shown
    escaped, so that such a line never does anything else than it shows."""
    given = [f"--param {shlex.quote(printable(f'{one.name}={one.value}'))}" for one in proposal.params]
    missing = [f"--param {name}=…" for name in proposal.missing]
    return " ".join(["relevo fix plan", ticket, proposal.fix, *given, *missing])


def in_language(text: Bilingual | Told, words: Words) -> str:
    return printable(text.es if words.language == "es" else text.en)
