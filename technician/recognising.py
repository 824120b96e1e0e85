"""Known errors beside a running diagnosis: fetched while the machine collects, judged when it answered.

A diagnosis never fails over them: what went wrong is said, and the report goes on without.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from protocol.diagnosis import Bundle
from protocol.drivers.terminal import note, printable, words
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance
from technician.assist import published_now
from technician.catalogue import Catalogue, judge, kept
from technician.held import HeldSession

if TYPE_CHECKING:
    from protocol.known_errors import Judged

_WAIT_S = 15.0
"""The most that a report waits for the known errors, once it is there itself."""


class Recognising:
    """Use as a context: entering begins to fetch, leaving lets go of what nobody waits for any more."""

    def __init__(self, home: Path, held: HeldSession) -> None:
        self._home = home
        self._held = held
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="known-errors")
        self._fetched: Future[Catalogue] | None = None
        self._judged: tuple[Judged, ...] = ()

    def __enter__(self) -> Recognising:
        self._fetched = self._pool.submit(_fetch, self._home, self._held)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A thread that only has to leave is waited for: the process then ends the quick way (``terminal.leave``).
        done = self._fetched is None or self._fetched.done()
        self._pool.shutdown(wait=done, cancel_futures=True)

    def judge(self, bundle: Bundle) -> None:
        """Compare a bundle whose seal held; versions under review are left out."""
        if self._fetched is None:
            return
        try:
            catalogue = self._fetched.result(_WAIT_S)
        except RelevoError as error:
            note(words()("diagnose.not-matched", why=_said(error)))
            return
        except NotYet:
            note(words()("diagnose.not-matched", why=_said(RelevoError(Code.TIMEOUT))))
            return
        self._judged = judge(bundle, catalogue.suggested(), datetime.now(UTC))

    def lines(self, ticket: str) -> list[str]:
        """What the report says of them."""
        if not self._judged:
            return []
        from technician.reports.matches import found

        return found(self._judged, ticket, words())

    def tell(self, bundle: Bundle, ticket: str, artifacts: list[str]) -> None:
        """Post the verdicts of a bundle that is sealed from the broker; its own it judges itself."""
        if not self._judged or bundle.manifest.clearance is Clearance.R1 or not artifacts:
            return
        from technician.login import client
        from technician.matching import post

        try:
            # The machine stores R1 first and the technician's own clearance last.
            post(client(self._home), ticket, artifacts[-1], self._judged)
        except RelevoError as error:
            note(words()("diagnose.not-matched", why=_said(error)))


def _said(error: RelevoError) -> str:
    return words()(error.code.value, detail=printable(error.detail))


def _fetch(home: Path, held: HeldSession) -> Catalogue:
    found = kept(home, datetime.now(UTC), lambda: published_now(held))
    if found is not None:
        return found
    from technician.matching import catalogue  # imports tuf, by way of the repository

    return catalogue(home)
