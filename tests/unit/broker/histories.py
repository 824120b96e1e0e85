"""Histories of tickets for the tests of figures: written by hand, or made up by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from broker.reports.cases import Case, Event, Ticket, derive
from broker.reports.figures import Period
from broker.sla.clocks import mark_of
from protocol.calendars import to_us
from protocol.tickets import CauseCode, Party, PendingReason, State

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
MINUTE = 60_000_000


def us(minutes: float) -> int:
    """Minutes after Monday nine o'clock as the figures count time."""
    return to_us(MONDAY + timedelta(minutes=minutes))


WEEK = Period(us(0), us(7 * 24 * 60), us(30 * 24 * 60))

Step = tuple[float, str]
"""Minutes after Monday nine, and what happened: a word of ``_KINDS``, with a tier or a reason after ``:``."""

_KINDS: dict[str, tuple[str, Party, State | None]] = {
    "create": ("ticket.create", Party.USER, State.NEW),
    "monitor": ("ticket.create", Party.MONITOR, State.NEW),
    "route": ("ticket.assign", Party.RULE, State.ASSIGNED),
    "take": ("ticket.take", Party.TECHNICIAN, State.ASSIGNED),
    "start": ("ticket.start", Party.TECHNICIAN, State.IN_PROGRESS),
    "note": ("ticket.note", Party.TECHNICIAN, None),
    "reply": ("ticket.reply", Party.TECHNICIAN, None),
    "says": ("ticket.reply", Party.USER, None),
    "pend": ("ticket.pend", Party.TECHNICIAN, State.PENDING),
    "resume": ("ticket.resume", Party.RULE, State.IN_PROGRESS),
    "escalate": ("ticket.escalate", Party.TECHNICIAN, State.ASSIGNED),
    "return": ("ticket.return", Party.TECHNICIAN, State.ASSIGNED),
    "resolve": ("ticket.resolve", Party.TECHNICIAN, State.RESOLVED),
    "solved": ("ticket.resolve", Party.USER, State.RESOLVED),
    "reopen": ("ticket.reopen", Party.USER, State.IN_PROGRESS),
    "close": ("ticket.close", Party.TIMER, State.CLOSED),
}
_PUBLIC = frozenset({"create", "reply", "says", "resolve", "solved"})


def history(
    *steps: Step,
    number: int = 1,
    customer: str = "acme",
    priority: int = 3,
    resolved_by: int | None = None,
    category: str | None = None,
    article: str | None = None,
) -> Case:
    """The case of a ticket with these events."""
    events: list[Event] = []
    state, tier, pending = State.NEW, 1, None
    for minutes, said in steps:
        word, _, more = said.partition(":")
        kind, party, after = _KINDS[word]
        state, reason = after or state, None
        if word in ("escalate", "return"):
            tier = int(more)
        elif word == "pend":
            reason = more
        elif word in ("resolve", "solved"):
            reason = more or CauseCode.SOFTWARE.value
        public = word in _PUBLIC
        mark = mark_of(pending, us(minutes), kind, public, state.value, party.value, reason, tier)
        pending = mark.pending
        events.append(Event(mark, kind, party.value, reason, priority))
    solved = [said.partition(":")[0] for _, said in steps if said.startswith(("resolve", "solved"))]
    by = resolved_by if resolved_by is not None or not solved else 0 if solved[-1] == "solved" else tier
    ticket = Ticket(
        number, customer, category, "agent", state, tier, priority, events[0].mark.at, by, article
    )
    return derive(ticket, events)


@st.composite
def steps(draw: st.DrawFn) -> Sequence[Step]:
    """Any history that the transition table allows, over some three weeks."""
    at = float(draw(st.integers(-7 * 1440, 7 * 1440)))
    found: list[Step] = [(at, draw(st.sampled_from(["create", "create", "monitor"])))]
    state, tier, risen = "new", 1, []
    for _ in range(draw(st.integers(0, 9))):
        at += draw(st.integers(0, 2_000))
        said = draw(st.sampled_from(_NEXT[state]))
        if said == "escalate":
            if tier == 3:
                continue
            risen.append(tier)
            tier = draw(st.integers(tier + 1, 3))
            said = f"escalate:{tier}"
        elif said == "return":
            if not risen:
                continue
            tier = risen.pop()
            said = f"return:{tier}"
        elif said == "pend":
            said = f"pend:{draw(st.sampled_from(list(PendingReason))).value}"
        elif said == "resolve":
            said = f"resolve:{draw(st.sampled_from(list(CauseCode))).value}"
        found.append((at, said))
        after = _KINDS[said.partition(":")[0]][2]
        state = after.value if after else state
    return found


_TALK = ["note", "reply", "says"]
_NEXT: dict[str, list[str]] = {
    "new": ["take", "route", *_TALK],
    "assigned": ["start", "escalate", "return", *_TALK],
    "in-progress": ["pend", "resolve", "solved", "escalate", *_TALK],
    "pending": ["resume", "resolve", "solved", *_TALK],
    "resolved": ["reopen", "close", "says"],
    "closed": ["note"],
}
