"""A turned broker offers sessions that nobody asked for, or not like that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from protocol.audit import Action
from protocol.documents import Grant
from protocol.dsse import countersign, seal
from protocol.envelope import Envelope
from protocol.scopes import Scope
from tests.evil.broker import EvilWorld, Honest, require_refused, signer_of, taken_ticket
from tests.support.world import Machine, Person


@pytest.fixture(scope="module")
def machine(world: EvilWorld) -> Machine:
    return world.machine()


@pytest.fixture(scope="module")
def ticket(ana: Person, machine: Machine) -> str:
    return taken_ticket(ana, machine)


def _unsigned(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    return countersign(seal(world.grant(ana, machine, ticket)), Grant, world.keys.issuer)


def _by_the_broker_itself(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    """The issuer key in the technician's place: it is in the roster, but not as a person's."""
    grant = world.grant(ana, machine, ticket, technician_key=world.keys.issuer.public_key.text)
    return seal(grant, world.keys.issuer)


def _without_the_issuer(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    return seal(world.grant(ana, machine, ticket), signer_of(ana))


def _by_a_stranger(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from protocol.sshkeys import KeySigner

    stranger = KeySigner(Ed25519PrivateKey.generate())
    grant = world.grant(ana, machine, ticket, technician="mallory", technician_key=stranger.public_key.text)
    return world.sealed(grant, stranger)


def _another_key_in_anas_name(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from protocol.sshkeys import KeySigner

    stranger = KeySigner(Ed25519PrivateKey.generate())
    grant = world.grant(ana, machine, ticket, technician_key=stranger.public_key.text)
    return world.sealed(grant, stranger)


def _widened_after_signing(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    asked = seal(world.grant(ana, machine, ticket), signer_of(ana))
    wider = asked.payload.replace(b'"scopes":["diagnose"]', b'"scopes":["diagnose","files"]')
    assert wider != asked.payload
    altered = Envelope(payload_type=asked.payload_type, payload=wider, signatures=asked.signatures)
    return countersign(altered, Grant, world.keys.issuer)


def _for_another_agent(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    return world.sealed(world.grant(ana, machine, ticket, agent="ag-" + "a" * 32), signer_of(ana))


def _for_another_customer(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    return world.sealed(world.grant(ana, machine, ticket, customer="globex"), signer_of(ana))


def _for_another_organisation(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    return world.sealed(world.grant(ana, machine, ticket, org="org-" + "b" * 32), signer_of(ana))


def _expired(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    then = datetime.now(UTC) - timedelta(hours=1)
    times = {"issued": then, "establish_by": then + timedelta(minutes=2), "ends": then + timedelta(hours=2)}
    return world.sealed(world.grant(ana, machine, ticket, **times), signer_of(ana))


def _from_tomorrow(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    then = datetime.now(UTC) + timedelta(days=1)
    times = {"issued": then, "establish_by": then + timedelta(minutes=2), "ends": then + timedelta(minutes=9)}
    return world.sealed(world.grant(ana, machine, ticket, **times), signer_of(ana))


def _for_a_year(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    ends = datetime.now(UTC) + timedelta(days=365)
    return world.sealed(world.grant(ana, machine, ticket, ends=ends), signer_of(ana))


def _a_scope_above_the_tier(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    """The technician plays along: signed by ana for a terminal, which tier 2 does not have."""
    scopes = (Scope.DIAGNOSE, Scope.TERMINAL)
    return world.sealed(world.grant(ana, machine, ticket, scopes=scopes), signer_of(ana))


def _another_kind_of_document(world: EvilWorld, ana: Person, machine: Machine, ticket: str) -> Envelope:
    asked = world.sealed(world.grant(ana, machine, ticket), signer_of(ana))
    return Envelope(
        payload_type="application/vnd.relevo.consent.v1+json",
        payload=asked.payload,
        signatures=asked.signatures,
    )


Forge = Callable[[EvilWorld, Person, Machine, str], Envelope]

FORGERIES: tuple[tuple[Forge, str], ...] = (
    (_unsigned, "signature-invalid"),
    (_by_the_broker_itself, "not-in-roster"),
    (_without_the_issuer, "signature-invalid"),
    (_by_a_stranger, "not-in-roster"),
    (_another_key_in_anas_name, "not-in-roster"),
    (_widened_after_signing, "signature-invalid"),
    (_for_another_agent, "identity-mismatch"),
    (_for_another_customer, "identity-mismatch"),
    (_for_another_organisation, "identity-mismatch"),
    (_expired, "document-expired"),
    (_from_tomorrow, "document-expired"),
    (_for_a_year, "document-expired"),
    (_a_scope_above_the_tier, "scope-not-allowed"),
    (_another_kind_of_document, "malformed"),
)


@pytest.mark.parametrize(("forge", "code"), FORGERIES, ids=[f.__name__.strip("_") for f, _ in FORGERIES])
def test_a_forged_offer_is_refused_signed_recorded_and_never_shown(
    world: EvilWorld,
    ana: Person,
    bystander: Honest,
    machine: Machine,
    ticket: str,
    forge: Forge,
    code: str,
) -> None:
    envelope = forge(world, ana, machine, ticket)

    offered = world.offer(machine, envelope)

    require_refused(offered, code, machine)
    logged = world.audited(Action.AGENT_REFUSED, agent=machine.id)
    assert {(f.key, f.value) for f in logged.facts} >= {("code", code), ("claimed", offered.grant)}
    bystander.require_undisturbed()
