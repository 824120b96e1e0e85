"""Verification of the whole log against this client's own keys and memory.

The broker serves entries and a signed checkpoint; everything else is worked out here.
"""

from __future__ import annotations

from datetime import datetime

from protocol import checkpoint as checkpoints
from protocol.checkpoint import Checkpoint
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from technician.audit.continuity import CheckpointAfter, judge
from technician.audit.findings import Notice, Remark, Verdict
from technician.audit.keys import Keyring, learn
from technician.audit.memory import Memory, Remembered
from technician.audit.reading import Progress, read_all, read_visible
from technician.audit.rules import LogRules
from technician.audit.source import Source

ALL_SIGNATURES_UP_TO = 50_000
"""Entries; in a longer log one journal signature in ``_STRIDE`` is checked (see ``chains``)."""
_STRIDE = 64


def verify(
    source: Source,
    organisation: Organisation,
    memory: Memory,
    now: datetime,
    *,
    ticket: str | None = None,
    sees_all: bool = True,
    progress: Progress = lambda done, total: None,
) -> Verdict:
    """Check every entry of the log, and that it continues the log that was seen before.

    On success the new checkpoint and leaves are remembered; otherwise the memory stays as it was.

    Args:
        ticket: also count this ticket's entries.
        sees_all: False for who is shown some tickets' entries only: then all hashes are checked,
            and those entries.
        progress: called with entries done and their total.

    Raises:
        RelevoError: ``signature-invalid`` when the checkpoint is not signed by the roster's log key;
            ``not-connected`` when the roster names no broker; ``malformed``; and the source's own.
    """
    log_key = roster_log_key(organisation)
    known = learn(memory.known(), organisation)
    remembered = memory.load()
    note = source.checkpoint()
    head = checkpoints.verify(note, log_key)
    stride = 1 if head.size <= ALL_SIGNATURES_UP_TO else _STRIDE
    rules = LogRules(Keyring(known, organisation), now, stride=stride, partial=not sees_all)
    reading = read_all if sees_all else read_visible
    read = reading(source, head.size, rules, remembered.leaves, ticket, progress)
    finding = judge(head, remembered, read, _history(source, log_key))
    if finding is None:
        memory.save(note, bytes(read.leaves), len(remembered.leaves))
        memory.save_known(known)
        memory.save_organisation(organisation)
    return Verdict(
        ok=finding is None,
        size=head.size,
        root=head.root.hex(),
        first_bad=finding.at if finding else None,
        fault=finding.fault if finding else None,
        reason=finding.detail if finding else "",
        warnings=(*_about(remembered, sees_all=sees_all), *read.remarks),
        counts=read.counts,
    )


def roster_log_key(organisation: Organisation) -> str:
    """Raises RelevoError: ``not-connected`` when the roster names no broker."""
    if organisation.roster.broker is None:
        raise RelevoError(Code.NOT_CONNECTED, "the roster names no broker")
    return organisation.roster.broker.log_key


def _history(source: Source, log_key: str) -> CheckpointAfter:
    """Earlier checkpoints that verify. They only narrow a fault down, so their lack changes nothing."""

    def after(size: int) -> Checkpoint | None:
        try:
            note = source.checkpoint_after(size)
            return checkpoints.verify(note, log_key) if note is not None else None
        except RelevoError:  # not served, or not signed by the log: says nothing
            return None

    return after


def _about(remembered: Remembered, *, sees_all: bool) -> tuple[Remark, ...]:
    found = []
    if remembered.checkpoint is None:
        found.append(Remark(notice=Notice.FIRST_SIGHT, count=1))
    if remembered.damaged:
        found.append(Remark(notice=Notice.CACHE_DAMAGED, count=1))
    if not sees_all:
        found.append(Remark(notice=Notice.HASHES_ONLY, count=1))
    return tuple(found)
