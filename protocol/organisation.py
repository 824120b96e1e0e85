"""What the organisation repository says: roster, policy, revocations; and what follows from it.

These are TUF targets (``roster.json``, ``policy.json``, ``revoked.json``), verified by TUF before
they are decoded here. The decisions are pure: broker and agent each make them for themselves.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.desk import Desk
from protocol.errors import Code, RelevoError
from protocol.ids import AgentId, GrantId, OrgId
from protocol.known_errors import KnownError
from protocol.scopes import (
    ANY_CUSTOMER,
    CLEARANCE_ORDER,
    RISK_ORDER,
    Clearance,
    CustomerRef,
    Floor,
    Risk,
    Role,
    Scope,
    Tier,
)
from protocol.sshkeys import PublicKey
from protocol.wire import Line, Name, Sha256, Wire


class CustomerTier(Wire, frozen=True):
    """A person has one tier per customer; ``*`` stands for every customer not listed."""

    customer: CustomerRef
    tier: Tier


class Technician(Wire, frozen=True):
    id: Name
    name: Line
    keys: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8)]
    """SSH public key lines."""
    roles: Annotated[tuple[Role, ...], Meta(min_length=1, max_length=len(Role))]
    tiers: Annotated[tuple[CustomerTier, ...], Meta(max_length=10_000)]
    age_recipients: Annotated[tuple[str, ...], Meta(max_length=8)] = ()
    """age recipients (``age1…`` or an ssh-ed25519 line) that sealed artifacts are made out to."""


class Customer(Wire, frozen=True):
    id: Name
    name: Line


class BrokerKeys(Wire, frozen=True):
    """The broker that serves this organisation."""

    url: Annotated[str, Meta(pattern=r"^wss://[^/\s]+$(?!\n)", max_length=300)]
    tls_sha256: Annotated[tuple[Sha256, ...], Meta(max_length=4)]
    """SHA-256 of each accepted certificate (DER)."""
    issuer_key: Annotated[str, Meta(max_length=300)]
    """SSH public key line that countersigns grants."""
    log_key: Annotated[str, Meta(max_length=300)]
    """C2SP signed-note verifier key (``name+hash+base64``) of the audit log."""


class Roster(Wire, frozen=True):
    org: OrgId
    name: Line
    technicians: tuple[Technician, ...]
    customers: tuple[Customer, ...]
    broker: BrokerKeys | None
    auditor_recipients: tuple[str, ...] = ()
    witness_keys: tuple[str, ...] = ()

    def technician(self, id_: str) -> Technician:
        """Raises RelevoError: ``not-in-roster``."""
        for person in self.technicians:
            if person.id == id_:
                return person
        raise RelevoError(Code.NOT_IN_ROSTER, id_)

    def holder_of(self, key: PublicKey) -> Technician:
        """The person whose key this is. Raises RelevoError: ``not-in-roster``."""
        for person in self.technicians:
            if any(PublicKey.from_text(text) == key for text in person.keys):
                return person
        raise RelevoError(Code.NOT_IN_ROSTER, key.fingerprint)

    def customer(self, id_: str) -> Customer:
        """Raises RelevoError: ``not-found``."""
        for customer in self.customers:
            if customer.id == id_:
                return customer
        raise RelevoError(Code.NOT_FOUND, f"customer {id_}")


class TierPolicy(Wire, frozen=True):
    tier: Tier
    scopes: tuple[Scope, ...]
    clearance: Clearance
    max_risk: Risk


class ScopeFloor(Wire, frozen=True):
    scope: Scope
    floor: Floor


class Policy(Wire, frozen=True):
    """An empty policy refuses everything."""

    tiers: tuple[TierPolicy, ...] = ()
    consent_floor: tuple[ScopeFloor, ...] = ()
    """The least a machine must do per scope; ``ask`` where a scope is not listed."""
    max_session_minutes: Annotated[int, Meta(ge=1, le=24 * 60)] = 120

    def of_tier(self, tier: int) -> TierPolicy:
        """Raises RelevoError: ``refused`` when the policy does not know the tier."""
        for row in self.tiers:
            if row.tier == tier:
                return row
        raise RelevoError(Code.REFUSED, f"policy has no tier {tier}")


class Revoked(Wire, frozen=True):
    keys: tuple[str, ...] = ()
    """Fingerprints (``SHA256:…``) of technicians' keys that must no longer work."""
    agents: tuple[AgentId, ...] = ()
    grants: tuple[GrantId, ...] = ()
    fixes: tuple[str, ...] = ()
    """``id`` (all versions) or ``id/version``."""


