"""What the helper starts from: which organisation's root, which machine. Written by root, for root."""

from __future__ import annotations

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


def helper_folder(data: Path) -> Path:
    return data / "helper"


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
    """Nobody but this user can have written it (its folder's owner may move it away, not replace it).

    Raises:
        RelevoError: ``refused``.
        FileNotFoundError: there is no such file.
    """
    status = path.lstat()
    plain = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
    if not plain or status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise RelevoError(Code.REFUSED, f"{path} is not this user's alone")
