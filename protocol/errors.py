"""The closed list of error codes: one source for exit status, HTTP problem, SSH and wording.

The words for people live in ``protocol.wording.errors``; the detail carried here is for logs and
``--debug`` and never holds secrets or message contents.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Exit(enum.IntEnum):
    """Exit status of the three programs (3-interface.md)."""

    DONE = 0
    BUG = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    CONSENT_DENIED = 5
    TIMEOUT = 6
    UNREACHABLE = 7
    VERIFICATION_FAILED = 8
    CONFLICT = 9
    FIX_FAILED = 20
    UNDO_FAILED = 21


class Code(enum.StrEnum):
    """What can go wrong, by name. Stable: people script against these."""

    INTERNAL = "internal"
    USAGE = "usage"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    PARAMETER_INVALID = "parameter-invalid"
    NOT_FOUND = "not-found"
    UNAUTHENTICATED = "unauthenticated"
    REFUSED = "refused"
    NOT_IN_ROSTER = "not-in-roster"
    ROLE_MISSING = "role-missing"
    TIER_TOO_LOW = "tier-too-low"
    SCOPE_NOT_ALLOWED = "scope-not-allowed"
    SCOPE_NOT_GRANTED = "scope-not-granted"
    SCOPE_NOT_OFFERED = "scope-not-offered"
    CUSTOMER_NOT_ALLOWED = "customer-not-allowed"
    APPROVAL_MISSING = "approval-missing"
    REVOKED = "revoked"
    STALE_TRUST = "stale-trust"
    RATE_LIMITED = "rate-limited"
    TOKEN_EXPIRED = "token-expired"  # noqa: S105
    CONSENT_DENIED = "consent-denied"
    CONSENT_WITHDRAWN = "consent-withdrawn"
    CONSENT_TIMEOUT = "consent-timeout"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    AGENT_OFFLINE = "agent-offline"
    AGENT_NOT_RUNNING = "agent-not-running"
    SESSION_LOST = "session-lost"
    SIGNATURE_INVALID = "signature-invalid"
    IDENTITY_MISMATCH = "identity-mismatch"
    HASH_MISMATCH = "hash-mismatch"
    PROOF_INVALID = "proof-invalid"
    DOCUMENT_EXPIRED = "document-expired"
    REPLAYED = "replayed"
    ROLLBACK = "rollback"
    REDACTION_FAILED = "redaction-failed"
    CONFLICT = "conflict"
    INVALID_TRANSITION = "invalid-transition"
    STALE_VERSION = "stale-version"
    TOKEN_USED = "token-used"  # noqa: S105
    NO_SESSION = "no-session"
    SESSION_ENDED = "session-ended"
    TICKET_CLOSED = "ticket-closed"
    ALREADY_EXISTS = "already-exists"
    NOT_CONNECTED = "not-connected"
    CANNOT_RECORD = "cannot-record"
    INTERRUPTED = "interrupted"
    NOT_APPLICABLE = "not-applicable"
    DIAGNOSIS_MISSING = "diagnosis-missing"
    KNOWLEDGE_NOT_SEARCHED = "knowledge-not-searched"
    TIER_SKIPPED = "tier-skipped"
    ARTICLE_MISSING = "article-missing"
    VERIFICATION_MISSING = "verification-missing"
    HAND_BACK_MISSING = "hand-back-missing"
    REASON_MISSING = "reason-missing"
    WINDOW_OVER = "window-over"
    FIX_FAILED = "fix-failed"
    UNDO_FAILED = "undo-failed"


class _Meaning(NamedTuple):
    exit: Exit
    http: int


MEANING: dict[Code, _Meaning] = {
    Code.INTERNAL: _Meaning(Exit.BUG, 500),
    Code.USAGE: _Meaning(Exit.USAGE, 400),
    Code.MALFORMED: _Meaning(Exit.USAGE, 400),
    Code.TOO_LARGE: _Meaning(Exit.USAGE, 413),
    Code.PARAMETER_INVALID: _Meaning(Exit.USAGE, 422),
    Code.NOT_FOUND: _Meaning(Exit.NOT_FOUND, 404),
    Code.UNAUTHENTICATED: _Meaning(Exit.REFUSED, 401),
    Code.REFUSED: _Meaning(Exit.REFUSED, 403),
    Code.NOT_IN_ROSTER: _Meaning(Exit.REFUSED, 403),
    Code.ROLE_MISSING: _Meaning(Exit.REFUSED, 403),
    Code.TIER_TOO_LOW: _Meaning(Exit.REFUSED, 403),
    Code.SCOPE_NOT_ALLOWED: _Meaning(Exit.REFUSED, 403),
    Code.SCOPE_NOT_GRANTED: _Meaning(Exit.REFUSED, 403),
    Code.SCOPE_NOT_OFFERED: _Meaning(Exit.REFUSED, 403),
    Code.CUSTOMER_NOT_ALLOWED: _Meaning(Exit.REFUSED, 403),
    Code.APPROVAL_MISSING: _Meaning(Exit.REFUSED, 403),
    Code.REVOKED: _Meaning(Exit.REFUSED, 403),
    Code.STALE_TRUST: _Meaning(Exit.REFUSED, 403),
    Code.RATE_LIMITED: _Meaning(Exit.REFUSED, 429),
    Code.TOKEN_EXPIRED: _Meaning(Exit.REFUSED, 403),
    Code.CONSENT_DENIED: _Meaning(Exit.CONSENT_DENIED, 403),
    Code.CONSENT_WITHDRAWN: _Meaning(Exit.CONSENT_DENIED, 403),
    Code.CONSENT_TIMEOUT: _Meaning(Exit.CONSENT_DENIED, 403),
    Code.TIMEOUT: _Meaning(Exit.TIMEOUT, 504),
    Code.UNREACHABLE: _Meaning(Exit.UNREACHABLE, 503),
    Code.AGENT_OFFLINE: _Meaning(Exit.UNREACHABLE, 503),
    Code.AGENT_NOT_RUNNING: _Meaning(Exit.UNREACHABLE, 503),
    Code.SESSION_LOST: _Meaning(Exit.UNREACHABLE, 503),
    Code.SIGNATURE_INVALID: _Meaning(Exit.VERIFICATION_FAILED, 403),
    Code.IDENTITY_MISMATCH: _Meaning(Exit.VERIFICATION_FAILED, 403),
    Code.HASH_MISMATCH: _Meaning(Exit.VERIFICATION_FAILED, 422),
    Code.PROOF_INVALID: _Meaning(Exit.VERIFICATION_FAILED, 422),
    Code.DOCUMENT_EXPIRED: _Meaning(Exit.VERIFICATION_FAILED, 403),
    Code.REPLAYED: _Meaning(Exit.VERIFICATION_FAILED, 409),
    Code.ROLLBACK: _Meaning(Exit.VERIFICATION_FAILED, 409),
    Code.REDACTION_FAILED: _Meaning(Exit.VERIFICATION_FAILED, 422),
    Code.CONFLICT: _Meaning(Exit.CONFLICT, 409),
    Code.INVALID_TRANSITION: _Meaning(Exit.CONFLICT, 409),
    Code.STALE_VERSION: _Meaning(Exit.CONFLICT, 409),
    Code.TOKEN_USED: _Meaning(Exit.CONFLICT, 409),
    Code.NO_SESSION: _Meaning(Exit.CONFLICT, 409),
    Code.SESSION_ENDED: _Meaning(Exit.CONFLICT, 409),
    Code.TICKET_CLOSED: _Meaning(Exit.CONFLICT, 409),
    Code.ALREADY_EXISTS: _Meaning(Exit.CONFLICT, 409),
    Code.NOT_CONNECTED: _Meaning(Exit.CONFLICT, 409),
    Code.CANNOT_RECORD: _Meaning(Exit.CONFLICT, 507),
    Code.INTERRUPTED: _Meaning(Exit.CONFLICT, 409),
    Code.NOT_APPLICABLE: _Meaning(Exit.CONFLICT, 409),
    Code.DIAGNOSIS_MISSING: _Meaning(Exit.CONFLICT, 409),
    Code.KNOWLEDGE_NOT_SEARCHED: _Meaning(Exit.CONFLICT, 409),
    Code.TIER_SKIPPED: _Meaning(Exit.CONFLICT, 409),
    Code.ARTICLE_MISSING: _Meaning(Exit.CONFLICT, 409),
    Code.VERIFICATION_MISSING: _Meaning(Exit.CONFLICT, 409),
    Code.HAND_BACK_MISSING: _Meaning(Exit.CONFLICT, 409),
    Code.REASON_MISSING: _Meaning(Exit.CONFLICT, 409),
    Code.WINDOW_OVER: _Meaning(Exit.CONFLICT, 409),
    Code.FIX_FAILED: _Meaning(Exit.FIX_FAILED, 422),
    Code.UNDO_FAILED: _Meaning(Exit.UNDO_FAILED, 422),
}


class RelevoError(Exception):
    """The one exception that crosses a module boundary.

    Attributes:
        code: what happened, from the closed list.
        detail: for logs and ``--debug``; one line, no secrets.
    """

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail

    @property
    def exit_status(self) -> Exit:
        return MEANING[self.code].exit

    @property
    def http_status(self) -> int:
        return MEANING[self.code].http
