"""A turned broker: the real one, behind a man in the middle who holds its TLS key and its issuer key.

What it cannot have, by design: a private key of a technician, of an agent, or of the organisation.
Tests that need a technician's signature under a lie say so by signing with that technician's key.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from broker.config import load_config
from broker.keys import Identity, load_identity
from protocol import link
from protocol.audit import Action, AuditRecord
from protocol.documents import Grant, JournalEntry, Refusal
from protocol.dsse import countersign, open_envelope, seal, unsafe_peek
from protocol.envelope import Envelope
from protocol.ids import new_grant_id
from protocol.scopes import Mode, Scope
from protocol.sshkeys import KeySigner, Signer
from protocol.wire import from_json
from technician.keys import load_signer
from tests.evil.front import Front
from tests.support.world import CommandFailed, Machine, Person, Result, World, free_port, wait_until

T = TypeVar("T")


@dataclass(frozen=True)
class Offered:
    """What became of an offer."""

    grant: str
    answer: link.OfferShown | link.OfferRefused
    refusal: Refusal | None
    """The signed refusal, verified with the agent's key."""
    journalled: tuple[JournalEntry, ...]
    """What the agent wrote about it, in its own journal."""

    @property
    def code(self) -> str | None:
        return self.answer.code.value if isinstance(self.answer, link.OfferRefused) else None


class EvilWorld(World):
    """A whole Relevo whose broker has been turned."""

    front: Front | None = None

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.backend = free_port()
        self.holders: set[int] = set()

    # --- the turned broker ---------------------------------------------------------------------

    def start_broker(self) -> None:
        self.broker = self.start(
            "relevo-broker", "serve", "--data", str(self.broker_data), "--listen", f"127.0.0.1:{self.backend}"
        )
        broker = self.broker

        def ready() -> bool:
            assert broker.alive, broker.text()
            return "ready https://" in broker.text()

        wait_until("the broker to be ready", ready)
        if self.front is None:
            tls = self.broker_data / "tls"
            self.front = Front(self.port, self.backend, tls / "cert.pem", tls / "key.pem")
            self.front.start()

    @property
    def evil(self) -> Front:
        assert self.front is not None
        return self.front

    @cached_property
    def keys(self) -> Identity:
        """Every private key that a turned broker has."""
        return load_identity(load_config(self.broker_data))

    def close(self) -> None:
        for home in self.folder.glob("tech-*"):
            for record in home.glob("run/*.json"):
                try:
                    os.kill(int(json.loads(record.read_text())["pid"]), signal.SIGTERM)
                except (ValueError, KeyError, OSError):
                    continue
        super().close()
        if self.front is not None:
            self.front.close()

    # --- forgery -------------------------------------------------------------------------------

    def grant(self, person: Person, machine: Machine, ticket: str, **changes: Any) -> Grant:
        """A grant as it should be, with ``changes``."""
        now = datetime.now(UTC)
        membership = json.loads((machine.data / "membership.json").read_text())
        grant = Grant(
            version=1,
            org=membership["org"],
            grant=new_grant_id(),
            ticket=ticket,
            customer=membership["customer"],
            agent=membership["agent"],
            technician=person.id,
            technician_key=signer_of(person).public_key.text,
            scopes=(Scope.DIAGNOSE,),
            reason="because the broker says so",
            issued=now,
            establish_by=now + timedelta(seconds=120),
            ends=now + timedelta(minutes=10),
            mode=Mode.ATTENDED,
        )
        return msgspec.structs.replace(grant, **changes)

    def sealed(self, grant: Grant, *signers: Signer) -> Envelope:
        """Signed by ``signers`` and countersigned with the stolen issuer key."""
        return countersign(seal(grant, *signers), Grant, self.keys.issuer)

    def offer(self, machine: Machine, envelope: Envelope, title: str = "the printer") -> Offered:
        """Put the offer on the machine's link in the broker's name and wait for the machine's answer."""
        control = self.evil.link(agent_of(machine))
        grant = from_json(envelope.payload, Grant).grant
        asked: list[int] = []
        if not self.audit(Action.SESSION_REQUESTED, grant=grant):
            self.evil.forged.add(grant)

        def ask() -> None:
            asked.append(len(control.heard))
            control.send(link.Offer(grant=envelope, ticket_title=title))

        def answered() -> link.OfferShown | link.OfferRefused | None:
            for message in list(control.heard)[asked[-1] :]:
                if isinstance(message, link.OfferShown | link.OfferRefused) and message.grant == grant:
                    return message
                if isinstance(message, link.SessionEnded) and message.grant == grant and len(asked) < 3:
                    ask()  # the broker's late End of the first session under this grant hit the second
                    return None
            return None

        ask()
        answer = wait_until("an answer to the offer", answered)
        return Offered(grant, answer, _refusal(answer, machine), journal_of(machine, grant))

    # --- what is on record ---------------------------------------------------------------------

    def audit(self, action: Action | None = None, **equal: Any) -> list[AuditRecord]:
        """Records of the broker's log, straight from its store."""
        with contextlib.closing(_readonly(self.broker_data / "broker.db")) as db:
            rows = db.execute("SELECT record FROM audit ORDER BY idx").fetchall()
        records = [from_json(row[0], AuditRecord) for row in rows]
        return [
            r for r in records
            if (action is None or r.action is action) and all(getattr(r, k) == v for k, v in equal.items())
        ]  # fmt: skip

    def audited(self, action: Action, **equal: Any) -> AuditRecord:
        """The newest such record, once it is there."""
        found = wait_until(f"an audit entry {action} {equal}", lambda: self.audit(action, **equal))
        record = found[-1]
        assert isinstance(record, AuditRecord)
        return record

    def require_verified_log(self) -> None:
        """The log verifies for an outsider with the organisation's keys."""
        result = self.admin("audit", "verify")
        assert result.status == 0, result.err


