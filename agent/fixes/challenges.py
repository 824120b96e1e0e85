"""Challenges that were handed out with a plan and not answered yet.

Kept in memory on purpose: a restart forgets them, and what was planned before it must be planned again.
"""

from __future__ import annotations

from datetime import datetime

from agent.fixes.checks import CHALLENGE_LIFE, Challenge
from protocol.errors import Code, RelevoError

_MOST = 64


class Challenges:
    def __init__(self) -> None:
        self._open: dict[str, Challenge] = {}

    def add(self, challenge: Challenge) -> None:
        """Remember it; the oldest goes when there are too many."""
        self._forget_old(challenge.made)
        while len(self._open) >= _MOST:
            del self._open[next(iter(self._open))]
        self._open[challenge.nonce] = challenge

    def get(self, nonce: str) -> Challenge:
        """Raises RelevoError: ``replayed`` when it was never given, was used, or is forgotten."""
        if nonce not in self._open:
            raise RelevoError(Code.REPLAYED, "no such challenge is open: plan again")
        return self._open[nonce]

    def use(self, nonce: str) -> None:
        """It answers nothing any more. Raises RelevoError: as ``get``."""
        self.get(nonce)
        del self._open[nonce]

    def _forget_old(self, now: datetime) -> None:
        for nonce, challenge in list(self._open.items()):
            if now - challenge.made > CHALLENGE_LIFE:
                del self._open[nonce]
