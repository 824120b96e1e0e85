"""What must hold of each entry, decided without any I/O: entries in, findings out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from protocol.api import AuditEntryView
from protocol.audit import AGENT_ACTIONS, SESSION_ACTS, Action, AuditRecord, leaf_data
from protocol.dsse import payload_type
from protocol.envelope import Envelope
from protocol.errors import RelevoError
from protocol.wire import from_json
from technician.audit.chains import JOURNAL, JournalChains
from technician.audit.evidence import REQUIRED, Evidence
from technician.audit.findings import Counts, Fault, Finding, Notice, Remark
from technician.audit.keys import Keyring

BACK_SLACK = timedelta(minutes=10)
"""A clock may be corrected by this much between two entries; more is back-dating."""
FUTURE_SLACK = timedelta(days=1)

_REFUSALS = frozenset(
    {
        Action.LOGIN_REFUSED,
        Action.ENROLMENT_REFUSED,
        Action.AGENT_LINK_REFUSED,
        Action.SESSION_REFUSED,
        Action.REQUEST_REFUSED,
        Action.ARTIFACT_REFUSED,
        Action.ACCESS_REFUSED,
        Action.JOURNAL_REFUSED,
    }
)
"""The evidence of these is what was refused: forged, replayed or foreign, and kept for that."""

_NEED_CONSENT = SESSION_ACTS | {Action.SESSION_OPENED}
"""Nothing of this may stand in the log before the consent to its session."""


class Judged(NamedTuple):
    """``record`` is None for an erased or unreadable one."""

    record: AuditRecord | None
    finding: Finding | None


class LogRules:
    """Feed every entry once, in index order.

    Args:
        keys: whom to believe.
        now: the verifier's clock.
        stride: see ``JournalChains``.
        partial: only some entries are seen (an export of one ticket).
    """

    def __init__(self, keys: Keyring, now: datetime, *, stride: int = 1, partial: bool = False) -> None:
        self._evidence = Evidence(keys)
        self._chains = JournalChains(stride, partial=partial)
        self._latest_allowed = now + FUTURE_SLACK
        self._newest: datetime | None = None
        self._entries = 0
        self._erased = 0
        self._first_erased: int | None = None
        self._unattributed = 0
        self._own_runs: set[tuple[str, str]] = set()
        """Runs of self-service by agent and id: no session, and nobody's consent is wanted but the user's own."""

    def check(self, entry: AuditEntryView) -> Judged:
        """What is wrong with this entry (or, for journals, with one before it)."""
        self._entries += 1
        if entry.record is None:
            self._erased += 1
            self._first_erased = entry.index if self._first_erased is None else self._first_erased
            return Judged(None, None)
        if leaf_data(entry.salt, entry.record) != entry.leaf:
            return Judged(None, Finding(entry.index, Fault.RECORD_CHANGED))
        try:
            record = from_json(entry.record, AuditRecord)
            envelopes = [from_json(piece, Envelope) for piece in record.evidence]
        except RelevoError as error:
            return Judged(None, Finding(entry.index, Fault.MALFORMED, error.detail))
        finding = self._time(entry.index, record) or self._content(entry.index, record, envelopes)
        return Judged(record, finding)

    def finish(self) -> Finding | None:
        """What only the end of the log shows."""
        return self._chains.finish()

    def counts(self) -> Counts:
        return Counts(
            entries=self._entries,
            erased=self._erased,
            journal_entries=self._chains.entries,
            agents=self._chains.agents,
            grants=self._evidence.grants,
            consents=self._evidence.consents,
            enrolments=self._evidence.enrolments,
        )

    def remarks(self) -> tuple[Remark, ...]:
        found = (
            Remark(notice=Notice.ERASED, count=self._erased, first_index=self._first_erased),
            Remark(notice=Notice.GAP_BY_ERASURE, count=self._chains.gaps_by_erasure),
            Remark(notice=Notice.UNKNOWN_EVIDENCE, count=self._evidence.unknown),
            Remark(notice=Notice.UNATTRIBUTED, count=self._unattributed),
        )
        return tuple(remark for remark in found if remark.count)

    def _time(self, index: int, record: AuditRecord) -> Finding | None:
        if record.at > self._latest_allowed:
            return Finding(index, Fault.FUTURE_DATED, record.at.isoformat())
        if self._newest and record.at < self._newest - BACK_SLACK:
            return Finding(
                index, Fault.BACK_DATED, f"{record.at.isoformat()} after {self._newest.isoformat()}"
            )
        self._newest = max(record.at, self._newest or record.at)
        return None

    def _content(self, index: int, record: AuditRecord, envelopes: Sequence[Envelope]) -> Finding | None:
        if record.action in _REFUSALS:
            return None
        finding = self._presence(index, record, envelopes)
        for envelope in envelopes if finding is None else ():
            if envelope.payload_type == JOURNAL:
                finding = self._journal(index, record, envelope)
            else:
                finding = self._evidence.check(index, record, envelope)
            if finding:
                break
        return self._forgiven(finding) or self._order(index, record)

    def _presence(self, index: int, record: AuditRecord, envelopes: Sequence[Envelope]) -> Finding | None:
        present = [envelope.payload_type for envelope in envelopes]
        if record.action in AGENT_ACTIONS and present.count(JOURNAL) != 1:
            return Finding(index, Fault.UNPROVEN, f"{record.action} without the agent's journal entry")
        missing = [kind.KIND for kind in REQUIRED.get(record.action, ()) if payload_type(kind) not in present]
        return Finding(index, Fault.UNPROVEN, f"{record.action} without {missing[0]}") if missing else None

    def _journal(self, index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
        entry, finding = self._chains.add(index, envelope, self._erased)
        if entry is None or finding:
            return finding
        same = (record.action, record.agent or entry.agent, record.grant or entry.grant)
        if same != (entry.action, entry.agent, entry.grant):
            return Finding(
                index, Fault.EVIDENCE_MISMATCH, f"journal of {entry.agent} number {entry.sequence}"
            )
        if entry.action is Action.SELF_SERVICE_STARTED and entry.grant is not None:
            self._own_runs.add((entry.agent, entry.grant))
        claims = entry.grant is not None and record.grant is None
        own = entry.grant is not None and (entry.agent, entry.grant) in self._own_runs
        self._unattributed += claims and not own and entry.action in _NEED_CONSENT
        return None

    def _order(self, index: int, record: AuditRecord) -> Finding | None:
        """The grant is the record's: what a machine says of a session that is not its own counts
        as a claim, and the broker files it under no session."""
        if record.action not in _NEED_CONSENT or record.grant is None or self._erased:
            return None
        if self._evidence.has_consent(record.grant):
            return None
        return Finding(index, Fault.SESSION_WITHOUT_CONSENT, record.grant)

    def _forgiven(self, finding: Finding | None) -> Finding | None:
        """What may rest on a record that was lawfully erased is no proof of anything wrong."""
        if finding and self._erased and finding.fault is Fault.CONSENT_WITHOUT_GRANT:
            return None
        return finding
