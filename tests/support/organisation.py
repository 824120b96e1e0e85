"""A small organisation as values, with the private keys that a test may sign with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from protocol.documents import PROTOCOL_VERSION, Consent, Grant
from protocol.documents import Basis as ConsentBasis
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.ids import agent_id, org_id
from protocol.organisation import (
    DEFAULT_POLICY,
    BrokerKeys,
    Customer,
    CustomerTier,
    Organisation,
    Revoked,
    Roster,
    Technician,
)
from protocol.scopes import Mode, Role, Scope
from protocol.sshkeys import KeySigner

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ORG = org_id(b"first root")


def signer(name: str) -> KeySigner:
    """A key that is always the same for a name, for tests only."""
    return KeySigner.from_seed(hashlib.sha256(name.encode()).digest())


def person(
    id_: str, *, tier: int = 2, customer: str = "*", roles: tuple[Role, ...] = (Role.TECHNICIAN,)
) -> Technician:
    return Technician(
        id=id_,
        name=f"{id_.title()} Test",
        keys=(signer(id_).public_key.text,),
        roles=roles,
        tiers=(CustomerTier(customer=customer, tier=tier),),
    )


@dataclass
class Cast:
    """Issuer, machine and people whose keys are known to the test."""

    people: tuple[Technician, ...] = field(
        default_factory=lambda: (person("l1", tier=1), person("l2", tier=2), person("l3", tier=3))
    )
    revoked: Revoked = field(default_factory=Revoked)

    @property
    def machine(self) -> KeySigner:
        return signer("machine")

    @property
    def agent(self) -> str:
        return agent_id(self.machine.public_key.blob)

    @property
    def organisation(self) -> Organisation:
        roster = Roster(
            org=ORG,
            name="Test",
            technicians=self.people,
            customers=(Customer(id="acme", name="Acme"), Customer(id="other", name="Other")),
            broker=BrokerKeys(
                url="wss://127.0.0.1:1",
                tls_sha256=("0" * 64,),
                issuer_key=signer("issuer").public_key.text,
                log_key="log",
            ),
        )
        return Organisation(roster=roster, policy=DEFAULT_POLICY, revoked=self.revoked)

    def grant(self, technician: str = "l2", **changes: object) -> Grant:
        grant = Grant(
            version=PROTOCOL_VERSION,
            org=ORG,
            grant="ab" * 16,
            ticket="T-1",
            customer="acme",
            agent=self.agent,
            technician=technician,
            technician_key=signer(technician).public_key.text,
            scopes=(Scope.DIAGNOSE, Scope.LOGS),
            reason="find out",
            issued=NOW,
            establish_by=NOW + timedelta(minutes=3),
            ends=NOW + timedelta(minutes=30),
            mode=Mode.ATTENDED,
        )
        return msgspec.structs.replace(grant, **changes)

    def sealed(self, grant: Grant, *names: str) -> Envelope:
        """Signed by technician and issuer, or by whom ``names`` says."""
        return seal(grant, *(signer(name) for name in (names or (grant.technician, "issuer"))))

    def consent(self, envelope: Envelope, grant: Grant, by: str = "machine", **changes: object) -> Envelope:
        consent = Consent(
            version=PROTOCOL_VERSION,
            grant=grant.grant,
            grant_sha256=envelope.digest,
            agent=grant.agent,
            agent_key=signer(by).public_key.text,
            scopes=grant.scopes,
            given=NOW,
            until=grant.ends,
            basis=ConsentBasis(act="user", channel="command"),
        )
        return seal(msgspec.structs.replace(consent, **changes), signer(by))
