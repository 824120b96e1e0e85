"""The keys this client believes: the verified roster's, and those of rosters it saw before.

A person who left signed grants that are still in the log. Their keys stay known here, or by the
administrator's signed revocation, and are good for history only.
"""

from __future__ import annotations

from typing import NamedTuple

from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from protocol.scopes import Role
from protocol.sshkeys import PublicKey
from protocol.wire import Wire


class KnownPerson(Wire, frozen=True):
    id: str
    key: str
    """SSH public key line."""
    admin: bool


class KnownKeys(Wire, frozen=True):
    """What is remembered in HOME/audit/known.json."""

    org: str
    people: tuple[KnownPerson, ...] = ()
    issuers: tuple[str, ...] = ()


class _Person(NamedTuple):
    ids: frozenset[str]
    admin: bool


def learn(known: KnownKeys | None, organisation: Organisation) -> KnownKeys:
    """``known`` and everything the verified roster says now.

    Raises:
        RelevoError: ``identity-mismatch`` when the memory is of another organisation.
    """
    roster = organisation.roster
    if known is not None and known.org != roster.org:
        raise RelevoError(Code.IDENTITY_MISMATCH, f"remembered keys are of {known.org}")
    now = [
        KnownPerson(id=person.id, key=PublicKey.from_text(line).text, admin=Role.ADMIN in person.roles)
        for person in roster.technicians
        for line in person.keys
    ]
    issuers = [PublicKey.from_text(roster.broker.issuer_key).text] if roster.broker else []
    before = known or KnownKeys(org=roster.org)
    return KnownKeys(
        org=roster.org,
        people=tuple(dict.fromkeys((*before.people, *now))),
        issuers=tuple(dict.fromkeys((*before.issuers, *issuers))),
    )


class Keyring:
    """``KnownKeys`` and the signed revocations, arranged for looking up."""

    def __init__(self, known: KnownKeys, organisation: Organisation) -> None:
        self.org = known.org
        self.issuers = tuple(PublicKey.from_text(line) for line in known.issuers)
        self._retired = frozenset(organisation.revoked.keys)
        self._people: dict[bytes, _Person] = {}
        for person in known.people:
            blob = PublicKey.from_text(person.key).blob
            before = self._people.get(blob, _Person(frozenset(), False))
            self._people[blob] = _Person(before.ids | {person.id}, before.admin or person.admin)

    def is_persons(self, key: PublicKey, technician: str) -> bool:
        """This key is, or verifiably was, this technician's.

        A revocation is signed by the administrator but names no person: it shows that the key was
        the organisation's once, and the grant itself says whose.
        """
        person = self._people.get(key.blob)
        if person is None:
            return key.fingerprint in self._retired
        return technician in person.ids

    def is_admins(self, key: PublicKey) -> bool:
        person = self._people.get(key.blob)
        return person.admin if person else key.fingerprint in self._retired
