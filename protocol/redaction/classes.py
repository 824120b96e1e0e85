"""Classes of data and what each clearance may see of them (4-domain.md, "Redaction classes")."""

from __future__ import annotations

import enum

from protocol.scopes import Clearance


class FactClass(enum.StrEnum):
    """What a typed fact says about people."""

    TECHNICAL = "technical"
    PERSON = "person"
    NETWORK = "network"
    BUSINESS = "business"
    SECRET = "secret"  # noqa: S105 - the name of a class of data


class Treatment(enum.Enum):
    CLEAR = "clear"
    PSEUDONYM = "pseudonym"
    OWN_CLEAR = "own-clear"
    """Pseudonym, except for the requester's own identifiers."""
    MASK = "mask"
    REMOVE = "remove"


TABLE: dict[tuple[FactClass, Clearance], Treatment] = {
    (FactClass.TECHNICAL, Clearance.R1): Treatment.CLEAR,
    (FactClass.TECHNICAL, Clearance.R2): Treatment.CLEAR,
    (FactClass.TECHNICAL, Clearance.R3): Treatment.CLEAR,
    (FactClass.PERSON, Clearance.R1): Treatment.PSEUDONYM,
    (FactClass.PERSON, Clearance.R2): Treatment.OWN_CLEAR,
    (FactClass.PERSON, Clearance.R3): Treatment.CLEAR,
    (FactClass.NETWORK, Clearance.R1): Treatment.PSEUDONYM,
    (FactClass.NETWORK, Clearance.R2): Treatment.CLEAR,
    (FactClass.NETWORK, Clearance.R3): Treatment.CLEAR,
    (FactClass.BUSINESS, Clearance.R1): Treatment.MASK,
    (FactClass.BUSINESS, Clearance.R2): Treatment.MASK,
    (FactClass.BUSINESS, Clearance.R3): Treatment.CLEAR,
    (FactClass.SECRET, Clearance.R1): Treatment.REMOVE,
    (FactClass.SECRET, Clearance.R2): Treatment.REMOVE,
    (FactClass.SECRET, Clearance.R3): Treatment.REMOVE,
}
