"""A ticket's entries as a story in plain words, each checked as far as it can be by itself."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from protocol.api import AuditEntryView
from protocol.audit import ActorKind, AuditRecord
from protocol.merkle import HASH_SIZE, leaf_hash
from protocol.organisation import Organisation
from protocol.times import in_zone
from protocol.wire import Count, Wire
from protocol.wording import Words
from technician.audit.findings import Fault, Finding
from technician.audit.keys import Keyring, KnownKeys, learn
from technician.audit.rules import LogRules
from technician.facts import in_words

_MAX_DETAIL = 300


class Standing(enum.StrEnum):
    """How far an entry is proven."""

    PROVEN = "proven"
    """In the tree that this client verified."""
    NEW = "new"
    """Written after the last verification; checked by itself only."""
    BAD = "bad"


class Row(Wire, frozen=True):
    index: Count
    standing: Standing
    record: AuditRecord | None
    """None once erased, or unreadable."""
    fault: Fault | None = None
    reason: str = ""


def judge_rows(
    entries: Iterable[AuditEntryView],
    organisation: Organisation,
    known: KnownKeys | None,
    leaves: bytes,
    now: datetime,
) -> list[Row]:
    """Check a ticket's entries against each other, the roster and the verified leaves."""
    rules = LogRules(Keyring(learn(known, organisation), organisation), now, partial=True)
    rows = [_row(entry, rules, leaves) for entry in entries]
    late = rules.finish()
    return [_blamed(row, late) if late and row.index == late.at else row for row in rows]


def _row(entry: AuditEntryView, rules: LogRules, leaves: bytes) -> Row:
    record, finding = rules.check(entry)
    known = leaves[entry.index * HASH_SIZE : (entry.index + 1) * HASH_SIZE]
    if known and known != leaf_hash(entry.leaf):
        finding = Finding(entry.index, Fault.LEAF_CHANGED)
    row = Row(index=entry.index, standing=Standing.PROVEN if known else Standing.NEW, record=record)
    return _blamed(row, finding) if finding else row


def _blamed(row: Row, finding: Finding) -> Row:
    return Row(
        index=row.index,
        standing=Standing.BAD,
        record=row.record,
        fault=finding.fault,
        reason=finding.detail,
    )


def sentences(
    rows: Sequence[Row], organisation: Organisation, words: Words, zone: tzinfo
) -> list[tuple[str, ...]]:
    """For each row: index, local time, mark of its standing, and what happened (not yet escaped)."""
    names = {person.id: person.name for person in organisation.roster.technicians}
    return [
        (
            str(row.index),
            f"{in_zone(row.record.at, zone):%Y-%m-%d %H:%M:%S}" if row.record else "-",
            words(f"audit.standing.{row.standing}"),
            _sentence(row, names, words, zone),
        )
        for row in rows
    ]


def _sentence(row: Row, names: dict[str, str], words: Words, zone: tzinfo) -> str:
    if row.record is None:
        text = words("audit.erased") if row.fault is None else words("audit.unreadable")
    else:
        who = _who(row.record, names, words)
        key = f"audit.action.{row.record.action}"
        text = _joined(words(key, who=who), who) if words.has(key) else f"{row.record.action}: {who}"
        said = (in_words(fact.key, fact.value, words, zone) for fact in row.record.facts)
        detail = ", ".join(filter(None, said))
        if detail:
            text += f" ({detail[:_MAX_DETAIL]}{'…' if len(detail) > _MAX_DETAIL else ''})"
    return f"{text} {words(f'audit.fault.{row.fault}')}" if row.fault else text


def _joined(sentence: str, who: str) -> str:
    """The sentence as people write it: Spanish joins ``de el``, and our own words begin it with a capital.

    A person's id stays as it is.
    """
    if who.startswith("el "):
        sentence = sentence.replace(f"de {who}", f"del {who[3:]}")
    if who[:1].islower() and sentence.startswith(who) and " " in who:
        return sentence[0].upper() + sentence[1:]
    return sentence


def _who(record: AuditRecord, names: dict[str, str], words: Words) -> str:
    actor = record.actor
    if actor.kind is ActorKind.TECHNICIAN:
        return names.get(actor.id, actor.id)
    key = f"audit.actor.{actor.kind}"
    return words(key, id=actor.id)
