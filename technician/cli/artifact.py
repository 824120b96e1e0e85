"""`relevo artifact list|get`: results stored on a ticket."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

import click

from protocol.api import Artifacts, ArtifactView
from protocol.drivers.files import read_file, write_private
from protocol.drivers.terminal import Group, emit_json, note, option, words
from protocol.errors import Code, RelevoError
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
    view = api.get_json(f"/v1/artifacts/{quote(artifact_id, safe='')}/about", ArtifactView)
    content = api.request("GET", f"/v1/artifacts/{view.artifact}", limit=_MAX, deadline_s=600).body
    if hashlib.sha256(content).hexdigest() != view.sha256:
        raise RelevoError(Code.HASH_MISMATCH, view.artifact)
    write_private(output.absolute(), _opened(api, content) if view.sealed else content)
    if as_json:
        emit_json(view)
    else:
        note(words()("artifact.saved", path=output))


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
