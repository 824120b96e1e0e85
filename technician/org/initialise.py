"""``relevo org init``: the keys, the first root, the first administrator."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import msgspec

from protocol.drivers.files import private_folder, write_private
from protocol.errors import Code, RelevoError
from protocol.ids import org_id
from protocol.organisation import DEFAULT_POLICY, Revoked, Roster, Technician
from protocol.scopes import Role
from protocol.wire import Line, Name
from technician.org import keys
from technician.org.signing import make_root
from technician.org.state import FixSigner, OrgFolder, OrgState

ROOT_KEY = "root.pem"
TARGETS_KEY = "targets.pem"
FIX_KEY = "fix.pem"
AUDITOR_IDENTITY = "auditor.age"


def init(home: Path, name: str, admin: str, now: datetime) -> OrgState:
    """Make an organisation in ``home``: keys in ``org/keys``, the administrator's SSH key in ``keys``.

    Until a broker is connected the root key itself stands in for the snapshot and timestamp roles.

    Raises:
        RelevoError: ``already-exists`` when ``home`` holds one; ``usage`` for an unfit name or id.
    """
    folder = OrgFolder(home)
    if folder.exists():
        raise RelevoError(Code.ALREADY_EXISTS, f"an organisation in {home}")
    _require(name, Line, "name")
    _require(admin, Name, "administrator id")
    private_folder(home)
    root = keys.make_key(folder.keys / ROOT_KEY)
    targets = keys.make_key(folder.keys / TARGETS_KEY)
    fixes = keys.make_key(folder.keys / FIX_KEY)
    auditor = keys.make_age_identity(folder.keys / AUDITOR_IDENTITY)
    ssh = keys.make_ssh_key(home / "keys" / admin, f"{admin}@relevo")
    first = make_root(1, now, root, targets.public_key, root.public_key, root.public_key)
    write_private(folder.metadata / "1.root.json", first)
    organisation = org_id(first)
    person = Technician(
        id=admin,
        name=admin,
        keys=(ssh.text,),
        roles=(Role.APPROVER, Role.AUDITOR, Role.ADMIN),
        tiers=(),
        age_recipients=(ssh.text,),
    )
    roster = Roster(
        org=organisation,
        name=name,
        technicians=(person,),
        customers=(),
        broker=None,
        auditor_recipients=(auditor,),
    )
    return folder.save(
        OrgState(
            name=name,
            org=organisation,
            root_sha256=hashlib.sha256(first).hexdigest(),
            admin=admin,
            roster=roster,
            policy=DEFAULT_POLICY,
            revoked=Revoked(),
            signers=(FixSigner(id=admin, key=keys.raw_hex(fixes)),),
        )
    )


def _require(value: str, kind: object, what: str) -> None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise RelevoError(Code.USAGE, f"{what}: {error}") from error
