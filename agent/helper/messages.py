"""What worker and root helper say to each other: msgpack in length-prefixed frames, typed and closed.

One operation: ``Papers`` or ``OwnPapers``, the repository as ``FilePart``s, then one of the ``Do…``; the helper answers with
any number of ``Entering`` and ``Asking``, each of which waits for its answer, and one final message.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from agent.fixes.runs import Run
from protocol.assist import FixPlan, FixRun, FixUndoPlan, Planned
from protocol.envelope import Envelope
from protocol.errors import Code
from protocol.wire import Text, Wire

PART = 1 << 20
MAX_FILES_BYTES = 256 << 20
"""Most that one operation may hand over."""
MAX_FILES = 2_000
"""Metadata, three documents and one fix are some dozens."""


class Papers(Wire, frozen=True, tag="papers"):
    grant: Envelope
    consent: Envelope


class OwnPapers(Wire, frozen=True, tag="own-papers"):
    """Instead of ``Papers`` where the machine's user runs a fix alone; a ``SelfServiceOrder``."""

    order: Envelope


class FilePart(Wire, frozen=True, tag="file-part"):
    """The next piece of a repository file; ``last`` ends it."""

    path: Annotated[str, Meta(max_length=400)]
    data: Annotated[bytes, Meta(max_length=PART)]
    last: bool


class DoPlan(Wire, frozen=True, tag="do-plan"):
    wanted: FixPlan


class DoUndoPlan(Wire, frozen=True, tag="do-undo-plan"):
    wanted: FixUndoPlan


class DoRun(Wire, frozen=True, tag="do-run"):
    wanted: FixRun


class DoStates(Wire, frozen=True, tag="do-states"):
    pass


class Heard(Wire, frozen=True, tag="heard"):
    """Answer to ``Entering`` (it is in the journal) and ``Asking`` (the user agreed), or why not."""

    code: Code | None
    detail: str = ""


Operation = DoPlan | DoUndoPlan | DoRun | DoStates
ToHelper = Papers | OwnPapers | FilePart | DoPlan | DoUndoPlan | DoRun | DoStates | Heard


class Entering(Wire, frozen=True, tag="entering"):
    run: Run


class Asking(Wire, frozen=True, tag="asking"):
    run: Run
    plan: Text


class IsPlanned(Wire, frozen=True, tag="is-planned"):
    planned: Planned


class Ended(Wire, frozen=True, tag="ended"):
    run: Run


class AreStates(Wire, frozen=True, tag="are-states"):
    runs: tuple[Run, ...]


class Refused(Wire, frozen=True, tag="refused"):
    code: Code
    detail: str


FromHelper = Entering | Asking | IsPlanned | Ended | AreStates | Refused
