"""What the command line (or page) of the user and the self-service worker say to each other.

The agent carries these frames between its local socket and the worker without reading them. One command,
any number of ``Looking`` and ``Stepping``, one answer or ``Failed``; then the next command.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.assist import Parameter, Planned
from protocol.documents import GuideVisit
from protocol.errors import Code
from protocol.findings_model import Finding
from protocol.fix_params import Bilingual
from protocol.ids import ArtifactId, GrantId, TicketId
from protocol.known_errors import KnownErrorId
from protocol.wire import Name, Text, Wire


class Wanted(Wire, frozen=True):
    fix: Name
    params: Annotated[tuple[Parameter, ...], Meta(max_length=32)] = ()


# --- commands ----------------------------------------------------------------------------------


class Begin(Wire, frozen=True, tag="begin"):
    """The user asks for help in these words."""

    text: Annotated[str, Meta(min_length=1, max_length=20_000)]
    language: Annotated[str, Meta(pattern=r"^(en|es)$(?!\n)")]


class Look(Wire, frozen=True, tag="look"):
    """The user agreed to the quick diagnosis."""


class Check(Wire, frozen=True, tag="check"):
    """Which of these fixes, named by an article or a guide, are in the signed catalogue for users to run.

    Parameters that are not given are filled in from the known errors that matched."""

    fixes: Annotated[tuple[Wanted, ...], Meta(max_length=32)]


class PlanFix(Wire, frozen=True, tag="plan-fix"):
    fix: Name
    params: Annotated[tuple[Parameter, ...], Meta(max_length=32)] = ()


class RunFix(Wire, frozen=True, tag="run-fix"):
    """The user agreed to the plan that was shown last."""


class PlanUndo(Wire, frozen=True, tag="plan-undo"):
    fix: Name


class Close(Wire, frozen=True, tag="close"):
    """How it ended for the user; nothing follows but ``Attach``."""

    outcome: Annotated[str, Meta(pattern=r"^(solved|ticket|abandoned)$(?!\n)")]
    category: Name
    ticket: TicketId | None = None
    articles: Annotated[tuple[Name, ...], Meta(max_length=30)] = ()
    guide: Name | None = None
    path: Annotated[tuple[GuideVisit, ...], Meta(max_length=64)] = ()


class Attach(Wire, frozen=True, tag="attach"):
    """The ticket of ``Close`` is on record: put on it what was seen and done."""


Command = Begin | Look | Check | PlanFix | RunFix | PlanUndo | Close | Attach


# --- answers -----------------------------------------------------------------------------------


class Begun(Wire, frozen=True, tag="begun"):
    run: GrantId
    words: Text
    """The user's words without what identifies people or machines: all that a search may take along."""


class Looking(Wire, frozen=True, tag="looking"):
    collector: Name
    done: int
    total: int


class OfferedFix(Wire, frozen=True):
    """A fix that the user may run here and now, with its parameters filled in."""

    fix: Name
    fix_version: int
    title: Bilingual
    description: Bilingual
    params: tuple[Parameter, ...]
    reversible: str


class Match(Wire, frozen=True):
    """A known error that this machine shows, as far as anybody may read of it."""

    known_error: KnownErrorId
    title: Bilingual
    cause: Bilingual
    workaround: Bilingual | None
    fixes: tuple[OfferedFix, ...]


class Looked(Wire, frozen=True, tag="looked"):
    findings: tuple[Finding, ...]
    answered: tuple[Name, ...]
    """Collectors that could say something."""
    matches: tuple[Match, ...]
    problem: Code | None
    """Why known errors were not compared, if they were not."""


class Offered(Wire, frozen=True, tag="offered"):
    fixes: tuple[OfferedFix, ...]


class FixPlanned(Wire, frozen=True, tag="fix-planned"):
    title: Bilingual
    description: Bilingual
    planned: Planned


class Stepping(Wire, frozen=True, tag="stepping"):
    state: str


class FixEnded(Wire, frozen=True, tag="fix-ended"):
    fix: Name
    state: str
    message: Text
    output: Text


class Closed(Wire, frozen=True, tag="closed"):
    pass


class Attached(Wire, frozen=True, tag="attached"):
    artifacts: tuple[ArtifactId, ...]
    problem: Code | None
    """Why not everything could be put on the ticket, if it could not."""


class Failed(Wire, frozen=True, tag="failed"):
    code: Code
    detail: str


Answer = Begun | Looking | Looked | Offered | FixPlanned | Stepping | FixEnded | Closed | Attached | Failed
