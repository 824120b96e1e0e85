"""Fixes in the draft: added from a directory, signed per risk, revoked."""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from protocol import layout
from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest, manifest_json, parse_manifest
from protocol.organisation import Revoked
from protocol.scopes import Risk
from technician.org.initialise import FIX_KEY
from technician.org.keys import load_key
from technician.org.signing import RENEW_BEFORE, make_role, missing_signatures, read_role, target_file
from technician.org.state import CatalogueFix, OrgFolder, OrgState

_MANIFEST = "manifest.toml"
_MAX_MANIFEST = 256 << 10


class FixRow(NamedTuple):
    """``state``: staged, awaiting-signature, signed or revoked."""

    fix: CatalogueFix
    state: str


def add_fix(home: Path, directory: Path) -> Manifest:
    """Check a fix directory and stage it under its id and version.

    A version that was signed never changes; an unsigned one is replaced.

    Raises:
        RelevoError: ``usage`` naming what is wrong with the directory or its manifest; ``already-exists``
            for a signed version; ``revoked`` for a revoked one.
    """
    toml, payload = read_fix_directory(directory)
    manifest = parse_manifest(toml, payload)
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        if layout.is_revoked(state.revoked, manifest.id, manifest.version):
            raise RelevoError(Code.REVOKED, f"fix {manifest.id}/{manifest.version}")
        for row in rows(folder, state):
            same = (row.fix.id, row.fix.version) == (manifest.id, manifest.version)
            if same and row.state == "signed":
                raise RelevoError(
                    Code.ALREADY_EXISTS, f"fix {manifest.id}/{manifest.version}: raise its version"
                )
        _store(folder, state, manifest, payload)
    return manifest


def _store(folder: OrgFolder, state: OrgState, manifest: Manifest, payload: dict[str, bytes]) -> None:
    where = (manifest.risk, manifest.id, manifest.version)
    files = {layout.manifest_path(*where): manifest_json(manifest)}
    files.update({layout.payload_path(*where, name): content for name, content in payload.items()})
    for path, content in files.items():
        write_private(folder.target(path), content)
    added = CatalogueFix(
        id=manifest.id,
        version=manifest.version,
        risk=manifest.risk,
        author=state.admin,
        files=tuple(files),
    )
    others = tuple(f for f in state.fixes if (f.id, f.version) != (added.id, added.version))
    folder.stage(state, fixes=(*others, added))


def read_fix_directory(directory: Path) -> tuple[bytes, dict[str, bytes]]:
    """``manifest.toml`` and the payload beside it: plain files only, nothing is unpacked or followed.

    Raises:
        RelevoError: ``usage``.
    """
    if not directory.is_dir():
        raise RelevoError(Code.USAGE, f"{directory} is no directory")
    payload: dict[str, bytes] = {}
    for entry in sorted(directory.iterdir()):
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        if not stat.S_ISREG(entry.lstat().st_mode):
            raise RelevoError(Code.USAGE, f"{entry.name} is not a plain file; a fix is a flat directory")
        if len(payload) > layout.MAX_FIX_FILES:
            raise RelevoError(Code.USAGE, f"more than {layout.MAX_FIX_FILES} files")
        limit = _MAX_MANIFEST if entry.name == _MANIFEST else layout.MAX_PAYLOAD_FILE
        payload[entry.name] = read_file(entry, limit)
    if _MANIFEST not in payload:
        raise RelevoError(Code.USAGE, f"{directory} has no {_MANIFEST}")
    return payload.pop(_MANIFEST), payload


def revoke_fix(home: Path, fix: str, version: int | None) -> None:
    """Stage the revocation of one version, or of all present and future ones of that id.

    Raises:
        RelevoError: ``not-found``.
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        if not any(f.id == fix and version in (None, f.version) for f in state.fixes):
            raise RelevoError(Code.NOT_FOUND, f"fix {fix}" + (f"/{version}" if version else ""))
        entry = fix if version is None else f"{fix}/{version}"
        listed = tuple(dict.fromkeys((*state.revoked.fixes, entry)))
        folder.stage(state, revoked=msgspec.structs.replace(state.revoked, fixes=listed))


def list_fixes(home: Path) -> list[FixRow]:
    """Raises RelevoError: ``not-found`` without an organisation."""
    folder = OrgFolder(home)
    return rows(folder, folder.load())


def rows(folder: OrgFolder, state: OrgState) -> list[FixRow]:
    signed = _named(folder.metadata)
    proposed = _named(folder.proposed)
    return [FixRow(fix, _state(fix, state.revoked, signed, proposed)) for fix in state.fixes]


def _state(fix: CatalogueFix, revoked: Revoked, signed: set[str], proposed: set[str]) -> str:
    if layout.is_revoked(revoked, fix.id, fix.version):
        return "revoked"
    if fix.files[0] in signed:
        return "signed"
    return "awaiting-signature" if fix.files[0] in proposed else "staged"


def _named(folder: Path) -> set[str]:
    """Target paths named by the roles' metadata in ``folder``."""
    named: set[str] = set()
    for role in layout.FIX_ROLES:
        path = folder / f"{role.risk}.json"
        if path.exists():
            named |= set(read_role(read_file(path)).signed.targets)
    return named


def sign_roles(folder: OrgFolder, state: OrgState, now: datetime) -> tuple[Risk, ...]:
    """Sign every role whose fixes changed (or that is near its expiry) with this home's fix key.

    Returns:
        The risks whose metadata waits in ``proposed`` for another person's signature.
    """
    return tuple(role.risk for role in layout.FIX_ROLES if not _sign_role(folder, state, role.risk, now))


def _sign_role(folder: OrgFolder, state: OrgState, risk: Risk, now: datetime) -> bool:
    """True when the role's signed metadata names exactly the fixes of that risk."""
    wanted = {
        path: read_file(folder.target(path), layout.MAX_PAYLOAD_FILE)
        for fix in state.fixes
        if fix.risk is risk
        for path in fix.files
    }
    current, proposal = folder.metadata / f"{risk}.json", folder.proposed / f"{risk}.json"
    if not wanted and not current.exists():
        return True
    if current.exists():
        content = read_file(current)
        if _names_exactly(content, wanted, now) and not missing_signatures(content, risk, state.signers):
            proposal.unlink(missing_ok=True)
            return True
    content = read_file(proposal) if proposal.exists() else b""
    if not content or not _names_exactly(content, wanted, now):
        version = 1 + max((_version(path) for path in (current, proposal)), default=0)
        content = make_role(version, now, wanted, load_key(folder.keys / FIX_KEY))
    if missing_signatures(content, risk, state.signers):
        write_private(proposal, content)
        return False
    write_private(current, content)
    proposal.unlink(missing_ok=True)
    return True


def valid_roles(folder: OrgFolder, state: OrgState, now: datetime) -> tuple[Risk, ...]:
    """The risks whose signed metadata holds today, by the people who may sign today."""
    good = []
    for role in layout.FIX_ROLES:
        path = folder.metadata / f"{role.risk}.json"
        if path.exists():
            content = read_file(path)
            if not missing_signatures(content, role.risk, state.signers) and not read_role(
                content
            ).signed.is_expired(now):
                good.append(role.risk)
    return tuple(good)


def _names_exactly(content: bytes, wanted: dict[str, bytes], now: datetime) -> bool:
    signed = read_role(content).signed
    fresh = signed.expires > now + RENEW_BEFORE
    return fresh and signed.targets == {path: target_file(path, data) for path, data in wanted.items()}


def _version(path: Path) -> int:
    return read_role(read_file(path)).signed.version if path.exists() else 0
