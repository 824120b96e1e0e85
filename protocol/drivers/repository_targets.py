"""What verified lists of a repository name, and which of it may be used."""

from __future__ import annotations

import re

from tuf.api.metadata import TargetFile, Targets

from protocol import layout
from protocol.drivers.tufclient import Client, tuf_errors
from protocol.errors import Code, RelevoError
from protocol.known_errors import MAX_DOCUMENT as MAX_KNOWN_ERROR
from protocol.known_errors import MAX_KNOWN_ERRORS
from protocol.layout import FixRef, FixRole
from protocol.publication import RepositoryFile
from protocol.scopes import Risk

_SHA256 = re.compile(r"[0-9a-f]{64}")


def documents_of(targets: Targets) -> dict[str, TargetFile]:
    documents = {}
    for path in (layout.ROSTER, layout.POLICY, layout.REVOKED):
        info = targets.targets.get(path)
        if info is None or not _usable(info, layout.MAX_DOCUMENT):
            raise RelevoError(Code.MALFORMED, f"the targets role names no usable {path}")
        documents[path] = info
    return documents


def known_errors_of(targets: Targets) -> dict[str, TargetFile]:
    found: dict[str, TargetFile] = {}
    for path, info in targets.targets.items():
        id_ = layout.parse_known_error_path(path)
        if id_ is not None and len(found) < MAX_KNOWN_ERRORS and _usable(info, MAX_KNOWN_ERROR):
            found[id_] = info
    return found


def role_targets(client: Client, role: FixRole) -> dict[str, TargetFile] | RelevoError:
    """The files a delegated role may name, or why it names none."""
    if f"{role.risk}.json" not in client.snapshot.meta:
        return {}
    try:
        _require_delegation(client.targets, role)
        with tuf_errors():
            targets = client.delegated(role.risk)
    except RelevoError as error:
        return error
    return {
        path: info
        for path, info in targets.targets.items()
        if layout.risk_of(path) is role.risk and _usable(info, layout.MAX_PAYLOAD_FILE)
    }


def _usable(info: TargetFile, limit: int) -> bool:
    """The hash becomes a file name here, and a signer of fixes may write anything into it."""
    return bool(_SHA256.fullmatch(info.hashes.get("sha256", ""))) and info.length <= limit


def _require_delegation(targets: Targets, role: FixRole) -> None:
    """The delegation must be at least as strict as the layout says, and count people, not names of keys.

    TUF counts key ids; the same public key under two ids would make one signer look like two.
    """
    delegations = targets.delegations
    delegated = (delegations.roles or {}).get(role.risk) if delegations else None
    if delegations is None or delegated is None:
        raise RelevoError(Code.SIGNATURE_INVALID, f"nobody may sign fixes of risk {role.risk}")
    if delegated.threshold < role.threshold:
        raise RelevoError(Code.SIGNATURE_INVALID, f"risk {role.risk} needs {role.threshold} signatures")
    if delegated.paths is None or not set(delegated.paths) <= set(role.paths):
        raise RelevoError(Code.SIGNATURE_INVALID, f"risk {role.risk} is delegated other paths")
    public = [delegations.keys[keyid].keyval.get("public") for keyid in delegated.keyids]
    if len(set(public)) != len(public):
        raise RelevoError(Code.SIGNATURE_INVALID, f"risk {role.risk} lists one key twice")


def fix_ref(risk: Risk, path: str, info: TargetFile) -> FixRef | None:
    parsed = layout.parse_manifest_path(path)
    if parsed is None or parsed[0] is not risk:
        return None
    return FixRef(
        id=parsed[1],
        version=parsed[2],
        risk=risk,
        path=path,
        sha256=info.hashes["sha256"],
        length=info.length,
    )


def target_file(path: str, info: TargetFile, content: bytes) -> RepositoryFile:
    prefixed = layout.hash_prefixed(path, info.hashes["sha256"])
    return RepositoryFile(path=f"targets/{prefixed}", content=content)
