"""What the idle process and the child that takes samples say to each other (JSON on stdin and stdout)."""

from __future__ import annotations

from protocol.wire import Count, Moment, Wire


class SampleWanted(Wire, frozen=True):
    folder: str
    at: Moment


class Sampled(Wire, frozen=True):
    sequence: Count
    urgent: bool
    """It shows something that should not wait for the batch."""
