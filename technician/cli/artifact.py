"""`relevo artifact list|get`: results stored on a ticket."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import click

from protocol.api import Artifacts
from protocol.attached import by_technician
from protocol.documents import ArtifactManifest, Attachment
from protocol.drivers import age
from protocol.drivers.files import read_file, write_private
from protocol.drivers.http import Response
from protocol.drivers.terminal import Group, emit_json, note, option, printable, words
from protocol.dsse import machine_key, open_envelope, payload_type, unsafe_peek
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
    manifest, maker = _verified(api, artifact_id, answer)
    sealed = isinstance(manifest, Attachment) or manifest.sealed
    write_private(output.absolute(), _opened(api, answer.body) if sealed else answer.body)
    if as_json:
        emit_json(manifest)
    else:
        note(words()("artifact.saved", path=output, agent=maker))
    if isinstance(manifest, Attachment) and manifest.as_is is not None:
        note(words()("artifact.as-is", reason=printable(manifest.as_is)))


def _verified(api: Api, artifact_id: str, answer: Response) -> tuple[ArtifactManifest | Attachment, str]:
    """The manifest and who made it, once it is signed by the machine or the technician that it names, for
    this artifact and this content.

    Raises:
        RelevoError: ``malformed``, ``identity-mismatch``, ``signature-invalid`` or ``hash-mismatch``;
            ``not-in-roster`` for somebody who is no technician (any more).
    """
    try:
        raw = base64.urlsafe_b64decode(answer.headers.get("relevo-manifest", ""))
    except ValueError as error:
        raise RelevoError(Code.MALFORMED, "manifest is not base64") from error
    envelope = from_json(raw, Envelope)
    manifest, maker = _attachment(api, envelope) if _is_attachment(envelope) else _result(envelope)
    named = manifest.attachment if isinstance(manifest, Attachment) else manifest.artifact
    if named != artifact_id:
        raise RelevoError(Code.IDENTITY_MISMATCH, f"the broker sent {named}")
    if (manifest.sha256, manifest.size_bytes) != (hashlib.sha256(answer.body).hexdigest(), len(answer.body)):
        raise RelevoError(Code.HASH_MISMATCH, named)
    return manifest, maker


def _is_attachment(envelope: Envelope) -> bool:
    return envelope.payload_type == payload_type(Attachment)


def _result(envelope: Envelope) -> tuple[ArtifactManifest, str]:
    """Of a session: signed by its machine."""
    claimed = unsafe_peek(envelope, ArtifactManifest)
    manifest = open_envelope(envelope, ArtifactManifest, [machine_key(envelope, claimed.agent)])
    return manifest, manifest.agent


def _attachment(api: Api, envelope: Envelope) -> tuple[Attachment, str]:
    """Of the user, signed by the machine; or of a technician, by a key that the roster has for them and that
    is not revoked."""
    claimed = unsafe_peek(envelope, Attachment)
    if claimed.technician is None:
        agent = claimed.agent or ""
        return open_envelope(envelope, Attachment, [machine_key(envelope, agent)]), agent
    attachment, person = by_technician(envelope, api.repository().refresh(datetime.now(UTC)))
    return attachment, person.id


def _opened(api: Api, sealed: bytes) -> bytes:
    """Decrypt with the home's SSH key file: age accepts `ssh-ed25519` identities."""
    key = Path(api.config.key)
    if not key.is_file():
        raise RelevoError(Code.NOT_APPLICABLE, "a key in an ssh-agent cannot open sealed artifacts")
    return age.decrypt(sealed, read_file(key, 64 << 10))
