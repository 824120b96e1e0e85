"""What can be wrong with a log, as a closed list; the words are in ``protocol.wording.audit``."""

from __future__ import annotations

import enum
from typing import NamedTuple

from protocol.wire import Count, Wire


class Fault(enum.StrEnum):
    """Why an entry cannot be right."""

    TRUNCATED = "truncated"
    NOT_CONTIGUOUS = "not-contiguous"
    MALFORMED = "malformed"
    RECORD_CHANGED = "record-changed"
    LEAF_CHANGED = "leaf-changed"
    ROOT_MISMATCH = "root-mismatch"
    FORK = "fork"
    SHRUNK = "shrunk"
    BACK_DATED = "back-dated"
    FUTURE_DATED = "future-dated"
    UNPROVEN = "unproven"
    EVIDENCE_MISMATCH = "evidence-mismatch"
    JOURNAL_SIGNATURE = "journal-signature"
    JOURNAL_GAP = "journal-gap"
    JOURNAL_REPEATED = "journal-repeated"
    JOURNAL_CHAIN = "journal-chain"
    GRANT_SIGNATURE = "grant-signature"
    GRANT_REPEATED = "grant-repeated"
    CONSENT_SIGNATURE = "consent-signature"
    CONSENT_WITHOUT_GRANT = "consent-without-grant"
    CONSENT_TOO_WIDE = "consent-too-wide"
    CONSENT_LATE = "consent-late"
    SESSION_WITHOUT_CONSENT = "session-without-consent"
    TOKEN_SIGNATURE = "token-signature"  # noqa: S105
    TOKEN_REUSED = "token-reused"  # noqa: S105
    DOCUMENT_SIGNATURE = "document-signature"
    PROOF_MISMATCH = "proof-mismatch"


class Notice(enum.StrEnum):
    """What an auditor should know although nothing is proven wrong."""

    ERASED = "erased"
    GAP_BY_ERASURE = "gap-by-erasure"
    UNKNOWN_EVIDENCE = "unknown-evidence"
    CACHE_DAMAGED = "cache-damaged"
    HASHES_ONLY = "hashes-only"
    UNATTRIBUTED = "unattributed"
    MAYBE_INCOMPLETE = "maybe-incomplete"
    FIRST_SIGHT = "first-sight"


class Finding(NamedTuple):
    """The entry that is wrong and why; ``detail`` is for experts, never a person's data."""

    at: int
    """Index in the log."""
    fault: Fault
    detail: str = ""


class Remark(Wire, frozen=True):
    notice: Notice
    count: Count
    first_index: Count | None = None


class Counts(Wire, frozen=True):
    """How much was checked."""

    entries: Count = 0
    erased: Count = 0
    journal_entries: Count = 0
    agents: Count = 0
    grants: Count = 0
    consents: Count = 0
    enrolments: Count = 0
    of_ticket: Count | None = None


class Verdict(Wire, frozen=True):
    """The outcome of a verification. ``first_bad`` is the index of the first entry that cannot be right."""

    ok: bool
    size: Count
    root: str
    """Hex."""
    first_bad: Count | None = None
    fault: Fault | None = None
    reason: str = ""
    warnings: tuple[Remark, ...] = ()
    counts: Counts = Counts()
