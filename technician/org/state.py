"""What the administrator's machine knows of the organisation: the draft, and where its files are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from protocol.desk import Desk
from protocol.drivers.files import read_file, write_private
from protocol.drivers.locks import locked
from protocol.errors import Code, RelevoError
from protocol.ids import OrgId
from protocol.known_errors import KnownErrorId
from protocol.organisation import Policy, Revoked, Roster
from protocol.scopes import Risk
from protocol.wire import Count, Line, Name, Sha256, Wire, from_json, to_json

_LOCK_S = 30.0
_MAX_STATE = 64 << 20


class FixSigner(Wire, frozen=True):
    """One person who may sign fixes. One key each, so that two signatures are two people."""

    id: Name
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    """Raw Ed25519 public key, hex."""


class CatalogueFix(Wire, frozen=True):
    """A fix version that was added; its files are in ``targets/`` under their target paths."""

    id: Name
    version: Annotated[int, Meta(ge=1, le=999_999)]
    risk: Risk
    author: Name
    files: tuple[str, ...]
    """Target paths, the manifest's first."""


class CatalogueKnownError(Wire, frozen=True):
    """A known error that was added; its document is in ``targets/`` under its target path."""

    id: KnownErrorId
    version: Annotated[int, Meta(ge=1, le=999_999)]
    sha256: Sha256
    published: bool = False
    """This very version was uploaded; it never changes any more."""


class OrgState(Wire, frozen=True):
    """``HOME/org/org.json``. Roster, policy and revocations are the draft; ``org publish`` signs it."""

    name: Line
    org: OrgId
    root_sha256: Sha256
    admin: Name
    roster: Roster
    policy: Policy
    revoked: Revoked
    signers: tuple[FixSigner, ...]
    root_version: Count = 1
    targets_version: Count = 0
    uploaded_root: Count = 0
    """The newest root version the broker has."""
    uploaded_targets: Count = 0
    staged: bool = True
    """Something changed since the last upload."""
    fixes: tuple[CatalogueFix, ...] = ()
    known_errors: tuple[CatalogueKnownError, ...] = ()
    desk: Desk = Desk()
    """How the help desk works; published as ``desk.json`` once anything is said."""


class OrgFolder:
    """``HOME/org``: state, keys, signed metadata, target files, proposals."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "org"
        self.keys = self.folder / "keys"
        self.metadata = self.folder / "metadata"
        """``N.root.json``, ``targets.json`` and ``<risk>.json``: signed by enough keys."""
        self.proposed = self.folder / "proposed"
        """``<risk>.json``: signed, but not by enough keys yet."""
        self.targets = self.folder / "targets"
        self._state = self.folder / "org.json"

    def load(self) -> OrgState:
        """Raises RelevoError: ``not-found`` before ``relevo org init``."""
        try:
            return from_json(read_file(self._state, _MAX_STATE), OrgState)
        except RelevoError as error:
            if error.code is Code.NOT_FOUND:
                raise RelevoError(Code.NOT_FOUND, f"no organisation in {self.home}") from error
            raise

    def save(self, state: OrgState) -> OrgState:
        write_private(self._state, to_json(state))
        return state

    def stage(self, state: OrgState, **changes: object) -> OrgState:
        """Save ``state`` with ``changes``, waiting for ``org publish``."""
        return self.save(msgspec.structs.replace(state, staged=True, **changes))

    @contextlib.contextmanager
    def editing(self) -> Iterator[None]:
        """One command at a time. Raises RelevoError: ``timeout``."""
        with locked(self.folder / "lock", _LOCK_S):
            yield

    def exists(self) -> bool:
        return self._state.exists()

    def target(self, path: str) -> Path:
        return self.targets / path
