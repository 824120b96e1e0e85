"""The organisation repository on disk, and the two roles that the broker signs: snapshot and timestamp.

The database says which root and snapshot are current; files of anything newer are inert. A publication
writes files first, then one transaction with its audit record makes it count, then a new timestamp
shows it to the world. A crash between any two of these leaves a whole repository, old or new.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Timestamp
from tuf.api.serialization.json import JSONSerializer

from broker.keys import Identity, public_hex
from broker.known_errors import require_forward
from broker.publication import Accepted, Held, Own, Signed, load, verify
from protocol import layout
from protocol.drivers.files import private_folder, read_file, write_private
from protocol.errors import Code, RelevoError

TIMESTAMP_FRESH = timedelta(seconds=60)
"""An older timestamp is signed anew when somebody asks for it."""
SNAPSHOT_LIFE = timedelta(days=365)
SNAPSHOT_RENEW = timedelta(days=60)
_SERVED = re.compile(r"([1-9][0-9]{0,8})\.([a-z][a-z0-9_]{0,31})\.json")
_TARGET = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,120}/){0,5}[0-9a-f]{64}\.[A-Za-z0-9._-]{1,120}")
_log = structlog.get_logger("broker.repository")
_SERIALIZER = JSONSerializer(compact=False)


@dataclass(frozen=True)
class Current:
    """What is published now."""

    accepted: Accepted
    snapshot_version: int
    snapshot: bytes
    snapshot_expires: datetime

    @property
    def root_version(self) -> int:
        return len(self.accepted.held.roots)

    @property
    def targets_version(self) -> int:
        return self.accepted.held.roles["targets"].version


class Repository:
    """Files below ``folder``. Methods that touch the disk are synchronous; callers use a thread."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity = identity
        self.own = Own(
            snapshot=public_hex(identity.snapshot),
            timestamp=public_hex(identity.timestamp),
            issuer=identity.issuer.public_key,
            log_key=identity.log.verifier_key,
            tls_sha256=identity.tls_sha256,
        )
        self.current: Current | None = None
        self.lock = asyncio.Lock()
        """One publication at a time."""
        self._timestamp: tuple[datetime, bytes] | None = None
        self._timestamp_version = 0
        self._timestamp_lock = asyncio.Lock()

    # --- ``publication.Stored`` ----------------------------------------------------------------

    def has(self, path: str) -> bool:
        return (self._folder / path).is_file()

    def read(self, path: str) -> bytes | None:
        return read_file(self._folder / path, layout.MAX_DOCUMENT) if self.has(path) else None

    # --- publishing ----------------------------------------------------------------------------

    def examine(self, incoming: Mapping[str, bytes], now: datetime) -> Accepted:
        """Verify a publication against what is held. Raises as ``broker.publication.verify``."""
        held = self.current.accepted.held if self.current else Held()
        accepted = verify(held, incoming, self.own, now, self)
        if self.current:
            before = self.current.accepted.organisation.known_errors
            require_forward(before, accepted.organisation.known_errors)
        return accepted

    def prepare(self, accepted: Accepted, now: datetime) -> Current:
        """Write the new files and a snapshot of them; nothing refers to them yet.

        Raises:
            RelevoError: ``cannot-record``.
        """
        if self.current and accepted.held == self.current.accepted.held:
            return self.current
        for path, data in accepted.new_files.items():
            write_private(self._folder / path, data)
        return self._with_snapshot(accepted, now)

    def switch(self, current: Current) -> None:
        """Make ``current`` what is served, once the database says so. The timestamp follows on demand."""
        self.current = current
        self._timestamp = None

    def load(self, root_version: int, snapshot_version: int) -> None:
        """Read and verify what the database says is current. Expiry is judged by those who use it.

        Raises:
            RelevoError: what does not hold (``signature-invalid``, ``hash-mismatch``, ``malformed``,
                ``not-found``, ``identity-mismatch``).
        """
        roots = {f"metadata/{n}.root.json": self._metadata(n, Root.type) for n in range(1, root_version + 1)}
        snapshot = self._metadata(snapshot_version, Snapshot.type)
        roles = {}
        for name, info in load(Snapshot, snapshot).signed.meta.items():
            role = name.removesuffix(".json")
            roles[role] = Signed(info.version, self._metadata(info.version, role))
        accepted = verify(Held(roles=roles), roots, self.own, None, self)
        _verify_snapshot(accepted, snapshot)
        expires: datetime = load(Snapshot, snapshot).signed.expires
        self.current = Current(accepted, snapshot_version, snapshot, expires)

    def renewed(self, now: datetime) -> Current | None:
        """The same content under a new snapshot, when the current one runs out soon; else None."""
        if self.current is None or not self.runs_out(now):
            return None
        return self._with_snapshot(self.current.accepted, now)

    def runs_out(self, now: datetime) -> bool:
        """True when the snapshot should be signed again."""
        return self.current is not None and self.current.snapshot_expires - now <= SNAPSHOT_RENEW

    def _with_snapshot(self, accepted: Accepted, now: datetime) -> Current:
        version = self.current.snapshot_version + 1 if self.current else 1
        meta = {
            f"{name}.json": MetaFile.from_data(role.version, role.data, ["sha256"])
            for name, role in sorted(accepted.held.roles.items())
        }
        signed = Snapshot(version=version, expires=_expiry(now, SNAPSHOT_LIFE), meta=meta)
        data = _signed(Metadata(signed), accepted, self._identity.snapshot, Snapshot.type)
        write_private(self._folder / "metadata" / f"{version}.snapshot.json", data)
        return Current(accepted, version, data, signed.expires)

    # --- serving -------------------------------------------------------------------------------

    def metadata_file(self, name: str) -> bytes:
        """Published metadata other than the timestamp.

        Raises:
            RelevoError: ``not-found``, also for what is on disk but not yet current.
        """
        found = _SERVED.fullmatch(name)
        if not found or self.current is None:
            raise RelevoError(Code.NOT_FOUND, "no such metadata")
        version, role = int(found[1]), found[2]
        newest = {Root.type: self.current.root_version, Snapshot.type: self.current.snapshot_version}
        held = self.current.accepted.held.roles.get(role)
        if version > newest.get(role, held.version if held else 0):
            raise RelevoError(Code.NOT_FOUND, "no such metadata")
        return self._metadata(version, role)

    def target_file(self, path: str) -> Path:
        """Where a target file is. Raises RelevoError: ``not-found``."""
        if not _TARGET.fullmatch(path) or not self.has(f"targets/{path}"):
            raise RelevoError(Code.NOT_FOUND, "no such target")
        return self._folder / "targets" / path

    async def timestamp(self, now: datetime) -> bytes:
        """The signed timestamp, at most ``TIMESTAMP_FRESH`` old.

        Raises:
            RelevoError: ``not-found`` before pairing.
        """
        async with self._timestamp_lock:
            made, data = self._timestamp or (None, b"")
            if made is None or not timedelta(0) <= now - made < TIMESTAMP_FRESH:
                data = await asyncio.to_thread(self._sign_timestamp, now)
                self._timestamp = (now, data)
            return data

    def _sign_timestamp(self, now: datetime) -> bytes:
        current = self.current
        if current is None:
            raise RelevoError(Code.NOT_FOUND, "no organisation yet")
        path = self._folder / "metadata" / "timestamp.json"
        if not self._timestamp_version and path.is_file():
            self._timestamp_version = load(Timestamp, read_file(path, layout.MAX_TIMESTAMP)).signed.version
        # Seconds as a version: it grows even if the file that remembers the last one is lost.
        self._timestamp_version = max(self._timestamp_version + 1, int(now.timestamp()))
        signed = Timestamp(
            version=self._timestamp_version,
            expires=_expiry(now, layout.TIMESTAMP_LIFE),
            snapshot_meta=MetaFile.from_data(current.snapshot_version, current.snapshot, ["sha256"]),
        )
        data = _signed(Metadata(signed), current.accepted, self._identity.timestamp, Timestamp.type)
        try:
            write_private(path, data)
        except RelevoError as error:
            # A full disk must not make agents distrust what is still true.
            _log.warning("timestamp-not-kept", code=error.code.value)
        return data

    def _metadata(self, version: int, role: str) -> bytes:
        return read_file(self._folder / "metadata" / f"{version}.{role}.json", layout.MAX_TARGETS_METADATA)


def make_folders(folder: Path) -> None:
    for name in ("metadata", "targets"):
        private_folder(folder / name)


def _verify_snapshot(accepted: Accepted, snapshot: bytes) -> None:
    parsed = load(Snapshot, snapshot)
    try:
        accepted.root.verify_delegate(Snapshot.type, parsed.signed_bytes, parsed.signatures)
    except (RepositoryError, ValueError) as error:
        raise RelevoError(Code.SIGNATURE_INVALID, "the stored snapshot") from error


def _signed(metadata: Metadata[Any], accepted: Accepted, private: Ed25519PrivateKey, role: str) -> bytes:
    """Signed under the key id by which the root names our key."""
    key = accepted.root.keys[accepted.root.roles[role].keyids[0]]
    metadata.sign(CryptoSigner(private, cast("SSlibKey", key)))
    return metadata.to_bytes(_SERIALIZER)


def _expiry(now: datetime, life: timedelta) -> datetime:
    return (now + life).replace(microsecond=0)
