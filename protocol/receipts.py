"""The user's receipt: what an agent's own journal says of one session, ready to be put into words.

Made from journal entries that the caller has verified. Facts may be missing, because an older or
interrupted agent wrote them; a receipt then says less, never something else.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from protocol.audit import Action
from protocol.documents import JournalEntry
from protocol.errors import RelevoError
from protocol.times import parse_rfc3339
from protocol.wire import Fact, Moment, Wire
from protocol.wording import Words


class Part(enum.StrEnum):
    """Where a line stands on the receipt."""

    DECIDED = "decided"
    SAW = "saw"
    CHANGED = "changed"
    REFUSED = "refused"


class ReceiptGrant(Wire, frozen=True):
    """What the verified grant and roster say; each None where it is not known."""

    ticket: str | None = None
    technician: str | None = None
    """Name for people, from the roster."""
    organisation: str | None = None
    customer: str | None = None
    reason: str | None = None
    invited_by: str | None = None
    """Who vouches for somebody from outside; None for the organisation's own people."""


class ReceiptLine(Wire, frozen=True):
    at: Moment
    part: Part
    key: str
    """Of ``protocol.wording.receipt``; ``KEY-short`` is the sentence for missing facts."""
    facts: tuple[Fact, ...] = ()


class Receipt(Wire, frozen=True):
    session: str | None
    grant: ReceiptGrant
    began: Moment | None
    ended: Moment | None
    lines: tuple[ReceiptLine, ...]
    own: bool = False
    """Self-service: the user did it, and nobody else was there."""


class _Said(NamedTuple):
    part: Part
    key: str
    needs: tuple[str, ...] = ()
    """Facts without which only the short sentence can be said."""


