"""Scopes (what a grant may name), tiers, clearances, risks and the agent's consent floor."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from protocol.errors import Code, RelevoError


class Scope(enum.StrEnum):
    """A capability that a user grants or refuses one by one."""

    DIAGNOSE = "diagnose"
    LOGS = "logs"
    SCREENSHOT = "screenshot"
    FIX = "fix"
    FILES = "files"
    TERMINAL = "terminal"
    VIEW = "view"
    CONTROL = "control"


class Clearance(enum.StrEnum):
    """Redaction level of an artifact or a live result (4-domain.md, "Redaction classes")."""

    R1 = "R1"
    R2 = "R2"
    R3 = "R3"


class Risk(enum.StrEnum):
    """Declared risk of a fix, in rising order."""

    READ_ONLY = "read_only"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    DESTRUCTIVE = "destructive"


class Floor(enum.StrEnum):
    """What this machine does when a scope is requested; only this machine can change it."""

    ASK = "ask"
    NOTIFY = "notify"
    NEVER = "never"


class Mode(enum.StrEnum):
    ATTENDED = "attended"
    STANDING = "standing"


class Role(enum.StrEnum):
    TECHNICIAN = "technician"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMIN = "admin"
    EXPERT = "expert"
    """An outside expert: has no tier anywhere, and helps on single tickets by signed invitation."""


Tier = Annotated[int, Meta(ge=1, le=3)]
ANY_CUSTOMER = "*"
CustomerRef = Annotated[str, Meta(pattern=r"^(\*|[a-z0-9][a-z0-9._-]{0,63})$(?!\n)")]
"""A customer, or ``*`` for every customer that is not listed."""
RISK_ORDER = tuple(Risk)
CLEARANCE_ORDER = tuple(Clearance)


def parse_scopes(text: str) -> tuple[Scope, ...]:
    """``diagnose,logs`` as scopes in declaration order, without repetition.

    Raises:
        RelevoError: ``usage`` for an unknown or empty scope.
    """
    names = {word.strip() for word in text.split(",") if word.strip()}
    unknown = names - {scope.value for scope in Scope}
    if unknown or not names:
        raise RelevoError(Code.USAGE, f"unknown scope: {', '.join(sorted(unknown)) or 'none given'}")
    return tuple(scope for scope in Scope if scope.value in names)
