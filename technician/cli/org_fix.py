"""`relevo org fix`: approved fixes, added, signed and revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from protocol.drivers.terminal import Group, emit_json, note, option, printable, say, words
from protocol.errors import Code, RelevoError
from protocol.scopes import Risk
from technician.cli.common import show_rows, technician_options

_FILE = click.Path(path_type=Path)
_RISKS = click.Choice([risk.value for risk in Risk])


@click.group("fix", cls=Group, help="org.fix")
def fix() -> None:
    """The commands below."""


@fix.command("add", help="org.fix.add")
@click.argument("directory", type=_FILE, metavar="DIR")
@technician_options
def fix_add(directory: Path, home: Path, as_json: bool) -> None:
    """Check a fix directory and stage it."""
    from technician.org import fixes

    manifest = fixes.add_fix(home, directory)
    if as_json:
        emit_json({"fix": manifest.id, "version": manifest.version, "risk": manifest.risk})
    else:
        say(words()("org.fix.added", fix=manifest.id, version=manifest.version, risk=manifest.risk))
        note(words()("org.publish_needed"))


@fix.command("publish", help="org.fix.publish")
@click.argument("fix_id", metavar="FIX", required=False)
@technician_options
def fix_publish(fix_id: str | None, home: Path, as_json: bool) -> None:
    """Sign and upload; refuses while the named fix (or any) lacks a signature."""
    from technician.org import fixes, publishing

    if fix_id is not None and all(row.fix.id != fix_id for row in fixes.list_fixes(home)):
        raise RelevoError(Code.NOT_FOUND, f"fix {fix_id}")
    outcome = publishing.publish(home, datetime.now(UTC))
    for row in fixes.list_fixes(home):
        if fix_id in (None, row.fix.id) and row.state == "awaiting-signature":
            note(words()("org.waiting", risk=row.fix.risk))
            raise RelevoError(
                Code.APPROVAL_MISSING, f"fix {row.fix.id}/{row.fix.version}: a second signature"
            )
    if as_json:
        emit_json({"targets_version": outcome.state.targets_version, "awaiting_signature": outcome.waiting})
    else:
        say(words()("org.published", version=outcome.state.targets_version))


@fix.command("revoke", help="org.fix.revoke")
@click.argument("fix_id", metavar="FIX")
@option("--version", "version", type=click.IntRange(min=1), help="org.fix.version")
@technician_options
def fix_revoke(fix_id: str, version: int | None, home: Path, as_json: bool) -> None:
    """Stage the revocation of a fix."""
    from technician.org import fixes

    fixes.revoke_fix(home, fix_id, version)
    if as_json:
        emit_json({"revoked": fix_id, "version": version})
    else:
        say(words()("org.fix.revoked", fix=printable(fix_id)))
        note(words()("org.publish_needed"))


@fix.command("list", help="org.fix.list")
@technician_options
def fix_list(home: Path, as_json: bool) -> None:
    """All fixes of the draft and where each stands."""
    from technician.org import fixes

    rows = fixes.list_fixes(home)
    if as_json:
        emit_json(
            [
                {
                    "fix": r.fix.id,
                    "version": r.fix.version,
                    "risk": r.fix.risk,
                    "author": r.fix.author,
                    "state": r.state,
                }
                for r in rows
            ]
        )
        return
    lines = (
        (r.fix.id, r.fix.version, r.fix.risk, r.fix.author, words()(f"org.fix.state.{r.state}")) for r in rows
    )
    show_rows(words()("org.fix.titles").split("|"), lines, "org.fix.none")


@fix.command("propose", help="org.fix.propose")
@click.argument("risk", type=_RISKS)
@option("-o", "--output", required=True, type=_FILE, metavar="FILE", help="org.fix.output")
@technician_options
def fix_propose(risk: str, output: Path, home: Path, as_json: bool) -> None:
    """Write what waits for a second signature to a file for the second signer."""
    from technician.org import proposals

    proposals.export_proposal(home, Risk(risk), output)
    if as_json:
        emit_json({"file": str(output), "risk": risk})
    else:
        say(words()("org.fix.proposed", file=output))


@fix.command("sign", help="org.fix.sign")
@click.argument("proposal", type=_FILE, metavar="FILE")
@option("-o", "--output", required=True, type=_FILE, metavar="FILE", help="org.fix.signed_output")
@technician_options
def fix_sign(proposal: Path, output: Path, home: Path, as_json: bool) -> None:
    """The second signer's part: see what it is, sign it."""
    from technician.org import proposals

    manifests = proposals.sign_proposal(home, proposal, output)
    if as_json:
        emit_json({"file": str(output), "fixes": [{"fix": m.id, "version": m.version} for m in manifests]})
        return
    for manifest in manifests:
        title = printable(manifest.title.es if words().language == "es" else manifest.title.en)
        say(words()("org.fix.signed", fix=manifest.id, version=manifest.version, title=title))
    note(words()("org.fix.send_back", file=output))


@fix.command("show", help="org.fix.show")
@click.argument("proposal", type=_FILE, metavar="FILE")
@technician_options
def fix_show(proposal: Path, home: Path, as_json: bool) -> None:
    """What a proposal holds, before signing it."""
    from technician.org import proposals

    _, manifests = proposals.read_proposal(proposal)
    if as_json:
        emit_json(manifests)
        return
    for manifest in manifests:
        title = printable(manifest.title.es if words().language == "es" else manifest.title.en)
        say(f"{manifest.id}/{manifest.version}  {manifest.risk}  {title}")
        for file in manifest.payload:
            say(f"  {file.sha256}  {file.name}")


@fix.command("accept", help="org.fix.accept")
@click.argument("proposal", type=_FILE, metavar="FILE")
@technician_options
def fix_accept(proposal: Path, home: Path, as_json: bool) -> None:
    """Take a signed proposal back."""
    from technician.org import proposals

    risk = proposals.accept_proposal(home, proposal)
    if as_json:
        emit_json({"accepted": risk})
    else:
        say(words()("org.fix.accepted", risk=risk))
        note(words()("org.publish_needed"))
