"""What the helper starts from: which organisation's root, which machine. Written by root, for root."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from agent.folder import Membership
from protocol.drivers.files import private_folder, read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.ids import AgentId, OrgId
from protocol.wire import Name, Sha256, Wire, from_json, to_json


class Pin(Wire, frozen=True):
    org: OrgId
    agent: AgentId
    customer: Name
    root_sha256: Sha256


_STATE = Path("/var/lib/relevo-helper")


def helper_folder(data: Path) -> Path:
    """Where the helper keeps pin, repository, runs and copies: below ``data`` where only root could swap it.

    Whoever owns a folder on the way can put another in the place of ours while root works in it, whatever
    the mode of ours is. For an agent that is not root's it is therefore a folder of root's own.
    """
    if all(_only_roots(folder) for folder in (data, *data.absolute().parents)):
        return data / "helper"
    return _STATE / hashlib.sha256(os.fsencode(data.absolute())).hexdigest()[:32]


def _only_roots(folder: Path) -> bool:
    """Only root can rename what lies in it (sshd's StrictModes asks the same; sticky folders keep names)."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return True
    if not stat.S_ISDIR(status.st_mode):
        return False
    shared = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    return status.st_uid == 0 and not shared


def write_pin(data: Path, membership: Membership) -> None:
    """Pin this enrolment for the helper. Only root does this, at enrolment or once by hand.

    Raises:
        RelevoError: ``refused`` for anybody else; ``cannot-record``.
    """
    if os.geteuid() != 0:
        raise RelevoError(Code.REFUSED, "only root can pin the helper's organisation")
    pin = Pin(
        org=membership.org,
        agent=membership.agent,
        customer=membership.customer,
        root_sha256=membership.root_sha256,
    )
    folder = private_folder(helper_folder(data))
    require_ours(folder)
    write_private(folder / "pin.json", to_json(pin))


def read_pin(data: Path) -> Pin:
    """Raises RelevoError: ``not-connected`` before it was pinned; ``refused`` when others could have."""
    folder = helper_folder(data)
    try:
        require_ours(folder)
        require_ours(folder / "pin.json")
    except FileNotFoundError as error:
        raise RelevoError(Code.NOT_CONNECTED, f"the helper is not pinned in {folder}") from error
    return from_json(read_file(folder / "pin.json", 4_096), Pin)


def require_ours(path: Path) -> None:
    """Nobody but this user can have written it.

    Raises:
        RelevoError: ``refused``.
        FileNotFoundError: there is no such file.
    """
    status = path.lstat()
    plain = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
    if not plain or status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise RelevoError(Code.REFUSED, f"{path} is not this user's alone")
