"""Making TUF metadata (tuf's Metadata API). The broker signs snapshot and timestamp; we sign the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from protocol import layout
from protocol.errors import Code, RelevoError
from protocol.scopes import Risk
from technician.org.keys import tuf_key
from technician.org.state import FixSigner

ROOT_LIFE = timedelta(days=730)
TARGETS_LIFE = timedelta(days=180)
RENEW_BEFORE = timedelta(days=60)
"""A role that still lives longer than this is not signed again without a change."""


def make_root(
    version: int,
    now: datetime,
    root: CryptoSigner,
    targets: SSlibKey,
    snapshot: SSlibKey,
    timestamp: SSlibKey,
) -> bytes:
    """Root metadata signed by the root key."""
    by_role = {
        Root.type: root.public_key,
        Targets.type: targets,
        Snapshot.type: snapshot,
        Timestamp.type: timestamp,
    }
    keys: dict[str, Key] = {key.keyid: key for key in by_role.values()}
    roles = {name: Role([key.keyid], 1) for name, key in by_role.items()}
    signed = Root(
        version=version,
        expires=_expiry(now, ROOT_LIFE),
        keys=keys,
        roles=roles,
        consistent_snapshot=True,
    )
    return _signed(Metadata(signed), [root])


def make_targets(
    version: int,
    now: datetime,
    files: Mapping[str, bytes],
    signers: Sequence[FixSigner],
    key: CryptoSigner,
) -> bytes:
    """Top-level targets: ``files`` by target path, and the delegation of each risk to ``signers``."""
    signed = Targets(
        version=version,
        expires=_expiry(now, TARGETS_LIFE),
        targets={path: target_file(path, content) for path, content in files.items()},
        delegations=delegations(signers),
    )
    return _signed(Metadata(signed), [key])


def delegations(signers: Sequence[FixSigner]) -> Delegations:
    """Who may sign fixes of which risk, and how many of them it takes (``layout.FIX_ROLES``)."""
    keys: dict[str, Key] = {}
    for signer in signers:
        key = tuf_key(signer.key)
        keys[key.keyid] = key
    roles = {
        role.risk.value: DelegatedRole(role.risk.value, list(keys), role.threshold, True, paths=role.paths)
        for role in layout.FIX_ROLES
    }
    return Delegations(keys, roles)


def make_role(version: int, now: datetime, files: Mapping[str, bytes], key: CryptoSigner) -> bytes:
    """A delegated role's metadata with one signature."""
    signed = Targets(
        version=version,
        expires=_expiry(now, TARGETS_LIFE),
        targets={path: target_file(path, content) for path, content in files.items()},
    )
    return _signed(Metadata(signed), [key])


def read_role(content: bytes) -> Metadata[Targets]:
    """Metadata of a targets role, not verified. Raises RelevoError: ``malformed``."""
    try:
        metadata: Metadata[Targets] = Metadata.from_bytes(content)
    except DeserializationError as error:
        raise RelevoError(Code.MALFORMED, "not TUF metadata") from error
    if not isinstance(metadata.signed, Targets):
        raise RelevoError(Code.MALFORMED, f"expected targets, found {metadata.signed.type}")
    return metadata


def add_signature(content: bytes, key: CryptoSigner) -> bytes:
    """The same signed bytes with one more signature.

    Raises:
        RelevoError: ``conflict`` when this key has signed already; ``malformed``.
    """
    metadata = read_role(content)
    if key.public_key.keyid in metadata.signatures:
        raise RelevoError(Code.CONFLICT, "this key has already signed; another person's is needed")
    metadata.sign(key, append=True)
    return metadata.to_bytes(_SERIALIZER)


def missing_signatures(content: bytes, risk: Risk, signers: Sequence[FixSigner]) -> int:
    """How many more people must sign before the role ``risk`` is valid; signatures that do not hold
    count for nothing."""
    metadata = read_role(content)
    keys = {key.keyid: key for key in (tuf_key(signer.key) for signer in signers)}
    valid = sum(keyid in metadata.signatures and _holds(metadata, key) for keyid, key in keys.items())
    return max(0, layout.fix_role(risk).threshold - valid)


def _holds(metadata: Metadata[Targets], key: Key) -> bool:
    from securesystemslib.exceptions import UnverifiedSignatureError

    try:
        key.verify_signature(metadata.signatures[key.keyid], metadata.signed_bytes)
    except UnverifiedSignatureError:
        return False
    return True


def target_file(path: str, content: bytes) -> TargetFile:
    return TargetFile.from_data(path, content, ["sha256"])


_SERIALIZER = JSONSerializer(compact=False)


def _expiry(now: datetime, life: timedelta) -> datetime:
    return (now + life).replace(microsecond=0)


def _signed(metadata: Metadata, keys: Sequence[CryptoSigner]) -> bytes:  # type: ignore[type-arg]
    for key in keys:
        metadata.sign(key, append=True)
    return metadata.to_bytes(_SERIALIZER)
