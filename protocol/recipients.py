"""Who can open what is sealed: the verified roster decides, and revocation takes it away."""

from __future__ import annotations

from protocol.errors import RelevoError
from protocol.organisation import Organisation, Technician, covers_clearance, tier_for
from protocol.scopes import Clearance, Role
from protocol.sshkeys import ED25519, PublicKey


def readers(
    organisation: Organisation, customer: str, clearance: Clearance, *, also: str | None = None
) -> tuple[Technician, ...]:
    """Everybody at this customer whose tier may see ``clearance``, and the technician ``also``."""
    return tuple(
        person
        for person in organisation.roster.technicians
        if person.id == also or _may_see(organisation, person, customer, clearance)
    )


def recipients(
    organisation: Organisation, customer: str, clearance: Clearance, *, also: str | None = None
) -> tuple[str, ...]:
    """age recipients of the ``readers``, and of the organisation's auditors.

    A technician's own Ed25519 SSH key serves as recipient where the roster lists none (age's
    ``ssh-ed25519`` recipients); keys in hardware cannot decrypt and need a listed recipient. Revoked keys
    open nothing new, and neither does anything of a person whose keys are all revoked.
    """
    found: list[str] = [*organisation.roster.auditor_recipients]
    for person in readers(organisation, customer, clearance, also=also):
        found += _of_person(organisation, person)
    return tuple(dict.fromkeys(found))


def _of_person(organisation: Organisation, person: Technician) -> list[str]:
    if all(_is_revoked(organisation, text) for text in person.keys):
        return []
    listed = person.age_recipients or [
        text for text in person.keys if PublicKey.from_text(text).kind == ED25519
    ]
    return [text for text in listed if text.startswith("age1") or not _is_revoked(organisation, text)]


def _is_revoked(organisation: Organisation, key: str) -> bool:
    return PublicKey.from_text(key).fingerprint in organisation.revoked.keys


def _may_see(organisation: Organisation, person: Technician, customer: str, clearance: Clearance) -> bool:
    if Role.TECHNICIAN not in person.roles:
        return False
    try:
        policy = organisation.policy.of_tier(tier_for(person, customer))
    except RelevoError:
        return False
    return covers_clearance(policy.clearance, clearance)
