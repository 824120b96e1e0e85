"""Fixes from the technician's side: what the verified catalogue says, and requests that name only that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from protocol.assist import FixPlan, FixRun, FixUndoPlan, Parameter, Planned
from protocol.documents import PROTOCOL_VERSION, FixRequest
from protocol.drivers.repository import Repository
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest, params_sha256, read_manifest, validate_params
from protocol.layout import FixRef
from protocol.sshkeys import Signer
from protocol.wire import from_json, to_json


@dataclass(frozen=True)
class Known:
    """A fix of the verified catalogue."""

    ref: FixRef
    manifest: Manifest


class Catalogue:
    """The organisation's approved fixes, freshly verified."""

    def __init__(self, repository: Repository) -> None:
        """Raises RelevoError: as ``Repository.refresh``."""
        repository.refresh(datetime.now(UTC))
        self._repository = repository
        self._refs = repository.fixes()

    def newest(self) -> tuple[Known, ...]:
        """The newest version of each, by name."""
        names = sorted({ref.id for ref in self._refs})
        return tuple(self.get(name, None) for name in names)

    def get(self, fix: str, version: int | None) -> Known:
        """Raises RelevoError: ``not-found``."""
        found = [ref for ref in self._refs if ref.id == fix and version in (None, ref.version)]
        if not found:
            raise RelevoError(Code.NOT_FOUND, f"fix {fix[:64]}" + (f" version {version}" if version else ""))
        ref = max(found, key=lambda ref: ref.version)
        return Known(ref, read_manifest(self._repository.fix_manifest(ref)))


def parse_params(given: Sequence[str]) -> tuple[Parameter, ...]:
    """``name=value`` words as parameters.

    Raises:
        RelevoError: ``parameter-invalid`` for a word without ``=``, an impossible name or too long a value.
    """
    done = []
    for word in given:
        name, equals, value = word.partition("=")
        if not equals:
            raise RelevoError(Code.PARAMETER_INVALID, f"--param {word[:80]!r}: NAME=VALUE")
        try:
            done.append(from_json(to_json({"name": name, "value": value}), Parameter))
        except RelevoError as error:
            raise RelevoError(Code.PARAMETER_INVALID, name[:80]) from error
    return tuple(done)


def plan_request(known: Known, params: Iterable[Parameter]) -> FixPlan:
    """Ask for a plan of exactly this version, with parameters that its manifest allows.

    Raises:
        RelevoError: ``parameter-invalid``; the machine would refuse them as well.
    """
    return FixPlan(
        fix=known.manifest.id,
        fix_version=known.manifest.version,
        params=validate_params(known.manifest, params),
    )


def undo_request(known: Known) -> FixUndoPlan:
    return FixUndoPlan(fix=known.manifest.id)


def require_planned(known: Known, planned: Planned, params: Iterable[Parameter] | None) -> None:
    """The machine planned what the verified catalogue has, with the parameters that were given.

    Args:
        params: None for an undo, whose parameters are those of the run.

    Raises:
        RelevoError: ``hash-mismatch``: nothing must be signed.
    """
    named = (planned.fix, planned.fix_version, planned.fix_sha256)
    if named != (known.ref.id, known.ref.version, known.ref.sha256):
        raise RelevoError(Code.HASH_MISMATCH, "the machine planned another fix than the catalogue has")
    if params is not None and planned.params_sha256 != params_sha256(validate_params(known.manifest, params)):
        raise RelevoError(Code.HASH_MISMATCH, "the machine planned other parameters")


def signed_run(
    grant: str,
    planned: Planned,
    mode: Literal["apply", "undo"],
    signer: Signer,
    params: Iterable[Parameter] = (),
) -> FixRun:
    """The request to do what was planned, signed with the technician's key."""
    request = FixRequest(
        version=PROTOCOL_VERSION,
        grant=grant,
        sequence=planned.sequence,
        challenge=planned.challenge,
        fix=planned.fix,
        fix_version=planned.fix_version,
        fix_sha256=planned.fix_sha256,
        params_sha256=planned.params_sha256,
        plan_sha256=planned.plan_sha256,
        mode=mode,
    )
    return FixRun(request=seal(request, signer), params=tuple(params))
