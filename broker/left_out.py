"""How many refusals of one known actor are recorded one by one; the rest are counted, and the count is recorded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from broker.limits import SourceLimiter
from protocol.audit import Actor, ActorKind
from protocol.errors import Code

WINDOW_S = 60.0
MAX_ACTORS = 1_000
OTHERS = Actor(kind=ActorKind.UNKNOWN, id="others")
"""Whose refusals are counted together once ``MAX_ACTORS`` are counted one by one."""


@dataclass
class LeftOut:
    """Refusals of one actor that have no record of their own, since ``begun``."""

    actor: Actor
    begun: float
    codes: Counter[Code] = field(default_factory=Counter)

    def __str__(self) -> str:
        """``role-missing 57, not-found 3``, most of them first."""
        return ", ".join(f"{code.value} {count}" for code, count in self.codes.most_common())


class RefusalBook:
    """Which refusals get a record. Times are seconds of any clock that never goes back.

    Args:
        limiter: how many may be recorded of one actor, as of an address that proves nothing.
    """

    def __init__(self, limiter: SourceLimiter | None = None) -> None:
        self._limiter = limiter or SourceLimiter()
        self._left_out: dict[Actor, LeftOut] = {}

    def admit(self, actor: Actor, code: Code, now: float) -> bool:
        """True where this refusal is to be recorded; else it was counted."""
        key = f"{actor.kind.value} {actor.id}"
        if not self._limiter.blocked(key, now):
            self._limiter.spend(key, now)
            return True
        self._count(LeftOut(actor, now, Counter((code,))))
        return False

    def take(self, now: float, *, every: bool = False) -> list[LeftOut]:
        """Counts that were begun a minute ago, or with ``every`` all of them; they are no longer kept here."""
        due = [one for one in self._left_out.values() if every or now - one.begun >= WINDOW_S]
        for one in due:
            del self._left_out[one.actor]
        return due

    def give_back(self, counts: list[LeftOut]) -> None:
        """Counts that were taken and could not be recorded."""
        for one in counts:
            self._count(one)

    def _count(self, new: LeftOut) -> None:
        actor = new.actor
        if actor not in self._left_out and len(self._left_out) >= MAX_ACTORS:
            actor = OTHERS
        kept = self._left_out.setdefault(actor, LeftOut(actor, new.begun))
        kept.begun = min(kept.begun, new.begun)
        kept.codes += new.codes
