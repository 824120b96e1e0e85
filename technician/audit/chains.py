"""Agents' journals as the log holds them: each a chain of signed entries without gaps.

Every entry names the hash of the one before, so a good signature on an entry proves all before it.
A long log is therefore checked with one signature per ``stride`` entries; when anything is wrong the
skipped ones are checked one by one, so that the first bad entry is still the one that is named.
"""

from __future__ import annotations

from typing import NamedTuple

from protocol.documents import JournalEntry
from protocol.dsse import machine_key, open_envelope, payload_type
from protocol.envelope import Envelope
from protocol.errors import RelevoError
from protocol.wire import from_json
from technician.audit.findings import Fault, Finding

FIRST_PREVIOUS = "0" * 64
JOURNAL = payload_type(JournalEntry)


class _Link(NamedTuple):
    at: int
    envelope: Envelope


class _Chain:
    def __init__(self) -> None:
        self.sequence = 0
        self.digest = FIRST_PREVIOUS
        self.erased_then = 0
        self.waiting: list[_Link] = []


def opened_by_agent(envelope: Envelope, agent: str) -> JournalEntry:
    """The entry, after checking the signature by the key whose hash is ``agent``.

    Raises:
        RelevoError: ``signature-invalid`` or ``malformed``.
    """
    return open_envelope(envelope, JournalEntry, [machine_key(envelope, agent)])


class JournalChains:
    """Feed journal entries in log order.

    Args:
        stride: check one signature in so many.
        partial: only some tickets' entries are seen, so numbers may be missing in between.
    """

    def __init__(self, stride: int, *, partial: bool = False) -> None:
        self._stride = stride
        self._partial = partial
        self._chains: dict[str, _Chain] = {}
        self.entries = 0
        self.gaps_by_erasure = 0

    @property
    def agents(self) -> int:
        return len(self._chains)

    def add(self, index: int, envelope: Envelope, erased: int) -> tuple[JournalEntry | None, Finding | None]:
        """Check one entry. ``erased`` counts the records erased before ``index`` in the log.

        Returns:
            The entry (None when it is not one), and what is wrong with this or an earlier entry.
        """
        try:
            entry = from_json(envelope.payload, JournalEntry)
        except RelevoError:
            return None, Finding(index, Fault.MALFORMED, "journal entry")
        self.entries += 1
        chain = self._chains.setdefault(entry.agent, _Chain())
        finding = self._place(chain, index, entry, erased)
        if finding:
            forged = _settle(entry.agent, chain, every=True) or _check(entry.agent, _Link(index, envelope))
            return entry, min(forged or finding, finding)
        chain.sequence, chain.digest, chain.erased_then = entry.sequence, envelope.digest, erased
        chain.waiting.append(_Link(index, envelope))
        if len(chain.waiting) >= self._stride:
            return entry, _settle(entry.agent, chain)
        return entry, None

    def finish(self) -> Finding | None:
        """Check the signatures that are still open; the finding with the lowest index."""
        found = [_settle(agent, chain) for agent, chain in self._chains.items()]
        return min((finding for finding in found if finding), default=None)

    def _place(self, chain: _Chain, index: int, entry: JournalEntry, erased: int) -> Finding | None:
        expected = chain.sequence + 1
        if entry.sequence < expected:
            return Finding(index, Fault.JOURNAL_REPEATED, f"{entry.agent} number {entry.sequence}")
        if entry.sequence == expected:
            if entry.previous == chain.digest or (self._partial and not chain.sequence):
                return None
            return Finding(index, Fault.JOURNAL_CHAIN, f"{entry.agent} number {entry.sequence}")
        missing = entry.sequence - expected
        if not self._partial and missing > erased - chain.erased_then:
            detail = f"{entry.agent} numbers {expected} to {entry.sequence - 1}"
            return Finding(index, Fault.JOURNAL_GAP, detail)
        self.gaps_by_erasure += not self._partial
        # The chain is cut here: what waits before the cut must be proven by its own signature.
        return _settle(entry.agent, chain)


def _settle(agent: str, chain: _Chain, *, every: bool = False) -> Finding | None:
    """Check the newest waiting signature, or all of them once one is wrong (or ``every``)."""
    waiting, chain.waiting = chain.waiting, []
    if not waiting or (not every and _check(agent, waiting[-1]) is None):
        return None
    return next((finding for link in waiting if (finding := _check(agent, link))), None)


def _check(agent: str, link: _Link) -> Finding | None:
    try:
        opened_by_agent(link.envelope, agent)
    except RelevoError as error:
        return Finding(link.at, Fault.JOURNAL_SIGNATURE, error.detail)
    return None
