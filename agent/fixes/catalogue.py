"""Approved fixes out of the organisation repository, with every byte checked against what was signed."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from protocol.drivers.repository import Repository
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest, read_manifest
from protocol.layout import FixRef
from protocol.organisation import Organisation
from protocol.publication import RepositoryFile

T = TypeVar("T")


class Source(Protocol):
    """The part of a verified ``Repository`` that fixes need."""

    def fixes(self) -> tuple[FixRef, ...]: ...

    def fix_manifest(self, ref: FixRef) -> bytes: ...

    def fix_payload(self, ref: FixRef, name: str) -> bytes: ...

    def snapshot_files(self, fixes: Sequence[FixRef] = ()) -> tuple[RepositoryFile, ...]: ...


class Trusted(Protocol):
    """The organisation as verified now (``agent.worker.trust.Trust``; the helper has its own)."""

    def for_fixes(self) -> Awaitable[Organisation]:
        """Raises RelevoError: ``stale-trust`` when the broker could not vouch for five minutes."""

    def with_repository(self, use: Callable[[Repository], T]) -> Awaitable[T]:
        """Run ``use`` with the repository, in the thread that owns it."""


@dataclass(frozen=True)
class PayloadBytes:
    name: str
    content: bytes


@dataclass(frozen=True)
class Approved:
    """One version of a fix: every byte of it is what its signers signed."""

    ref: FixRef
    manifest: Manifest
    payload: tuple[PayloadBytes, ...]


def choose(refs: Sequence[FixRef], fix: str, version: int | None) -> FixRef:
    """The version asked for, or the newest.

    Raises:
        RelevoError: ``not-found``; ``signature-invalid`` when two risks claim the same version.
    """
    found = [ref for ref in refs if ref.id == fix and version in (None, ref.version)]
    if not found:
        raise RelevoError(Code.NOT_FOUND, f"no approved fix {fix}" + (f"/{version}" if version else ""))
    newest = max(ref.version for ref in found)
    chosen = [ref for ref in found if ref.version == newest]
    if len(chosen) > 1:
        raise RelevoError(Code.SIGNATURE_INVALID, f"{fix}/{newest} is published under more than one risk")
    return chosen[0]


def read(source: Source, ref: FixRef) -> Approved:
    """Manifest and payload of ``ref``.

    Raises:
        RelevoError: ``hash-mismatch`` when anything is not what it is named to be, ``revoked``,
            ``not-found``, or the source's own error.
    """
    signed = source.fix_manifest(ref)
    if hashlib.sha256(signed).hexdigest() != ref.sha256:
        raise RelevoError(Code.HASH_MISMATCH, ref.path)
    manifest = read_manifest(signed)
    if (manifest.id, manifest.version, manifest.risk) != (ref.id, ref.version, ref.risk):
        raise RelevoError(Code.HASH_MISMATCH, f"{ref.path} calls itself {manifest.id}/{manifest.version}")
    payload = tuple(PayloadBytes(file.name, source.fix_payload(ref, file.name)) for file in manifest.payload)
    for file in payload:
        require_bytes(manifest, file.name, file.content)
    return Approved(ref, manifest, payload)


def require_bytes(manifest: Manifest, name: str, content: bytes) -> None:
    """Raises RelevoError: ``hash-mismatch`` unless these are the bytes the manifest names."""
    if hashlib.sha256(content).hexdigest() != manifest.file(name).sha256:
        raise RelevoError(Code.HASH_MISMATCH, f"{manifest.id}/{manifest.version}: {name}")
