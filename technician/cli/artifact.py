"""`relevo artifact list|get`: results stored on a ticket."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from urllib.parse import quote

import click

from protocol.api import Artifacts
from protocol.documents import ArtifactManifest
from protocol.drivers.files import read_file, write_private
from protocol.drivers.http import Response
from protocol.drivers.terminal import Group, emit_json, note, option, words
from protocol.dsse import machine_key, open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.wire import from_json
from technician.cli.common import show_rows, technician_options
from technician.login import Api, client

_MAX = 256 << 20


@click.group(cls=Group, help="artifact")
def artifact() -> None:
    """Commands on artifacts."""


@artifact.command("list", help="artifact.list")
@click.argument("ticket_id", metavar="TICKET")
@technician_options
def list_(ticket_id: str, home: Path, as_json: bool) -> None:
    found = client(home).get_json(f"/v1/tickets/{quote(ticket_id, safe='')}/artifacts", Artifacts)
    if as_json:
        emit_json(found.rows)
        return
    w = words()
    titles = [w(f"column.{name}") for name in ("artifact", "kind", "clearance", "sealed", "bytes", "name")]
    rows = [
        (row.artifact, row.kind, row.clearance, w("yes" if row.sealed else "no"), row.size_bytes, row.name)
        for row in found.rows
    ]
    show_rows(titles, rows, "artifact.none")


@artifact.command("get", help="artifact.get")
@click.argument("artifact_id", metavar="ARTIFACT")
@option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="option.output"
)
@technician_options
def get(artifact_id: str, output: Path, home: Path, as_json: bool) -> None:
    api = client(home)
    answer = api.request("GET", f"/v1/artifacts/{quote(artifact_id, safe='')}", limit=_MAX, deadline_s=600)
    manifest = _verified(artifact_id, answer)
    write_private(output.absolute(), _opened(api, answer.body) if manifest.sealed else answer.body)
    if as_json:
        emit_json(manifest)
    else:
        note(words()("artifact.saved", path=output, agent=manifest.agent))


def _verified(artifact_id: str, answer: Response) -> ArtifactManifest:
    """The manifest, once it is signed by the machine that it names, for this artifact and this content.

    Raises:
        RelevoError: ``malformed``, ``identity-mismatch``, ``signature-invalid`` or ``hash-mismatch``.
    """
    try:
        raw = base64.urlsafe_b64decode(answer.headers.get("relevo-manifest", ""))
    except ValueError as error:
        raise RelevoError(Code.MALFORMED, "manifest is not base64") from error
    envelope = from_json(raw, Envelope)
    claimed = unsafe_peek(envelope, ArtifactManifest)
    manifest = open_envelope(envelope, ArtifactManifest, [machine_key(envelope, claimed.agent)])
    if manifest.artifact != artifact_id:
        raise RelevoError(Code.IDENTITY_MISMATCH, f"the broker sent {manifest.artifact}")
    if (manifest.sha256, manifest.size_bytes) != (hashlib.sha256(answer.body).hexdigest(), len(answer.body)):
        raise RelevoError(Code.HASH_MISMATCH, manifest.artifact)
    return manifest


def _opened(api: Api, sealed: bytes) -> bytes:
    """Decrypt with the home's SSH key file: age accepts `ssh-ed25519` identities."""
    import pyrage

    key = Path(api.config.key)
    if not key.is_file():
        raise RelevoError(Code.NOT_APPLICABLE, "a key in an ssh-agent cannot open sealed artifacts")
    try:
        content: bytes = pyrage.decrypt(sealed, [pyrage.ssh.Identity.from_buffer(read_file(key, 64 << 10))])
    except pyrage.DecryptError as error:
        raise RelevoError(Code.REFUSED, "this artifact is not sealed to your key") from error
    return content
