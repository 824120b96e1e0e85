"""What the broker accepts into the organisation repository. Decides only: bytes in, a verdict out.

Every signature is checked with python-tuf's own ``verify_delegate``; versions never go back; nothing
is stored that no signed metadata names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from broker.known_errors import read_known_errors
from protocol import ids, layout
from protocol.desk import Desk, require_calendars
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation, Policy, Revoked, Roster
from protocol.publication import Publication
from protocol.scopes import Role
from protocol.sshkeys import PublicKey
from protocol.wire import Wire, from_json

W = TypeVar("W", bound=Wire)

_METADATA = re.compile(r"metadata/([1-9][0-9]{0,8})\.([a-z][a-z0-9_]{0,31})\.json")
_TARGET = re.compile(r"targets((?:/[A-Za-z0-9][A-Za-z0-9._-]{0,120}){1,6})")
MAX_ROOTS = 10_000


@dataclass(frozen=True)
class Own:
    """What the organisation must say about this broker."""

    snapshot: str
    timestamp: str
    """Raw Ed25519 public keys, hex."""
    issuer: PublicKey
    log_key: str
    tls_sha256: str


class Stored(Protocol):
    """Target files that are stored already, by path below the repository."""

    def has(self, path: str) -> bool: ...

    def read(self, path: str) -> bytes | None: ...


@dataclass(frozen=True)
class Signed:
    """One piece of metadata: its version and exact bytes."""

    version: int
    data: bytes


@dataclass(frozen=True)
class Held:
    """The repository as it stands. Roots are ``1 .. n`` in order; ``roles`` are by name."""

    roots: tuple[bytes, ...] = ()
    roles: Mapping[str, Signed] = field(default_factory=dict)


@dataclass(frozen=True)
class Accepted:
    """The repository as it will stand, and which files are new."""

    held: Held
    organisation: Organisation
    new_files: Mapping[str, bytes]
    """By path below the repository; metadata and targets."""

    @property
    def root(self) -> Root:
        root: Root = load(Root, self.held.roots[-1]).signed
        return root


def verify(
    held: Held,
    incoming: Mapping[str, bytes],
    own: Own,
    now: datetime | None,
    stored: Stored,
) -> Accepted:
    """The repository after ``incoming``, if all of it is validly signed and nothing goes back.

    Args:
        incoming: files by path (``metadata/2.root.json``, ``targets/<sha256>.roster.json``).
        now: for expiry; None when the broker reads its own copy at start, which it has to serve to
            clients that judge expiry themselves.
        stored: the target files that need not be sent again.

    Raises:
        RelevoError: ``signature-invalid``, ``rollback``, ``document-expired``, ``hash-mismatch``,
            ``identity-mismatch`` (not this broker's keys), ``refused`` or ``malformed``.
    """
    metadata, files = _sort(incoming)
    roots = _roots(held.roots, metadata.pop(Root.type, {}))
    root = load(Root, roots[-1]).signed
    _require_own_keys(root, own)
    _require_fresh(root, now)
    roles, checked = _roles(root, held.roles, metadata, now)
    new = {f"metadata/{n}.root.json": data for n, data in enumerate(roots, 1) if n > len(held.roots)}
    new |= {
        f"metadata/{role.version}.{name}.json": role.data
        for name, role in roles.items()
        if held.roles.get(name) != role
    }
    content = _targets(checked, files, stored)
    new |= content
    organisation = _organisation(
        checked[Targets.type], roots[0], lambda path: content.get(path) or stored.read(path), now is not None
    )
    _require_this_broker(organisation.roster, own)
    if now is not None:
        require_calendars(organisation.desk)
    return Accepted(Held(tuple(roots), roles), organisation, new)


def files_of(publication: Publication) -> dict[str, bytes]:
    """Raises RelevoError: ``malformed`` when a path is there twice."""
    files = {file.path: file.content for file in publication.files}
    if len(files) != len(publication.files):
        raise RelevoError(Code.MALFORMED, "a file is there twice")
    return files


def load(kind: type[Any], data: bytes) -> Metadata[Any]:
    """Parse metadata of one type; nothing is verified.

    Raises:
        RelevoError: ``malformed``.
    """
    try:
        parsed: Metadata[Any] = Metadata.from_bytes(data)
    except (DeserializationError, ValueError, KeyError, RecursionError) as error:
        raise RelevoError(Code.MALFORMED, f"not TUF {kind.type} metadata") from error
    if parsed.signed.type != kind.type:
        raise RelevoError(Code.MALFORMED, f"expected {kind.type}, found {parsed.signed.type}")
    return parsed


def _sort(incoming: Mapping[str, bytes]) -> tuple[dict[str, dict[int, bytes]], dict[str, bytes]]:
    """Metadata by role and version; target files by path."""
    metadata: dict[str, dict[int, bytes]] = {}
    files: dict[str, bytes] = {}
    for path, data in incoming.items():
        found = _METADATA.fullmatch(path)
        if found and found[2] not in (Snapshot.type, Timestamp.type):
            limit = layout.MAX_ROOT if found[2] == Root.type else layout.MAX_TARGETS_METADATA
            _require_size(path, data, limit)
            metadata.setdefault(found[2], {})[int(found[1])] = data
        elif _TARGET.fullmatch(path):
            files[path] = data
        else:
            raise RelevoError(Code.MALFORMED, f"no place for {path[:150]} in a publication")
    return metadata, files


def _roots(held: tuple[bytes, ...], incoming: Mapping[int, bytes]) -> list[bytes]:
    """The chain of roots, each signed by the one before it and by itself."""
    roots = list(held)
    for version in sorted(incoming):
        data = incoming[version]
        if version <= len(held):
            if held[version - 1] != data:
                raise RelevoError(Code.ROLLBACK, f"another root {version} than the one held")
            continue
        if version != len(roots) + 1 or version > MAX_ROOTS:
            raise RelevoError(Code.MALFORMED, f"root {len(roots) + 1} is missing")
        new = load(Root, data)
        if new.signed.version != version:
            raise RelevoError(Code.MALFORMED, f"root {version} calls itself {new.signed.version}")
        signers = [load(Root, roots[-1]).signed] if roots else []
        for signer in (*signers, new.signed):
            _verify(signer, Root.type, new)
        roots.append(data)
    if not roots:
        raise RelevoError(Code.MALFORMED, "no root")
    return roots


def _roles(
    root: Root, held: Mapping[str, Signed], incoming: Mapping[str, Mapping[int, bytes]], now: datetime | None
) -> tuple[dict[str, Signed], dict[str, Targets]]:
    """Targets and delegated roles as they will stand, and those of them that verify."""
    top = _newest(Targets.type, held, incoming)
    if top is None:
        raise RelevoError(Code.MALFORMED, "no targets metadata")
    targets = _check(root, Targets.type, top, now)
    roles, checked = {**held, Targets.type: top}, {Targets.type: targets}
    delegated = targets.delegations.roles if targets.delegations else None
    for name in incoming:
        if name != Targets.type and name not in (delegated or {}):
            raise RelevoError(Code.REFUSED, f"targets delegate nothing to {name}")
    for name in delegated or {}:
        role = _newest(name, held, incoming)
        if role is None:
            continue
        try:
            checked[name] = _check(targets, name, role, now)
        except RelevoError:
            # A signer who left makes what is held of the role void; that must not stop the rest.
            if name in incoming:
                raise
        roles[name] = role
    _require_own_paths(targets, checked)
    return roles, checked


def _newest(
    name: str, held: Mapping[str, Signed], incoming: Mapping[str, Mapping[int, bytes]]
) -> Signed | None:
    given = incoming.get(name, {})
    if len(given) > 1:
        raise RelevoError(Code.MALFORMED, f"{name} in {len(given)} versions")
    old = held.get(name)
    for version, data in given.items():
        new = Signed(version, data)
        if old and (version < old.version or (version == old.version and data != old.data)):
            raise RelevoError(Code.ROLLBACK, f"{name} {version}, held is {old.version}")
        return new
    return old


def _check(delegator: Root | Targets, name: str, role: Signed, now: datetime | None) -> Targets:
    parsed = load(Targets, role.data)
    _verify(delegator, name, parsed)
    signed: Targets = parsed.signed
    if signed.version != role.version:
        raise RelevoError(Code.MALFORMED, f"{name} {role.version} calls itself {signed.version}")
    _require_fresh(signed, now)
    return signed


def _require_own_paths(targets: Targets, checked: Mapping[str, Targets]) -> None:
    delegations = targets.delegations
    if delegations is not None and delegations.roles is None:
        raise RelevoError(Code.REFUSED, "succinct delegations are not used here")
    for name, role in checked.items():
        if name == Targets.type:
            continue
        if role.delegations is not None:
            raise RelevoError(Code.REFUSED, f"{name} delegates further")
        delegated = (delegations.roles or {})[name] if delegations else None
        for path in role.targets:
            if delegated is None or not delegated.is_delegated_path(path):
                raise RelevoError(Code.REFUSED, f"{name} may not sign {path[:150]}")


def _targets(
    checked: Mapping[str, Targets], incoming: Mapping[str, bytes], stored: Stored
) -> dict[str, bytes]:
    """The new target files. Every named file is there and right; no file is there that is not named."""
    new: dict[str, bytes] = {}
    for name, info in _named(checked):
        data = incoming.get(name)
        if data is None:
            if not stored.has(name):
                raise RelevoError(Code.MALFORMED, f"{name} is missing")
            continue
        if len(data) != info.length or hashlib.sha256(data).hexdigest() != info.hashes["sha256"]:
            raise RelevoError(Code.HASH_MISMATCH, name)
        new[name] = data
    unnamed = incoming.keys() - new.keys()
    if unnamed:
        raise RelevoError(Code.MALFORMED, f"{min(unnamed)} is named by no metadata")
    return new


def _named(checked: Mapping[str, Targets]) -> Iterator[tuple[str, TargetFile]]:
    """Path below the repository and signed facts of every target file."""
    for role in checked.values():
        for path, info in role.targets.items():
            sha256 = info.hashes.get("sha256", "")
            name = "targets/" + layout.hash_prefixed(path, sha256)
            if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not _TARGET.fullmatch(name):
                raise RelevoError(
                    Code.MALFORMED, f"target {path[:150]!r} without sha256 or with an unfit name"
                )
            _require_size(path, info.length, layout.MAX_DOCUMENT)
            yield name, info


def _organisation(
    targets: Targets, first_root: bytes, read: Callable[[str], bytes | None], new: bool
) -> Organisation:
    def content(path: str) -> bytes:
        info = targets.targets.get(path)
        data = read("targets/" + layout.hash_prefixed(path, info.hashes["sha256"])) if info else None
        if info is None or data is None:
            raise RelevoError(Code.MALFORMED, f"no {path}")
        if hashlib.sha256(data).hexdigest() != info.hashes["sha256"]:
            raise RelevoError(Code.HASH_MISMATCH, path)
        return data

    def document(path: str, kind: type[W]) -> W:
        return from_json(content(path), kind)

    organisation = Organisation(
        roster=document(layout.ROSTER, Roster),
        policy=document(layout.POLICY, Policy),
        revoked=document(layout.REVOKED, Revoked),
        desk=document(layout.DESK, Desk) if layout.DESK in targets.targets else Desk(),
        known_errors=read_known_errors(targets.targets, content, strict=new),
    )
    if organisation.roster.org != ids.org_id(first_root):
        raise RelevoError(Code.IDENTITY_MISMATCH, "the roster names another organisation than the root")
    _require_sound(organisation.roster)
    return organisation


def _require_sound(roster: Roster) -> None:
    """A roster by which every key has one holder, and somebody can publish the next one."""
    people = [person.id for person in roster.technicians]
    keys = [PublicKey.from_text(text) for person in roster.technicians for text in person.keys]
    if len(set(people)) != len(people) or len(set(keys)) != len(keys):
        raise RelevoError(Code.REFUSED, "a person or a key is in the roster twice")
    if not any(Role.ADMIN in person.roles for person in roster.technicians):
        raise RelevoError(Code.REFUSED, "the roster has no administrator")


def _require_own_keys(root: Root, own: Own) -> None:
    """Snapshot and timestamp are signed by exactly this broker's keys, and those sign nothing else."""
    for role, public in ((Snapshot.type, own.snapshot), (Timestamp.type, own.timestamp)):
        named = root.roles[role]
        keys = {root.keys[keyid].keyval.get("public") for keyid in named.keyids}
        if keys != {public} or named.threshold != 1:
            raise RelevoError(Code.IDENTITY_MISMATCH, f"the root's {role} key is not this broker's")
    for role in (Root.type, Targets.type):
        keys = {root.keys[keyid].keyval.get("public") for keyid in root.roles[role].keyids}
        if keys & {own.snapshot, own.timestamp}:
            raise RelevoError(Code.REFUSED, f"the broker's own key may not sign {role}")
    if not root.consistent_snapshot:
        raise RelevoError(Code.REFUSED, "the repository has no consistent snapshots")


def _require_this_broker(roster: Roster, own: Own) -> None:
    named = roster.broker
    if named is None or PublicKey.from_text(named.issuer_key) != own.issuer or named.log_key != own.log_key:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the roster names another broker's keys")
    if own.tls_sha256 not in named.tls_sha256:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the roster does not name this broker's certificate")


def _verify(delegator: Root | Targets, name: str, metadata: Metadata[Any]) -> None:
    try:
        delegator.verify_delegate(name, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise RelevoError(Code.SIGNATURE_INVALID, f"{name}: {error}") from error


def _require_fresh(signed: Root | Targets, now: datetime | None) -> None:
    if now is not None and signed.is_expired(now):
        raise RelevoError(Code.DOCUMENT_EXPIRED, f"{signed.type} {signed.version}")


def _require_size(path: str, data: bytes | int, limit: int) -> None:
    size = data if isinstance(data, int) else len(data)
    if size > limit:
        raise RelevoError(Code.TOO_LARGE, f"{path[:150]}: {size} bytes")
