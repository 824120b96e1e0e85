"""Refusals are recorded in one place, in their own transaction: the refused change left nothing behind."""

from __future__ import annotations

import time

import structlog

from broker.calls import About, Caller, refusal_facts
from broker.context import Broker
from broker.policy import Hidden
from broker.store.engine import Tx
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.drivers.terminal import printable
from protocol.errors import Code, Exit, RelevoError
from protocol.wire import facts

_log = structlog.get_logger("broker.refusals")

_ALSO = frozenset({Code.TOKEN_USED, Code.UNAUTHENTICATED})
_NEVER = frozenset({Code.RATE_LIMITED})
_KINDS = frozenset({Exit.REFUSED, Exit.VERIFICATION_FAILED})


def is_refusal(code: Code) -> bool:
    """True for what somebody tried and may not: those are audit events, mistakes are not."""
    return (code in _ALSO or RelevoError(code).exit_status in _KINDS) and code not in _NEVER


def claimed(kind: ActorKind, name: str) -> Actor:
    """Somebody who did not prove to be who they say."""
    return Actor(kind=ActorKind.UNKNOWN, id=printable(f"{kind.value} {name}")[:100])


async def record_refusal(
    broker: Broker,
    action: Action,
    error: RelevoError,
    *,
    method: str,
    path: str,
    source: str,
    caller: Caller | None,
    about: About,
) -> None:
    """Write one audit record of a refusal, or count it where the caller was refused too often.

    Where even that fails the refusal stands and is logged.
    """
    hidden = error.customer if isinstance(error, Hidden) else None
    if about.recorded or not (hidden or is_refusal(error.code)):
        return
    if caller is not None and not broker.refusals.admit(caller.actor, error.code, time.monotonic()):
        about.recorded = True
        return
    actor = caller.actor if caller else about.actor or Actor(kind=ActorKind.UNKNOWN, id=source[:100])
    record = AuditRecord(
        at=broker.clock(),
        actor=actor,
        action=action,
        customer=about.customer or hidden,
        ticket=about.ticket,
        grant=about.grant,
        agent=about.agent,
        facts=(*refusal_facts(method, path, error.code, source), *about.facts),
        evidence=about.evidence,
    )
    try:
        await broker.store.write(lambda tx: tx.audit(record))
        about.recorded = True
    except RelevoError as failure:
        _log.error("refusal-not-recorded", action=action.value, code=error.code.value, why=failure.code.value)


async def record_left_out(broker: Broker, now: float, *, every: bool = False) -> None:
    """One record an actor of the refusals that were only counted; what cannot be recorded is kept counted.

    Args:
        now: of the monotonic clock.
        every: also counts that were begun less than a minute ago.
    """
    counts = broker.refusals.take(now, every=every)
    if not counts:
        return
    at = broker.clock()
    records = [
        AuditRecord(
            at=at,
            actor=one.actor,
            action=Action.ACCESS_REFUSED,
            facts=facts(
                left_out=one.codes.total(), codes=str(one)[:500], seconds=max(0, round(now - one.begun))
            ),
        )
        for one in counts
    ]

    def unit(tx: Tx) -> None:
        for record in records:
            tx.audit(record)

    try:
        await broker.store.write(unit)
    except RelevoError as failure:
        broker.refusals.give_back(counts)
        _log.error("refusals-not-recorded", actors=len(counts), why=failure.code.value)