_DONE: dict[Action, _Said] = {
    Action.HELP_ASKED: _Said(Part.DECIDED, "asked"),
    Action.SESSION_SHOWN: _Said(Part.DECIDED, "shown"),
    Action.CONSENT_GIVEN: _Said(Part.DECIDED, "allowed", ("scopes", "until")),
    Action.CONSENT_DENIED: _Said(Part.REFUSED, "denied"),
    Action.CONSENT_WITHDRAWN: _Said(Part.REFUSED, "withdrawn"),
    Action.FLOOR_CHANGED: _Said(Part.DECIDED, "floor-changed"),
    Action.AGENT_REFUSED: _Said(Part.REFUSED, "machine-refused", ("code",)),
    Action.DIAGNOSE_DONE: _Said(Part.SAW, "diagnosed", ("collectors",)),
    Action.LOGS_DONE: _Said(Part.SAW, "read-logs", ("lines",)),
    Action.SCREENSHOT_DONE: _Said(Part.SAW, "screenshot", ("monitors",)),
    Action.FILES_OPENED: _Said(Part.SAW, "files-opened"),
    Action.FILE_READ: _Said(Part.SAW, "file-read", ("path",)),
    Action.FILE_WRITTEN: _Said(Part.CHANGED, "file-written", ("path",)),
    Action.FIX_PLANNED: _Said(Part.SAW, "fix-planned", ("fix",)),
    Action.FIX_DONE: _Said(Part.CHANGED, "fix-done", ("fix",)),
    Action.FIX_UNDONE: _Said(Part.CHANGED, "fix-undone", ("fix",)),
    Action.FIX_INTERRUPTED: _Said(Part.CHANGED, "fix-interrupted", ("fix",)),
    Action.AGENT_SESSION_ENDED: _Said(Part.DECIDED, "ended", ("why",)),
    Action.SELF_SERVICE_STARTED: _Said(Part.DECIDED, "self-started"),
    Action.SELF_SERVICE_SHARED: _Said(Part.DECIDED, "self-shared", ("name", "ticket")),
    Action.SELF_SERVICE_ENDED: _Said(Part.DECIDED, "self-ended", ("outcome",)),
}
_STARTED: dict[Action, _Said] = {
    Action.DIAGNOSE_STARTED: _Said(Part.SAW, "diagnose-unfinished"),
    Action.LOGS_STARTED: _Said(Part.SAW, "logs-unfinished"),
    Action.SCREENSHOT_STARTED: _Said(Part.SAW, "screenshot-unfinished"),
    Action.FIX_STARTED: _Said(Part.CHANGED, "fix-unfinished", ("fix",)),
    Action.FIX_UNDO_STARTED: _Said(Part.CHANGED, "undo-unfinished", ("fix",)),
}
"""Written before the effect; of interest only where the end never came."""
_ENDS: dict[Action, tuple[Action, ...]] = {
    Action.DIAGNOSE_DONE: (Action.DIAGNOSE_STARTED,),
    Action.LOGS_DONE: (Action.LOGS_STARTED,),
    Action.SCREENSHOT_DONE: (Action.SCREENSHOT_STARTED,),
    Action.FIX_DONE: (Action.FIX_STARTED,),
    Action.FIX_UNDONE: (Action.FIX_STARTED, Action.FIX_UNDO_STARTED),
    Action.FIX_INTERRUPTED: (Action.FIX_STARTED, Action.FIX_UNDO_STARTED),
}
"""Which starts an end closes. A fix that did not verify is undone without an end of its own."""
_OTHERWISE: dict[tuple[Action, str], _Said] = {
    (Action.CONSENT_DENIED, "consent-timeout"): _Said(Part.REFUSED, "unanswered"),
    (Action.FILE_WRITTEN, "removed"): _Said(Part.CHANGED, "file-removed", ("path",)),
    (Action.FILE_WRITTEN, "renamed"): _Said(Part.CHANGED, "file-renamed", ("path", "to")),
    (Action.FILE_WRITTEN, "folder"): _Said(Part.CHANGED, "folder-made", ("path",)),
    (Action.FIX_DONE, "no_op"): _Said(Part.SAW, "fix-not-needed", ("fix",)),
    (Action.FIX_DONE, "denied"): _Said(Part.REFUSED, "fix-not-run", ("fix",)),
    (Action.FIX_DONE, "expired"): _Said(Part.REFUSED, "fix-not-run", ("fix",)),
    (Action.FIX_DONE, "cancelled"): _Said(Part.REFUSED, "fix-not-run", ("fix",)),
    (Action.FIX_UNDONE, "undo_failed"): _Said(Part.CHANGED, "undo-failed", ("fix",)),
}
"""Another sentence where the fact ``code`` or ``state`` has this value."""
_ROLLED_BACK = _Said(Part.CHANGED, "fix-rolled-back", ("fix",))

_LISTS: dict[str, str] = {"scopes": "receipt.scope", "collectors": "receipt.collector"}
"""Facts that are comma-separated names, and where their words are."""
_BEGAN = frozenset({Action.AGENT_SESSION_OPENED, Action.SELF_SERVICE_STARTED})
_ENDED = frozenset({Action.AGENT_SESSION_ENDED, Action.SELF_SERVICE_ENDED})
_NAMED: dict[str, str] = {
    "outcome": "receipt.outcome",
    "why": "receipt.why",
    "state": "receipt.state",
    "code": "receipt.code",
}


def make_receipt(entries: Sequence[JournalEntry], grant: ReceiptGrant | None = None) -> Receipt:
    """The receipt of one session from its journal entries, in sequence order.

    What ``grant`` leaves open is taken from the entries of the request and the consent, which the
    agent wrote from the verified grant itself.
    """
    view = _completed(grant or ReceiptGrant(), entries)
    opened = [entry.at for entry in entries if entry.action in _BEGAN]
    closed = [entry.at for entry in entries if entry.action in _ENDED]
    return Receipt(
        session=next((entry.grant for entry in entries if entry.grant), None),
        grant=view,
        began=opened[0] if opened else None,
        ended=closed[-1] if closed else None,
        lines=tuple(_lines(entries)),
        own=any(entry.action is Action.SELF_SERVICE_STARTED for entry in entries),
    )