class Organisation(Wire, frozen=True):
    """Everything the verified repository said at one moment."""

    roster: Roster
    policy: Policy
    revoked: Revoked
    desk: Desk = Desk()
    """How the help desk works; only the broker reads it."""
    known_errors: tuple[KnownError, ...] = ()
    """Filled in by the broker; others ask ``Repository.known_errors`` when they need them."""


DEFAULT_POLICY = Policy(
    tiers=(
        TierPolicy(
            tier=1,
            scopes=(Scope.DIAGNOSE, Scope.LOGS, Scope.SCREENSHOT, Scope.FIX),
            clearance=Clearance.R1,
            max_risk=Risk.LOW,
        ),
        TierPolicy(
            tier=2,
            scopes=(
                Scope.DIAGNOSE,
                Scope.LOGS,
                Scope.SCREENSHOT,
                Scope.FIX,
                Scope.FILES,
                Scope.VIEW,
                Scope.CONTROL,
            ),
            clearance=Clearance.R2,
            max_risk=Risk.MEDIUM,
        ),
        TierPolicy(tier=3, scopes=tuple(Scope), clearance=Clearance.R3, max_risk=Risk.DESTRUCTIVE),
    ),
)


def tier_for(person: Technician, customer: str) -> int:
    """The person's tier at this customer.

    Raises:
        RelevoError: ``customer-not-allowed`` when the roster lists none.
    """
    tiers = {row.customer: row.tier for row in person.tiers}
    tier = tiers.get(customer, tiers.get(ANY_CUSTOMER))
    if tier is None:
        raise RelevoError(Code.CUSTOMER_NOT_ALLOWED, f"{person.id} at {customer}")
    return tier


def require_active_key(org: Organisation, person: Technician, key: PublicKey) -> None:
    """The key must be this person's and not revoked.

    Raises:
        RelevoError: ``not-in-roster`` or ``revoked``.
    """
    if all(PublicKey.from_text(text) != key for text in person.keys):
        raise RelevoError(Code.NOT_IN_ROSTER, f"{key.fingerprint} is not a key of {person.id}")
    if key.fingerprint in org.revoked.keys:
        raise RelevoError(Code.REVOKED, key.fingerprint)


def require_scopes(
    org: Organisation, person: Technician, customer: str, scopes: tuple[Scope, ...]
) -> TierPolicy:
    """What the policy gives this person at this customer, if it covers ``scopes``.

    Raises:
        RelevoError: ``role-missing``, ``customer-not-allowed`` or ``scope-not-allowed``.
    """
    if Role.TECHNICIAN not in person.roles:
        raise RelevoError(Code.ROLE_MISSING, f"{person.id} is not a technician")
    policy = org.policy.of_tier(tier_for(person, customer))
    missing = [scope for scope in scopes if scope not in policy.scopes]
    if missing or not scopes:
        raise RelevoError(Code.SCOPE_NOT_ALLOWED, f"tier {policy.tier}: {', '.join(missing) or 'no scope'}")
    return policy


def covers_clearance(held: Clearance, needed: Clearance) -> bool:
    return CLEARANCE_ORDER.index(held) >= CLEARANCE_ORDER.index(needed)


def covers_risk(allowed: Risk, risk: Risk) -> bool:
    return RISK_ORDER.index(allowed) >= RISK_ORDER.index(risk)
