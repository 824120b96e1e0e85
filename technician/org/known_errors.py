"""Known errors in the draft: added from a directory, tried on their own bundles, retired."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import NamedTuple

import msgspec

from protocol import layout
from protocol.diagnosis import MAX_BUNDLE
from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest, read_manifest
from protocol.known_errors import (
    MAX_DOCUMENT,
    MAX_KNOWN_ERRORS,
    MAX_TESTS,
    FixProposal,
    KnownError,
    Tried,
    known_error_json,
    parse_known_error,
    read_known_error,
    try_out,
)
from technician.org.state import CatalogueKnownError, OrgFolder, OrgState

_TOML = "known-error.toml"


class Row(NamedTuple):
    """``state``: staged or published."""

    known: KnownError
    state: str


def read_directory(directory: Path) -> tuple[KnownError, dict[str, bytes]]:
    """``known-error.toml`` and the bundles beside it: plain files only.

    Raises:
        RelevoError: ``usage``; ``too-large``.
    """
    if not directory.is_dir():
        raise RelevoError(Code.USAGE, f"{directory} is no directory")
    bundles: dict[str, bytes] = {}
    toml = b""
    for entry in sorted(directory.iterdir()):
        if entry.name.startswith("."):
            continue
        if not stat.S_ISREG(entry.lstat().st_mode):
            raise RelevoError(
                Code.USAGE, f"{entry.name} is not a plain file; a known error is a flat directory"
            )
        if entry.name == _TOML:
            toml = read_file(entry, MAX_DOCUMENT)
        elif len(bundles) == MAX_TESTS:
            raise RelevoError(Code.USAGE, f"more than {MAX_TESTS} bundles")
        else:
            bundles[entry.name] = read_file(entry, MAX_BUNDLE)
    if not toml:
        raise RelevoError(Code.USAGE, f"{directory} has no {_TOML}")
    return parse_known_error(toml, bundles), bundles


def try_directory(directory: Path) -> tuple[KnownError, tuple[Tried, ...]]:
    """What the signature says of each bundle of its directory. Raises as ``read_directory``."""
    known, bundles = read_directory(directory)
    return known, try_out(known, bundles)


def add_known_error(home: Path, directory: Path) -> KnownError:
    """Stage the known error of a directory, if its signature is right about each of its bundles.

    A version that was published never changes, and none goes back; an unpublished one is replaced.

    Raises:
        RelevoError: as ``read_directory``; ``refused`` naming the first bundle it is wrong about;
            ``already-exists`` for a published version, ``rollback`` for an older one; ``not-found`` for a
            fix that the catalogue does not have, ``usage`` for a parameter that the fix does not have.
    """
    known, tried = try_directory(directory)
    for one in tried:
        if not one.passed:
            raise RelevoError(
                Code.REFUSED, f"{one.test.name}: {one.verdict.outcome}, expected {one.test.expected}"
            )
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        _require_newer(state, known)
        for proposal in known.fixes:
            _require_fix(folder, state, proposal)
        content = known_error_json(known)
        write_private(folder.target(layout.known_error_path(known.id)), content)
        added = CatalogueKnownError(
            id=known.id, version=known.version, sha256=hashlib.sha256(content).hexdigest()
        )
        others = tuple(one for one in state.known_errors if one.id != known.id)
        if len(others) >= MAX_KNOWN_ERRORS:
            raise RelevoError(Code.REFUSED, f"more than {MAX_KNOWN_ERRORS} known errors")
        folder.stage(state, known_errors=(*others, added))
    return known


def retire_known_error(home: Path, id_: str) -> None:
    """Stage that a known error is no longer published. Raises RelevoError: ``not-found``."""
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        kept = tuple(one for one in state.known_errors if one.id != id_)
        if len(kept) == len(state.known_errors):
            raise RelevoError(Code.NOT_FOUND, f"known error {id_}")
        folder.stage(state, known_errors=kept)
        folder.target(layout.known_error_path(id_)).unlink(missing_ok=True)


def list_known_errors(home: Path) -> list[Row]:
    """Raises RelevoError: ``not-found`` without an organisation."""
    folder = OrgFolder(home)
    state = folder.load()
    return [
        Row(read_known_error(_content(folder, one), one.id), "published" if one.published else "staged")
        for one in sorted(state.known_errors, key=lambda one: one.id)
    ]


def documents(folder: OrgFolder, state: OrgState) -> dict[str, bytes]:
    """Target path to content of every known error of the draft.

    Raises:
        RelevoError: ``hash-mismatch`` for one that changed since it was added.
    """
    return {layout.known_error_path(one.id): _content(folder, one) for one in state.known_errors}


def published(state: OrgState) -> tuple[CatalogueKnownError, ...]:
    """The same known errors, all of them uploaded now."""
    return tuple(msgspec.structs.replace(one, published=True) for one in state.known_errors)


def _content(folder: OrgFolder, one: CatalogueKnownError) -> bytes:
    content = read_file(folder.target(layout.known_error_path(one.id)), MAX_DOCUMENT)
    if hashlib.sha256(content).hexdigest() != one.sha256:
        raise RelevoError(Code.HASH_MISMATCH, f"known error {one.id} changed since it was added")
    return content


def _require_newer(state: OrgState, known: KnownError) -> None:
    for one in state.known_errors:
        if one.id != known.id or known.version > one.version:
            continue
        if known.version < one.version:
            raise RelevoError(Code.ROLLBACK, f"known error {known.id}: {one.version} is in the catalogue")
        if one.published:
            raise RelevoError(
                Code.ALREADY_EXISTS, f"known error {known.id}/{known.version}: raise its version"
            )


def _require_fix(folder: OrgFolder, state: OrgState, proposal: FixProposal) -> None:
    """The fix is in the catalogue, and its newest version has the parameters that are filled in."""
    versions = [
        fix
        for fix in state.fixes
        if fix.id == proposal.fix and not layout.is_revoked(state.revoked, fix.id, fix.version)
    ]
    if not versions:
        raise RelevoError(Code.NOT_FOUND, f"fix {proposal.fix}: add it first, `relevo org fix add`")
    newest = max(versions, key=lambda fix: fix.version)
    manifest: Manifest = read_manifest(read_file(folder.target(newest.files[0])))
    names = {spec.name for spec in manifest.params}
    for param in (*proposal.params_from, *proposal.params):
        if param not in names:
            raise RelevoError(Code.USAGE, f"fix {proposal.fix} has no parameter {param}")