def _completed(grant: ReceiptGrant, entries: Sequence[JournalEntry]) -> ReceiptGrant:
    said: dict[str, str] = {}
    for entry in entries:
        if entry.action in (Action.SESSION_SHOWN, Action.CONSENT_GIVEN):
            said |= _facts(entry.facts)
    return ReceiptGrant(
        ticket=grant.ticket or next((entry.ticket for entry in entries if entry.ticket), None),
        technician=grant.technician or said.get("technician_name") or said.get("technician"),
        organisation=grant.organisation or said.get("organisation"),
        customer=grant.customer or said.get("customer_name") or said.get("customer"),
        reason=grant.reason or said.get("reason"),
        invited_by=grant.invited_by or said.get("invited_by"),
    )


def _lines(entries: Sequence[JournalEntry]) -> list[ReceiptLine]:
    begun: list[JournalEntry] = []
    found: list[ReceiptLine] = []
    for entry in entries:
        if entry.action in _STARTED:
            begun.append(entry)
        elif entry.action in _DONE:
            closed = _closed_by(begun, entry)
            begun = [start for start in begun if start not in closed]
            found.append(_line(entry, _said(entry, closed), closed))
    found += [_line(entry, _STARTED[entry.action], ()) for entry in begun]
    return sorted(found, key=lambda line: line.at)


def _closed_by(begun: Sequence[JournalEntry], end: JournalEntry) -> list[JournalEntry]:
    """The starts that this end closes: those of the same run where one is named, else the oldest."""
    run = _facts(end.facts).get("run")
    wanted = [start for start in begun if start.action in _ENDS.get(end.action, ())]
    named = [start for start in wanted if run is not None and _facts(start.facts).get("run") == run]
    return named or wanted[:1]


def _said(end: JournalEntry, closed: Sequence[JournalEntry]) -> _Said:
    facts = _facts(end.facts)
    for name in ("code", "state"):
        other = _OTHERWISE.get((end.action, facts.get(name, "")))
        if other is not None:
            return other
    if end.action is Action.FIX_UNDONE and any(start.action is Action.FIX_STARTED for start in closed):
        return _ROLLED_BACK
    return _DONE[end.action]


def _line(entry: JournalEntry, said: _Said, earlier: Sequence[JournalEntry]) -> ReceiptLine:
    """The line with the facts of its start filled in where the end does not repeat them."""
    own = _facts(entry.facts)
    if own.get("collectors", "").isdigit():
        del own["collectors"]  # the end counts the collectors that the start names
    known: dict[str, str] = {}
    for start in earlier:
        known |= _facts(start.facts)
    known |= own
    if entry.ticket is not None:
        known.setdefault("ticket", entry.ticket)
    complete = all(known.get(name) for name in said.needs)
    return ReceiptLine(
        at=entry.at,
        part=said.part,
        key=f"receipt.{said.key}" if complete else f"receipt.{said.key}-short",
        facts=tuple(Fact(key=key, value=value) for key, value in known.items()),
    )


def _facts(facts: Sequence[Fact]) -> dict[str, str]:
    return {fact.key: fact.value for fact in facts}


# --- words -------------------------------------------------------------------------------------


def render_text(receipt: Receipt, words: Words, zone: tzinfo) -> str:
    """The receipt in the language of ``words`` (with ``protocol.wording.receipt``), times in ``zone``.

    Every character is printable: what came from the other side cannot move a terminal's cursor.
    """
    parts = [words("receipt.title"), "", *_head(receipt, words, zone)]
    for part in Part:
        lines = [line for line in receipt.lines if line.part is part]
        if not lines and part is Part.REFUSED:
            continue
        parts += ["", words(_own(f"receipt.part.{part}", words, own=receipt.own))]
        parts += [
            f"  {_clock(line.at, zone)}  {render_line(line, words, zone, own=receipt.own)}" for line in lines
        ]
        if not lines:
            parts.append("  " + words("receipt.nothing"))
    return "\n".join(parts) + "\n"


