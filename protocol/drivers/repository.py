"""The organisation repository as everybody reads it: agent, root helper, technician, auditor.

All of them start from the SHA-256 of ``1.root.json`` and believe nothing else that they are given.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile

from protocol import ids, layout
from protocol.drivers.files import private_folder, read_file, write_private
from protocol.drivers.locks import locked
from protocol.drivers.repository_targets import (
    documents_of,
    fix_ref,
    known_errors_of,
    role_targets,
    target_file,
)
from protocol.drivers.sources import Fetch
from protocol.drivers.timefloor import TimeFloor
from protocol.drivers.tufclient import Client, tuf_errors
from protocol.errors import Code, RelevoError
from protocol.fixes import read_manifest
from protocol.known_errors import KnownError, read_known_error
from protocol.layout import FixRef
from protocol.organisation import Organisation, Policy, Revoked, Roster
from protocol.publication import RepositoryFile
from protocol.scopes import Risk
from protocol.wire import Wire, from_json

_logger = logging.getLogger(__name__)
_LOCK_S = 30.0
_VERSIONED = re.compile(r"\d+\.(?!root\.json$)")

W = TypeVar("W", bound=Wire)


class _Verified(NamedTuple):
    """What one run of the workflow left, all of it verified."""

    organisation: Organisation
    fresh_as_of: datetime
    targets_version: int
    snapshot_version: int
    documents: dict[str, TargetFile]
    fixes: dict[Risk, dict[str, TargetFile] | RelevoError]
    """Per role its target files, or why there are none."""
    metadata: tuple[RepositoryFile, ...]
    known_errors: dict[str, TargetFile]
    """By id."""


class Repository:
    """The repository pinned by ``root_sha256``, with its local copy in ``folder``.

    Synchronous (python-tuf is) and not thread-safe: one instance belongs to one thread at a time. Processes
    may share a folder; a lock file keeps their runs apart.

    Args:
        folder: made with mode 0700; holds metadata, verified target files and the time floor.
        root_sha256: SHA-256 (hex) of ``1.root.json``: from the token file, ``--root`` or the configuration.
        fetch: where unverified files come from (``protocol.drivers.sources``).
        min_targets_version: what whoever handed over the pin had seen; older is a rollback.
    """

    def __init__(self, folder: Path, root_sha256: str, fetch: Fetch, *, min_targets_version: int = 0) -> None:
        self._folder = folder
        self._metadata = folder / "metadata"
        self._targets = folder / "targets"
        self._root_sha256 = root_sha256
        self._fetch = fetch
        self._min_targets_version = min_targets_version
        self._floor = TimeFloor(folder / "floor.json")
        self._state: _Verified | None = None

    def refresh(self, now: datetime) -> Organisation:
        """Fetch what is new, verify everything, and give what the repository says.

        Raises:
            RelevoError: ``signature-invalid``, ``rollback``, ``document-expired``, ``hash-mismatch``,
                ``stale-trust`` (the clock was set back, or the broker's is ahead), ``identity-mismatch``
                (another organisation's roster), ``not-connected`` (the source has no organisation, or
                lacks a file of it), ``malformed``, or the source's own error
                (``unreachable``, ``timeout``, …). What was verified before stays in ``organisation``.
        """
        try:
            return self._run(now, self._fetch).organisation
        except RelevoError as error:
            if error.code is Code.NOT_FOUND:
                raise RelevoError(Code.NOT_CONNECTED, f"no organisation is served: {error.detail}") from error
            raise

    def load(self, now: datetime) -> Organisation:
        """Verify the local copy again at ``now`` and give what it says; nothing is fetched.

        Raises:
            RelevoError: as ``refresh``; ``stale-trust`` when nothing was ever fetched.
        """
        try:
            return self._run(now, self._local).organisation
        except RelevoError as error:
            if error.code is Code.NOT_FOUND:
                raise RelevoError(Code.STALE_TRUST, f"nothing verified in {self._folder} yet") from error
            raise

    @property
    def organisation(self) -> Organisation:
        """What the last successful run said. Raises RelevoError: ``stale-trust`` before the first."""
        return self._verified.organisation

    @property
    def fresh_as_of(self) -> datetime:
        """When the broker last vouched for this state (2-architecture: over 5 minutes refuses fixes)."""
        return self._verified.fresh_as_of

    @property
    def targets_version(self) -> int:
        return self._verified.targets_version

    @property
    def snapshot_version(self) -> int:
        """It goes up with every publication."""
        return self._verified.snapshot_version

    def fixes(self) -> tuple[FixRef, ...]:
        """Every approved fix version that is not revoked.

        Raises:
            RelevoError: what was wrong with a delegated role (``signature-invalid``, ``hash-mismatch``,
                ``rollback``, …). An expired role only has no fixes.
        """
        state = self._verified
        found = []
        for risk, role in state.fixes.items():
            if isinstance(role, RelevoError):
                if role.code is not Code.DOCUMENT_EXPIRED:
                    raise RelevoError(role.code, role.detail)
                _logger.warning("fixes of risk %s are out of date: %s", risk, role.detail)
                continue
            found += [ref for path, file in role.items() if (ref := fix_ref(risk, path, file))]
        return layout.without_revoked(found, state.organisation.revoked)

    def fix_manifest(self, ref: FixRef) -> bytes:
        """The signed manifest's exact bytes; it is of that id, version and risk.

        Raises:
            RelevoError: as ``fix_payload``; ``signature-invalid`` when it states another risk than the role
                that signed it may sign.
        """
        content = self._fix_file(ref, ref.path)
        stated = read_manifest(content)
        if (stated.id, stated.version, stated.risk) != (ref.id, ref.version, ref.risk):
            raise RelevoError(
                Code.SIGNATURE_INVALID, f"{ref.path} holds {stated.risk} {stated.id}/{stated.version}"
            )
        return content

    def fix_payload(self, ref: FixRef, name: str) -> bytes:
        """One payload file's exact bytes, checked against its own signed length and hash.

        Raises:
            RelevoError: ``revoked``, ``not-found``, ``hash-mismatch`` or the source's own error.
        """
        return self._fix_file(ref, layout.payload_path(ref.risk, ref.id, ref.version, name))

    def known_errors(self) -> tuple[KnownError, ...]:
        """The published known errors. One that this version cannot read is left out.

        Raises:
            RelevoError: ``hash-mismatch`` or the source's own error.
        """
        found = []
        for id_, info in sorted(self._verified.known_errors.items()):
            content = self._target(layout.known_error_path(id_), info)
            try:
                found.append(read_known_error(content, id_))
            except RelevoError as error:
                _logger.warning("known error %s left out: %s", id_, error.detail)
        return tuple(found)

    def snapshot_files(self, fixes: Sequence[FixRef] = ()) -> tuple[RepositoryFile, ...]:
        """All that another process needs to verify the same state, and ``fixes``, from the same pin.

        The other process uses ``Repository(folder, root_sha256, sources.from_files(files)).refresh(now)``.
        """
        state = self._verified
        files = list(state.metadata)
        for path, info in state.documents.items():
            files.append(target_file(path, info, self._target(path, info)))
        for ref in fixes:
            prefix = ref.path.removesuffix(".json") + "/"
            for path, info in self._role(ref.risk).items():
                if path == ref.path or path.startswith(prefix):
                    files.append(target_file(path, info, self._target(path, info)))
        return tuple(files)

    # --- one run -------------------------------------------------------------------------------

    @property
    def _verified(self) -> _Verified:
        if self._state is None:
            raise RelevoError(Code.STALE_TRUST, "the repository was not verified yet")
        return self._state

    def _run(self, now: datetime, fetch: Fetch) -> _Verified:
        private_folder(self._folder)
        private_folder(self._metadata)
        # tuf would make this one itself, readable by everybody.
        private_folder(self._metadata / "root_history")
        with locked(self._folder / "lock", _LOCK_S):
            moment = self._floor.effective(now)
            first_root = self._first_root(fetch)
            with tuf_errors():
                client = Client(self._metadata, fetch, first_root, moment)
                client.refresh()
            if client.targets.version < self._min_targets_version:
                raise RelevoError(Code.ROLLBACK, f"targets version {client.targets.version}")
            fresh = client.timestamp.expires - layout.TIMESTAMP_LIFE
            self._floor.learn(fresh, now)
            documents = documents_of(client.targets)
            fixes = {role.risk: role_targets(client, role) for role in layout.FIX_ROLES}
            good = [risk for risk in fixes if client.holds(risk)]
            state = _Verified(
                organisation=self._organisation(documents, fetch, ids.org_id(first_root)),
                fresh_as_of=fresh,
                targets_version=client.targets.version,
                snapshot_version=client.snapshot.version,
                documents=documents,
                fixes=fixes,
                metadata=self._metadata_files(client, good),
                known_errors=known_errors_of(client.targets),
            )
            self._forget_others(state)
        self._state = state
        return state

    def _first_root(self, fetch: Fetch) -> bytes:
        """``1.root.json``, which is believed because of its hash alone."""
        try:
            local = read_file(self._metadata / "root_history" / "1.root.json", layout.MAX_ROOT)
        except RelevoError:
            local = b""
        if hashlib.sha256(local).hexdigest() == self._root_sha256:
            return local
        content = fetch("metadata/1.root.json", layout.MAX_ROOT)
        if hashlib.sha256(content).hexdigest() != self._root_sha256:
            raise RelevoError(Code.HASH_MISMATCH, "the first root is not the pinned one")
        return content

    def _organisation(self, documents: dict[str, TargetFile], fetch: Fetch, org: str) -> Organisation:
        def read(path: str, kind: type[W]) -> W:
            return from_json(self._target(path, documents[path], fetch), kind)

        organisation = Organisation(
            roster=read(layout.ROSTER, Roster),
            policy=read(layout.POLICY, Policy),
            revoked=read(layout.REVOKED, Revoked),
        )
        if organisation.roster.org != org:
            raise RelevoError(Code.IDENTITY_MISMATCH, f"the roster is of {organisation.roster.org}")
        return organisation

    def _metadata_files(self, client: Client, good: Sequence[Risk]) -> tuple[RepositoryFile, ...]:
        names = {
            f"{version}.root.json": f"root_history/{version}.root.json"
            for version in range(1, client.root.version + 1)
        }
        names["timestamp.json"] = "timestamp.json"
        names[f"{client.snapshot.version}.snapshot.json"] = "snapshot.json"
        for role in ("targets", *good):
            names[f"{client.snapshot.meta[f'{role}.json'].version}.{role}.json"] = f"{role}.json"
        return tuple(
            RepositoryFile(path=f"metadata/{name}", content=read_file(self._metadata / local))
            for name, local in names.items()
        )

    def _local(self, path: str, limit: int) -> bytes:
        """The local copy as a source: python-tuf stores all but root without the version in the name."""
        folder, _, name = path.rpartition("/")
        if folder != "metadata" or name.endswith(".root.json"):
            raise RelevoError(Code.NOT_FOUND, path)
        return read_file(self._metadata / _VERSIONED.sub("", name), limit)

    # --- target files --------------------------------------------------------------------------

    def _role(self, risk: Risk) -> dict[str, TargetFile]:
        role = self._verified.fixes[risk]
        if isinstance(role, RelevoError):
            raise RelevoError(role.code, role.detail)
        return role

    def _fix_file(self, ref: FixRef, path: str) -> bytes:
        if layout.is_revoked(self.organisation.revoked, ref.id, ref.version):
            raise RelevoError(Code.REVOKED, f"fix {ref.id}/{ref.version}")
        files = self._role(ref.risk)
        if ref.path not in files or path not in files:
            raise RelevoError(Code.NOT_FOUND, path)
        if files[ref.path].hashes.get("sha256") != ref.sha256:
            raise RelevoError(Code.HASH_MISMATCH, f"{ref.path} is another one by now")
        return self._target(path, files[path])

    def _target(self, path: str, info: TargetFile, fetch: Fetch | None = None) -> bytes:
        """The target file ``path`` with the signed length and hashes: the local copy, or fetched."""
        sha256 = info.hashes["sha256"]
        local = self._targets / sha256
        try:
            content = read_file(local, info.length)
            info.verify_length_and_hashes(content)
            return content
        except (RelevoError, LengthOrHashMismatchError) as error:  # absent or damaged
            _logger.debug("no good local copy of %s: %s", path, error)
        try:
            content = (fetch or self._fetch)(f"targets/{layout.hash_prefixed(path, sha256)}", info.length)
        except RelevoError as error:
            if error.code is Code.TOO_LARGE:
                raise RelevoError(Code.HASH_MISMATCH, f"{path} is longer than signed") from error
            raise
        with tuf_errors():
            info.verify_length_and_hashes(content)
        write_private(local, content)
        return content

    def _forget_others(self, state: _Verified) -> None:
        """Remove local target files that the current metadata no longer names."""
        named = {info.hashes["sha256"] for info in (*state.documents.values(), *state.known_errors.values())}
        for role in state.fixes.values():
            if not isinstance(role, RelevoError):
                named |= {info.hashes["sha256"] for info in role.values()}
        if not self._targets.is_dir():
            return
        for file in self._targets.iterdir():
            if file.name not in named and not file.name.startswith("."):
                file.unlink(missing_ok=True)
