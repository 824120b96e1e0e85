"""The second signature on high-risk fixes: a file that goes to another person and comes back signed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from protocol import layout
from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest, read_manifest
from protocol.ids import OrgId
from protocol.publication import RepositoryFile
from protocol.scopes import Risk
from protocol.wire import Name, Wire, from_json, to_json
from technician.org.initialise import FIX_KEY
from technician.org.keys import load_key
from technician.org.signing import add_signature, missing_signatures, read_role
from technician.org.state import OrgFolder

_MAX_PROPOSAL = 128 << 20


class Proposal(Wire, frozen=True):
    """A risk's metadata with too few signatures, and every file it names."""

    org: OrgId
    risk: Risk
    author: Name
    """Who signed first; the other signature must be another person's."""
    metadata: bytes
    files: tuple[RepositoryFile, ...]


def export_proposal(home: Path, risk: Risk, output: Path) -> Proposal:
    """Write what waits for a second signature to ``output``.

    Raises:
        RelevoError: ``not-found`` when nothing of that risk waits.
    """
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        metadata = read_file(folder.proposed / f"{risk}.json")
        names = read_role(metadata).signed.targets
        files = tuple(
            RepositoryFile(path=f"targets/{path}", content=read_file(folder.target(path))) for path in names
        )
    proposal = Proposal(org=state.org, risk=risk, author=state.admin, metadata=metadata, files=files)
    write_private(output, to_json(proposal))
    return proposal


def read_proposal(path: Path) -> tuple[Proposal, tuple[Manifest, ...]]:
    """A proposal and the manifests in it, after checking that its files are the ones the metadata names.

    This is what a second signer reads before signing.

    Raises:
        RelevoError: ``malformed``, ``hash-mismatch``, ``usage``.
    """
    proposal = from_json(read_file(path, _MAX_PROPOSAL), Proposal)
    named = read_role(proposal.metadata).signed.targets
    given = {file.path.removeprefix("targets/"): file.content for file in proposal.files}
    if set(named) != set(given):
        raise RelevoError(Code.HASH_MISMATCH, "the files are not the ones that the metadata names")
    manifests = []
    for target, content in given.items():
        if hashlib.sha256(content).hexdigest() != named[target].hashes.get("sha256"):
            raise RelevoError(Code.HASH_MISMATCH, target)
        if layout.risk_of(target) is not proposal.risk:
            raise RelevoError(Code.MALFORMED, f"{target} is not of risk {proposal.risk}")
        where = layout.parse_manifest_path(target)
        if where is not None:
            manifest = read_manifest(content)
            if where != (manifest.risk, manifest.id, manifest.version):
                raise RelevoError(Code.MALFORMED, f"{target} holds another fix")
            manifests.append(manifest)
    return proposal, tuple(manifests)


def sign_proposal(home: Path, path: Path, output: Path) -> tuple[Manifest, ...]:
    """Add the signature of this home's fix key and write the result to ``output``.

    Raises:
        RelevoError: ``conflict`` when this key has signed already; as ``read_proposal``.
    """
    proposal, manifests = read_proposal(path)
    metadata = add_signature(proposal.metadata, load_key(OrgFolder(home).keys / FIX_KEY))
    signed = Proposal(
        org=proposal.org,
        risk=proposal.risk,
        author=proposal.author,
        metadata=metadata,
        files=proposal.files,
    )
    write_private(output, to_json(signed))
    return manifests


def accept_proposal(home: Path, path: Path) -> Risk:
    """Take a signed proposal back: its signatures must be on exactly the bytes that were proposed.

    Raises:
        RelevoError: ``conflict`` for other bytes or another organisation; ``approval-missing`` when valid
            signatures of listed people are still too few.
    """
    proposal, _ = read_proposal(path)
    folder = OrgFolder(home)
    with folder.editing():
        state = folder.load()
        waiting = folder.proposed / f"{proposal.risk}.json"
        ours = read_role(read_file(waiting))
        if proposal.org != state.org or read_role(proposal.metadata).signed_bytes != ours.signed_bytes:
            raise RelevoError(Code.CONFLICT, "that is not what was proposed here")
        missing = missing_signatures(proposal.metadata, proposal.risk, state.signers)
        if missing:
            raise RelevoError(Code.APPROVAL_MISSING, f"{missing} more signature of another listed person")
        write_private(folder.metadata / f"{proposal.risk}.json", proposal.metadata)
        waiting.unlink()
        folder.stage(state)
    return proposal.risk
