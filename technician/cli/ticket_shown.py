"""A ticket for people: its facts, who looks, hand-overs, everything that happened, results."""

from __future__ import annotations

from protocol.api import InvitationView, TicketDetail, TicketEvent
from protocol.conversation import Marks
from protocol.drivers.shown import folded, local_stamp
from protocol.drivers.terminal import note, printable, say, words
from protocol.escalation import Escalation
from technician.cli.common import Table
from technician.cli.happenings import details, step, what, who


def show_detail(detail: TicketDetail) -> None:
    view = detail.ticket
    say(folded(f"{view.ticket}  {printable(view.title)}", "  "))
    for name, value in _facts(detail).items():
        if value:
            _say_fact(words()(f"column.{name}"), str(value))
    for looker in detail.looking:
        note(words()("ticket.looking", name=printable(looker.name), since=local_stamp(looker.since)))
    if view.description and view.description != view.title:
        say()
        say(folded(printable(view.description, newlines=True)))
    for handed in detail.escalations:
        say()
        _show_escalation(handed)
    say()
    show_events(detail.timeline)
    if detail.artifacts:
        say()
        _show_artifacts(detail)


def _say_fact(label: str, value: str) -> None:
    """One line, or more below each other; where there is no terminal only the value's own lines."""
    say(folded(f"  {label:<14}{printable(value, newlines=True)}", " " * 16))


def _facts(detail: TicketDetail) -> dict[str, object]:
    w, view = words(), detail.ticket
    state = w(f"state.{view.state}")
    if view.pending_reason:
        state += f" ({w(f'pending.{view.pending_reason}')})"
    rating, why = detail.rating, view.no_article_reason
    return {
        "state": state,
        "resume": local_stamp(view.resume_at) if view.resume_at else None,
        "priority": f"P{view.priority}" + (f" ({view.priority_reason})" if view.priority_reason else ""),
        "category": view.category,
        "customer": view.customer,
        "agent": view.agent or "-",
        "requester": view.requester,
        "contact": detail.contact_email,
        "queue": f"{view.queue} (L{view.tier})",
        "assignee": f"{view.assignee} (L{view.tier})" if view.assignee else "-",
        "created": local_stamp(view.created),
        "external": ", ".join(detail.external),
        "follow_up": view.follow_up_of,
        "merged": view.merged_into,
        "resolution": view.resolution,
        "cause": view.cause,
        "article": view.article or (w("ticket.no-article", reason=why) if why else None),
        "hand_back": w(f"hand-back.{view.hand_back.kind}") if view.hand_back else None,
        "rating": f"{rating.score}/5 {rating.text}" if rating and rating.score else None,
        "read": _read(detail.marks),
        "experts": "\n".join(_invited(i) for i in detail.invitations if i.ended is None),
    }


def _invited(invitation: InvitationView) -> str:
    """Who may look until when, and what `relevo ticket uninvite` wants to be told."""
    return words()(
        "ticket.expert",
        expert=invitation.expert,
        until=local_stamp(invitation.until),
        scopes=",".join(invitation.scopes),
        invitation=invitation.invitation,
    )


def _read(marks: Marks | None) -> str | None:
    """When the user read, or at least got, what was said last."""
    if marks is None or marks.delivered_at is None:
        return None
    if marks.read_at is not None and marks.read == marks.delivered:
        return words()("ticket.read", at=local_stamp(marks.read_at))
    return words()("ticket.delivered", at=local_stamp(marks.delivered_at))


def _show_escalation(handed: Escalation) -> None:
    w = words()
    say(
        w(
            "ticket.handed",
            source=handed.from_tier,
            target=handed.to_tier,
            by=printable(handed.by),
            at=local_stamp(handed.at),
            reason=w(f"reason.{handed.reason_code}"),
        )
    )
    if handed.withheld:
        say(f"  {w('ticket.withheld', clearance=handed.withheld)}")
        return
    said = handed.handover
    lines = {
        "symptom": said.symptom,
        "impact": said.impact,
        "steps": "\n".join(step(line) for line in said.steps_tried),
        "diagnostics": " ".join(said.diagnostics),
        "kb": "\n".join(said.kb_tried),
        "hypothesis": said.hypothesis,
        "question": said.question,
        "accepted": handed.accepted_by,
        "returned": f"{handed.returned_by}: {handed.return_reason}" if handed.returned_by else None,
    }
    for name, value in lines.items():
        if value:
            _say_fact(w(f"handover.{name}"), str(value))


def show_events(events: tuple[TicketEvent, ...]) -> None:
    w = words()
    table = Table(w("column.time"), w("column.by"), w("column.event"), "")
    for event in events:
        table.add(local_stamp(event.at), who(event.by), what(event.kind), details(event))
    table.show()


def _show_artifacts(detail: TicketDetail) -> None:
    w = words()
    table = Table(*(w(f"column.{name}") for name in ("artifact", "kind", "clearance", "bytes", "name")))
    for item in detail.artifacts:
        table.add(item.artifact, item.kind, item.clearance, item.size_bytes, item.name)
    table.show()
