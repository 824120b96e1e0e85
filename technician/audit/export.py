"""One ticket's entries with their proofs in one file, which can be checked without any network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from protocol import checkpoint as checkpoints
from protocol import merkle
from protocol.api import AuditEntryView
from protocol.checkpoint import Checkpoint
from protocol.errors import Code, RelevoError
from protocol.ids import OrgId, TicketId
from protocol.merkle import HASH_SIZE, Tree, leaf_hash
from protocol.organisation import Organisation
from protocol.wire import Count, Moment, Sha256, Wire
from technician.audit.findings import Fault, Finding, Notice, Remark, Verdict
from technician.audit.keys import Keyring, KnownKeys, learn
from technician.audit.memory import Memory, split
from technician.audit.rules import LogRules
from technician.audit.source import Source, ticket_entries
from technician.audit.verify import roster_log_key

FORMAT = "relevo.audit-export.v1"
MAX_FILE = 256 << 20
_MAX_PROOF = 64

Hash = Annotated[bytes, Meta(min_length=HASH_SIZE, max_length=HASH_SIZE)]


class ProvenEntry(Wire, frozen=True):
    """An entry as served, and its inclusion proof in the tree of the file's checkpoint."""

    index: Count
    salt: bytes
    record: bytes | None
    leaf: Hash
    proof: Annotated[tuple[Hash, ...], Meta(max_length=_MAX_PROOF)]


class TicketExport(Wire, frozen=True):
    """The file that ``relevo audit export`` writes."""

    format: Annotated[str, Meta(pattern=r"^relevo\.audit-export\.v1$(?!\n)")]
    org: OrgId
    root_sha256: Sha256
    """Of the organisation repository's first root: whose log this claims to be."""
    ticket: TicketId
    made: Moment
    checkpoint: str
    """The signed note."""
    entries: Annotated[tuple[ProvenEntry, ...], Meta(max_length=1_000_000)]


def export(
    source: Source, organisation: Organisation, memory: Memory, ticket: str, root_sha256: str, now: datetime
) -> TicketExport:
    """The ticket's entries below the remembered checkpoint, which was verified just before.

    Raises:
        RelevoError: ``not-found`` when the log has no entry of this ticket; ``proof-invalid`` when an
            entry is not in the verified tree; the source's own.
    """
    remembered, note = memory.load(), memory.note()
    head = remembered.checkpoint
    if head is None or note is None or remembered.damaged:
        raise RelevoError(Code.PROOF_INVALID, "the log was not verified on this machine yet")
    tree = Tree(split(remembered.leaves))
    proven = []
    for entry in ticket_entries(source, ticket):
        if entry.index >= head.size:
            break
        if leaf_hash(entry.leaf) != tree.node_at(0, entry.index):
            raise RelevoError(Code.PROOF_INVALID, f"entry {entry.index} is not in the verified log")
        proof = tuple(merkle.inclusion_proof(entry.index, head.size, tree.node_at))
        proven.append(
            ProvenEntry(index=entry.index, salt=entry.salt, record=entry.record, leaf=entry.leaf, proof=proof)
        )
    if not proven:
        raise RelevoError(Code.NOT_FOUND, f"no entries of {ticket}")
    return TicketExport(
        format=FORMAT,
        org=organisation.roster.org,
        root_sha256=root_sha256,
        ticket=ticket,
        made=now,
        checkpoint=note,
        entries=tuple(proven),
    )


def check_export(
    exported: TicketExport,
    organisation: Organisation,
    known: KnownKeys | None,
    root_sha256: str,
    now: datetime,
) -> Verdict:
    """Verify an export with one's own pinned organisation; nothing is fetched.

    That the file holds *all* entries of the ticket cannot be seen from it; the verdict says so.

    Raises:
        RelevoError: ``identity-mismatch`` for another organisation's file; ``signature-invalid`` when
            the checkpoint is not signed by the roster's log key; ``malformed``.
    """
    if (exported.org, exported.root_sha256) != (organisation.roster.org, root_sha256):
        raise RelevoError(Code.IDENTITY_MISMATCH, f"an export of {exported.org}")
    head = checkpoints.verify(exported.checkpoint, roster_log_key(organisation))
    rules = LogRules(Keyring(learn(known, organisation), organisation), now, partial=True)
    finding = _proofs(exported.entries, head) or _contents(exported, rules)
    remarks = (Remark(notice=Notice.MAYBE_INCOMPLETE, count=1), *rules.remarks())
    return Verdict(
        ok=finding is None,
        size=head.size,
        root=head.root.hex(),
        first_bad=finding.at if finding else None,
        fault=finding.fault if finding else None,
        reason=finding.detail if finding else "",
        warnings=remarks,
        counts=rules.counts(),
    )


def _proofs(entries: Sequence[ProvenEntry], head: Checkpoint) -> Finding | None:
    last = -1
    for entry in entries:
        if entry.index <= last:
            return Finding(entry.index, Fault.NOT_CONTIGUOUS, f"after entry {last}")
        last = entry.index
        try:
            merkle.verify_inclusion(entry.index, head.size, leaf_hash(entry.leaf), entry.proof, head.root)
        except RelevoError as error:
            return Finding(entry.index, Fault.PROOF_MISMATCH, error.detail)
    return None


def _contents(exported: TicketExport, rules: LogRules) -> Finding | None:
    for entry in exported.entries:
        view = AuditEntryView(index=entry.index, salt=entry.salt, record=entry.record, leaf=entry.leaf)
        record, finding = rules.check(view)
        if finding is None and record is not None and record.ticket != exported.ticket:
            finding = Finding(entry.index, Fault.EVIDENCE_MISMATCH, f"not of {exported.ticket}")
        if finding:
            return finding
    return rules.finish()
