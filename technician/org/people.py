"""Technicians, customers and fix signers of the draft. ``relevo org publish`` makes them count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from protocol.errors import Code, RelevoError
from protocol.organisation import Customer, CustomerTier, Technician
from protocol.scopes import ANY_CUSTOMER, Role
from protocol.sshkeys import ED25519, PublicKey
from protocol.wire import Wire, from_json, to_json
from technician.org import keys
from technician.org.initialise import FIX_KEY
from technician.org.state import FixSigner, OrgFolder, OrgState

W = TypeVar("W", bound=Wire)
replace = msgspec.structs.replace


def add_technician(
    home: Path,
    id_: str,
    name: str,
    tier: int | None,
    roles: Sequence[Role],
    customers: Sequence[str],
    key_files: Sequence[Path],
) -> Technician:
    """Stage a person. ``customers`` empty means every customer (``*``).

    Raises:
        RelevoError: ``usage``; ``already-exists`` for the id; ``conflict`` when the key is somebody's;
            ``revoked`` for a revoked key; ``not-found`` for an unknown customer or key file.
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        if any(person.id == id_ for person in state.roster.technicians):
            raise RelevoError(Code.ALREADY_EXISTS, f"technician {id_}")
        if (Role.TECHNICIAN in roles) != (tier is not None):
            raise RelevoError(Code.USAGE, "a tier goes with the role technician, and with no other")
        if Role.EXPERT in roles and len(roles) > 1:
            raise RelevoError(Code.USAGE, "an outside expert has no other role")
        for customer in customers:
            if customer != ANY_CUSTOMER:
                state.roster.customer(customer)
        public = [keys.read_public_line(file) for file in key_files]
        for key in public:
            _require_free(state, key)
        where = tuple(dict.fromkeys(customers)) or (ANY_CUSTOMER,)
        tiers = () if tier is None else tuple(CustomerTier(customer=c, tier=tier) for c in where)
        person = _checked(
            Technician(
                id=id_,
                name=name,
                keys=tuple(key.text for key in public),
                roles=tuple(role for role in Role if role in roles),
                tiers=tiers,
                # age cannot seal to a security key; such a person reads sealed artifacts by another key.
                age_recipients=tuple(key.text for key in public if key.kind == ED25519),
            )
        )
        roster = replace(state.roster, technicians=(*state.roster.technicians, person))
        folder.stage(state, roster=roster)
        return person


def remove_technician(home: Path, id_: str) -> None:
    """Stage the removal of a person, with their keys revoked: live grants by them end too.

    Raises:
        RelevoError: ``not-found``; ``conflict`` for the last administrator.
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        left = tuple(person for person in state.roster.technicians if person.id != id_)
        gone = [person for person in state.roster.technicians if person.id == id_]
        if not gone:
            raise RelevoError(Code.NOT_FOUND, f"technician {id_}")
        if not any(Role.ADMIN in person.roles for person in left):
            raise RelevoError(Code.CONFLICT, f"{id_} is the last administrator")
        lost = [PublicKey.from_text(text).fingerprint for person in gone for text in person.keys]
        revoked = replace(state.revoked, keys=tuple(dict.fromkeys((*state.revoked.keys, *lost))))
        folder.stage(state, roster=replace(state.roster, technicians=left), revoked=revoked)


def add_customer(home: Path, id_: str, name: str) -> Customer:
    """Stage a customer. Raises RelevoError: ``usage`` or ``already-exists``."""
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        if any(customer.id == id_ for customer in state.roster.customers):
            raise RelevoError(Code.ALREADY_EXISTS, f"customer {id_}")
        customer = _checked(Customer(id=id_, name=name))
        roster = replace(state.roster, customers=(*state.roster.customers, customer))
        folder.stage(state, roster=roster)
        return customer


def new_signer_key(home: Path) -> str:
    """A fix-signing key in another administrator's own home; its public line, to be handed over.

    Raises:
        RelevoError: ``already-exists``.
    """
    return keys.public_line(keys.make_key(OrgFolder(home).keys / FIX_KEY))


def add_signer(home: Path, id_: str, key_file: Path) -> FixSigner:
    """Stage one more person who may sign fixes; each has one key, so two signatures are two people.

    Raises:
        RelevoError: ``not-in-roster``; ``already-exists`` when the person or the key is listed;
            ``malformed`` for anything but an ssh-ed25519 line.
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        state.roster.technician(id_)
        public = keys.read_public_line(key_file)
        if public.kind != ED25519:
            raise RelevoError(Code.MALFORMED, "fixes are signed with a plain Ed25519 key")
        signer = FixSigner(id=id_, key=public.raw.hex())
        if any(signer.id == other.id or signer.key == other.key for other in state.signers):
            raise RelevoError(Code.ALREADY_EXISTS, f"signer {id_} or that key")
        folder.stage(state, signers=(*state.signers, signer))
        return signer


def remove_signer(home: Path, id_: str) -> None:
    """Stage that a person may no longer sign fixes. Raises RelevoError: ``not-found``."""
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        left = tuple(signer for signer in state.signers if signer.id != id_)
        if left == state.signers:
            raise RelevoError(Code.NOT_FOUND, f"signer {id_}")
        folder.stage(state, signers=left)


def _require_free(state: OrgState, key: PublicKey) -> None:
    for person in state.roster.technicians:
        if key.text in person.keys:
            raise RelevoError(Code.CONFLICT, f"that key is {person.id}'s")
    if key.fingerprint in state.revoked.keys:
        raise RelevoError(Code.REVOKED, key.fingerprint)


def _checked(value: W) -> W:
    """``value`` if it keeps the limits of its own type, which a constructor does not check."""
    try:
        return from_json(to_json(value), type(value))
    except RelevoError as error:
        raise RelevoError(Code.USAGE, error.detail) from error
