"""An organisation with real keys, and a log that an honest or a malicious broker serves from memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import checkpoint, tiles
from protocol.api import AuditEntries, AuditEntryView
from protocol.audit import Action, Actor, ActorKind, AuditRecord, leaf_data
from protocol.checkpoint import Checkpoint
from protocol.documents import (
    Basis,
    Consent,
    Document,
    Enrolment,
    EnrolmentToken,
    Grant,
    JournalEntry,
)
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.ids import agent_id
from protocol.merkle import Frontier, Tree, leaf_hash
from protocol.organisation import (
    DEFAULT_POLICY,
    BrokerKeys,
    Customer,
    CustomerTier,
    Organisation,
    Revoked,
    Roster,
    Technician,
)
from protocol.scopes import Mode, Role, Scope
from protocol.sshkeys import KeySigner
from protocol.wire import Fact, facts, to_json

ORG = "org-" + "a" * 32
ORIGIN = "relevo.example/log"
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NOW = START + timedelta(hours=8)


def signer(number: int) -> KeySigner:
    return KeySigner.from_seed(bytes([number]) * 32)


LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
ISSUER, ANA, ADMIN, STRANGER = signer(2), signer(3), signer(4), signer(9)


def organisation(*, without: str = "", revoked: tuple[str, ...] = ()) -> Organisation:
    people = (
        Technician(
            id="ana",
            name="Ana Ruiz",
            keys=(ANA.public_key.text,),
            roles=(Role.TECHNICIAN,),
            tiers=(CustomerTier(customer="*", tier=2),),
        ),
        Technician(
            id="boss",
            name="The Boss",
            keys=(ADMIN.public_key.text,),
            roles=(Role.ADMIN, Role.AUDITOR),
            tiers=(),
        ),
    )
    return Organisation(
        roster=Roster(
            org=ORG,
            name="Ayuda S.L.",
            technicians=tuple(person for person in people if person.id != without),
            customers=(Customer(id="acme", name="Acme"),),
            broker=BrokerKeys(
                url="wss://localhost:8443",
                tls_sha256=("0" * 64,),
                issuer_key=ISSUER.public_key.text,
                log_key=checkpoint.verifier_key(ORIGIN, LOG_KEY),
            ),
        ),
        policy=DEFAULT_POLICY,
        revoked=Revoked(keys=revoked),
    )


class Machine:
    """An agent with its journal."""

    def __init__(self, number: int) -> None:
        self.signer = signer(number)
        self.id = agent_id(self.signer.public_key.blob)
        self.sequence = 0
        self.previous = "0" * 64

    def journal(
        self,
        action: Action,
        at: datetime,
        *,
        grant: str | None = None,
        ticket: str | None = None,
        said: tuple[Fact, ...] = (),
        by: KeySigner | None = None,
    ) -> Envelope:
        entry = JournalEntry(
            version=1,
            agent=self.id,
            sequence=self.sequence + 1,
            previous=self.previous,
            at=at,
            action=action,
            grant=grant,
            ticket=ticket,
            facts=said,
        )
        envelope = seal(entry, by or self.signer)
        self.sequence, self.previous = self.sequence + 1, envelope.digest
        return envelope


class Log:
    """The broker's side. Signs a checkpoint whenever it is asked to, over whatever it holds."""

    def __init__(self) -> None:
        self.rows: list[AuditEntryView] = []
        self.notes: list[str] = []
        self.at = START

    def add(
        self,
        action: Action,
        *evidence: Envelope,
        actor: Actor | None = None,
        after: timedelta = timedelta(seconds=10),
        **columns: str | tuple[Fact, ...] | None,
    ) -> int:
        self.at += after
        record = AuditRecord(
            at=self.at,
            actor=actor or Actor(kind=ActorKind.BROKER, id="broker"),
            action=action,
            evidence=tuple(to_json(piece) for piece in evidence),
            **columns,  # type: ignore[arg-type]
        )
        self.rows.append(entry(len(self.rows), record))
        return len(self.rows) - 1

    def signed(self, key: Ed25519PrivateKey = LOG_KEY) -> str:
        frontier = Frontier()
        frontier.extend(leaf_hash(row.leaf) for row in self.rows)
        note = checkpoint.sign(Checkpoint(ORIGIN, frontier.size, frontier.root()), key)
        self.notes.append(note)
        return note

    def change(self, index: int, **columns: object) -> None:
        """Rewrite a record with a new salt and leaf, as a broker that holds the log key can."""
        row = self.rows[index]
        assert row.record is not None
        record = replaced(decoded(row), **columns)
        self.rows[index] = entry(index, record)

    def drop(self, index: int) -> None:
        self.rows = [renumbered(row, at) for at, row in enumerate(self.rows[:index] + self.rows[index + 1 :])]

    def erase(self, index: int) -> None:
        row = self.rows[index]
        self.rows[index] = AuditEntryView(index=index, salt=b"", record=None, leaf=row.leaf)