def in_time(attempt: Callable[[timedelta], T]) -> T:
    """What ``attempt`` gives with a life that is short, but longer where a busy machine used it up too soon."""
    for seconds in (5, 20):
        with contextlib.suppress(TooLate, CommandFailed):
            return attempt(timedelta(seconds=seconds))
    return attempt(timedelta(seconds=60))


class TooLate(Exception):
    """What was sent had expired before it was looked at."""


@dataclass
class Honest:
    """Somebody else's session, which no attack may disturb."""

    person: Person
    machine: Machine
    ticket: str

    def require_undisturbed(self) -> None:
        """It still answers, over the same session."""
        result = self.person("diagnose", self.ticket, "--only", "uptime", "--json")
        assert result.json()["manifest"]["ticket"] == self.ticket


def honest(world: World, person: Person) -> Honest:
    """A session that is open, on a machine of its own."""
    machine = world.machine()
    ticket = machine.ask("my mail does not work")
    person("ticket", "take", ticket)
    world.open_session(person, machine, ticket, "diagnose", minutes=60)
    return Honest(person, machine, ticket)


def taken_ticket(person: Person, machine: Machine, text: str = "the printer does not print") -> str:
    """A new ticket of the machine, assigned to the person."""
    ticket = machine.ask(text)
    person("ticket", "take", ticket)
    return ticket


def agent_of(machine: Machine) -> str:
    return str(json.loads((machine.data / "membership.json").read_text())["agent"])


def signer_of(person: Person) -> Signer:
    return load_signer(str(person.key))


def machine_key(machine: Machine) -> KeySigner:
    from agent import identity
    from agent.folder import Folder

    return identity.load(Folder(machine.data))


def journal_of(machine: Machine, grant: str) -> tuple[JournalEntry, ...]:
    """What the machine's journal says about this grant, also where it only claims to be it."""
    with contextlib.closing(_readonly(machine.data / "journal.db")) as db:
        rows = db.execute("SELECT envelope FROM entry ORDER BY sequence").fetchall()
    entries = [unsafe_peek(from_json(row[0], Envelope), JournalEntry) for row in rows]
    return tuple(
        e for e in entries
        if e.grant == grant or any(f.key == "claimed" and f.value == grant for f in e.facts)
    )  # fmt: skip


def _readonly(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)


def _refusal(answer: link.OfferShown | link.OfferRefused, machine: Machine) -> Refusal | None:
    if not isinstance(answer, link.OfferRefused) or answer.refusal is None:
        return None
    return open_envelope(answer.refusal, Refusal, [machine_key(machine).public_key])


def require_refused(offered: Offered, code: str, machine: Machine) -> None:
    """Refused with ``code``: signed, journalled, and nothing was put before the user."""
    assert offered.code == code, offered
    assert offered.refusal is not None
    assert offered.refusal.code == code
    assert [e.action for e in offered.journalled] == [Action.AGENT_REFUSED]
    assert all(row["grant"] != offered.grant for row in machine("requests", "--json").json())


def require_clean(result: Result) -> None:
    """Nothing in the output that a terminal would obey, and no traceback."""
    for text in (result.out, result.err):
        assert "Traceback" not in text, text
        bad = [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c in _BIDI]
        assert not bad, (bad, text)


_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