def _own(key: str, words: Words, *, own: bool) -> str:
    """The key of the sentence in which the user is who did it, where there is one."""
    return f"{key}.own" if own and words.has(f"{key}.own") else key


def render_line(line: ReceiptLine, words: Words, zone: tzinfo, *, own: bool = False) -> str:
    """One line as a sentence, and what belongs to it as further short ones."""
    values = _values(line, words, zone)
    sentences = [words(_own(line.key, words, own=own), **values)]
    for name in ("sources", "pattern", "secrets_removed", "state"):
        key = f"{line.key.removesuffix('-short')}.{name}"
        if values.get(name) not in (None, "", "0") and words.has(key):
            sentences.append(words(key, **values))
    return " ".join(sentences)


def _head(receipt: Receipt, words: Words, zone: tzinfo) -> list[str]:
    grant = receipt.grant
    who = grant.technician or words(_own("receipt.somebody", words, own=receipt.own))
    rows = [("receipt.head.who", f"{who} ({grant.organisation})" if grant.organisation else who)]
    if grant.invited_by:
        rows.append(("receipt.head.invited", words("receipt.outside", by=grant.invited_by)))
    rows += [
        (f"receipt.head.{name}", value)
        for name, value in (("customer", grant.customer), ("ticket", grant.ticket), ("reason", grant.reason))
        if value
    ]
    rows.append(("receipt.head.when", _when(receipt, words, zone)))
    width = max(len(words(key)) for key, _ in rows)
    return [f"{words(key).ljust(width)}  {_harmless(value)}" for key, value in rows]


def _when(receipt: Receipt, words: Words, zone: tzinfo) -> str:
    if receipt.began is None:
        return words("receipt.never-opened")
    began = receipt.began.astimezone(zone)
    text = f"{began:%Y-%m-%d %H:%M}"
    if receipt.ended is None:
        return text
    ended = receipt.ended.astimezone(zone)
    return f"{text} - {ended:%H:%M}" if ended.date() == began.date() else f"{text} - {ended:%Y-%m-%d %H:%M}"


def _values(line: ReceiptLine, words: Words, zone: tzinfo) -> Mapping[str, str]:
    values = {key: _harmless(value) for key, value in _facts(line.facts).items()}
    for name, table in _LISTS.items():
        if name in values:
            items = [_named(words, table, item.strip()) for item in values[name].split(",") if item.strip()]
            values[name] = _joined(items, words)
    for name, table in _NAMED.items():
        if name in values:
            values[name] = _named(words, table, values[name])
    if "until" in values:
        values["until"] = _local(values["until"], zone)
    values["fix"] = _fix(values, words)
    return values


def _fix(values: Mapping[str, str], words: Words) -> str:
    """The fix's title in the reader's language, with its id and version where they are known."""
    name = values.get("fix", "")
    title = values.get(f"title_{words.language}") or values.get("title_en") or values.get("title_es")
    label = name
    if values.get("fix_version"):
        label = words("receipt.fix-version", fix=name, version=values["fix_version"])
    return f"{words('receipt.quoted', text=title)} ({label})" if title else label


def _named(words: Words, table: str, name: str) -> str:
    """The words for a name, or the name itself where we have none."""
    key = f"{table}.{name}"
    return words(key) if words.has(key) else name


def _joined(items: Sequence[str], words: Words) -> str:
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {words('receipt.and')} {items[-1]}"


def _local(text: str, zone: tzinfo) -> str:
    try:
        return _clock(parse_rfc3339(text), zone)
    except RelevoError:
        return text


def _clock(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"


def _harmless(text: str) -> str:
    """Control, bidi and other invisible characters made visible as a replacement character."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
