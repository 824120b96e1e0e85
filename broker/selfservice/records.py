"""Taking in what became of a run of self-service: signed by the machine, once, in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from broker.context import Broker
from broker.presence import Link
from broker.store.engine import Tx
from broker.store.self_service_tables import self_service_runs
from broker.tickets import rows
from broker.tickets.events import Event, write
from broker.tickets.from_agent import own_ticket, user_of
from protocol.audit import Action, AuditRecord
from protocol.documents import SelfServiceRecord
from protocol.dsse import open_envelope
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.sshkeys import PublicKey
from protocol.wire import facts, to_json

AHEAD = timedelta(minutes=5)
"""How far a machine's clock may be ahead of ours; what is further ended when it was received."""
OLDEST = timedelta(days=30)
"""Records of machines that were offline; what is older counts for no figure any more."""
MAX_A_DAY = 200
"""Runs of one machine received in a day: more than a person makes."""


async def take_in(broker: Broker, control: Link, envelope: Envelope) -> None:
    """Store the record; the same one again changes nothing.

    Raises:
        RelevoError: ``signature-invalid``; ``identity-mismatch`` for another machine's; ``not-found`` for a
            ticket that is not its own; ``parameter-invalid`` for an outcome and a ticket that do not go
            together, or times that cannot be; ``replayed`` for a second record of one run;
            ``rate-limited``.
    """
    record = open_envelope(envelope, SelfServiceRecord, [PublicKey.from_text(control.key)])
    if record.agent != control.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "a self-service record of another machine")
    if (record.outcome == "ticket") is not (record.ticket is not None) or record.started > record.ended:
        raise RelevoError(Code.PARAMETER_INVALID, "outcome, ticket and times do not go together")

    def unit(tx: Tx) -> None:
        now = broker.clock()
        if not _is_new(tx.conn, record):
            return
        if record.ended < now - OLDEST:
            raise RelevoError(Code.PARAMETER_INVALID, f"a run that ended {record.ended.isoformat()}")
        if _received(tx.conn, control.agent, now) >= MAX_A_DAY:
            raise RelevoError(Code.RATE_LIMITED, f"{MAX_A_DAY} self-service runs a day")
        _store(tx, control, record, now)
        _tell(tx, control, record, envelope, now)

    await broker.store.write(unit)


def _is_new(conn: Connection, record: SelfServiceRecord) -> bool:
    """Raises RelevoError: ``parameter-invalid`` for another record of a run that is known."""
    known = conn.execute(
        select(self_service_runs.c.nonce).where(
            self_service_runs.c.agent == record.agent, self_service_runs.c.run == record.run
        )
    ).scalar_one_or_none()
    if known not in (None, record.nonce):
        raise RelevoError(Code.PARAMETER_INVALID, "a second record of one run")
    again = select(self_service_runs.c.id).where(
        self_service_runs.c.agent == record.agent, self_service_runs.c.nonce == record.nonce
    )
    return conn.execute(again).first() is None


def _received(conn: Connection, agent: str, now: datetime) -> int:
    wanted = select(func.count()).where(
        self_service_runs.c.agent == agent, self_service_runs.c.received >= now - timedelta(days=1)
    )
    return int(conn.execute(wanted).scalar_one())


def _store(tx: Tx, control: Link, record: SelfServiceRecord, now: datetime) -> None:
    ended = min(record.ended, now) if record.ended > now + AHEAD else record.ended
    tx.conn.execute(
        insert(self_service_runs).values(
            agent=control.agent,
            customer=control.customer,
            category=record.category,
            language=record.language,
            started=min(record.started, ended),
            ended=ended,
            received=now,
            outcome=record.outcome,
            ticket=None if record.ticket is None else rows.number_of(record.ticket),
            diagnosed=record.diagnosed,
            articles=to_json(record.articles).decode(),
            fixes=to_json(record.fixes).decode(),
            guide_path=to_json([record.guide, *(f"{v.step}={v.outcome}" for v in record.path)]).decode(),
            nonce=record.nonce,
            run=record.run,
        )
    )


def _tell(tx: Tx, control: Link, record: SelfServiceRecord, envelope: Envelope, now: datetime) -> None:
    """The audit record; on the ticket, for those who help, what the user has tried already."""
    doer = user_of(tx.conn, control)
    evidence = (to_json(envelope),)
    stated = facts(
        run=record.run, outcome=record.outcome, category=record.category, fixes=len(record.fixes) or None
    )
    if record.ticket is None:
        tx.audit(
            AuditRecord(
                at=now,
                actor=doer.actor,
                action=Action.SELF_SERVICE_RECORDED,
                customer=control.customer,
                agent=control.agent,
                facts=stated,
                evidence=evidence,
            )
        )
        return
    ticket = own_ticket(tx.conn, control.agent, record.ticket, open_only=False)
    action = Action.SELF_SERVICE_RECORDED
    event = Event(action, action.value, summary(record), False, stated, evidence)
    write(tx, ticket, ticket.state, event, doer, now)


def summary(record: SelfServiceRecord) -> str:
    """What the user tried, one line a kind; names and ids only, so it needs no language."""
    lines = [f"category: {record.category}", f"diagnosed: {'yes' if record.diagnosed else 'no'}"]
    if record.guide:
        visits = ", ".join(f"{visit.step}={visit.outcome}" for visit in record.path)
        lines.append(f"guide: {record.guide}: {visits or '-'}")
    named = (
        ("known errors", record.known_errors),
        ("articles", record.articles),
        ("fixes", tuple(f"{fix.fix}/{fix.fix_version} {fix.state}" for fix in record.fixes)),
    )
    lines += [f"{name}: {', '.join(values)}" for name, values in named if values]
    return "; ".join(lines)