class Served:
    """A ``Source`` over a log, with whatever lies the test wants."""

    def __init__(
        self,
        log: Log,
        *,
        note: str | None = None,
        rows: Sequence[AuditEntryView] | None = None,
        page: int = 7,
        notes: Callable[[], list[str]] | None = None,
    ) -> None:
        self._note = note or log.signed()
        self._rows = list(log.rows if rows is None else rows)
        self._page = page
        self._notes = notes or (lambda: log.notes)

    def checkpoint(self) -> str:
        return self._note

    def entries(self, start: int, count: int) -> AuditEntries:
        return AuditEntries(
            entries=tuple(self._rows[start : start + min(count, self._page)]), size=len(self._rows)
        )

    def of_ticket(self, ticket: str, start: int) -> AuditEntries:
        found = [
            row
            for row in self._rows
            if row.index >= start and row.record is not None and decoded(row).ticket == ticket
        ]
        return AuditEntries(entries=tuple(found[: self._page]), size=len(self._rows))

    def checkpoint_after(self, size: int) -> str | None:
        larger = [note for note in self._notes() if size_of(note) > size]
        return min(larger, key=size_of, default=None)

    def leaf_tile(self, number: int, width: int) -> bytes:
        return tiles.content(
            tiles.Tile(0, number, width), Tree(leaf_hash(row.leaf) for row in self._rows).node_at
        )


def size_of(note: str) -> int:
    return int(note.split("\n")[1])


def entry(index: int, record: AuditRecord) -> AuditEntryView:
    salt, body = bytes([index % 251]) * 16, to_json(record)
    return AuditEntryView(index=index, salt=salt, record=body, leaf=leaf_data(salt, body))


def decoded(row: AuditEntryView) -> AuditRecord:
    import msgspec

    assert row.record is not None
    return msgspec.json.decode(row.record, type=AuditRecord)


def replaced(record: AuditRecord, **columns: object) -> AuditRecord:
    import msgspec

    return msgspec.structs.replace(record, **columns)


def renumbered(row: AuditEntryView, index: int) -> AuditEntryView:
    return AuditEntryView(index=index, salt=row.salt, record=row.record, leaf=row.leaf)


def a_grant(machine: Machine, log: Log, *, number: int = 1, **changes: object) -> Grant:
    values: dict[str, object] = {
        "version": 1,
        "org": ORG,
        "grant": f"{number:032x}",
        "ticket": "T-1",
        "customer": "acme",
        "agent": machine.id,
        "technician": "ana",
        "technician_key": ANA.public_key.text,
        "scopes": (Scope.DIAGNOSE, Scope.LOGS, Scope.FIX),
        "reason": "the printer does not print",
        "issued": log.at,
        "establish_by": log.at + timedelta(minutes=3),
        "ends": log.at + timedelta(minutes=30),
        "mode": Mode.ATTENDED,
    }
    return Grant(**{**values, **changes})  # type: ignore[arg-type]


def a_consent(machine: Machine, asked: Grant, sealed: Envelope, log: Log, **changes: object) -> Consent:
    values: dict[str, object] = {
        "version": 1,
        "grant": asked.grant,
        "grant_sha256": sealed.digest,
        "agent": machine.id,
        "agent_key": machine.signer.public_key.text,
        "scopes": (Scope.DIAGNOSE, Scope.LOGS),
        "given": log.at,
        "until": asked.ends,
        "basis": Basis(act="user", channel="command"),
    }
    return Consent(**{**values, **changes})  # type: ignore[arg-type]


