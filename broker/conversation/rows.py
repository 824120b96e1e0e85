"""The conversation of a ticket out of the store: for people of the desk by clearance, for the user, for lists."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from broker.store.conversation_tables import attachments
from broker.store.session_tables import artifacts
from broker.store.tables import audit
from broker.store.ticket_tables import ticket_events, tickets
from broker.tickets.rows import id_of, number_of
from broker.tickets.timeline import facts_in_words
from protocol.audit import AuditRecord
from protocol.conversation import Attached, Happened, Kind, Said, Side
from protocol.organisation import covers_clearance
from protocol.scopes import Clearance
from protocol.tickets import Move, Party, PendingReason, State
from protocol.wire import Fact, from_json, to_json

PAGE = 100
"""Rows that are read at once."""
MAX_BYTES = 512 << 10
"""Of one page; a row alone is smaller."""

_MOVES = tuple(
    f"ticket.{move.value}"
    for move in (Move.TAKE, Move.ACCEPT, Move.PEND, Move.RESOLVE, Move.REOPEN, Move.CLOSE, Move.CANCEL)
)
USER_KINDS = (Kind.REPLY.value, Kind.ATTACHED.value, *_MOVES)
"""What the user hears of, where it is public; how the desk passes a ticket around is not their concern."""
_WORDS_FOR_USER = frozenset({Kind.REPLY.value, Kind.ATTACHED.value, f"ticket.{Move.RESOLVE.value}"})
_SIDES = {Party.USER.value: Side.USER, Party.TECHNICIAN.value: Side.TECHNICIAN}
_e, _a = ticket_events.c, attachments.c


class Page(NamedTuple):
    """Rows in the order of the log. ``upto``: the index after which the next page begins."""

    rows: tuple[Said, ...]
    upto: int
    more: bool


def after(conn: Connection, ticket: str, index: int, clearance: Clearance) -> Page:
    """What happened on the ticket after ``index``, records of the log included. Erased records are left
    out; of what is above ``clearance`` only the text is."""
    wanted = (
        _with_files(select(audit.c.idx, audit.c.record, *_EVENT).select_from(audit))
        .where(audit.c.ticket == ticket, audit.c.idx > index)
        .order_by(audit.c.idx)
        .limit(PAGE + 1)
    )
    return _page(conn.execute(wanted).all(), index, lambda row: _for_desk(row, ticket, clearance))


def for_user(conn: Connection, ticket: str, index: int) -> Page:
    """What the requester may see of it after ``index``."""
    wanted = (
        _with_files(select(_e.log_index.label("idx"), *_EVENT).select_from(ticket_events), _e.log_index)
        .where(_e.ticket == number_of(ticket), _e.log_index > index, _e.public, _e.kind.in_(USER_KINDS))
        .order_by(_e.log_index)
        .limit(PAGE + 1)
    )
    return _page(conn.execute(wanted).all(), index, lambda row: _for_user(row, ticket))


def happened(conn: Connection, visible: ColumnElement[bool], index: int) -> tuple[Happened, ...]:
    """What happened after ``index`` on the tickets of the condition ``visible``, up to ``PAGE`` rows."""
    wanted = (
        select(ticket_events)
        .join(tickets, tickets.c.number == _e.ticket)
        .where(_e.log_index > index, visible)
        .order_by(_e.log_index)
        .limit(PAGE)
    )
    return tuple(
        Happened(
            index=row.log_index,
            ticket=id_of(row.ticket),
            at=row.at,
            by=row.by,
            kind=row.kind,
            state=State(row.to_state),
            tier=row.tier,
            priority=row.priority,
            queue=row.queue,
            assignee=row.assignee,
            public=row.public,
        )
        for row in conn.execute(wanted).all()
    )


def newest(conn: Connection) -> int:
    """Index of the last event of any ticket; -1 before the first."""
    found: int | None = conn.execute(select(func.max(_e.log_index))).scalar_one()
    return -1 if found is None else found


class Bell(NamedTuple):
    """What a machine is told of its ticket."""

    ticket: str
    agent: str
    newest: int
    state: State


def bells(conn: Connection, numbers: list[int]) -> list[Bell]:
    """For each of these tickets that is about a machine: the newest index that its user may see."""
    wanted = (
        select(tickets.c.number, tickets.c.agent, tickets.c.state, func.max(_e.log_index).label("newest"))
        .join(ticket_events, _e.ticket == tickets.c.number)
        .where(
            tickets.c.number.in_(numbers), tickets.c.agent.is_not(None), _e.public, _e.kind.in_(USER_KINDS)
        )
        .group_by(tickets.c.number, tickets.c.agent, tickets.c.state)
    )
    return [
        Bell(id_of(row.number), row.agent, row.newest, State(row.state)) for row in conn.execute(wanted).all()
    ]


# --- from rows to what is said -----------------------------------------------------------------

_EVENT = (
    _e.at,
    _e.by,
    _e.kind,
    _e.text,
    _e.public,
    _e.to_state,
    _e.party,
    _e.reason,
    _e.clearance.label("needs"),
    _a.artifact,
    _a.as_is,
    _a.redaction,
    artifacts.c.name,
    artifacts.c.media_type,
    artifacts.c.size_bytes,
    artifacts.c.clearance,
)


def _with_files(wanted: Select[Any], index: Any = None) -> Select[Any]:
    if index is None:
        index = audit.c.idx
        wanted = wanted.outerjoin(ticket_events, _e.log_index == audit.c.idx)
    return wanted.outerjoin(attachments, _a.log_index == index).outerjoin(
        artifacts, artifacts.c.artifact == _a.artifact
    )


def _page(found: Any, index: int, made: Any) -> Page:
    """As many rows as fit; the last of them says where to go on, whether it is shown or not."""
    said: list[Said] = []
    room, upto = MAX_BYTES, index
    for row in found[:PAGE]:
        line: Said | None = made(row)
        if line is not None:
            room -= len(to_json(line))
            if room < 0:
                return Page(tuple(said), upto, True)
            said.append(line)
        upto = row.idx
    return Page(tuple(said), upto, len(found) > PAGE)


def _for_desk(row: Row[Any], ticket: str, clearance: Clearance) -> Said | None:
    if row.kind is None:
        return _recorded(row, ticket, clearance)
    said = _said(row, ticket)
    needed = Clearance(row.needs)
    if not row.text or covers_clearance(clearance, needed):
        return said
    return msgspec.structs.replace(said, text="", withheld=needed)


def _for_user(row: Row[Any], ticket: str) -> Said:
    """Words are for the user where they were said to the user: why somebody took the ticket is not."""
    said = _said(row, ticket)
    to_user = row.kind in _WORDS_FOR_USER or row.reason == PendingReason.AWAITING_USER.value
    own = row.party == Party.USER.value
    return said if to_user or own else msgspec.structs.replace(said, text="")


def _said(row: Row[Any], ticket: str) -> Said:
    return Said(
        index=row.idx,
        ticket=ticket,
        at=row.at,
        by=row.by,
        side=_SIDES.get(row.party, Side.SYSTEM),
        kind=row.kind,
        text=row.text,
        public=row.public,
        state=State(row.to_state),
        attached=_attached(row),
    )


def _attached(row: Row[Any]) -> Attached | None:
    if row.artifact is None:
        return None
    return Attached(
        artifact=row.artifact,
        name=row.name,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        clearance=Clearance(row.clearance),
        as_is=row.as_is is not None,
        redaction=from_json(row.redaction, tuple[Fact, ...]),
    )


def _recorded(row: Row[Any], ticket: str, clearance: Clearance) -> Said | None:
    if row.record is None:
        return None
    record = from_json(row.record, AuditRecord)
    return Said(
        index=row.idx,
        ticket=ticket,
        at=record.at,
        by=record.actor.id or record.actor.kind.value,
        side=Side.SYSTEM,
        kind=record.action.value,
        text=facts_in_words(record, clearance),
    )
