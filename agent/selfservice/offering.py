"""Which known errors this machine shows, and which of their fixes the user may run. Pure, over the raw facts.

They are compared on the machine, before any redaction and without anything leaving it: what is shown is what
anybody may read of a published known error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime

from agent.fixes.own import verify_own_fix
from agent.selfservice.messages import Match, OfferedFix
from protocol.assist import Parameter
from protocol.diagnosis import Bundle
from protocol.errors import RelevoError
from protocol.fix_params import Bilingual
from protocol.fixes import Manifest, validate_params
from protocol.known_errors import KnownError, Told, proposals
from protocol.signatures import Outcome, evaluate

MAX_MATCHES = 8
MAX_FIXES = 8
_BRIEF = 2_000

ManifestOf = Callable[[str], Manifest | None]
"""The newest approved version of a fix, or None."""


def matches(
    known: Iterable[KnownError],
    bundle: Bundle,
    manifest_of: ManifestOf,
    now: datetime,
    time_left: Callable[[], bool] = lambda: True,
) -> tuple[Match, ...]:
    """The public known errors that match, each with what the user may do about it; of those that there is
    time to compare."""
    found: list[Match] = []
    for error in known:
        if not time_left():
            break
        if error.visibility != "public":
            continue
        verdict = evaluate(error.signature, bundle, now)
        if verdict.outcome is not Outcome.MATCH:
            continue
        offered: dict[tuple[str, str], OfferedFix] = {}
        for bindings in verdict.bindings or ((),):
            for proposal in proposals(error, bindings) if error.self_service else ():
                fix = None if proposal.missing else offer(proposal.fix, proposal.params, manifest_of, now)
                if fix is not None and len(offered) < MAX_FIXES:
                    offered[fix.fix, str(fix.params)] = fix
        found.append(
            Match(
                known_error=error.id,
                title=error.title,
                cause=_brief(error.cause),
                workaround=_brief(error.workaround) if error.workaround else None,
                fixes=tuple(offered.values()),
            )
        )
        if len(found) == MAX_MATCHES:
            break
    return tuple(found)


def offer(fix: str, params: Iterable[Parameter], manifest_of: ManifestOf, now: datetime) -> OfferedFix | None:
    """The fix as the user may run it now; None where it is not approved, not theirs to run, or not filled in."""
    manifest = manifest_of(fix)
    if manifest is None:
        return None
    try:
        verify_own_fix(manifest, sys.platform, now.astimezone())
        values = validate_params(manifest, params)
    except RelevoError:
        return None
    return OfferedFix(
        fix=manifest.id,
        fix_version=manifest.version,
        title=manifest.title,
        description=manifest.description,
        params=values,
        reversible=manifest.reversible,
    )


def _brief(told: Told) -> Bilingual:
    return Bilingual(en=told.en[:_BRIEF], es=told.es[:_BRIEF])