def a_token(log: Log, number: int = 1, *, by: KeySigner = ADMIN) -> Envelope:
    return seal(
        EnrolmentToken(
            version=1,
            token=f"{number:032x}",
            org=ORG,
            customer="acme",
            mode=Mode.ATTENDED,
            issued=log.at,
            expires=log.at + timedelta(hours=1),
        ),
        by,
    )


def an_enrolment(machine: Machine, log: Log, number: int = 1) -> Envelope:
    document: Document = Enrolment(
        version=1,
        token=f"{number:032x}",
        org=ORG,
        agent=machine.id,
        agent_key=machine.signer.public_key.text,
        hostname="pc-1",
        platform="Linux",
        at=log.at,
    )
    return seal(document, machine.signer)


def journal(log: Log, machine: Machine, action: Action, *, by: KeySigner | None = None, **kw: object) -> int:
    grant = kw.pop("grant", None)
    ticket = kw.pop("ticket", None)
    sealed = machine.journal(action, log.at, grant=grant, ticket=ticket, said=facts(**kw), by=by)  # type: ignore[arg-type]
    return log.add(
        action,
        sealed,
        actor=Actor(kind=ActorKind.AGENT, id=machine.id),
        agent=machine.id,
        grant=grant,  # type: ignore[arg-type]
        ticket=ticket,  # type: ignore[arg-type]
    )


def session(log: Log, machine: Machine, *, number: int = 1) -> dict[str, int]:
    """One whole session on ticket T-1; the index of each entry by name."""
    at: dict[str, int] = {}
    grant = a_grant(machine, log, number=number)
    sealed = seal(grant, ANA, ISSUER)
    here: dict[str, str | None] = {
        "grant": grant.grant,
        "ticket": "T-1",
        "agent": machine.id,
        "customer": "acme",
    }
    ana = Actor(kind=ActorKind.TECHNICIAN, id="ana")
    at["requested"] = log.add(Action.SESSION_REQUESTED, sealed, actor=ana, **here)
    at["given"] = journal(
        log,
        machine,
        Action.CONSENT_GIVEN,
        grant=grant.grant,
        ticket="T-1",
        technician="ana",
        technician_name="Ana Ruiz",
        organisation="Ayuda S.L.",
        scopes="diagnose,logs",
        until=grant.ends.isoformat(),
        reason=grant.reason,
    )
    consent = seal(a_consent(machine, grant, sealed, log), machine.signer)
    at["consented"] = log.add(
        Action.SESSION_CONSENTED, consent, actor=Actor(kind=ActorKind.AGENT, id=machine.id), **here
    )
    at["opened"] = log.add(Action.SESSION_OPENED, **here)
    at["agent-opened"] = journal(log, machine, Action.AGENT_SESSION_OPENED, grant=grant.grant, ticket="T-1")
    at["diagnose"] = journal(
        log, machine, Action.DIAGNOSE_STARTED, grant=grant.grant, ticket="T-1", collectors="system,disks"
    )
    at["diagnosed"] = journal(
        log,
        machine,
        Action.DIAGNOSE_DONE,
        grant=grant.grant,
        ticket="T-1",
        collectors="system,disks",
        bytes=4096,
    )
    at["agent-ended"] = journal(
        log, machine, Action.AGENT_SESSION_ENDED, grant=grant.grant, ticket="T-1", why="technician"
    )
    at["ended"] = log.add(Action.SESSION_ENDED, **here)
    return at


def a_log() -> tuple[Log, Machine, dict[str, int]]:
    """Start, enrolment, ticket, session, close: what an honest broker writes."""
    log, machine = Log(), Machine(5)
    log.add(Action.BROKER_STARTED)
    at = {
        "enrolled": log.add(
            Action.AGENT_ENROLLED, a_token(log), an_enrolment(machine, log), agent=machine.id, customer="acme"
        )
    }
    at["ticket"] = log.add(Action.TICKET_CREATED, ticket="T-1", customer="acme", agent=machine.id)
    at |= session(log, machine)
    at["closed"] = log.add(Action.TICKET_CHANGED, ticket="T-1", customer="acme")
    return log, machine, at
